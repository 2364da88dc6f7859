"""THE PRODUCER ROOM: partition, accumulate, send, retry. `engine.ProducerEngine` is what the doors use."""
