"""confluent-kafka (librdkafka), held to contract.py, with the partitioner that agrees with Java's."""

import uuid

from confluent_kafka import Consumer, Producer, TopicPartition
from contract import ended, headers, key, main, show, show_record, value


def show_message(message):
    if message.error():
        raise SystemExit(str(message.error()))
    at = message.partition(), message.offset()
    show_record(*at, message.key(), message.value(), message.headers())


def produce(bootstrap, topic, count, codecs):
    for codec in codecs:
        producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "compression.type": codec,
                "enable.idempotence": True,
            }
        )
        marks = headers("confluent-kafka", codec)

        def delivered(error, message, marks=marks):
            if error:
                raise SystemExit(str(error))
            show_record(message.partition(), message.offset(), message.key(), message.value(), marks)

        for n in range(count):
            producer.produce(topic, value(codec, n), key(n), headers=marks, on_delivery=delivered)
        assert producer.flush(30) == 0


def options(bootstrap, group):
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "heartbeat.interval.ms": 300,
    }


def consume(bootstrap, topic, count):
    consumer = Consumer(options(bootstrap, f"unused-{uuid.uuid4()}"))
    partitions = consumer.list_topics(topic, 30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    while count:
        if (message := consumer.poll(1)) is not None:
            show_message(message)
            count -= 1
    consumer.close()


def member(bootstrap, topic, group):
    stop = ended()
    consumer = Consumer(options(bootstrap, group))

    def assigned(_, partitions):
        show(assigned=sorted(p.partition for p in partitions))

    consumer.subscribe([topic], on_assign=assigned)
    while not stop.is_set():
        messages = consumer.consume(500, 0.1)
        for message in messages:
            show_message(message)
        if messages:
            consumer.commit(asynchronous=False)
    consumer.close()


def send(bootstrap, topic, keys):
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})

    def delivered(error, message):
        if error:
            raise SystemExit(str(error))
        show_message(message)

    for key_ in keys:
        producer.produce(topic, "sent", key_, on_delivery=delivered)
    assert producer.flush(30) == 0


main(produce, consume, member, send)
