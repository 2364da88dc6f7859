"""The consumer's room: subscribe, fetch, join, commit. Its door to the outside is `engine.ConsumerEngine`."""
