"""The first program of every Kafka tutorial: send one message."""

from kafkalite import KafkaProducer

producer = KafkaProducer(bootstrap_servers="localhost:9092")
producer.send("my-topic", b"This is a test message")
producer.flush()
