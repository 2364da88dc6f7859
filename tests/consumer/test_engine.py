import asyncio
import sys
import threading
from random import Random
from types import ModuleType

import pytest

from kafkalite.consumer.engine import ConsumerEngine
from kafkalite.consumer.listener import ConsumerRebalanceListener, ListenerCall
from kafkalite.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    DeserializationError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaTimeoutError,
    NoBrokersAvailable,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)
from kafkalite.protocol.messages.fetch import FetchRequest
from kafkalite.protocol.messages.list_offsets import ListOffsetsRequest
from kafkalite.protocol.messages.metadata import MetadataRequest
from kafkalite.types import ConsumerGroupMetadata, OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

from .scripted import PATIENCE, ScriptedCluster, config

T0, T1, U0 = TopicPartition("t", 0), TopicPartition("t", 1), TopicPartition("u", 0)


def soon(seconds=PATIENCE):
    return asyncio.get_running_loop().time() + seconds


class Consumer(ConsumerEngine):
    """The engine with a door as small as can be."""

    async def poll(self, limit=500, seconds=PATIENCE):
        deadline = soon(seconds)
        while True:
            if (call := self.listener_call) is not None:
                call.run()
                self.listener_done(None)
            if taken := self.take(limit):
                return taken
            if not await self.wait_for_records(deadline):
                return {}

    async def values(self, count, limit=500):
        found = []
        while len(found) < count:
            for records in (await self.poll(min(limit, count - len(found)))).values():
                found.extend(record.value for record in records)
        return found


@pytest.fixture
def cluster():
    cluster = ScriptedCluster()
    cluster.topic("t", 2)
    cluster.append("t", b"a", b"b", b"c")
    cluster.append("t", b"x", partition=1)
    return cluster


@pytest.fixture
async def make(cluster):
    made = []

    async def make(*topics, start=True, **options):
        options = config(**options)
        consumer = Consumer(options, client=cluster.client(options, Random(1)), rng=Random(1))
        made.append(consumer)
        if topics:
            consumer.subscribe(topics=topics)
        if start:
            await consumer.start()
        return consumer

    yield make
    for consumer in made:
        await consumer.close(PATIENCE)


# Without a group.


async def test_everything_subscribed_is_ours(make):
    consumer = await make("t")
    assert sorted(await consumer.values(4)) == [b"a", b"b", b"c", b"x"]
    assert consumer.assignment() == {T0, T1}
    assert consumer.subscription() == {"t"}


async def test_it_is_made_on_any_thread_without_a_loop(cluster):
    made = []
    thread = threading.Thread(target=lambda: made.append(ConsumerEngine(config())))
    thread.start()
    thread.join()
    (engine,) = made
    engine.subscribe(topics=["t"])
    assert engine.subscription() == {"t"}
    assert repr(engine).startswith("<ConsumerEngine kafkalite <Subscription to t: no partitions>")


async def test_topics_and_partitions_that_come_later_are_picked_up(make, cluster):
    consumer = await make("t", "later")
    await consumer.values(4)
    cluster.topic("later")
    cluster.append("later", b"new")
    assert await consumer.values(1) == [b"new"]
    cluster.topics["t"].logs.append(type(cluster.log("t"))())
    cluster.append("t", b"grown", partition=2)
    await consumer._client.refresh_metadata(soon())
    assert await consumer.values(1) == [b"grown"]


async def test_a_pattern_finds_topics(make, cluster):
    consumer = await make()
    consumer.subscribe(pattern="t")
    assert sorted(await consumer.values(4)) == [b"a", b"b", b"c", b"x"]
    assert consumer.subscription() == {"t"}
    cluster.topic("tt")
    cluster.append("tt", b"new")
    await consumer._client.refresh_metadata(soon())
    assert await consumer.values(1) == [b"new"]
    assert consumer.subscription() == {"t", "tt"}


async def test_assign_and_unsubscribe(make):
    consumer = await make()
    consumer.assign([("t", 1)])
    assert consumer.assignment() == {T1}
    assert await consumer.values(1) == [b"x"]
    with pytest.raises(IllegalStateError):
        consumer.subscribe(topics=["t"])
    consumer.unsubscribe()
    assert consumer.assignment() == frozenset()
    assert not await consumer.wait_for_records(soon(0))


async def test_another_subscription_replaces_the_first(make, cluster):
    cluster.topic("u")
    cluster.append("u", b"other")
    consumer = await make("t")
    await consumer.values(4)
    consumer.subscribe(topics=["u"])
    assert await consumer.values(1) == [b"other"]
    assert consumer.assignment() == {U0}


class Diary(ConsumerRebalanceListener):
    def __init__(self, act=None):
        self.entries = []
        self.act = act

    def on_partitions_revoked(self, revoked):
        self.entries.append(("revoked", set(revoked)))

    def on_partitions_assigned(self, assigned):
        self.entries.append(("assigned", set(assigned)))
        if self.act:
            self.act()


async def test_a_listener_may_seek_before_anything_is_read(make):
    consumer = await make()
    diary = Diary(lambda: consumer.seek(T0, 2))
    consumer.subscribe(topics=["t"], listener=diary)
    assert sorted(await consumer.values(2)) == [b"c", b"x"]
    assert diary.entries == [("assigned", {T0, T1})]


async def test_positions_can_be_asked_for_inside_a_listener(make):
    consumer = await make()
    consumer.subscribe(topics=["t"], listener=Diary())
    assert await consumer.wait_for_records(soon())
    assert isinstance(consumer.listener_call, ListenerCall)
    assert consumer.take(10) == {}
    assert await consumer.position(T0, soon()) == 0
    assert consumer.take(10) == {}
    consumer.listener_done(None)
    assert consumer.listener_call is None
    assert sorted(await consumer.values(4)) == [b"a", b"b", b"c", b"x"]


# Waiting.


async def test_waiting_ends_at_the_deadline(make):
    consumer = await make()
    assert not await consumer.wait_for_records(soon(0))
    assert not await consumer.wait_for_records(soon(0.01))


async def test_waiting_ends_when_records_come(make, cluster):
    consumer = await make("t")
    await consumer.values(4)
    waiting = asyncio.create_task(consumer.wait_for_records(soon()))
    await asyncio.sleep(0)
    cluster.append("t", b"d")
    assert await waiting
    assert await consumer.values(1) == [b"d"]


async def test_polling_without_waiting_lets_the_loop_go_on(make):
    consumer = await make("t")
    found = 0
    while found < 4:
        assert await consumer.wait_for_records(soon(-1)) in (True, False)
        found += sum(map(len, consumer.take(10).values()))


async def test_several_may_wait(make, cluster):
    consumer = await make("t")
    await consumer.values(4)
    waiting = [asyncio.create_task(consumer.wait_for_records(soon())) for _ in range(3)]
    await asyncio.sleep(0)
    cluster.append("t", b"d")
    assert await asyncio.gather(*waiting) == [True] * 3


async def test_taking_on_another_thread(make, cluster):
    consumer = await make("t", max_partition_fetch_bytes=10)
    for n in range(20):
        cluster.append("t", b"%d" % n)
    found = []
    while len(found) < 24:
        for records in (await asyncio.to_thread(consumer.take, 3)).values():
            found.extend(records)
        await consumer.wait_for_records(soon()) if len(found) < 24 else None
    assert [r.offset for r in found if r.partition == 0] == list(range(23))


# Positions.


async def test_seek(make):
    consumer = await make("t")
    await consumer.values(4)
    consumer.seek(T0, 1)
    assert await consumer.position(T0, soon()) == 1
    assert await consumer.values(2) == [b"b", b"c"]
    assert await consumer.position(T0, soon()) == 3


@pytest.mark.parametrize("offset", [-1, 1.5, "1", None, True])
async def test_what_is_no_offset(make, offset):
    consumer = await make()
    consumer.assign([T0])
    with pytest.raises(ValueError, match="offset"):
        consumer.seek(T0, offset)


async def test_seek_needs_an_assigned_partition(make):
    consumer = await make()
    with pytest.raises(IllegalStateError, match="t-0"):
        consumer.seek(T0, 1)
    with pytest.raises(IllegalStateError):
        await consumer.position(T0, soon())
    with pytest.raises(IllegalStateError):
        await consumer.seek_to_end([T0], soon())
    with pytest.raises(IllegalStateError):
        consumer.pause([T0])
    with pytest.raises(IllegalStateError):
        consumer.highwater(T0)


async def test_seek_to_beginning_and_end(make, cluster):
    consumer = await make(auto_offset_reset="latest")
    consumer.assign([T0, T1])
    await consumer.seek_to_beginning([T0], soon())
    assert [await consumer.position(tp, soon()) for tp in (T0, T1)] == [0, 1]
    await consumer.seek_to_end([], soon())
    assert [await consumer.position(tp, soon()) for tp in (T0, T1)] == [3, 1]
    cluster.append("t", b"new")
    assert await consumer.values(1) == [b"new"]


async def test_a_position_that_does_not_become_known(make, cluster):
    cluster.log("t").error = 6
    consumer = await make()
    consumer.assign([T0])
    with pytest.raises(KafkaTimeoutError, match=r"t-0.*NOT_LEADER_OR_FOLLOWER"):
        await consumer.position(T0, soon(0.05))


async def test_no_offset_to_start_from(make):
    consumer = await make(auto_offset_reset="none")
    consumer.assign([T0])
    with pytest.raises(NoOffsetForPartitionError, match="t-0"):
        await consumer.poll()
    with pytest.raises(NoOffsetForPartitionError):
        await consumer.position(T0, soon())
    consumer.seek(T0, 2)
    assert await consumer.values(1) == [b"c"]


async def test_out_of_range(make):
    forgiving = await make(auto_offset_reset="earliest")
    forgiving.assign([T0])
    forgiving.seek(T0, 1000)
    assert await forgiving.values(1) == [b"a"]
    strict = await make(auto_offset_reset="none")
    strict.assign([T0])
    strict.seek(T0, 1000)
    for _ in range(2):
        with pytest.raises(OffsetOutOfRangeError, match="1000"):
            await strict.poll()
    strict.seek(T0, 2)
    assert await strict.values(1) == [b"c"]


async def test_a_topic_made_again_is_read_from_its_beginning(make, cluster):
    consumer = await make("t")
    await consumer.values(4)
    cluster.topic("t", 1)
    cluster.append("t", b"1", b"2", b"3", b"4", b"5")
    await consumer._client.refresh_metadata(soon())
    assert await consumer.values(5) == [b"1", b"2", b"3", b"4", b"5"]


async def test_pause_keeps_what_was_fetched(make, cluster):
    consumer = await make("t")
    await consumer.wait_for_records(soon())
    consumer.pause([T0])
    assert consumer.paused() == {T0}
    assert await consumer.values(1) == [b"x"]
    assert await consumer.poll(seconds=0.01) == {}
    count = len(cluster.sent(FetchRequest))
    consumer.resume([T0])
    assert consumer.take(10)[T0][0].value == b"a"
    assert consumer.paused() == frozenset()
    assert len(cluster.sent(FetchRequest)) == count


async def test_a_record_that_cannot_be_deserialised(make, cluster):
    cluster.topic("u")
    cluster.append("u", b"1", b"x", b"3")
    consumer = await make("u", value_deserializer=int)
    assert await consumer.values(1) == [1]
    for _ in range(2):
        with pytest.raises(DeserializationError) as caught:
            await consumer.poll()
    consumer.seek(caught.value.topic_partition, caught.value.offset + 1)
    assert await consumer.values(1) == [3]


async def test_a_topic_that_may_not_be_read(make, cluster):
    cluster.topic("secret").error = 29
    consumer = await make("secret")
    with pytest.raises(TopicAuthorizationFailedError, match="'secret'"):
        await consumer.poll()


async def test_what_is_known_of_a_log(make, cluster):
    cluster.log("t").last_stable = 2
    consumer = await make()
    consumer.assign([T0])
    assert consumer.highwater(T0) is None
    assert consumer.last_stable_offset(T0) is None
    assert consumer.last_poll_timestamp(T0) is None
    await consumer.values(1, limit=1)
    assert consumer.highwater(T0) == 3
    assert consumer.last_stable_offset(T0) == 2
    assert consumer.last_poll_timestamp(T0) > 1_600_000_000_000
    metrics = consumer.metrics()
    assert metrics["records-consumed-total"] == 1
    assert metrics["records-lag-max"] == 2


# Look-ups.


async def test_look_ups(make, cluster):
    consumer = await make()
    assert await consumer.beginning_offsets([T0, T1], soon()) == {T0: 0, T1: 0}
    assert await consumer.end_offsets([T0, T1], soon()) == {T0: 3, T1: 1}
    found = await consumer.offsets_for_times({T0: 500, T1: 5000}, soon())
    assert found == {T0: OffsetAndTimestamp(0, 1000, 0), T1: None}
    with pytest.raises(ValueError, match="t-0"):
        await consumer.offsets_for_times({T0: -1}, soon())
    assert "t" not in consumer._client.cluster.topics


async def test_topics_and_partitions(make, cluster):
    consumer = await make()
    assert await consumer.topics(soon()) == {"t"}
    assert await consumer.partitions_for_topic("t", soon()) == {0, 1}
    assert await consumer.partitions_for_topic("gone", soon()) is None
    consumer.subscribe(topics=["t"])
    await consumer.poll()
    count = len(cluster.sent(MetadataRequest))
    assert await consumer.partitions_for_topic("t", soon()) == {0, 1}
    assert len(cluster.sent(MetadataRequest)) == count


async def test_without_a_group_nothing_is_committed(make):
    consumer = await make()
    for call in (
        consumer.commit(None, soon()),
        consumer.committed([T0], soon()),
        consumer.seek_to_committed([], soon()),
    ):
        with pytest.raises(IllegalStateError, match="group_id"):
            await call
    with pytest.raises(IllegalStateError, match="group_id"):
        consumer.group_metadata()


# Start and close.


async def test_a_cluster_that_is_not_there(make, cluster):
    cluster.refuse = {1}
    consumer = await make("t", start=False, bootstrap_timeout_ms=50)
    with pytest.raises(NoBrokersAvailable):
        await consumer.start()
    await consumer.close(1)


async def test_starting_twice_is_starting_once(make, cluster):
    consumer = await make("t")
    await consumer.start()
    assert len(consumer._client.metadata.listeners) == 2  # the client's own, and ours


async def test_close_ends_everything(make, cluster):
    consumer = await make("t")
    await consumer.values(4)
    waiting = asyncio.create_task(consumer.wait_for_records(soon()))
    await asyncio.sleep(0)
    await asyncio.gather(consumer.close(PATIENCE), consumer.close(PATIENCE))
    with pytest.raises(ConsumerStoppedError):
        await waiting
    with pytest.raises(ConsumerStoppedError):
        consumer.take(10)
    with pytest.raises(ConsumerStoppedError):
        await consumer.wait_for_records(soon())
    with pytest.raises(ConsumerStoppedError):
        await consumer.start()
    await consumer.close(None)
    assert len(asyncio.all_tasks()) == 1


async def test_close_before_start(make):
    consumer = await make("t", start=False)
    await consumer.close(1)
    with pytest.raises(ConsumerStoppedError):
        consumer.take(1)


async def test_room_announced_to_a_loop_that_is_gone(make):
    consumer = await make("t")
    await consumer.wait_for_records(soon())
    other = asyncio.new_event_loop()
    other.close()
    consumer._loop = other
    consumer._on_room()


# With a group: the group's side is a stand-in.


class FakeCommitter:
    def __init__(self, config, client, *, member):
        self.member = member
        self.stored = {}
        self.commits = []
        self.auto = None
        self.closed = False
        self.failure = None

    async def commit(self, offsets, deadline):
        if self.failure:
            raise self.failure
        self.commits.append(dict(offsets))

    async def committed(self, partitions, deadline):
        return {tp: self.stored.get(tp) for tp in partitions}

    def start_auto(self, positions, told=None):
        self.auto, self.told = positions, told

    async def close(self):
        self.closed = True


class FakeCoordinator:
    def __init__(self, config, client, subscription, committer, *, on_event):
        self.subscription, self.committer, self.on_event = subscription, committer, on_event
        self.started = self.changes = self.polls = 0
        self.closed_with = None
        self.gate_waiting = False
        self.listener_call = None
        self.errors = []
        self.last_poll = 0.0
        self.done = []

    def start(self):
        self.started += 1

    async def close(self, timeout):
        self.closed_with = timeout

    def on_subscription_changed(self):
        self.changes += 1

    def on_poll(self, now):
        self.polls += 1

    def listener_done(self, error):
        self.done.append(error)
        self.listener_call = None

    def take_error(self):
        return self.errors.pop(0) if self.errors else None

    def metadata(self):
        return ConsumerGroupMetadata("g", 3, "m")


@pytest.fixture
def group(monkeypatch):
    """Puts the stand-ins where the engine looks for the group."""
    for name, attributes in {
        "kafkalite.consumer.committer": {"Committer": FakeCommitter},
        "kafkalite.consumer.group": {"__path__": []},
        "kafkalite.consumer.group.coordinator": {"GroupCoordinator": FakeCoordinator},
    }.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)


async def test_the_group_is_assembled_and_started(make, group):
    consumer = await make("t", group_id="g", enable_auto_commit=True)
    coordinator, committer = consumer._coordinator, consumer._committer
    assert coordinator.started == 1
    assert coordinator.changes == 1
    assert committer.auto() == {}
    assert committer.member() == consumer.group_metadata() == ConsumerGroupMetadata("g", 3, "m")
    assert consumer.assignment() == frozenset()
    consumer.unsubscribe()
    assert coordinator.changes == 2


async def test_committed_offsets_are_where_a_member_starts(make, group):
    consumer = await make("t", group_id="g")
    consumer._committer.stored[T0] = OffsetAndMetadata(2)
    consumer._subscription.set_assignment([T0, T1])
    assert sorted(await consumer.values(2)) == [b"c", b"x"]


async def test_commit_what_was_taken(make, group):
    consumer = await make(group_id="g", enable_auto_commit=False)
    consumer.assign([T0, T1])
    assert await consumer.commit(None, soon()) == {}
    await consumer.values(4)
    assert consumer._committer.auto is None
    everything = {T0: OffsetAndMetadata(3, "", 0), T1: OffsetAndMetadata(1, "", 0)}
    assert await consumer.commit(None, soon()) == everything
    lowered = everything | {T0: OffsetAndMetadata(1, "", 0)}
    assert await consumer.commit(None, soon(), {T0: 1}) == lowered
    assert consumer.consumed() == everything
    assert consumer.consumed({T0: 1}) == lowered
    assert await consumer.commit({T0: OffsetAndMetadata(9, "x")}, soon()) == {T0: OffsetAndMetadata(9, "x")}
    assert consumer._committer.commits == [everything, lowered, {T0: OffsetAndMetadata(9, "x")}]


async def test_automatic_commits_spare_what_the_user_may_be_working_on(make, group):
    consumer = await make(group_id="g")
    consumer.assign([T0])
    await consumer.values(2, limit=2)
    assert consumer._committer.auto() == {T0: OffsetAndMetadata(0, "", 0)}
    assert await consumer.values(1) == [b"c"]
    assert consumer._committer.auto() == {T0: OffsetAndMetadata(2, "", 0)}


async def test_who_is_told_of_automatic_commits(make, group):
    consumer = await make(start=False, group_id="g")
    consumer.on_auto_commit = print
    await consumer.start()
    assert consumer._committer.told is print


async def test_reading_certain_partitions(make):
    consumer = await make()
    consumer.assign([T0, T1])
    assert await consumer.wait_for_records(soon(), {T1})
    assert [r.value for r in consumer.take(10, {T1})[T1]] == [b"x"]
    assert consumer.take(10, {T1}) == {}
    of_one = asyncio.create_task(consumer.wait_for_records(soon(), {T1}))
    of_all = asyncio.create_task(consumer.wait_for_records(soon()))
    assert await of_all
    assert not of_one.done()
    assert [r.value for r in consumer.take(10)[T0]] == [b"a", b"b", b"c"]
    consumer.seek(T1, 0)
    assert await of_one


async def test_batches_are_cut_to_a_limit_that_was_given_only(make):
    consumer = await make(max_poll_records=1)
    consumer.assign([T0])
    assert await consumer.wait_for_records(soon())
    (batch,) = consumer.take_batches(2)
    assert batch.values == [b"a", b"b"]
    consumer.seek(T0, 0)
    assert await consumer.wait_for_records(soon())
    assert sum(map(len, consumer.take_batches())) >= 1
    await consumer.close(1)
    with pytest.raises(ConsumerStoppedError):
        consumer.take_batches()


async def test_seek_to_committed(make, group):
    consumer = await make(group_id="g")
    consumer.assign([T0, T1])
    await consumer.values(4)
    consumer._committer.stored[T0] = OffsetAndMetadata(1)
    assert await consumer.seek_to_committed([], soon()) == {T0: 1, T1: None}
    assert await consumer.values(2) == [b"b", b"c"]
    assert await consumer.committed([T0], soon()) == {T0: OffsetAndMetadata(1)}


async def test_nothing_is_taken_while_a_rebalance_waits(make, group):
    consumer = await make(group_id="g")
    consumer.assign([T0])
    assert await consumer.wait_for_records(soon())
    coordinator = consumer._coordinator
    coordinator.gate_waiting = True
    assert consumer.take(10) == {}
    assert consumer.take_batches() == []
    assert coordinator.last_poll > 0
    polls = coordinator.polls
    assert not await consumer.wait_for_records(soon(0.01))
    assert coordinator.polls > polls
    coordinator.gate_waiting = False
    assert await consumer.wait_for_records(soon())


async def test_a_listener_call_comes_before_records(make, group):
    consumer = await make(group_id="g")
    consumer.assign([T0])
    await consumer.wait_for_records(soon())
    coordinator = consumer._coordinator
    coordinator.listener_call = ListenerCall("revoked", frozenset({T0}), Diary())
    assert consumer.listener_call is coordinator.listener_call
    assert consumer.take(10) == {}
    assert await consumer.wait_for_records(soon())
    consumer.listener_done(ValueError("x"))
    assert isinstance(coordinator.done[0], ValueError)
    assert consumer.take(10)


async def test_an_event_of_the_group_wakes_who_waits(make, group):
    consumer = await make("t", group_id="g")
    waiting = asyncio.create_task(consumer.wait_for_records(soon()))
    await asyncio.sleep(0)
    consumer._coordinator.listener_call = ListenerCall("assigned", frozenset(), Diary())
    consumer._coordinator.on_event()
    assert await waiting


async def test_an_error_of_the_group_is_raised_by_the_next_poll(make, group):
    consumer = await make("t", group_id="g")
    consumer._coordinator.errors.append(GroupAuthorizationFailedError("no"))
    assert await consumer.wait_for_records(soon())
    consumer._coordinator.gate_waiting = True
    with pytest.raises(GroupAuthorizationFailedError):
        consumer.take(10)


async def test_a_long_wait_is_a_poll_all_the_time(make, group):
    consumer = await make("t", group_id="g", max_poll_interval_ms=20)
    assert not await consumer.wait_for_records(soon(0.1))
    assert consumer._coordinator.polls >= 5


async def test_close_commits_and_leaves(make, group):
    consumer = await make(group_id="g")
    consumer.assign([T0])
    await consumer.values(3)
    await consumer.close(5, {T0: 2})
    assert consumer._committer.commits == [{T0: OffsetAndMetadata(2, "", 0)}]
    assert consumer._committer.closed
    assert 0 < consumer._coordinator.closed_with <= 5


async def test_close_without_commit(make, group):
    consumer = await make(group_id="g")
    consumer.assign([T0])
    await consumer.values(3)
    await consumer.close(5, autocommit=False)
    assert consumer._committer.commits == []
    assert consumer._coordinator.closed_with


async def test_close_goes_on_when_the_commit_fails(make, group, caplog):
    consumer = await make(group_id="g")
    consumer.assign([T0])
    await consumer.values(3)
    consumer._committer.failure = CommitFailedError("moved on")
    await consumer.close(5)
    assert "moved on" in caplog.text
    assert consumer._coordinator.closed_with


async def test_close_has_a_time_limit(make, group, caplog, monkeypatch):
    consumer = await make(group_id="g")

    async def never(timeout):
        await asyncio.Event().wait()

    monkeypatch.setattr(consumer._coordinator, "close", never)
    await consumer.close(0.01)
    assert "did not close in order" in caplog.text
    assert len(asyncio.all_tasks()) == 1


async def test_look_ups_do_not_wait_behind_a_fetch(make, cluster):
    consumer = await make("t", fetch_max_wait_ms=20_000)
    await consumer.values(4)
    await cluster.until_sent(FetchRequest, 2)
    await consumer.seek_to_end([], soon())
    assert len(cluster.sent(ListOffsetsRequest)) == 2
    assert "1/main" in repr(consumer._client)
    assert "1/fetch" in repr(consumer._client)
