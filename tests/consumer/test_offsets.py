import asyncio
import time
from random import Random

import pytest

from kafkalite.consumer.fetch_buffer import FetchBuffer
from kafkalite.consumer.offset_requests import EARLIEST, LATEST
from kafkalite.consumer.offsets import Offsets
from kafkalite.consumer.positions import Need, Position, Watermarks
from kafkalite.consumer.subscription import Subscription
from kafkalite.consumer.unpacking import Part
from kafkalite.errors import (
    GroupAuthorizationFailedError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaTimeoutError,
    LogTruncationError,
    NoOffsetForPartitionError,
    TopicAuthorizationFailedError,
)
from kafkalite.protocol.messages.list_offsets import ListOffsetsRequest
from kafkalite.protocol.messages.metadata import MetadataRequest
from kafkalite.protocol.messages.offset_for_leader_epoch import OffsetForLeaderEpochRequest
from kafkalite.types import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

from .scripted import PATIENCE, ScriptedCluster, config

T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)


class Room:
    """Offsets with everything below it; `await room.until(condition)` waits for what it finds out."""

    def __init__(self, cluster, *, committed=None, **options):
        self.cluster = cluster
        self.config = config(**options)
        self.client = cluster.client(self.config, Random(1))
        self.buffer = FetchBuffer()
        self.subscription = Subscription(self.buffer, starts_from_committed=committed is not None)
        self.found = asyncio.Event()
        self.offsets = Offsets(
            self.config,
            self.client,
            self.subscription,
            self.buffer,
            committed=committed,
            on_found=self.found.set,
            rng=Random(1),
        )
        self.buffer.on_ready = self.found.set

    async def start(self, *partitions):
        self.subscription.assign(partitions)
        self.client.metadata.set_topics({tp.topic for tp in partitions})
        await self.client.start()
        self.client.metadata.listeners.append(self.on_cluster)
        self.subscription.check_leaders(self.client.cluster)
        self.offsets.poke()

    def on_cluster(self, cluster):
        self.subscription.check_leaders(cluster)
        self.offsets.poke()

    def state(self, tp=T0):
        return self.subscription.state(tp)

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.found.clear()
                await self.found.wait()

    async def known(self, *tps):
        await self.until(lambda: all(self.state(tp).position is not None for tp in tps))
        return [self.state(tp).position for tp in tps]

    async def failed(self):
        await self.until(lambda: self.buffer.ready)
        with pytest.raises(Exception) as caught:
            self.buffer.take(10)
        return caught.value


@pytest.fixture
def cluster():
    cluster = ScriptedCluster((1, 2))
    cluster.topic("t", 2)
    cluster.log("t", 1).leader = 2
    for partition in (0, 1):
        for n in range(5):
            cluster.append("t", b"%d" % n, partition=partition, timestamp=1000 + n)
    return cluster


@pytest.fixture
async def make(cluster):
    rooms = []

    def make(**options):
        rooms.append(Room(cluster, **options))
        return rooms[-1]

    yield make
    for room in rooms:
        await room.offsets.close()
        await room.client.close()


# Resets.


@pytest.mark.parametrize(("policy", "offset"), [("earliest", 0), ("latest", 5)])
async def test_reset(make, cluster, policy, offset):
    cluster.log("t").epoch = 3
    room = make(auto_offset_reset=policy)
    await room.start(T0, T1)
    assert await room.known(T0, T1) == [Position(offset, 3), Position(offset, 0)]
    assert sorted(cluster.nodes_asked(ListOffsetsRequest)) == [1, 2]
    assert room.state().validated_epoch == 3
    assert room.state().need is Need.NOTHING


async def test_reset_by_duration(make, cluster):
    hour = 3_600_000
    now = int(time.time() * 1000)
    log = cluster.log("t")
    log.batches = [(n, n, 0, b, now - hour * (5 - n)) for n, _, _, b, _ in log.batches]
    room = make(auto_offset_reset="by_duration:PT150M")
    await room.start(T0)
    assert (await room.known(T0))[0].offset == 3
    assert now - 2.5 * hour <= cluster.sent(ListOffsetsRequest)[0].topics[0].partitions[0].timestamp


async def test_reset_by_duration_goes_to_the_end_if_nothing_is_that_new(make, cluster):
    room = make(auto_offset_reset="by_duration:PT1H")
    await room.start(T0)
    assert (await room.known(T0))[0].offset == 5


async def test_a_point_asked_for_wins_over_the_policy(make):
    room = make(auto_offset_reset="earliest")
    await room.start(T0)
    await room.known(T0)
    room.subscription.reset(room.state(), LATEST)
    room.offsets.poke()
    assert (await room.known(T0))[0].offset == 5


async def test_committed_data_ends_at_the_last_stable_offset(make, cluster):
    cluster.log("t").last_stable = 2
    room = make(auto_offset_reset="latest", isolation_level="read_committed")
    await room.start(T0)
    assert (await room.known(T0))[0].offset == 2
    assert cluster.sent(ListOffsetsRequest)[0].isolation_level == 1


async def test_a_leader_that_moved_is_found_again(make, cluster):
    room = make()
    cluster.script(ListOffsetsRequest, lambda request, default: _move(cluster, 2) or default())
    await room.start(T0)
    assert (await room.known(T0))[0].offset == 0
    assert {1, 2} == set(cluster.nodes_asked(ListOffsetsRequest))


def _move(cluster, leader, partition=0):
    log = cluster.log("t", partition)
    log.leader, log.epoch = leader, log.epoch + 1


async def test_a_lost_connection_is_retried(make, cluster):
    room = make()
    cluster.script(ListOffsetsRequest, KafkaConnectionError("lost"))
    await room.start(T0)
    assert (await room.known(T0))[0].offset == 0
    assert len(cluster.sent(ListOffsetsRequest)) == 2
    assert isinstance(room.offsets.last_failure, KafkaConnectionError)


async def test_what_cannot_be_retried_is_raised_and_tried_again_afterwards(make, cluster):
    cluster.log("t").error = 29
    room = make()
    await room.start(T0)
    error = await room.failed()
    assert isinstance(error, TopicAuthorizationFailedError)
    assert "t-0" in str(error)
    assert "node 1" in str(error)
    assert len(cluster.sent(ListOffsetsRequest)) == 1
    cluster.log("t").error = 0
    room.offsets.poke()
    assert (await room.known(T0))[0].offset == 0


async def test_a_seek_meanwhile_wins(make, cluster):
    go_on = asyncio.Event()

    async def slow(default):
        await go_on.wait()
        return await default()

    cluster.script(ListOffsetsRequest, lambda request, default: slow(default))
    room = make()
    await room.start(T0)
    await cluster.until_sent(ListOffsetsRequest)
    room.subscription.seek(room.state(), Position(3))
    go_on.set()
    await room.until(lambda: room.found.is_set())
    assert room.state().position == Position(3)


async def test_without_policy_there_is_no_offset(make):
    room = make(auto_offset_reset="none")
    await room.start(T0)
    error = await room.failed()
    assert isinstance(error, NoOffsetForPartitionError)
    assert "t-0" in str(error)
    assert "auto_offset_reset" in str(error)
    room.subscription.seek(room.state(), Position(3))
    assert room.buffer.take(10) == {}


async def test_a_held_partition_is_looked_up_only_if_somebody_waits(make, cluster):
    room = make()
    await room.start()
    room.client.metadata.set_topics(["t"])
    room.subscription.set_assignment([T0], held=True)
    await room.client.refresh_metadata(asyncio.get_running_loop().time() + PATIENCE)
    room.offsets.poke()
    assert cluster.sent(ListOffsetsRequest) == []
    room.state().wanted = True
    room.offsets.poke()
    await room.known(T0)


# Committed offsets.


async def test_committed_offsets_win_and_are_asked_for_together(make, cluster):
    asked = []

    async def committed(partitions, deadline):
        asked.append(sorted(partitions))
        return {T0: OffsetAndMetadata(3, "x", -1), T1: None}

    room = make(committed=committed, group_id="g")
    await room.start(T0, T1)
    assert await room.known(T0, T1) == [Position(3), Position(0, 0)]
    assert asked == [[T0, T1]]


async def test_a_committed_offset_with_epoch_is_validated(make, cluster):
    async def committed(partitions, deadline):
        return {T0: OffsetAndMetadata(3, "", 0)}

    room = make(committed=committed, group_id="g")
    await room.start(T0)
    await room.until(lambda: room.state().need is Need.NOTHING and room.state().position is not None)
    assert room.state().position == Position(3, 0)
    assert len(cluster.sent(OffsetForLeaderEpochRequest)) == 1


async def test_no_committed_offset_and_no_policy(make):
    answers = [{T0: None}, {T0: OffsetAndMetadata(2)}]

    async def committed(partitions, deadline):
        return answers.pop(0)

    room = make(committed=committed, group_id="g", auto_offset_reset="none")
    await room.start(T0)
    error = await room.failed()
    assert isinstance(error, NoOffsetForPartitionError)
    assert "'g'" in str(error)
    room.offsets.poke()  # somebody may have committed since
    assert await room.known(T0) == [Position(2)]


async def test_a_seek_wins_over_a_committed_offset_that_comes_late(make):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def committed(partitions, deadline):
        asked.set()
        await go_on.wait()
        return {T0: OffsetAndMetadata(2), T1: OffsetAndMetadata(2)}

    room = make(committed=committed, group_id="g")
    await room.start(T0, T1)
    await asked.wait()
    room.subscription.seek(room.state(), Position(4))
    go_on.set()
    assert await room.known(T0, T1) == [Position(4), Position(2)]


async def test_a_seek_wins_over_a_look_up_that_fails_late(make):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def committed(partitions, deadline):
        asked.set()
        await go_on.wait()
        raise KafkaTimeoutError("slow")

    room = make(committed=committed, group_id="g")
    await room.start(T0)
    await asked.wait()
    room.subscription.seek(room.state(), Position(4))
    room.found.clear()
    go_on.set()
    await room.found.wait()
    assert room.state().position == Position(4)
    assert room.state().retries == 0


async def test_a_group_that_may_not_be_read(make):
    answers = [GroupAuthorizationFailedError("no"), KafkaTimeoutError("slow"), {T0: OffsetAndMetadata(2)}]

    async def committed(partitions, deadline):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    room = make(committed=committed, group_id="g")
    await room.start(T0)
    assert isinstance(await room.failed(), GroupAuthorizationFailedError)
    assert await room.known(T0) == [Position(2)]
    assert answers == []


# Validation.


async def positioned(room, position, epoch=0):
    """A partition that was read up to a position under a leader epoch."""
    await room.start(T0)
    await room.known(T0)
    room.subscription.found(room.state(), position, epoch)
    return room.state()


async def new_leader(room, epoch=1):
    room.cluster.log("t").epoch = epoch
    await room.client.refresh_metadata(asyncio.get_running_loop().time() + PATIENCE)


async def test_a_new_leader_with_the_same_log(make, cluster):
    room = make()
    state = await positioned(room, Position(5, 0))
    await new_leader(room)
    await room.until(lambda: state.need is Need.NOTHING)
    assert state.position == Position(5, 0)
    assert state.validated_epoch == 1
    (request,) = cluster.sent(OffsetForLeaderEpochRequest)
    (asked,) = request.topics[0].partitions
    assert (asked.leader_epoch, asked.current_leader_epoch) == (0, 1)


async def test_a_truncated_log_goes_back_with_a_policy(make, cluster):
    room = make(auto_offset_reset="latest")
    state = await positioned(room, Position(5, 0))
    cluster.log("t").truncate(3)
    await new_leader(room)
    await room.until(lambda: state.need is Need.NOTHING)
    assert state.position == Position(3, 0)


async def test_a_truncated_log_is_an_error_without_policy(make, cluster):
    room = make(auto_offset_reset="none")
    await room.start(T0)
    state = room.state()
    await room.failed()
    room.subscription.found(state, Position(5, 0), 0)
    cluster.log("t").truncate(3)
    await new_leader(room)
    error = await room.failed()
    assert isinstance(error, LogTruncationError)
    assert error.divergent_offsets == {T0: OffsetAndMetadata(3, "", 0)}
    assert state.need is Need.VALIDATE
    room.offsets.poke()
    assert isinstance(await room.failed(), LogTruncationError)  # nothing has become better
    room.subscription.seek(state, Position(3))
    assert room.buffer.take(10) == {}


async def test_a_truncation_nobody_knows_the_point_of_resets(make, cluster):
    room = make(auto_offset_reset="earliest")
    state = await positioned(room, Position(5, 7), epoch=9)
    await new_leader(room, epoch=6)
    await room.until(lambda: state.need is Need.NOTHING)
    assert state.position == Position(0, 6)


async def test_only_undelivered_records_were_lost(make, cluster):
    room = make()
    state = await positioned(room, Position(2, 0))
    part = Part(memoryview(b"".join(b[3] for b in cluster.log("t").batches[2:])), "n")
    assert room.buffer.put(state, state.epoch, state.fetched, Watermarks(), part, Position(5, 0))
    cluster.log("t").truncate(4)
    await new_leader(room)
    await room.until(lambda: state.need is Need.NOTHING)
    assert state.position == state.fetched == Position(2, 0)
    assert not state.parts


async def test_a_leader_that_changes_meanwhile_is_asked_too(make, cluster):
    room = make()
    state = await positioned(room, Position(5, 0))

    async def slow(default):
        answer = await default()
        await new_leader(room, epoch=2)
        return answer

    cluster.script(OffsetForLeaderEpochRequest, lambda request, default: slow(default))
    await new_leader(room, epoch=1)
    await room.until(lambda: state.need is Need.NOTHING)
    assert state.validated_epoch == 2


async def test_a_seek_wins_over_a_validation(make, cluster):
    room = make(auto_offset_reset="latest")
    state = await positioned(room, Position(5, 0))

    async def meanwhile(default):
        answer = await default()
        room.subscription.seek(state, Position(1))
        return answer

    cluster.script(OffsetForLeaderEpochRequest, lambda request, default: meanwhile(default))
    cluster.log("t").truncate(3)
    await new_leader(room)
    await room.until(lambda: state.position == Position(1))


async def test_brokers_that_cannot_validate_are_believed():
    cluster = ScriptedCluster(versions={OffsetForLeaderEpochRequest: (0, 1)})
    cluster.topic("t")
    cluster.append("t", b"a")
    room = Room(cluster)
    state = await positioned(room, Position(1, 0))
    await new_leader(room)
    await room.until(lambda: state.need is Need.NOTHING)
    assert state.position == Position(1, 0)
    await room.offsets.close()
    await room.client.close()


async def test_validation_errors(make, cluster):
    room = make()
    state = await positioned(room, Position(5, 0))
    cluster.log("t").error = 29
    await new_leader(room)
    assert isinstance(await room.failed(), TopicAuthorizationFailedError)
    cluster.log("t").error = 0
    room.offsets.poke()
    await room.until(lambda: state.need is Need.NOTHING)


# The user's questions.


def soon():
    return asyncio.get_running_loop().time() + PATIENCE


async def test_look_up_asks_every_leader_at_once(make, cluster):
    room = make()
    await room.start()
    room.client.metadata.set_topics(["t"])
    await room.client.refresh_metadata(soon())
    found = await room.offsets.look_up({T0: 1003, T1: LATEST}, soon(), "asking")
    assert found == {T0: OffsetAndTimestamp(3, 1003, 0), T1: OffsetAndTimestamp(5, -1, 0)}
    assert sorted(cluster.nodes_asked(ListOffsetsRequest)) == [1, 2]
    assert await room.offsets.look_up({}, soon(), "asking") == {}


async def test_look_up_finds_nothing(make):
    room = make()
    await room.start(T0)
    assert await room.offsets.look_up({T0: 9999}, soon(), "asking") == {T0: None}


async def test_look_up_in_topics_that_are_not_subscribed(make, cluster):
    room = make()
    await room.start()
    found = await room.offsets.look_up({T0: EARLIEST, T1: EARLIEST}, soon(), "asking")
    assert {tp: o.offset for tp, o in found.items()} == {T0: 0, T1: 0}
    assert "t" not in room.client.cluster.topics


async def test_look_up_tries_again_only_what_is_missing(make, cluster):
    room = make()
    await room.start(T0, T1)
    await room.known(T0, T1)
    cluster.requests.clear()
    _move(cluster, 2)
    found = await room.offsets.look_up({T0: LATEST, T1: LATEST}, soon(), "asking")
    assert {tp: o.offset for tp, o in found.items()} == {T0: 5, T1: 5}
    last = cluster.sent(ListOffsetsRequest)[-1]
    assert [p.partition_index for t in last.topics for p in t.partitions] == [0]


async def test_look_up_names_the_last_cause_at_its_deadline(make):
    room = make()
    await room.start()
    gone = TopicPartition("gone", 0)
    with pytest.raises(KafkaTimeoutError, match=r"asking for offsets.*'gone'"):
        await room.offsets.look_up(
            {gone: LATEST}, asyncio.get_running_loop().time() + 0.05, "asking for offsets"
        )


async def test_look_up_waits_for_a_leader_and_over_lost_connections(make, cluster):
    room = make()
    await room.start()
    cluster.log("t").leader = -1
    cluster.script(MetadataRequest, None, lambda *_: setattr(cluster.log("t"), "leader", 1))
    cluster.script(ListOffsetsRequest, KafkaConnectionError("lost"))
    found = await room.offsets.look_up({T0: LATEST}, soon(), "asking")
    assert found[T0].offset == 5
    assert len(cluster.sent(ListOffsetsRequest)) == 2


async def test_look_up_of_a_partition_that_does_not_exist(make):
    room = make()
    await room.start()
    with pytest.raises(KafkaTimeoutError, match="t-9"):
        await room.offsets.look_up(
            {TopicPartition("t", 9): LATEST}, asyncio.get_running_loop().time() + 0.05, "asking"
        )


async def test_look_up_raises_what_cannot_be_retried(make, cluster):
    room = make()
    await room.start(T0)
    cluster.log("t").error = 29
    with pytest.raises(TopicAuthorizationFailedError, match="t-0"):
        await room.offsets.look_up({T0: LATEST}, soon(), "asking")


async def test_topics(make, cluster):
    cluster.topic("__internal").internal = True
    room = make()
    await room.start()
    assert await room.offsets.topics(soon()) == {"t"}
    everything = make(exclude_internal_topics=False)
    await everything.start()
    assert await everything.offsets.topics(soon()) == {"t", "__internal"}


async def test_partitions_of_a_topic(make, cluster):
    room = make(allow_auto_create_topics=False)
    await room.start()
    assert await room.offsets.partitions_of("t", soon()) == {0, 1}
    assert await room.offsets.partitions_of("gone", soon()) is None
    assert not cluster.sent(MetadataRequest)[-1].allow_auto_topic_creation
    cluster.topic("bad").error = 17
    with pytest.raises(InvalidTopicError, match="'bad'"):
        await room.offsets.partitions_of("bad", soon())


async def test_nothing_is_asked_after_close(make, cluster):
    room = make()
    await room.start(T0)
    await room.offsets.close()
    count = len(cluster.requests)
    room.subscription.reset(room.state(), LATEST)
    room.offsets.poke()
    await asyncio.sleep(0)
    assert len(cluster.requests) == count
