"""Records go out and come back, through both doors."""

import asyncio
import json
import time

import pytest

from kafkalite import TopicPartition
from kafkalite.errors import MessageSizeTooLargeError, SerializationError

from .drive import PATIENCE, unique

CODECS = [None, "gzip", "snappy", "lz4", "zstd"]


async def test_a_record_comes_back_as_it_was_sent(door):
    topic = await door.topic()
    before = int(time.time() * 1000)
    async with await door.producer() as producer:
        sent = await producer.send_and_wait(topic, b"value", key=b"key", headers=[("h", b"1"), ("h", b"2")])
    async with await door.consumer(topic) as consumer:
        (record,) = await consumer.read(1)
    assert (record.topic, record.partition, record.offset) == (topic, 0, 0)
    assert (record.key, record.value) == (b"key", b"value")
    assert list(record.headers) == [("h", b"1"), ("h", b"2")]
    assert before <= record.timestamp <= time.time() * 1000 + 1
    assert record.timestamp_type == 0
    assert (sent.topic, sent.partition, sent.offset) == (topic, 0, 0)
    assert sent.topic_partition == TopicPartition(topic, 0)
    assert (record.serialized_key_size, record.serialized_value_size) == (3, 5)


async def test_a_timestamp_of_the_users(door):
    topic = await door.topic()
    async with await door.producer() as producer:
        sent = await producer.send_and_wait(topic, b"v", timestamp_ms=1_600_000_000_123)
    async with await door.consumer(topic) as consumer:
        (record,) = await consumer.read(1)
    assert record.timestamp == sent.timestamp == 1_600_000_000_123


async def test_a_timestamp_of_the_brokers(door):
    topic = await door.topic(**{"message.timestamp.type": "LogAppendTime"})
    before = int(time.time() * 1000)
    async with await door.producer() as producer:
        sent = await producer.send_and_wait(topic, b"v", timestamp_ms=1_600_000_000_123)
    async with await door.consumer(topic) as consumer:
        (record,) = await consumer.read(1)
    assert record.timestamp >= before - 1000
    assert record.timestamp == sent.timestamp
    assert record.timestamp_type == 1


async def test_a_tombstone(door):
    topic = await door.topic()
    async with await door.producer() as producer:
        await producer.send_and_wait(topic, None, key=b"gone")
        await producer.send_and_wait(topic, b"", key=b"")
    async with await door.consumer(topic) as consumer:
        tombstone, empty = await consumer.read(2)
    assert (tombstone.key, tombstone.value) == (b"gone", None)
    assert tombstone.serialized_value_size == -1
    assert (empty.key, empty.value) == (b"", b"")


@pytest.mark.parametrize("codec", CODECS)
async def test_every_codec(door, codec):
    topic = await door.topic()
    values = [(b"%d-" % n) * 50 for n in range(200)]
    async with await door.producer(compression_type=codec, linger_ms=50) as producer:
        for value in values:
            await producer.send(topic, value)
    async with await door.consumer(topic) as consumer:
        assert [record.value for record in await consumer.read(200)] == values


async def test_codecs_mixed_in_one_partition(door):
    topic = await door.topic()
    for codec in CODECS:
        async with await door.producer(compression_type=codec) as producer:
            await producer.send(topic, str(codec).encode() * 100)
    async with await door.consumer(topic) as consumer:
        assert [r.value for r in await consumer.read(5)] == [str(codec).encode() * 100 for codec in CODECS]


async def test_a_partition_of_the_users_choice(door):
    topic = await door.topic(partitions=3)
    async with await door.producer() as producer:
        assert await producer.partitions_for(topic) == {0, 1, 2}
        for number in (2, 0, 1):
            assert (await producer.send_and_wait(topic, b"v", partition=number)).partition == number


async def test_a_key_keeps_to_the_partition_that_java_chooses(door):
    # From Kafka's own murmur2: (murmur2(key) & 0x7fffffff) % 3.
    java = {b"": 0, b"21": 0, b"a-little-bit-long-string": 2, b"user-42": 1}
    topic = await door.topic(partitions=3)
    async with await door.producer() as producer:
        for key, partition in java.items():
            for _ in range(2):
                assert (await producer.send_and_wait(topic, b"v", key=key)).partition == partition, key


async def test_records_without_key_reach_every_partition(door):
    topic = await door.topic(partitions=3)
    async with await door.producer(batch_size=1000) as producer:
        sent = [await producer.send(topic, b"x" * 200) for _ in range(600)]
        used = {(await producer.outcome(delivery)).partition for delivery in sent}
    assert used == {0, 1, 2}


async def test_order_in_a_partition(door):
    topic = await door.topic()
    values = [b"%d" % n for n in range(5000)]
    async with await door.producer(batch_size=2000) as producer:
        for value in values:
            await producer.send(topic, value)
    async with await door.consumer(topic) as consumer:
        records = await consumer.read(5000)
    assert [record.value for record in records] == values
    assert [record.offset for record in records] == list(range(5000))


async def test_serializers(door):
    topic = await door.topic()
    async with await door.producer(
        key_serializer=str.encode, value_serializer=lambda v: json.dumps(v).encode()
    ) as producer:
        await producer.send_and_wait(topic, {"n": 1}, key="k")
    async with await door.consumer(
        topic, key_deserializer=bytes.decode, value_deserializer=json.loads
    ) as consumer:
        (record,) = await consumer.read(1)
    assert (record.key, record.value) == ("k", {"n": 1})


async def test_what_is_not_bytes_needs_a_serializer(door):
    topic = await door.topic()
    async with await door.producer() as producer:
        with pytest.raises((SerializationError, TypeError), match="bytes"):
            await producer.send(topic, "text")


async def test_flush_waits_for_every_record(door):
    topic = await door.topic()
    async with await door.producer(linger_ms=10_000, delivery_timeout_ms=60_000) as producer:
        sent = [await producer.send(topic, b"%d" % n) for n in range(100)]
        await producer.flush()
        for delivery in sent:
            metadata = await asyncio.wait_for(producer.outcome(delivery), 0.5)
            assert metadata.topic == topic


async def test_close_sends_what_is_left(door):
    topic = await door.topic()
    producer = await door.producer(linger_ms=10_000, delivery_timeout_ms=60_000)
    for n in range(100):
        await producer.send(topic, b"%d" % n)
    await producer.close()
    async with await door.consumer(topic) as consumer:
        assert len(await consumer.read(100)) == 100


async def test_acks_0_and_1(door):
    topic = await door.topic()
    for acks in (0, 1):
        async with await door.producer(acks=acks) as producer:
            metadata = await producer.send_and_wait(topic, b"%d" % acks)
            assert metadata.offset == (-1 if acks == 0 else 1)
    async with await door.consumer(topic) as consumer:
        assert [r.value for r in await consumer.read(2)] == [b"0", b"1"]


async def test_a_large_record_and_one_that_is_too_large(door):
    topic = await door.topic()
    async with await door.producer() as producer:
        big = b"x" * 900_000
        await producer.send_and_wait(topic, big)
        with pytest.raises(MessageSizeTooLargeError, match="max_request_size"):
            await producer.outcome(await producer.send(topic, b"x" * 1_100_000))
        await producer.send_and_wait(topic, b"and on")
    async with await door.consumer(topic) as consumer:
        records = await consumer.read(2)
    assert [len(record.value) for record in records] == [900_000, 6]


async def test_a_consumer_that_waits_gets_what_comes(door):
    topic = await door.topic()
    async with await door.consumer(topic) as consumer, await door.producer() as producer:
        await consumer.until_assigned(1)
        waiting = asyncio.create_task(consumer.read(1))
        await producer.send_and_wait(topic, b"now")
        (record,) = await asyncio.wait_for(waiting, PATIENCE)
    assert record.value == b"now"


async def test_poll_gives_at_most_max_records(door):
    topic = await door.topic()
    await door.fill(topic, [(0, b"%d" % n) for n in range(25)])
    async with await door.consumer(topic, max_poll_records=10) as consumer:
        seen = []
        while len(seen) < 25:
            (batch,) = (await consumer.poll(timeout_ms=5000)).values()
            assert len(batch) <= 10
            seen += batch
            if len(seen) < 25:
                (one,) = (await consumer.poll(timeout_ms=5000, max_records=1)).values()
                seen += one
                assert len(one) == 1
    assert [int(r.value) for r in seen] == list(range(25))


async def test_an_empty_poll_waits_as_long_as_told(door):
    topic = await door.topic()
    async with await door.consumer(topic) as consumer:
        await consumer.until_assigned(1)
        assert await consumer.poll(timeout_ms=0) == {}
        began = time.monotonic()
        assert await consumer.poll(timeout_ms=300) == {}
        assert 0.25 < time.monotonic() - began < 10


async def test_a_topic_made_by_sending_to_it(door):
    topic = unique("auto-created")
    async with await door.producer() as producer:
        await producer.send_and_wait(topic, b"first")
    async with await door.consumer(topic) as consumer:
        (record,) = await consumer.read(1)
    assert record.value == b"first"


async def test_a_topic_made_by_subscribing_to_it(door):
    topic = unique("auto-created")
    async with await door.consumer(topic, metadata_max_age_ms=500) as consumer:
        await consumer.until_assigned()
        async with await door.producer() as producer:
            await producer.send_and_wait(topic, b"first")
        (record,) = await consumer.read(1)
    assert record.value == b"first"


async def test_metrics_count(door):
    topic = await door.topic()
    async with await door.producer() as producer:
        await producer.send_and_wait(topic, b"v")
        assert all(isinstance(v, int | float) for v in (await producer.metrics(raw=True)).values())
    async with await door.consumer(topic) as consumer:
        await consumer.read(1)
        assert all(isinstance(v, int | float) for v in (await consumer.metrics(raw=True)).values())
