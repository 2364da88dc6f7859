"""Consumers share partitions, commit, and take over from each other."""

import asyncio

import pytest

from kafkalite import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kafkalite.errors import IllegalStateError

from .drive import PATIENCE, partitions_of, unique


class Member:
    """A consumer whose own program polls on, in the background, until it is told to stop."""

    def __init__(self, consumer, polled):
        self.consumer = consumer
        self._polled = polled
        self._stop = False
        self._task = asyncio.create_task(self._poll_on())

    async def _poll_on(self):
        while not self._stop:
            await self.consumer.poll(timeout_ms=100)
            self._polled.set()

    async def stop(self):
        """End between two polls: one thread, or task, at a time."""
        self._stop = True
        await self._task


async def until(condition):
    """Wait for something that polling brings about; the condition polls, or waits for those who do."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            pass


async def test_commit_and_go_on_from_there(door):
    topic, group = await door.topic(), unique("group")
    await door.fill(topic, [(0, b"%d" % n) for n in range(10)])
    async with await door.consumer(
        topic, group_id=group, enable_auto_commit=False, max_poll_records=4
    ) as first:
        assert [int(r.value) for r in await first.read(4)] == [0, 1, 2, 3]
        await first.commit()
        assert await first.committed(TopicPartition(topic, 0)) == 4
    async with await door.consumer(topic, group_id=group, enable_auto_commit=False) as second:
        assert [int(r.value) for r in await second.read(6)] == [4, 5, 6, 7, 8, 9]


async def test_commit_offsets_of_the_users(door):
    topic, group = await door.topic(partitions=2), unique("group")
    await door.fill(topic, [(p, b"%d" % n) for p in (0, 1) for n in range(5)])
    zero, one = partitions_of(topic, 2)
    async with await door.consumer(topic, group_id=group, enable_auto_commit=False) as first:
        await first.until_assigned(2)
        await first.commit({zero: OffsetAndMetadata(3, "three", -1), one: OffsetAndMetadata(1)})
        assert await first.committed(zero) == 3
        assert (await first.committed(zero, metadata=True)).metadata == "three"
    async with await door.consumer(topic, group_id=group, enable_auto_commit=False) as second:
        records = await second.read(6)
    assert sorted((r.partition, int(r.value)) for r in records) == [
        (0, 3),
        (0, 4),
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
    ]


async def test_nothing_committed_is_none(door):
    topic, group = await door.topic(), unique("group")
    async with await door.consumer(topic, group_id=group) as consumer:
        assert await consumer.committed(TopicPartition(topic, 0)) is None


async def test_close_commits_what_was_read(door):
    topic, group = await door.topic(), unique("group")
    await door.fill(topic, [(0, b"%d" % n) for n in range(6)])
    async with await door.consumer(topic, group_id=group, max_poll_records=3) as first:
        await first.read(3)
    async with await door.consumer(topic, group_id=group, max_poll_records=3) as second:
        assert [int(r.value) for r in await second.read(3)] == [3, 4, 5]


async def test_automatic_commits_happen_while_polling(door):
    topic, group = await door.topic(), unique("group")
    await door.fill(topic, [(0, b"%d" % n) for n in range(6)])
    partition = TopicPartition(topic, 0)
    async with await door.consumer(topic, group_id=group, auto_commit_interval_ms=50) as consumer:
        await consumer.read(6)

        async def committed():
            await consumer.poll(timeout_ms=20)
            return await consumer.committed(partition) == 6

        await until(committed)


async def test_commit_needs_a_group(door):
    topic = await door.topic()
    async with await door.consumer(topic) as consumer:
        with pytest.raises(IllegalStateError, match="group_id"):
            await consumer.commit()


async def test_three_members_share_and_one_leaves(door):
    topic, group = await door.topic(partitions=6), unique("group")
    everything = set(partitions_of(topic, 6))
    polled = asyncio.Event()
    members = [
        Member(await door.consumer(topic, group_id=group, heartbeat_interval_ms=100), polled)
        for _ in range(3)
    ]

    def shared(sizes):
        async def check():
            await polled.wait()
            polled.clear()
            parts = [set(await member.consumer.assignment()) for member in members]
            return sorted(map(len, parts)) == sizes and set().union(*parts) == everything

        return check

    try:
        await until(shared([2, 2, 2]))
        leaver = members.pop()
        await leaver.stop()
        await leaver.consumer.close()
        await until(shared([3, 3]))
    finally:
        await asyncio.gather(*(member.stop() for member in members))


class Diary(ConsumerRebalanceListener):
    """Writes down what happens, and may act on it."""

    def __init__(self, act=None):
        self.entries = []
        self.act = act

    def on_partitions_revoked(self, revoked):
        self.entries.append(("revoked", sorted(revoked)))
        if self.act is not None:
            return self.act("revoked", revoked)
        return None

    def on_partitions_assigned(self, assigned):
        self.entries.append(("assigned", sorted(assigned)))
        if self.act is not None:
            return self.act("assigned", assigned)
        return None


async def test_a_listener_is_told_where_the_user_polls(door):
    topic, group = await door.topic(partitions=2), unique("group")
    first = await door.consumer(group_id=group, heartbeat_interval_ms=100)
    second = await door.consumer(group_id=group)
    diary = Diary()
    await first.subscribe([topic], listener=diary)
    await first.until_assigned(2)
    assert diary.entries[-1] == ("assigned", partitions_of(topic, 2))

    await second.subscribe([topic])
    other = Member(second, asyncio.Event())
    try:
        await first.until_assigned(1)
    finally:
        await other.stop()
    assert ("revoked", partitions_of(topic, 2)) in diary.entries
    assert diary.entries[-1][0] == "assigned"


async def test_any_call_is_legal_in_a_listener(door):
    topic, group = await door.topic(), unique("group")
    await door.fill(topic, [(0, b"%d" % n) for n in range(10)])
    consumer = await door.consumer(group_id=group, enable_auto_commit=False)
    client, seen = consumer.client, {}

    def act(kind, partitions):
        if kind == "assigned":
            (partition,) = partitions
            seen["end"] = client.end_offsets([partition])[partition]
            seen["committed"] = client.committed(partition)
            client.seek(partition, 7)
            seen["position"] = client.position(partition)
            client.commit({partition: 2})

    async def act_async(kind, partitions):
        if kind == "assigned":
            (partition,) = partitions
            seen["end"] = (await client.end_offsets([partition]))[partition]
            seen["committed"] = await client.committed(partition)
            client.seek(partition, 7)
            seen["position"] = await client.position(partition)
            await client.commit({partition: 2})

    await consumer.subscribe([topic], listener=Diary(act if door.door == "sync" else act_async))
    records = await consumer.read(3)
    assert [int(r.value) for r in records] == [7, 8, 9]
    assert seen == {"end": 10, "committed": None, "position": 7}
    assert await consumer.committed(TopicPartition(topic, 0)) == 2


async def test_a_pattern_finds_topics_that_come_later(door):
    prefix, group = unique("pattern"), unique("group")
    first = await door.topic(f"{prefix}-a")
    await door.topic(f"other-{prefix}")
    consumer = await door.consumer(group_id=group, metadata_max_age_ms=300)
    await consumer.subscribe(pattern=f"^{prefix}-")
    assert await consumer.until_assigned(1) == {TopicPartition(first, 0)}
    second = await door.topic(f"{prefix}-b", partitions=2)
    assert await consumer.until_assigned(3) == {
        TopicPartition(first, 0),
        TopicPartition(second, 0),
        TopicPartition(second, 1),
    }
    assert await consumer.subscription() == {first, second}


async def test_a_new_subscription_replaces_the_old(door):
    first, second, group = await door.topic(), await door.topic(), unique("group")
    consumer = await door.consumer(first, group_id=group)
    assert await consumer.until_assigned(1) == {TopicPartition(first, 0)}
    await consumer.subscribe([second])
    assert await consumer.subscription() == {second}

    async def moved():
        await consumer.poll(timeout_ms=50)
        return await consumer.assignment() == {TopicPartition(second, 0)}

    await until(moved)
    await consumer.unsubscribe()
    assert not await consumer.subscription()
    assert not await consumer.assignment()


async def test_subscribing_and_assigning_exclude_each_other(door):
    topic = await door.topic()
    consumer = await door.consumer(topic, group_id=unique("group"))
    with pytest.raises(IllegalStateError):
        await consumer.assign([TopicPartition(topic, 0)])
    await consumer.unsubscribe()
    await consumer.assign([TopicPartition(topic, 0)])
    with pytest.raises(IllegalStateError):
        await consumer.subscribe([topic])
