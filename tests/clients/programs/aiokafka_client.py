"""aiokafka, held to contract.py."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from contract import ended, headers, key, main, show, show_record, value


async def produce(bootstrap, topic, count, codecs):
    for codec in codecs:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            compression_type=None if codec == "none" else codec,
            enable_idempotence=True,
            linger_ms=20,
        )
        await producer.start()
        marks = headers("aiokafka", codec)
        sent = [
            await producer.send(topic, key=key(n).encode(), value=value(codec, n).encode(), headers=marks)
            for n in range(count)
        ]
        await producer.flush()
        for n, future in enumerate(sent):
            at = await future
            show_record(at.partition, at.offset, key(n), value(codec, n), marks)
        await producer.stop()


async def consume(bootstrap, topic, count):
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    seen = 0
    async for record in consumer:
        show_record(record.partition, record.offset, record.key, record.value, record.headers)
        seen += 1
        if seen == count:
            break
    await consumer.stop()


class Listener(ConsumerRebalanceListener):
    async def on_partitions_revoked(self, revoked):
        pass

    async def on_partitions_assigned(self, assigned):
        show(assigned=sorted(p.partition for p in assigned))


async def member(bootstrap, topic, group):
    stop = ended()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        heartbeat_interval_ms=300,
        partition_assignment_strategy=(RangePartitionAssignor,),
    )
    consumer.subscribe([topic], listener=Listener())
    await consumer.start()
    while not stop.is_set():
        for partition, records in (await consumer.getmany(timeout_ms=100)).items():
            for r in records:
                show_record(r.partition, r.offset, r.key, r.value, r.headers)
            done = TopicPartition(topic, partition.partition)
            await consumer.commit({done: records[-1].offset + 1})
    await consumer.stop()


def waiting(coroutine):
    return lambda *arguments: asyncio.run(coroutine(*arguments))


main(waiting(produce), waiting(consume), waiting(member))
