import asyncio
from random import Random

import pytest

from kafkalite.consumer.fetch_buffer import FetchBuffer
from kafkalite.consumer.fetcher import LANE, SPARE_LANE, Fetcher
from kafkalite.consumer.metrics import FetchMetrics
from kafkalite.consumer.positions import Need, Position
from kafkalite.consumer.subscription import Subscription
from kafkalite.errors import (
    CorruptRecordError,
    KafkaConnectionError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    UnknownError,
)
from kafkalite.protocol.messages.fetch import (
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionData,
)
from kafkalite.protocol.messages.metadata import MetadataRequest
from kafkalite.types import TopicPartition

from .scripted import PATIENCE, ScriptedCluster, config

T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)


class Room:
    """A fetcher with everything below it; records are taken by `read`."""

    def __init__(self, cluster, **options):
        self.cluster = cluster
        self.config = config(**options)
        self.client = cluster.client(self.config, Random(1))
        self.metrics = FetchMetrics()
        self.buffer = FetchBuffer(metrics=self.metrics)
        self.subscription = Subscription(self.buffer)
        self.needs = 0
        self.fetcher = Fetcher(
            self.config,
            self.client,
            self.subscription,
            self.buffer,
            self.metrics,
            on_need=self._on_need,
            rng=Random(1),
        )
        self.ready = asyncio.Event()
        self.buffer.on_ready = self.ready.set
        self.buffer.on_room = self.fetcher.on_room

    def _on_need(self):
        self.needs += 1
        self.ready.set()

    async def start(self, *partitions, at=0):
        self.subscription.assign(partitions)
        self.client.metadata.set_topics({tp.topic for tp in partitions})
        await self.client.start()
        self.subscription.check_leaders(self.client.cluster)
        for state in self.subscription.states():
            self.subscription.found(state, Position(at), 0)
        self.client.metadata.listeners.append(lambda _: self.fetcher.poke())
        self.fetcher.poke()

    def state(self, tp=T0):
        return self.subscription.state(tp)

    def seek(self, tp, offset):
        self.subscription.seek(self.state(tp), Position(offset))
        self.fetcher.poke()

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.ready.clear()
                await self.ready.wait()

    async def read(self, count):
        """The values of the next records, and where each came from."""
        found = []
        while len(found) < count:
            await self.until(lambda: self.buffer.ready)
            for tp, records in self.buffer.take(count - len(found)).items():
                found.extend((tp.partition, record.value) for record in records)
        return found

    async def values(self, count):
        return [value for _, value in await self.read(count)]

    async def failed(self):
        await self.until(lambda: self.buffer.ready)
        with pytest.raises(Exception) as caught:
            self.buffer.take(10)
        return caught.value


@pytest.fixture
def cluster():
    cluster = ScriptedCluster((1, 2))
    cluster.topic("t", 2)
    return cluster


@pytest.fixture
async def make(cluster):
    rooms = []

    def make(in_cluster=None, **options):
        rooms.append(Room(in_cluster or cluster, **options))
        return rooms[-1]

    yield make
    for room in rooms:
        await room.fetcher.stop()
        await room.client.close()


def offsets_asked(request):
    return {p.partition: p.fetch_offset for topic in request.topics for p in topic.partitions}


async def test_records_come_and_the_next_fetch_goes_on_after_them(make, cluster):
    cluster.append("t", b"a", b"b")
    cluster.append("t", b"c", partition=1)
    room = make(fetch_min_bytes=7, fetch_max_wait_ms=123, client_rack="rack1")
    await room.start(T0, T1)
    assert sorted(await room.read(3)) == [(0, b"a"), (0, b"b"), (1, b"c")]
    first = await cluster.until_sent(FetchRequest)
    assert (first.max_wait_ms, first.min_bytes, first.max_bytes) == (123, 7, 52_428_800)
    assert (first.rack_id, first.isolation_level) == ("rack1", 0)
    assert first.topics[0].partitions[0].partition_max_bytes == 1_048_576
    second = await cluster.until_sent(FetchRequest, 2)
    assert offsets_asked(second) == {0: 2, 1: 1}
    assert second.session_epoch == 1
    cluster.append("t", b"d")
    assert await room.read(1) == [(0, b"d")]
    assert room.state().watermarks.high_watermark == 3
    assert room.state().polled_at > 1_600_000_000_000
    assert room.metrics.snapshot()["fetch-total"] == 2


async def test_each_leader_has_its_own_fetch(make, cluster):
    cluster.log("t", 1).leader = 2
    cluster.append("t", b"b", partition=1)
    room = make()
    await room.start(T0, T1)
    assert await room.read(1) == [(1, b"b")]
    assert {1, 2} <= set(cluster.nodes_asked(FetchRequest))


async def test_the_reader_need_not_read_for_the_next_fetch_to_go(make, cluster):
    cluster.append("t", b"a" * 100)
    cluster.append("t", b"b" * 100)
    room = make(max_partition_fetch_bytes=170)
    await room.start(T0)
    await cluster.until_sent(FetchRequest, 2)
    await room.until(lambda: room.state().buffered > 170)
    assert len(cluster.sent(FetchRequest)) == 2
    assert await room.values(1) == [b"a" * 100]
    assert offsets_asked(await cluster.until_sent(FetchRequest, 3)) == {0: 2}


async def test_a_partition_with_much_undelivered_does_not_keep_the_others_waiting(make, cluster):
    cluster.append("t", b"a" * 1000)
    room = make(max_partition_fetch_bytes=100)
    await room.start(T0, T1)
    second = await cluster.until_sent(FetchRequest, 2)
    assert second.max_wait_ms == 0
    assert [t.partitions for t in second.forgotten_topics_data] == [[0]]
    cluster.append("t", b"b", partition=1)
    assert sorted(await room.read(2)) == [(0, b"a" * 1000), (1, b"b")]


async def test_a_record_larger_than_every_limit_still_comes(make, cluster):
    cluster.append("t", b"x" * 5000)
    cluster.append("t", b"y")
    room = make(max_partition_fetch_bytes=10, fetch_max_bytes=10)
    await room.start(T0)
    assert await room.values(2) == [b"x" * 5000, b"y"]


async def test_half_a_record_is_an_error_that_says_what_to_do(make, cluster):
    cluster.append("t", b"x" * 5000)
    whole = cluster.log("t").batches[0][3]
    cluster.script(FetchRequest, lambda request, _: answer(request, records=whole[:200]))
    room = make()
    await room.start(T0)
    error = await room.failed()
    assert isinstance(error, RecordTooLargeError)
    assert "t-0 at offset 0" in str(error)
    assert "max_partition_fetch_bytes" in str(error)
    assert await room.values(1) == [b"x" * 5000]


def answer(request, *, session=0, **data):
    """An answer for the only partition that a request asks for."""
    (topic,) = request.topics
    (partition,) = topic.partitions
    endpoints = data.pop("endpoints", [])
    return FetchResponse(
        session_id=session,
        node_endpoints=endpoints,
        responses=[
            FetchableTopicResponse(
                topic=topic.topic,
                topic_id=topic.topic_id,
                partitions=[
                    PartitionData(
                        partition_index=partition.partition, **{"high_watermark": 0, "records": b"", **data}
                    )
                ],
            )
        ],
    )


async def test_bytes_that_are_no_records(make, cluster):
    cluster.script(FetchRequest, lambda request, _: answer(request, records=b"\xff" * 100))
    room = make()
    await room.start(T0)
    error = await room.failed()
    assert isinstance(error, CorruptRecordError)
    assert "t-0 at offset 0" in str(error)


async def test_an_answer_that_ends_before_the_offset_asked_for_is_asked_for_again(make, cluster):
    cluster.append("t", b"a", b"b", b"c")
    old = cluster.log("t").batches[0][3]
    room = make()
    cluster.append("t", b"d")
    cluster.script(FetchRequest, lambda request, _: answer(request, records=old))
    await room.start(T0, at=3)
    assert await room.values(1) == [b"d"]


# Jumps.


async def test_a_seek_is_not_kept_waiting_by_a_fetch_without_news(make, cluster):
    cluster.append("t", b"a", b"b")
    room = make(fetch_max_wait_ms=20_000)
    await room.start(T0)
    assert await room.values(2) == [b"a", b"b"]
    await cluster.until_sent(FetchRequest, 2)  # waits for news
    room.seek(T0, 1)
    assert await room.values(1) == [b"b"]
    beside = await cluster.until_sent(FetchRequest, 3)
    assert (beside.session_id, beside.session_epoch, beside.max_wait_ms) == (0, -1, 0)


async def test_an_answer_from_before_a_seek_is_dropped(make, cluster):
    go_on = asyncio.Event()

    async def slow(default):
        answer = await default()
        await go_on.wait()
        return answer

    cluster.append("t", b"a", b"b")
    cluster.script(FetchRequest, lambda request, default: slow(default))
    room = make(fetch_max_wait_ms=20_000)
    await room.start(T0)
    await cluster.until_sent(FetchRequest)
    room.seek(T0, 1)
    assert await room.values(1) == [b"b"]
    go_on.set()
    cluster.append("t", b"c")
    assert await room.values(1) == [b"c"]


async def settle():
    """Let everything happen that needs no time."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_what_comes_while_a_position_is_validated_is_dropped(make, cluster):
    room = make()
    await room.start(T0)
    await cluster.until_sent(FetchRequest)
    room.state().need = Need.VALIDATE
    cluster.append("t", b"a")
    await settle()
    assert not room.buffer.ready
    assert room.state().fetched == Position(0)
    room.state().need = Need.NOTHING
    room.fetcher.poke()
    assert await room.values(1) == [b"a"]


async def test_what_comes_for_a_partition_that_is_not_ours_any_more_is_dropped(make, cluster):
    room = make()
    await room.start(T0, T1)
    await cluster.until_sent(FetchRequest)
    room.subscription.assign([T1])
    cluster.append("t", b"a")
    cluster.append("t", b"b", partition=1)
    assert await room.read(1) == [(1, b"b")]
    await settle()
    assert not room.buffer.ready


async def test_paused_partitions_are_not_asked_for(make, cluster):
    cluster.append("t", b"b", partition=1)
    room = make()
    room.subscription.assign([T0, T1])
    room.buffer.pause(room.state(T0))
    await room.start(T0, T1)
    assert await room.read(1) == [(1, b"b")]
    assert offsets_asked(cluster.sent(FetchRequest)[0]) == {1: 0}


# Versions.


async def test_a_broker_that_knows_no_topic_ids(make):
    cluster = ScriptedCluster(versions={FetchRequest: (4, 12)})
    cluster.topic("t", 2)
    cluster.append("t", b"a")
    room = make(cluster)
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    assert cluster.sent(FetchRequest)[0].topics[0].topic == "t"


async def test_an_old_broker_without_sessions(make):
    cluster = ScriptedCluster(versions={FetchRequest: (4, 6)})
    cluster.topic("t", 1)
    cluster.append("t", b"a")
    cluster.append("t", b"b")
    room = make(cluster, max_partition_fetch_bytes=10)
    await room.start(T0)
    assert await room.values(2) == [b"a", b"b"]


async def test_one_topic_without_id_caps_the_whole_request(make, cluster):
    cluster.without_ids = True
    cluster.append("t", b"a")
    room = make()
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    assert next(version for _, r, version in cluster.requests if isinstance(r, FetchRequest)) == 12


async def test_read_committed_leaves_aborted_records_out(make, cluster):
    options = {"producer_id": 7, "producer_epoch": 0, "base_sequence": 0, "transactional": True}
    cluster.append("t", b"aborted", **options)
    cluster.append("t", b"fine")
    cluster.append("t", b"open", **options)
    cluster.log("t").aborted = [(7, 0)]
    cluster.log("t").last_stable = 2
    room = make(isolation_level="read_committed")
    await room.start(T0)
    assert await room.values(1) == [b"fine"]
    assert cluster.sent(FetchRequest)[0].isolation_level == 1
    assert room.state().watermarks.last_stable_offset == 2


# Sessions.


async def test_a_session_that_the_broker_dropped_is_opened_again(make, cluster):
    cluster.append("t", b"a")
    room = make()
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    await cluster.until_sent(FetchRequest, 2)
    cluster._sessions.clear()
    cluster.append("t", b"b")
    cluster.append("t", b"c")
    assert await room.values(2) == [b"b", b"c"]
    await cluster.until_sent(FetchRequest, 4)
    heads = [(r.session_id, r.session_epoch) for r in cluster.sent(FetchRequest)]
    assert (0, 0) in heads[2:]


async def test_sessions_are_closed_at_the_end(make, cluster):
    cluster.append("t", b"a")
    room = make()
    await room.start(T0)
    await room.values(1)
    session = (await cluster.until_sent(FetchRequest, 2)).session_id
    await room.fetcher.stop()
    await room.fetcher.close_sessions()
    last = cluster.sent(FetchRequest)[-1]
    assert (last.session_id, last.session_epoch, last.topics) == (session, -1, [])
    count = len(cluster.requests)
    room.fetcher.poke()
    await room.fetcher.close_sessions()
    assert len(cluster.requests) == count


async def test_sessions_can_be_switched_off(make, cluster):
    cluster.append("t", b"a")
    room = make(enable_incremental_fetch_sessions=False)
    await room.start(T0)
    await room.values(1)
    await cluster.until_sent(FetchRequest, 2)
    assert {r.session_epoch for r in cluster.sent(FetchRequest)} == {-1}


# Errors.


@pytest.mark.parametrize("code", [3, 5, 9, 56, 74, 78, 100, 103])
async def test_errors_that_ask_for_metadata(make, cluster, code):
    cluster.append("t", b"a")
    cluster.script(FetchRequest, lambda request, _: answer(request, error_code=code))
    room = make()
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    await cluster.until_sent(MetadataRequest, 2)


@pytest.mark.parametrize("code", [75, -1])
async def test_errors_that_are_only_tried_again(make, cluster, code):
    cluster.append("t", b"a")
    cluster.script(FetchRequest, lambda request, _: answer(request, error_code=code))
    room = make()
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    assert len(cluster.sent(MetadataRequest)) == 1


async def test_a_leader_that_moved_is_followed(make, cluster):
    cluster.append("t", b"a")
    room = make()
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    log = cluster.log("t")
    log.leader, log.epoch = 2, 1
    cluster.append("t", b"b")
    assert await room.values(1) == [b"b"]
    assert cluster.nodes_asked(FetchRequest)[-1] == 2


async def test_a_hint_about_the_new_leader_is_believed(make, cluster):
    """KIP-951: no metadata is needed then."""
    cluster.append("t", b"a")
    log = cluster.log("t")

    def moved(request, _):
        log.leader, log.epoch = 2, 1
        return answer(
            request,
            error_code=6,
            current_leader=LeaderIdAndEpoch(leader_id=2, leader_epoch=1),
            endpoints=[NodeEndpoint(node_id=2, host="host2", port=9092)],
        )

    cluster.script(FetchRequest, moved)
    room = make()
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    assert cluster.nodes_asked(FetchRequest)[:2] == [1, 2]
    assert len(cluster.sent(MetadataRequest)) == 1


async def test_errors_that_the_user_must_see(make, cluster):
    cluster.append("t", b"a")
    cluster.script(FetchRequest, lambda request, _: answer(request, error_code=29))
    room = make()
    await room.start(T0)
    error = await room.failed()
    assert isinstance(error, TopicAuthorizationFailedError)
    assert "t-0 at offset 0, from node 1" in str(error)
    assert await room.values(1) == [b"a"]


async def test_out_of_range_resets(make, cluster):
    room = make(auto_offset_reset="earliest")
    await room.start(T0, at=50)
    await room.until(lambda: room.needs)
    assert room.state().need is Need.RESET
    assert room.state().position is None


async def test_out_of_range_without_policy_is_an_error(make, cluster):
    room = make(auto_offset_reset="none")
    await room.start(T0, at=50)
    error = await room.failed()
    assert isinstance(error, OffsetOutOfRangeError)
    assert "t-0 at offset 50" in str(error)
    assert room.state().position == Position(50)
    assert isinstance(await room.failed(), OffsetOutOfRangeError)  # still so


async def test_out_of_range_waits_until_everything_was_delivered(make, cluster):
    cluster.append("t", b"a", b"b")
    room = make(auto_offset_reset="earliest")
    await room.start(T0)
    await room.until(lambda: room.buffer.ready)
    await cluster.until_sent(FetchRequest, 2)
    cluster.log("t").end = 0  # the log was cut back below what is waiting
    cluster.wake()
    await settle()
    assert room.state().drain_first
    assert await room.values(1) == [b"a"]
    assert room.needs == 0
    assert await room.values(1) == [b"b"]
    await room.until(lambda: room.needs)
    assert room.state().need is Need.RESET


async def test_a_lost_connection_is_retried_with_a_new_session(make, cluster):
    cluster.append("t", b"a")
    cluster.script(FetchRequest, KafkaConnectionError("lost"))
    room = make()
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    assert [r.session_epoch for r in cluster.sent(FetchRequest)][:2] == [0, 0]


async def test_a_failure_that_does_not_pass_is_told_to_the_user(make, cluster):
    cluster.append("t", b"a")
    cluster.script(FetchRequest, SaslAuthenticationFailedError("wrong password"))
    room = make()
    await room.start(T0)
    assert isinstance(await room.failed(), SaslAuthenticationFailedError)
    assert await room.values(1) == [b"a"]


async def test_an_answer_that_is_an_error_as_a_whole(make, cluster):
    cluster.append("t", b"a")
    cluster.script(FetchRequest, FetchResponse(error_code=-1))
    room = make()
    await room.start(T0)
    error = await room.failed()
    assert isinstance(error, UnknownError)
    assert "node 1" in str(error)
    assert await room.values(1) == [b"a"]


async def test_an_answer_that_says_as_a_whole_that_metadata_is_old(make, cluster):
    cluster.append("t", b"a")
    cluster.script(FetchRequest, *[FetchResponse(error_code=100)] * 2)
    room = make()
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    await cluster.until_sent(MetadataRequest, 2)


async def test_a_broker_that_does_not_confirm_the_end_of_a_session_is_not_waited_for(make, cluster):
    cluster.append("t", b"a")
    room = make()
    await room.start(T0)
    await room.values(1)
    await cluster.until_sent(FetchRequest, 2)
    await room.fetcher.stop()
    cluster.script(FetchRequest, KafkaConnectionError("lost"))
    await room.fetcher.close_sessions()
    assert cluster.sent(FetchRequest)[-1].session_epoch == -1


# KIP-392.


async def test_the_leader_sends_us_to_a_follower(make, cluster):
    cluster.append("t", b"a")
    cluster.script(
        FetchRequest,
        lambda request, _: answer(request, preferred_read_replica=2),
        lambda request, _: answer(request, records=cluster.log("t").batches[0][3]),
    )
    room = make(client_rack="rack2")
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    assert cluster.nodes_asked(FetchRequest)[:2] == [1, 2]
    assert room.state().replica == 2
    # The scripted follower says from now on that it does not lead: the leader is asked again.
    cluster.append("t", b"b")
    assert await room.values(1) == [b"b"]
    assert room.state().replica is None


async def test_a_follower_that_nobody_knows_is_looked_for(make, cluster):
    cluster.append("t", b"a")
    cluster.script(FetchRequest, lambda request, _: answer(request, preferred_read_replica=9))
    room = make(client_rack="rack2")
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    assert set(cluster.nodes_asked(FetchRequest)) == {1}
    await cluster.until_sent(MetadataRequest, 2)


async def test_out_of_range_at_a_follower_is_no_reset(make, cluster):
    cluster.append("t", b"a")
    cluster.script(
        FetchRequest,
        lambda request, _: answer(request, preferred_read_replica=2),
        lambda request, _: answer(request, error_code=1),
    )
    room = make(client_rack="rack2")
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    assert room.needs == 0
    assert cluster.nodes_asked(FetchRequest)[:3] == [1, 2, 1]


async def test_a_follower_that_cannot_be_reached_is_forgotten(make, cluster):
    cluster.append("t", b"a")
    cluster.script(
        FetchRequest,
        lambda request, _: answer(request, preferred_read_replica=2),
        KafkaConnectionError("lost"),
    )
    room = make(client_rack="rack2")
    await room.start(T0)
    assert await room.values(1) == [b"a"]
    assert cluster.nodes_asked(FetchRequest)[:3] == [1, 2, 1]


# Being quiet.


async def test_nothing_goes_on_while_nothing_happens(make, cluster):
    room = make(fetch_max_wait_ms=20_000)
    await room.start(T0, T1)
    await cluster.until_sent(FetchRequest)
    for _ in range(20):
        room.fetcher.poke()
        await asyncio.sleep(0)
    assert len(cluster.sent(FetchRequest)) == 1
    assert room.fetcher._timer is None


async def test_fetches_have_connections_of_their_own(make, cluster):
    room = make()
    await room.start(T0)
    await cluster.until_sent(FetchRequest)
    lanes = repr(room.client)
    assert f"1/{LANE}" in lanes
    assert f"1/{SPARE_LANE}" not in lanes
