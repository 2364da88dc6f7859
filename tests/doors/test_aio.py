"""What only a program for asyncio does."""

import asyncio

import pytest

from kafkalite import AsyncKafkaConsumer, AsyncKafkaProducer, TopicPartition
from kafkalite.aio import AIOKafkaConsumer, AIOKafkaProducer
from kafkalite.errors import ConsumerStoppedError

from .drive import PATIENCE, Drive, partitions_of, unique


@pytest.fixture
async def drive(bootstrap):
    return Drive("aio", bootstrap)


def consumer_of(*topics, **options):
    return AsyncKafkaConsumer(*topics, auto_offset_reset="earliest", **options)


async def test_batches_filled_by_hand(bootstrap, drive):
    topic = await drive.topic(partitions=2)
    async with AsyncKafkaProducer(bootstrap_servers=bootstrap, batch_size=1000) as producer:
        batch, count = producer.create_batch(), 0
        while batch.append(key=b"%d" % count, value=b"v" * 100, timestamp=None) is not None:
            count += 1
        assert batch.record_count() == count > 3
        metadata = await (await producer.send_batch(batch, topic, partition=1))
        assert (metadata.partition, metadata.offset) == (1, 0)
        assert (await producer.send_and_wait(topic, b"next", partition=1)).offset == count
    async with consumer_of(topic, bootstrap_servers=bootstrap) as consumer:
        async with asyncio.timeout(PATIENCE):
            keys = [(await consumer.getone()).key for _ in range(count + 1)]
    assert keys == [b"%d" % n for n in range(count)] + [None]


async def test_deliveries_are_waited_for_in_every_way(bootstrap, drive):
    topic = await drive.topic()
    async with AsyncKafkaProducer(bootstrap_servers=bootstrap) as producer:
        sent = [await producer.send(topic, b"%d" % n) for n in range(3)]
        assert [m.offset for m in await asyncio.gather(*sent)] == [0, 1, 2]
        sent = [await producer.send(topic, b"%d" % n) for n in range(3)]
        done, pending = await asyncio.wait(sent, timeout=PATIENCE)
        assert (done, pending) == (set(sent), set())
        assert [delivery.result().offset for delivery in sent] == [3, 4, 5]


async def test_async_for_ends_when_another_task_stops_the_consumer(bootstrap, drive):
    topic = await drive.topic()
    await drive.fill(topic, [(0, b"%d" % n) for n in range(3)])
    consumer = consumer_of(topic, bootstrap_servers=bootstrap)
    await consumer.start()
    third = asyncio.Event()

    async def read():
        seen = []
        async for record in consumer:
            seen.append(int(record.value))
            if len(seen) == 3:
                third.set()
        return seen

    reading = asyncio.create_task(read())
    await asyncio.wait_for(third.wait(), PATIENCE)
    await consumer.stop()
    assert await asyncio.wait_for(reading, PATIENCE) == [0, 1, 2]
    with pytest.raises(ConsumerStoppedError):
        await consumer.getone()


async def test_a_loop_that_is_left_commits_only_what_it_saw(bootstrap, drive):
    topic = await drive.topic()
    await drive.fill(topic, [(0, b"%d" % n) for n in range(10)])
    partition, options = (
        TopicPartition(topic, 0),
        {"bootstrap_servers": bootstrap, "group_id": unique("group")},
    )
    async with asyncio.timeout(PATIENCE), consumer_of(topic, enable_auto_commit=False, **options) as consumer:
        async for record in consumer:
            await consumer.commit()
            assert await consumer.position(partition) == record.offset + 1
            assert await consumer.committed(partition) == record.offset + 1
            if record.offset == 3:
                break
        assert (await consumer.getone()).offset == 4
    async with asyncio.timeout(PATIENCE), consumer_of(topic, **options) as consumer:
        async for record in consumer:
            if record.offset == 7:
                break
    async with asyncio.timeout(PATIENCE), consumer_of(topic, **options) as consumer:
        assert (await consumer.getone()).offset == 8


async def test_each_task_reads_its_own_partition(bootstrap, drive):
    topic = await drive.topic(partitions=2)
    zero, one = partitions_of(topic, 2)
    async with consumer_of(bootstrap_servers=bootstrap) as consumer:
        consumer.assign([zero, one])
        of_zero, of_one = (asyncio.create_task(consumer.getone(tp)) for tp in (zero, one))
        await drive.fill(topic, [(1, b"%d" % n) for n in range(5)])
        assert (await asyncio.wait_for(of_one, PATIENCE)).value == b"0"
        found = await consumer.getmany(one, timeout_ms=PATIENCE * 1000, max_records=2)
        assert [r.value for r in found[one]] == [b"1", b"2"]
        assert not of_zero.done()
        await drive.fill(topic, [(0, b"at last")])
        assert (await asyncio.wait_for(of_zero, PATIENCE)).value == b"at last"
        async with asyncio.timeout(PATIENCE):
            assert [(await consumer.getone()).value for _ in range(2)] == [b"3", b"4"]


async def test_tasks_share_the_records(bootstrap, drive):
    topic = await drive.topic()
    async with consumer_of(topic, bootstrap_servers=bootstrap) as consumer:
        readers = [asyncio.create_task(consumer.getone()) for _ in range(5)]
        await drive.fill(topic, [(0, b"%d" % n) for n in range(5)])
        async with asyncio.timeout(PATIENCE):
            assert sorted([int((await reader).value) for reader in readers]) == [0, 1, 2, 3, 4]


async def test_reads_that_are_cancelled_lose_nothing(bootstrap, drive):
    topic = await drive.topic()
    values = [b"%d" % n for n in range(2000)]
    async with consumer_of(topic, bootstrap_servers=bootstrap, max_poll_records=7) as consumer:
        filling = asyncio.create_task(drive.fill(topic, [(0, value) for value in values], batch_size=500))
        seen = []
        async with asyncio.timeout(PATIENCE * 2):
            while len(seen) < len(values):
                try:
                    seen.append(await asyncio.wait_for(consumer.getone(), 0.0005))
                except TimeoutError:
                    pass
        await filling
    assert [record.value for record in seen] == values


async def test_a_program_of_aiokafkas(bootstrap, drive):
    topic = await drive.topic(partitions=2)
    loop = asyncio.get_running_loop()
    producer = AIOKafkaProducer(loop=loop, bootstrap_servers=bootstrap, max_batch_size=10_000)
    await producer.start()
    try:
        metadata = await producer.send_and_wait(topic, b"v", b"k", 1, 1_600_000_000_123)
        assert (metadata.partition, metadata.timestamp) == (1, 1_600_000_000_123)
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(
        loop=loop, bootstrap_servers=bootstrap, consumer_timeout_ms=1, rebalance_timeout_ms=5000
    )
    await consumer.start()
    try:
        assert consumer.partitions_for_topic(topic) == {0, 1}
        consumer.assign([TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)])
        await consumer.seek_to_beginning()
        found = await consumer.getmany(timeout_ms=PATIENCE * 1000)
        assert [(r.key, r.value) for r in found[TopicPartition(topic, 1)]] == [(b"k", b"v")]
    finally:
        await consumer.stop()
