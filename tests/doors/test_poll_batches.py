"""Columns instead of records: poll_batches, through both doors."""

import time

import pytest

from kafkalite import ConsumerRecord, TopicPartition
from kafkalite.errors import IllegalStateError, ValueDeserializationError

from .drive import PATIENCE, unique


async def until(consumer, count, **options):
    """Poll until `count` records came. Batches, in order."""
    batches = []
    deadline = time.monotonic() + PATIENCE
    while sum(map(len, batches)) < count:
        assert time.monotonic() < deadline, f"only {batches} came within {PATIENCE} s"
        batches += await consumer.poll_batches(timeout_ms=500, **options)
    return batches


def column(batches, name):
    return [item for batch in batches for item in getattr(batch, name)]


@pytest.fixture
async def ten(door):
    """A topic whose only partition holds 0 to 9 in one batch; and that partition."""
    topic = await door.topic()
    async with await door.producer(linger_ms=1000) as producer:
        for n in range(10):
            await producer.send(
                topic, b"%d" % n, key=b"k", headers=[("h", b"x")], timestamp_ms=1_600_000_000_000 + n
            )
        await producer.flush()
    return TopicPartition(topic, 0)


@pytest.fixture
async def consumer(door, ten):
    consumer = await door.consumer()
    await consumer.assign([ten])
    return consumer


async def test_a_batch_has_every_column(door, ten, consumer):
    batches = await until(consumer, 10)
    assert {batch.topic_partition for batch in batches} == {ten}
    assert {(batch.topic, batch.partition, batch.timestamp_type) for batch in batches} == {(ten.topic, 0, 0)}
    assert all(batch.leader_epoch >= 0 for batch in batches)
    assert column(batches, "values") == [b"%d" % n for n in range(10)]
    assert column(batches, "keys") == [b"k"] * 10
    assert column(batches, "offsets") == list(range(10))
    assert column(batches, "timestamps") == [1_600_000_000_000 + n for n in range(10)]
    assert column(batches, "headers") == [(("h", b"x"),)] * 10


async def test_its_records_are_those_that_poll_gives(door, ten, consumer):
    batches = await until(consumer, 10)
    other = await door.consumer()
    await other.assign([ten])
    records = await other.read(10)
    assert [record for batch in batches for record in batch] == records
    assert all(type(record) is ConsumerRecord for batch in batches for record in batch)


async def test_nothing_within_the_time(door):
    topic = await door.topic()
    consumer = await door.consumer(topic)
    assert await consumer.poll_batches() == []
    assert await consumer.poll_batches(timeout_ms=50) == []


async def test_max_records_is_kept_to(door, ten, consumer):
    batches = await until(consumer, 3, max_records=3)
    assert column(batches, "values") == [b"0", b"1", b"2"]
    assert await consumer.position(ten) == 3
    assert column(await until(consumer, 7), "values") == [b"%d" % n for n in range(3, 10)]


async def test_without_max_records_no_batch_is_cut(door, ten):
    consumer = await door.consumer(max_poll_records=1)
    await consumer.assign([ten])
    (batch,) = await until(consumer, 1)
    assert len(batch) == 10


async def test_positions_move_with_what_was_taken(door, ten, consumer):
    await until(consumer, 10)
    assert await consumer.position(ten) == 10
    await consumer.seek(ten, 7)
    assert column(await until(consumer, 3), "offsets") == [7, 8, 9]


async def test_poll_and_poll_batches_share_a_position(door, ten, consumer):
    assert [r.offset for r in await consumer.read(4)] == list(range(10))
    await consumer.seek(ten, 4)
    await until(consumer, 2, max_records=2)
    records = await consumer.read(4)
    assert [r.offset for r in records] == [6, 7, 8, 9]


async def test_what_iteration_has_not_given_comes_again(door, ten):
    consumer = await door.consumer(consumer_timeout_ms=PATIENCE * 1000)
    await consumer.assign([ten])
    first = await (consumer.getone() if door.door == "aio" else consumer.__next__())
    assert first.offset == 0
    assert column(await until(consumer, 9), "offsets") == list(range(1, 10))


async def test_a_paused_partition_gives_nothing(door, ten, consumer):
    await consumer.pause(ten)
    assert await consumer.poll_batches(timeout_ms=50) == []
    await consumer.resume(ten)
    assert len(await until(consumer, 10)) >= 1


async def test_deserializers_apply(door, ten):
    consumer = await door.consumer(value_deserializer=int, key_deserializer=bytes.decode)
    await consumer.assign([ten])
    batches = await until(consumer, 10)
    assert column(batches, "values") == list(range(10))
    assert column(batches, "keys") == ["k"] * 10
    assert batches[0][0].serialized_value_size == 1


async def test_a_record_that_cannot_be_deserialized_comes_after_those_before_it(door, ten):
    def picky(value):
        if value == b"4":
            raise ValueError("not this one")
        return int(value)

    consumer = await door.consumer(value_deserializer=picky)
    await consumer.assign([ten])
    assert column(await until(consumer, 4), "values") == [0, 1, 2, 3]
    for _ in range(2):
        with pytest.raises(ValueDeserializationError) as caught:
            await consumer.poll_batches(timeout_ms=PATIENCE * 1000)
        assert (caught.value.topic_partition, caught.value.offset) == (ten, 4)
    await consumer.seek(ten, 5)
    assert column(await until(consumer, 5), "values") == [5, 6, 7, 8, 9]


async def test_a_group_commits_what_was_taken(door, ten):
    group = unique("group")
    async with await door.consumer(ten.topic, group_id=group, enable_auto_commit=False) as member:
        await until(member, 6, max_records=6)
        await member.commit()
        assert await member.committed(ten) == 6
    async with await door.consumer(ten.topic, group_id=group) as member:
        assert column(await until(member, 4), "offsets") == [6, 7, 8, 9]


async def test_closing_commits_what_was_taken(door, ten):
    group = unique("group")
    async with await door.consumer(ten.topic, group_id=group) as member:
        await until(member, 6, max_records=6)
    async with await door.consumer(ten.topic, group_id=group) as member:
        assert column(await until(member, 4), "offsets") == [6, 7, 8, 9]


async def test_each_batch_is_of_one_partition(door):
    topic = await door.topic(partitions=3)
    await door.fill(topic, [(n % 3, b"%d" % n) for n in range(30)])
    consumer = await door.consumer(topic)
    batches = await until(consumer, 30)
    for number in range(3):
        mine = [batch for batch in batches if batch.partition == number]
        assert column(mine, "values") == [b"%d" % n for n in range(number, 30, 3)]


@pytest.mark.parametrize("arguments", [{"max_records": 0}, {"timeout_ms": -1}])
async def test_arguments_that_make_no_sense(door, ten, consumer, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        await consumer.poll_batches(**arguments)


async def test_after_close(door, ten, consumer):
    await consumer.close()
    with pytest.raises(IllegalStateError):
        await consumer.poll_batches()
