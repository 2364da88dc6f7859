"""What a newcomer writes first, coming from kafka-python: only the import differs. Arguments: bootstrap, topic."""

import sys

from kafkalite import KafkaConsumer, KafkaProducer

bootstrap, topic = sys.argv[1:]

producer = KafkaProducer(bootstrap_servers=bootstrap)
for i in range(100):
    producer.send(topic, key=b"%d" % i, value=b"message %d" % i)
future = producer.send(topic, b"the last one")
print(future.get(timeout=10).topic)
producer.flush()

consumer = KafkaConsumer(
    topic,
    bootstrap_servers=[bootstrap],
    group_id=f"{topic}-group",
    auto_offset_reset="earliest",
    consumer_timeout_ms=3000,
)
count = 0
for message in consumer:
    count += 1
    if message.value == b"the last one":
        print("%s:%d: value=%s" % (message.topic, message.partition, message.value.decode()))  # noqa: UP031
print(count)
consumer.close()
producer.close()
