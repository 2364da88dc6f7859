"""kafka-python, held to contract.py."""

from contract import ended, headers, key, main, show, show_record, value
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition


def produce(bootstrap, topic, count, codecs):
    for codec in codecs:
        producer = KafkaProducer(
            bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec, linger_ms=20
        )
        numbers = range(count)
        sent = [
            producer.send(
                topic,
                key=key(n).encode(),
                value=value(codec, n).encode(),
                headers=headers("kafka-python", codec),
            )
            for n in numbers
        ]
        producer.flush()
        for n, future in zip(numbers, sent, strict=True):
            at = future.get(30)
            show_record(at.partition, at.offset, key(n), value(codec, n), headers("kafka-python", codec))
        producer.close()


def consume(bootstrap, topic, count):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)])
    for _, record in zip(range(count), consumer, strict=False):
        show_record(record.partition, record.offset, record.key, record.value, record.headers)
    consumer.close()


class Listener(ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        show(assigned=sorted(p.partition for p in assigned))


def member(bootstrap, topic, group):
    stop = ended()
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        heartbeat_interval_ms=300,
    )
    # A leader that joins before it knows the topic divides nothing, and now and then never looks again.
    assert consumer.partitions_for_topic(topic)
    consumer.subscribe([topic], listener=Listener())
    while not stop.is_set():
        for records in consumer.poll(timeout_ms=100).values():
            for r in records:
                show_record(r.partition, r.offset, r.key, r.value, r.headers)
            consumer.commit()
    consumer.close()


def send(bootstrap, topic, keys):
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for key_ in keys:
        at = producer.send(topic, b"sent", key=key_.encode()).get(30)
        show_record(at.partition, at.offset, key_, "sent", [])
    producer.close()


main(produce, consume, member, send)
