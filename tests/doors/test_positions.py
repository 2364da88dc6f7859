"""Where a consumer reads: seek, pause, reset, look-ups."""

import pytest

from kafkalite import OffsetAndTimestamp, TopicPartition
from kafkalite.errors import IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError

from .drive import unique


def numbers(records):
    return [int(record.value) for record in records]


@pytest.fixture
async def ten(door):
    """A topic whose only partition holds 0 to 9, one second apart; and that partition."""
    topic = await door.topic()
    async with await door.producer() as producer:
        for n in range(10):
            await producer.send(topic, b"%d" % n, timestamp_ms=1_600_000_000_000 + 1000 * n)
    return TopicPartition(topic, 0)


async def assigned(door, *partitions, **options):
    consumer = await door.consumer(**options)
    await consumer.assign(list(partitions))
    return consumer


async def test_assign(door, ten):
    consumer = await assigned(door, ten)
    assert await consumer.assignment() == {ten}
    assert numbers(await consumer.read(10)) == list(range(10))
    await consumer.assign([])
    assert await consumer.assignment() == set()


async def test_position_moves_with_what_was_read(door, ten):
    consumer = await assigned(door, ten, max_poll_records=4)
    assert await consumer.position(ten) == 0
    await consumer.read(4)
    assert await consumer.position(ten) == 4


async def test_seek(door, ten):
    consumer = await assigned(door, ten)
    await consumer.read(10)
    await consumer.seek(ten, 7)
    assert await consumer.position(ten) == 7
    assert numbers(await consumer.read(3)) == [7, 8, 9]


async def test_seek_before_the_first_poll(door, ten):
    consumer = await assigned(door, ten)
    await consumer.seek(ten, 5)
    assert numbers(await consumer.read(5)) == [5, 6, 7, 8, 9]


async def test_seek_to_beginning_and_end(door, ten):
    consumer = await assigned(door, ten)
    await consumer.seek_to_end(ten)
    assert await consumer.position(ten) == 10
    await consumer.seek_to_beginning()
    assert numbers(await consumer.read(10)) == list(range(10))
    await consumer.seek_to_end()
    async with await door.producer() as producer:
        # The end is looked up before this record is written.
        assert await consumer.position(ten) == 10
        await producer.send_and_wait(ten.topic, b"10")
    assert numbers(await consumer.read(1)) == [10]


async def test_seek_needs_an_assigned_partition_and_a_sensible_offset(door, ten):
    consumer = await assigned(door, ten)
    with pytest.raises((ValueError, IllegalStateError)):
        await consumer.seek(TopicPartition("elsewhere", 0), 1)
    with pytest.raises(ValueError):
        await consumer.seek(ten, -1)
    with pytest.raises(IllegalStateError):
        await consumer.position(TopicPartition("elsewhere", 0))


async def test_latest_reads_only_what_comes(door, ten):
    consumer = await assigned(door, ten, auto_offset_reset="latest")
    assert await consumer.position(ten) == 10
    assert await consumer.poll(timeout_ms=100) == {}
    async with await door.producer() as producer:
        await producer.send_and_wait(ten.topic, b"10")
    assert numbers(await consumer.read(1)) == [10]


async def test_no_reset_says_so(door, ten):
    consumer = await assigned(door, ten, auto_offset_reset="none", group_id=unique("group"))
    with pytest.raises(NoOffsetForPartitionError, match=ten.topic):
        await consumer.read(1, patience=10)


async def test_out_of_range_resets_or_says_so(door, ten):
    forgiving = await assigned(door, ten, auto_offset_reset="earliest")
    await forgiving.seek(ten, 1000)
    assert numbers(await forgiving.read(10)) == list(range(10))
    strict = await assigned(door, ten, auto_offset_reset="none")
    await strict.seek(ten, 1000)
    with pytest.raises(OffsetOutOfRangeError, match="1000"):
        await strict.read(1, patience=10)


async def test_pause_and_resume(door):
    topic = await door.topic(partitions=2)
    await door.fill(topic, [(p, b"%d" % n) for p in (0, 1) for n in range(5)])
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    consumer = await assigned(door, zero, one)
    await consumer.pause(zero)
    assert await consumer.paused() == {zero}
    assert {r.partition for r in await consumer.read(5)} == {1}
    assert await consumer.poll(timeout_ms=200) == {}
    await consumer.resume(zero)
    assert await consumer.paused() == set()
    assert numbers(await consumer.read(5)) == [0, 1, 2, 3, 4]


async def test_lookups(door, ten):
    consumer = await assigned(door, ten)
    nowhere = await door.topic(partitions=2)
    empty = TopicPartition(nowhere, 1)
    assert await consumer.beginning_offsets([ten, empty]) == {ten: 0, empty: 0}
    assert await consumer.end_offsets([ten, empty]) == {ten: 10, empty: 0}
    found = await consumer.offsets_for_times({ten: 1_600_000_003_500, empty: 0})
    assert found[ten][:2] == OffsetAndTimestamp(4, 1_600_000_004_000)[:2]
    assert found[empty] is None
    assert await consumer.offsets_for_times({ten: 1_700_000_000_000}) == {ten: None}
    with pytest.raises(ValueError):
        await consumer.offsets_for_times({ten: -5})


async def test_topics_and_partitions(door, ten):
    consumer = await door.consumer()
    assert ten.topic in await consumer.topics()
    topic = await door.topic(partitions=3)
    assert await consumer.partitions_for_topic(topic) == {0, 1, 2}


async def test_highwater_after_reading(door, ten):
    consumer = await assigned(door, ten)
    await consumer.read(10)
    assert await consumer.highwater(ten) == 10


async def test_without_a_group_everything_subscribed_is_ours(door):
    topic = await door.topic(partitions=3)
    await door.fill(topic, [(p, b"%d" % p) for p in range(3)])
    consumer = await door.consumer(topic)
    assert sorted(numbers(await consumer.read(3))) == [0, 1, 2]
    assert len(await consumer.assignment()) == 3
