"""Many records in one call, through both doors."""

import asyncio

import pytest

from kafkalite.errors import BulkSendError, KafkaTimeoutError, MessageSizeTooLargeError, SerializationError

from .drive import PATIENCE, unique

MANY = 20_000


async def test_everything_arrives_in_order_and_where_it_says(door):
    topic = await door.topic()
    values = [b"%d" % n for n in range(MANY)]
    async with await door.producer() as producer:
        metadata = await producer.outcome(await producer.send_many(topic, values))
    assert len(metadata) == MANY
    assert [i for part in metadata.parts for i in part.indexes] == list(range(MANY))
    assert metadata.metadata(MANY - 1).offset == MANY - 1
    async with await door.consumer(topic) as consumer:
        assert [record.value for record in await consumer.read(MANY)] == values


async def test_keys_spread_records_as_single_sends_do(door):
    topic = await door.topic(partitions=3)
    keys = [b"key-%d" % (n % 100) for n in range(MANY)]
    async with await door.producer() as producer:
        singly = {key: (await producer.send_and_wait(topic, b"v", key=key)).partition for key in keys[:20]}
        metadata = await producer.outcome(
            await producer.send_many(topic, [b"%d" % n for n in range(MANY)], keys)
        )
    assert all(metadata.metadata(n).partition == singly[key] for n, key in enumerate(keys[:20]))
    async with await door.consumer(topic) as consumer:
        records = await consumer.read(20 + MANY)
    assert len(records) == 20 + MANY
    for record in records:
        if record.value != b"v":
            index = int(record.value)
            assert record.key == keys[index]
            if index % 500 == 0:
                told = metadata.metadata(index)
                assert (told.partition, told.offset) == (record.partition, record.offset)


async def test_headers_timestamps_a_partition_and_serializers(door):
    topic = await door.topic(partitions=2)
    async with await door.producer(key_serializer=str.encode, value_serializer=str.encode) as producer:
        await producer.send_many(topic, ["a", "b"], ["k", "l"], [None, [("h", b"1")]], [1000, 2000], 1)
        await producer.send_many(topic, ["c"], ["m"], headers=[("all", b"")], timestamps=3000, partition=1)
        with pytest.raises(SerializationError):
            await producer.send_many(topic, ["fine", b"not a str"], ["k", "k"])
    async with await door.consumer(topic) as consumer:
        records = await consumer.read(3)
    assert [(r.partition, r.key, r.value, list(r.headers), r.timestamp) for r in records] == [
        (1, b"k", b"a", [], 1000),
        (1, b"l", b"b", [("h", b"1")], 2000),
        (1, b"m", b"c", [("all", b"")], 3000),
    ]


@pytest.mark.parametrize("codec", ["lz4", "gzip"])
async def test_more_than_the_memory_holds(door, codec):
    topic = await door.topic()
    values = [b"%06d" % n * 20 for n in range(MANY)]
    async with await door.producer(
        buffer_memory=200_000, batch_size=20_000, compression_type=codec
    ) as producer:
        metadata = await producer.outcome(await producer.send_many(topic, values))
    assert len(metadata) == MANY
    async with await door.consumer(topic) as consumer:
        assert [record.value for record in await consumer.read(MANY)] == values


async def test_nothing_of_a_bad_list_is_sent(door):
    topic = await door.topic()
    async with await door.producer(max_request_size=10_000) as producer:
        with pytest.raises(TypeError, match=r"record 1.*bytes"):
            await producer.send_many(topic, [b"fine", 1])
        with pytest.raises(MessageSizeTooLargeError, match=r"record 1.*max_request_size"):
            await producer.send_many(topic, [b"fine", b"x" * 10_000])
        with pytest.raises(ValueError, match="keys has 1"):
            await producer.send_many(topic, [b"fine", b"fine"], [b"k"])
        with pytest.raises(ValueError, match="partition 7"):
            await producer.send_many(topic, [b"fine"], partition=7)
        assert (await producer.send_and_wait(topic, b"v")).offset == 0


async def test_records_that_the_broker_refuses_are_named(door):
    topic = await door.topic(**{"max.message.bytes": "2000"})
    values = [b"v"] * 10
    values[3] = b"x" * 5000
    async with await door.producer() as producer:
        delivery = await producer.send_many(topic, values)
        with pytest.raises(BulkSendError, match=r"1 of 10 records.*record 3") as caught:
            await producer.outcome(delivery)
    assert set(map(type, caught.value.errors.values())) == {MessageSizeTooLargeError}
    assert set(caught.value.errors) == {3}
    assert len(caught.value.written) == 9
    async with await door.consumer(topic) as consumer:
        assert [record.value for record in await consumer.read(9)] == [b"v"] * 9


async def test_a_topic_that_does_not_exist(door):
    topic = unique("no-such-topic")
    async with await door.producer(max_block_ms=500, allow_auto_create_topics=False) as producer:
        with pytest.raises(KafkaTimeoutError, match=topic):
            await producer.send_many(topic, [b"v"])


async def test_callbacks(door):
    topic = await door.topic()
    told = asyncio.Queue()
    loop = asyncio.get_running_loop()
    async with await door.producer() as producer:
        delivery = await producer.send_many(topic, [b"v"] * 100)
        delivery.add_callback(lambda metadata: loop.call_soon_threadsafe(told.put_nowait, len(metadata)))
        assert await asyncio.wait_for(told.get(), PATIENCE) == 100
        assert delivery.is_done
        assert delivery.succeeded()
        assert len(await producer.outcome(await producer.send_many(topic, []))) == 0
