"""The second program of every Kafka tutorial: print each message as it comes. Runs until it is stopped."""

from kafkalite import KafkaConsumer

for message in KafkaConsumer("my-topic", bootstrap_servers="localhost:9092"):
    print(f"Received message: {message.value.decode('utf-8')}")
