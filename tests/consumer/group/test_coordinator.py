import asyncio
import logging
from contextlib import asynccontextmanager
from random import Random

import pytest

from kafkalite.consumer.committer import LANE, Committer
from kafkalite.consumer.fetch_buffer import FetchBuffer
from kafkalite.consumer.group.assignors import MemberSubscription
from kafkalite.consumer.group.coordinator import ROUND_LANE, GroupCoordinator
from kafkalite.consumer.group.protocol_bytes import (
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from kafkalite.consumer.listener import ConsumerRebalanceListener
from kafkalite.consumer.positions import Position
from kafkalite.consumer.subscription import Subscription
from kafkalite.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    GroupAuthorizationFailedError,
    GroupMaxSizeReachedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    KafkaConfigurationError,
    KafkaConnectionError,
    KafkaError,
    RebalanceInProgressError,
    UnsupportedVersionError,
)
from kafkalite.protocol.messages.find_coordinator import FindCoordinatorRequest
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.join_group import JoinGroupRequest
from kafkalite.protocol.messages.leave_group import LeaveGroupRequest
from kafkalite.protocol.messages.metadata import MetadataRequest
from kafkalite.protocol.messages.offset_commit import OffsetCommitRequest
from kafkalite.protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse
from kafkalite.types import MemberState, OffsetAndMetadata, TopicPartition

from .scripted_group import ScriptedGroup, config
from .virtual_time import in_virtual_time, settle

T0, T1, T2, U0 = (TopicPartition(*tp) for tp in (("t", 0), ("t", 1), ("t", 2), ("u", 0)))
REBALANCING, UNKNOWN, ILLEGAL, FENCED = 27, 25, 22, 82


class Diary(ConsumerRebalanceListener):
    def __init__(self):
        self.entries = []

    def on_partitions_revoked(self, revoked):
        self.entries.append(("revoked", set(revoked)))

    def on_partitions_assigned(self, assigned):
        self.entries.append(("assigned", set(assigned)))

    def on_partitions_lost(self, lost):
        self.entries.append(("lost", set(lost)))


class Room:
    """A group coordinator with everything below it; the test is the door and the user."""

    def __init__(self, cluster, **options):
        self.cluster = cluster
        self.config = config(**options)
        self.client = cluster.client(self.config)
        self.subscription = Subscription(FetchBuffer(), starts_from_committed=True)
        self.committer = Committer(self.config, self.client, member=lambda: self.group.metadata())
        self.events = 0
        self.group = GroupCoordinator(
            self.config,
            self.client,
            self.subscription,
            self.committer,
            on_event=self._on_event,
            rng=Random(1),
        )

    def _on_event(self):
        self.events += 1

    async def start(self):
        self.set_topics()
        await self.client.start()
        self.client.metadata.listeners.append(self._on_cluster)
        self.group.start()

    def _on_cluster(self, cluster):  # what the engine does
        if self.subscription.on_cluster(cluster):
            self.group.on_subscription_changed()

    def set_topics(self):
        wanted = self.subscription.wanted_topics()
        self.client.metadata.set_topics(None if wanted is None else sorted(wanted))

    def subscribe(self, *topics, listener=None, pattern=None):
        self.subscription.subscribe(topics=None if pattern else topics, pattern=pattern, listener=listener)
        self.set_topics()
        self.group.on_subscription_changed()

    def unsubscribe(self):
        self.subscription.unsubscribe()
        self.set_topics()
        self.group.on_subscription_changed()

    def now(self):
        return asyncio.get_running_loop().time()

    async def poll(self):
        """The user polls once, without patience."""
        self.group.on_poll(self.now())
        await settle()
        if (call := self.group.listener_call) is not None:
            call.run()
            self.group.listener_done(None)
            await settle()

    async def poll_until(self, condition, seconds=600.0):
        """The user polls all the time."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self.poll()
                await asyncio.sleep(0.5)

    async def join(self, *topics, listener=None):
        self.subscribe(*topics, listener=listener)
        await settle()
        await self.poll()
        await self.poll_until(lambda: self.group.metadata().state == MemberState.STABLE)
        await self.poll()

    def take(self, offset=10):
        """As if records up to there had been taken."""
        for state in self.subscription.states():
            self.subscription.seek(state, Position(offset, -1))

    def error(self):
        with pytest.raises(KafkaError) as caught:
            raise self.group.take_error()
        return caught.value

    async def commit(self, **offsets):
        chosen = {TopicPartition(name[0], int(name[1])): OffsetAndMetadata(o) for name, o in offsets.items()}
        await self.committer.commit(chosen, self.now() + 30)

    @property
    def assigned(self):
        return self.subscription.assigned()


@asynccontextmanager
async def room(*, nodes=(1,), versions=None, started=True, topics=(("t", 2), ("u", 1)), **options):
    cluster = ScriptedGroup(nodes, versions)
    for name, partitions in topics:
        cluster.topic(name, partitions)
    made = Room(cluster, **options)
    if started:
        await made.start()
    try:
        yield made
    finally:
        await made.group.close(5)
        await made.committer.close()
        await made.client.close()
        names = [t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith("kafkalite")]
        assert not names, "no task is left behind"


# Joining.


@in_virtual_time
async def test_the_first_poll_joins_and_a_lone_member_gets_everything():
    async with room() as r:
        r.subscribe("t")
        await asyncio.sleep(100)
        assert r.group.gate_waiting
        assert not r.cluster.sent(JoinGroupRequest)
        await r.poll()
        assert r.assigned == {T0, T1}
        assert not r.group.gate_waiting
        first, second = r.cluster.sent(JoinGroupRequest)
        assert (first.member_id, second.member_id) == ("", "me")
        assert r.group.metadata() == ("g", 1, "me", None, MemberState.STABLE)
        (sync,) = r.cluster.sent(SyncGroupRequest)
        assert [decode_assignment(a.assignment) for a in sync.assignments] == [{T0, T1}]
        assert r.events


@in_virtual_time
async def test_what_is_subscribed_before_the_start():
    async with room(started=False) as r:
        r.subscribe("t")
        await r.start()
        await settle()
        await r.poll()
        assert r.assigned == {T0, T1}


@in_virtual_time
async def test_a_follower_takes_what_it_is_given():
    async with room() as r:

        def follow(request):
            return r.cluster.join_answer(request, leader="other", generation_id=5)

        r.cluster.script(JoinGroupRequest, follow)
        r.cluster.assignments["me"] = encode_assignment([T1])
        await r.join("t")
        assert r.assigned == {T1}
        (sync,) = r.cluster.sent(SyncGroupRequest)
        assert (sync.generation_id, sync.assignments) == (5, [])


@in_virtual_time
async def test_the_leader_shares_out_by_its_assignor():
    async with room() as r:
        other = encode_subscription(MemberSubscription(frozenset({"u", "t"})))

        def lead(request):
            members = {"me": request.protocols[0].metadata, "other": other}
            return r.cluster.join_answer(request, members=members)

        r.cluster.script(JoinGroupRequest, lead)
        await r.join("t")
        assert r.assigned == {T0}
        assert decode_assignment(r.cluster.assignments["other"]) == {T1, U0}


@in_virtual_time
async def test_the_leader_learns_of_topics_that_only_others_read():
    async with room() as r:
        said = encode_subscription(MemberSubscription(frozenset({"u", "nowhere"})))

        def lead(request):
            members = {"me": request.protocols[0].metadata, "other": said}
            return r.cluster.join_answer(request, members=members)

        r.cluster.script(JoinGroupRequest, lead)
        await r.join("t")
        assert r.client.metadata.wants("u")
        assert decode_assignment(r.cluster.assignments["other"]) == {U0}


@in_virtual_time
async def test_a_returning_static_leader_only_watches():
    async with room(group_instance_id="static") as r:

        def skip(request):
            return r.cluster.join_answer(request, member_id="me-2", generation_id=9, skip_assignment=True)

        r.cluster.script(JoinGroupRequest, skip)
        r.cluster.assignments["me-2"] = encode_assignment([T1])
        await r.join("t")
        assert r.assigned == {T1}
        (sync,) = r.cluster.sent(SyncGroupRequest)
        assert (sync.assignments, sync.group_instance_id) == ([], "static")
        r.cluster.topics["t"] = 3
        await r.client.refresh_metadata(r.now() + 10)
        await settle()
        assert r.group.gate_waiting


@in_virtual_time
async def test_rounds_wait_on_a_lane_of_their_own():
    async with room() as r:
        await r.join("t")
        await asyncio.sleep(10)
        assert r.client._pool.ready(1, ROUND_LANE).connection in r.cluster.wires(JoinGroupRequest)
        assert r.cluster.wires(JoinGroupRequest) == r.cluster.wires(SyncGroupRequest)
        assert r.cluster.wires(HeartbeatRequest) == {r.client._pool.ready(1, LANE).connection}
        assert not r.cluster.wires(HeartbeatRequest) & r.cluster.wires(JoinGroupRequest)


@in_virtual_time
async def test_a_join_may_take_as_long_as_a_rebalance():
    async with room(max_poll_interval_ms=300_000, request_timeout_ms=30_000) as r:
        others = asyncio.Event()
        r.cluster.script(JoinGroupRequest, others)
        r.subscribe("t")
        await settle()

        async def polls():
            await r.poll_until(lambda: r.assigned)

        polling = asyncio.create_task(polls())
        await asyncio.sleep(290)
        assert not r.assigned
        others.set()
        await polling
        assert len(r.cluster.sent(JoinGroupRequest)) == 2  # one to get an id


@in_virtual_time
async def test_a_coordinator_that_never_answers_a_join_is_asked_again():
    async with room(max_poll_interval_ms=60_000) as r:
        r.cluster.script(JoinGroupRequest, asyncio.Event())
        r.subscribe("t")
        await settle()
        await r.poll_until(lambda: r.assigned)
        assert len(r.cluster.sent(FindCoordinatorRequest)) == 2


@pytest.mark.parametrize("code", [UNKNOWN, ILLEGAL, REBALANCING, 14, 15, 16])
@in_virtual_time
async def test_a_refused_join_is_tried_again(code):
    async with room() as r:
        r.cluster.script(JoinGroupRequest, code)
        await r.join("t")
        assert r.assigned == {T0, T1}
        assert r.group.take_error() is None
        assert (len(r.cluster.sent(FindCoordinatorRequest)) == 2) is (code in (15, 16))


@in_virtual_time
async def test_refusals_without_end_are_not_tried_without_end_at_once(caplog):
    async with room(retry_backoff_ms=1000, retry_backoff_max_ms=1000) as r:
        r.cluster.script(JoinGroupRequest, *[UNKNOWN] * 1000)
        r.subscribe("t")
        await settle()
        await r.poll()
        await asyncio.sleep(20)
        assert 15 <= len(r.cluster.sent(JoinGroupRequest)) <= 30
        assert "joins again" in caplog.text
        assert "UNKNOWN_MEMBER_ID" in repr(r.group)


@pytest.mark.parametrize(
    ("code", "member_ids"),
    [(REBALANCING, ["", "me", "me"]), (ILLEGAL, ["", "me", "me"]), (UNKNOWN, ["", "me", "", "me"])],
)
@in_virtual_time
async def test_a_refused_sync_joins_again(code, member_ids):
    async with room() as r:
        r.cluster.script(SyncGroupRequest, code)
        await r.join("t")
        assert r.assigned == {T0, T1}
        assert [join.member_id for join in r.cluster.sent(JoinGroupRequest)] == member_ids


@pytest.mark.parametrize("trouble", [15, KafkaConnectionError("cut")])
@in_virtual_time
async def test_the_coordinator_moves_during_a_round(trouble):
    async with room(nodes=(1, 2)) as r:

        def move(request):
            r.cluster.coordinator = 2
            return trouble

        r.cluster.script(SyncGroupRequest, move)
        await r.join("t")
        assert r.cluster.nodes_asked(SyncGroupRequest) == [1, 2]
        assert r.assigned == {T0, T1}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (23, InconsistentGroupProtocolError),
        (26, InvalidSessionTimeoutError),
        (81, GroupMaxSizeReachedError),
        (24, InvalidGroupIdError),
    ],
)
@in_virtual_time
async def test_what_forbids_to_join_is_raised_once_and_tried_again_at_the_next_poll(code, kind):
    async with room() as r:
        r.cluster.script(JoinGroupRequest, lambda request: None, code)  # an id first
        r.subscribe("t")
        await settle()
        await r.poll()
        assert isinstance(r.error(), kind)
        assert r.group.take_error() is None
        assert r.group.gate_waiting
        (leave,) = r.cluster.sent(LeaveGroupRequest)  # the others need not wait for us
        assert "it cannot take part" in leave.members[0].reason
        await r.poll()
        assert r.assigned == {T0, T1}


@pytest.mark.parametrize("code", [FENCED, 30])
@in_virtual_time
async def test_fatal_errors_stay(code):
    kind = {FENCED: FencedInstanceIdError, 30: GroupAuthorizationFailedError}[code]
    async with room() as r:
        r.cluster.script(JoinGroupRequest, code)
        r.subscribe("t")
        await settle()
        await r.poll()
        for _ in range(3):
            assert isinstance(r.error(), kind)
            await r.poll()
        assert r.group.gate_waiting
        with pytest.raises(kind):
            await r.commit(t0=1)
        r.unsubscribe()
        r.subscribe("u")
        await r.poll()
        assert isinstance(r.error(), kind)
        assert len(r.cluster.sent(JoinGroupRequest)) == 1


@in_virtual_time
async def test_a_group_that_we_may_not_look_for():
    async with room() as r:
        r.cluster.script(FindCoordinatorRequest, 30)
        r.subscribe("t")
        await settle()
        await r.poll()
        assert isinstance(r.error(), GroupAuthorizationFailedError)


@in_virtual_time
async def test_static_membership_needs_a_broker_that_knows_it():
    async with room(versions={JoinGroupRequest: (0, 4)}, group_instance_id="static") as r:
        r.subscribe("t")
        await settle()
        await r.poll()
        assert isinstance(r.error(), UnsupportedVersionError)


@in_virtual_time
async def test_an_old_broker():
    old = {
        JoinGroupRequest: (0, 0),
        SyncGroupRequest: (0, 0),
        HeartbeatRequest: (0, 0),
        LeaveGroupRequest: (0, 0),
        FindCoordinatorRequest: (0, 0),
    }
    async with room(versions=old) as r:
        await r.join("t")
        assert r.assigned == {T0, T1}
        await asyncio.sleep(10)
        assert r.cluster.sent(HeartbeatRequest)
    (leave,) = r.cluster.sent(LeaveGroupRequest)
    assert leave.member_id == "me"


@in_virtual_time
async def test_two_assignors_of_one_name_are_refused():
    class Mine:
        name = "range"

        def assign(self, topics, members):
            return {}

    with pytest.raises(KafkaConfigurationError, match="two assignors"):
        Room(ScriptedGroup(), partition_assignment_strategy=["range", Mine()])


class Strange:
    name = "strange"

    def __init__(self):
        self.broken = True
        self.told = []

    def assign(self, topics, members):
        if self.broken:
            raise ZeroDivisionError
        return {member: [(t, p) for t in topics for p in range(len(topics[t]))] for member in members}

    def on_assignment(self, assigned, generation):
        self.told.append((set(assigned), generation))


@in_virtual_time
async def test_an_assignor_of_the_users_own():
    strange = Strange()
    async with room(partition_assignment_strategy=[strange]) as r:
        r.subscribe("t")
        await settle()
        await r.poll()
        error = r.error()
        assert "assign of the assignor 'strange' failed: ZeroDivisionError" in str(error)
        assert len(r.cluster.sent(LeaveGroupRequest)) == 1
        assert not r.assigned
        strange.broken = False
        await r.poll()
        assert r.assigned == {T0, T1}
        assert strange.told == [({T0, T1}, 2)]


@in_virtual_time
async def test_an_assignor_that_fails_afterwards_does_not_stop_the_rebalance():
    strange = Strange()
    strange.broken, strange.told = False, None
    async with room(partition_assignment_strategy=[strange]) as r:
        await r.join("t")
        assert r.assigned == {T0, T1}
        assert "on_assignment" in str(r.error())
        assert not r.group.gate_waiting


@in_virtual_time
async def test_a_bug_is_raised_where_the_user_sees_it(caplog):
    async with room() as r:
        r.cluster.script(
            SyncGroupRequest, lambda request: SyncGroupResponse(assignment=encode_assignment([T0]))
        )
        r.subscription.release = None
        r.subscribe("t", listener=Diary())
        await settle()
        await r.poll()
        assert "taking part in group 'g' failed: TypeError" in str(r.error())
        assert r.group.gate_waiting


# Patterns and changes of the cluster.


@in_virtual_time
async def test_a_pattern_is_looked_up_before_the_first_round():
    async with room(topics=(("t", 2), ("other", 1))) as r:
        slow = asyncio.Event()
        r.cluster.script(MetadataRequest, slow)
        r.subscribe(pattern="^t")
        await settle()
        await r.poll()
        assert not r.cluster.sent(JoinGroupRequest)
        slow.set()
        await asyncio.sleep(5)
        assert r.assigned == {T0, T1}
        said = [join.protocols[0].metadata for join in r.cluster.sent(JoinGroupRequest)]
        assert [decode_subscription(each, "me", None).topics for each in said] == [{"t"}] * 2


@in_virtual_time
async def test_a_topic_that_comes_to_match_the_pattern():
    async with room(topics=(("t", 2), ("other", 1))) as r:
        r.subscribe(pattern="^t")
        await settle()
        await r.poll()
        assert r.assigned == {T0, T1}
        r.cluster.topic("tt", 1)
        await r.client.refresh_metadata(r.now() + 10)
        await settle()
        assert r.group.gate_waiting
        await r.poll()
        assert r.assigned == {T0, T1, TopicPartition("tt", 0)}


@in_virtual_time
async def test_the_leader_calls_for_a_round_when_partitions_are_added():
    async with room() as r:
        await r.join("t")
        r.cluster.topics["t"] = 3
        await r.client.refresh_metadata(r.now() + 10)
        await settle()
        assert r.assigned == {T0, T1}
        assert r.group.gate_waiting
        await r.poll()
        assert r.assigned == {T0, T1, T2}
        assert r.cluster.sent(JoinGroupRequest)[-1].reason == "topic 't' has 3 partitions instead of 2"


@in_virtual_time
async def test_a_follower_leaves_that_to_the_leader():
    async with room() as r:
        r.cluster.script(JoinGroupRequest, lambda request: r.cluster.join_answer(request, leader="other"))
        await r.join("t")
        r.cluster.topics["t"] = 3
        await r.client.refresh_metadata(r.now() + 10)
        await settle()
        assert not r.group.gate_waiting


@in_virtual_time
async def test_metadata_that_does_not_come_does_not_hold_up_the_group(caplog):
    async with room(request_timeout_ms=5000) as r:
        said = encode_subscription(MemberSubscription(frozenset({"u"})))

        def lead(request):
            members = {"me": request.protocols[0].metadata, "other": said}
            r.cluster.script(MetadataRequest, *[asyncio.Event()] * 3)
            return r.cluster.join_answer(request, members=members)

        r.cluster.script(JoinGroupRequest, lead)
        await r.join("t")
        assert "sharing out without the topics ['u']" in caplog.text
        assert r.assigned == {T0, T1}


@in_virtual_time
async def test_another_subscription_is_another_round():
    async with room() as r:
        await r.join("t")
        r.subscribe("t")
        await settle()
        assert not r.group.gate_waiting
        r.subscribe("u")
        await settle()
        assert r.assigned == {T0, T1}
        assert r.group.gate_waiting
        await r.poll()
        await r.poll_until(lambda: r.assigned == {U0})
        assert r.cluster.sent(JoinGroupRequest)[-1].reason == "its subscription changed"


@in_virtual_time
async def test_a_subscription_that_changes_during_the_round():
    async with room() as r:
        others = asyncio.Event()
        r.cluster.script(SyncGroupRequest, others)
        r.subscribe("t", "u")
        await settle()
        await r.poll()
        r.subscribe("u")
        others.set()
        await settle()
        assert r.assigned == {U0}  # t is not wanted any more
        assert r.group.gate_waiting
        await r.poll()
        assert r.assigned == {U0}
        said = r.cluster.sent(JoinGroupRequest)[-1].protocols[0].metadata
        assert decode_subscription(said, "me", None).topics == {"u"}


# The gate and the listener.


@in_virtual_time
async def test_a_rebalance_waits_for_the_user_and_heartbeats_go_on():
    async with room(heartbeat_interval_ms=3000) as r:
        diary = Diary()
        await r.join("t", listener=diary)
        assert diary.entries == [("assigned", {T0, T1})]
        r.cluster.script(HeartbeatRequest, *[REBALANCING] * 1000)
        await asyncio.sleep(4)
        assert r.group.gate_waiting
        beats = len(r.cluster.sent(HeartbeatRequest))
        await asyncio.sleep(100)
        assert len(r.cluster.sent(HeartbeatRequest)) - beats >= 30
        assert r.assigned == {T0, T1}
        assert len(r.cluster.sent(JoinGroupRequest)) == 2
        await r.poll()
        assert diary.entries[1:] == [("revoked", {T0, T1})]
        await r.poll()
        assert diary.entries[2:] == [("assigned", {T0, T1})]
        assert r.group.metadata().generation_id == 2
        assert r.cluster.sent(JoinGroupRequest)[-1].reason == "the group rebalances"


@in_virtual_time
async def test_calls_of_the_listener_happen_in_order_and_partitions_are_ours_inside():
    async with room() as r:
        r.subscribe("t", listener=Diary())
        await settle()
        r.group.on_poll(r.now())
        await settle()
        call = r.group.listener_call
        assert (call.kind, call.partitions) == ("assigned", {T0, T1})
        assert r.assigned == {T0, T1}
        assert all(state.held for state in r.subscription.states())
        await r.commit(t0=3)  # any call is legal now
        r.group.listener_done(None)
        await settle()
        assert r.group.listener_call is None
        assert not any(state.held for state in r.subscription.states())

        r.cluster.script(HeartbeatRequest, REBALANCING)
        await asyncio.sleep(4)
        assert r.group.listener_call is None  # the user is not polling
        r.group.on_poll(r.now())
        await settle()
        assert r.group.listener_call.kind == "revoked"
        assert r.assigned == {T0, T1}
        assert r.group.gate_waiting
        await r.commit(t0=4)
        joins = len(r.cluster.sent(JoinGroupRequest))
        await asyncio.sleep(60)
        assert len(r.cluster.sent(JoinGroupRequest)) == joins
        r.group.listener_done(None)
        await settle()
        assert len(r.cluster.sent(JoinGroupRequest)) == joins + 1
        assert not r.group.gate_waiting


@in_virtual_time
async def test_between_giving_up_and_getting_nothing_is_ours():
    async with room() as r:
        await r.join("t")
        others = asyncio.Event()
        r.cluster.script(HeartbeatRequest, REBALANCING)
        r.cluster.script(JoinGroupRequest, others)
        await asyncio.sleep(4)
        await r.poll()
        assert not r.assigned
        assert not r.group.gate_waiting
        assert r.group.metadata().state == MemberState.REBALANCING
        with pytest.raises(RebalanceInProgressError, match="Poll, so that"):
            await r.commit(t0=1)
        others.set()
        await settle()
        assert r.assigned == {T0, T1}


@in_virtual_time
async def test_a_listener_that_fails_does_not_stop_the_rebalance(caplog):
    async with room() as r:
        r.subscribe("t", listener=Diary())
        await settle()
        r.group.on_poll(r.now())
        await settle()
        r.group.listener_done(ValueError("oops"))
        await settle()
        assert "failed in on_partitions_assigned: ValueError('oops')" in caplog.text
        assert not any(state.held for state in r.subscription.states())
        r.group.listener_done(ValueError("nobody asked"))


@in_virtual_time
async def test_a_listener_is_told_that_it_got_nothing_but_not_that_nothing_is_revoked():
    async with room() as r:
        r.cluster.script(
            JoinGroupRequest, *[lambda request: r.cluster.join_answer(request, leader="other")] * 2
        )
        diary = Diary()
        await r.join("t", listener=diary)
        assert diary.entries == [("assigned", set())]
        r.cluster.script(HeartbeatRequest, REBALANCING)
        await asyncio.sleep(4)
        await r.poll()
        assert diary.entries == [("assigned", set())] * 2


@in_virtual_time
async def test_what_was_taken_is_committed_before_it_is_given_up():
    async with room(enable_auto_commit=True) as r:
        await r.join("t")
        r.take(7)
        r.cluster.script(HeartbeatRequest, REBALANCING)
        await asyncio.sleep(4)
        assert not r.cluster.committed
        await r.poll()
        assert r.cluster.committed == {T0: OffsetAndMetadata(7), T1: OffsetAndMetadata(7)}
        (commit,) = r.cluster.sent(OffsetCommitRequest)
        assert commit.generation_id_or_member_epoch == 1
        assert r.group.metadata().generation_id == 2


@in_virtual_time
async def test_a_commit_that_fails_does_not_stop_the_rebalance(caplog):
    async with room(enable_auto_commit=True) as r:
        await r.join("t")
        r.take()
        r.cluster.script(HeartbeatRequest, REBALANCING)
        r.cluster.script(OffsetCommitRequest, 29)
        await asyncio.sleep(4)
        await r.poll()
        assert "an automatic commit failed" in caplog.text
        assert r.group.metadata().generation_id == 2


@in_virtual_time
async def test_without_automatic_commits_nothing_is_committed():
    async with room(enable_auto_commit=False) as r:
        await r.join("t")
        r.take()
        r.cluster.script(HeartbeatRequest, REBALANCING)
        await asyncio.sleep(4)
        await r.poll()
        assert r.group.metadata().generation_id == 2
        assert not r.cluster.sent(OffsetCommitRequest)


# Heartbeats.


@in_virtual_time
async def test_heartbeats_come_at_their_interval():
    async with room(heartbeat_interval_ms=3000) as r:
        await r.join("t")
        before = len(r.cluster.sent(HeartbeatRequest))
        await asyncio.sleep(31)
        beats = r.cluster.sent(HeartbeatRequest)[before:]
        assert len(beats) == 10
        assert {(b.group_id, b.generation_id, b.member_id) for b in beats} == {("g", 1, "me")}


@pytest.mark.parametrize(("code", "kept"), [(UNKNOWN, ""), (ILLEGAL, "me")])
@in_virtual_time
async def test_a_member_that_was_removed_has_lost_what_it_owned(code, kept):
    async with room(enable_auto_commit=True) as r:
        diary = Diary()
        await r.join("t", listener=diary)
        r.take()
        r.cluster.script(HeartbeatRequest, code)
        await asyncio.sleep(4)
        assert r.group.gate_waiting
        assert r.assigned == {T0, T1}
        with pytest.raises(CommitFailedError, match="the group"):
            await r.commit(t0=1)
        joins = len(r.cluster.sent(JoinGroupRequest))
        await r.poll()
        assert diary.entries[1:] == [("lost", {T0, T1})]
        await r.poll()
        assert diary.entries[2:] == [("assigned", {T0, T1})]
        assert r.cluster.sent(JoinGroupRequest)[joins].member_id == kept
        assert not r.cluster.sent(OffsetCommitRequest)


@in_virtual_time
async def test_a_fenced_member_is_at_its_end():
    async with room(group_instance_id="static") as r:
        await r.join("t")
        r.cluster.script(HeartbeatRequest, FENCED)
        await asyncio.sleep(4)
        assert isinstance(r.error(), FencedInstanceIdError)
        assert r.group.gate_waiting
        await r.poll()
        assert isinstance(r.error(), FencedInstanceIdError)
        beats = len(r.cluster.sent(HeartbeatRequest))
        await asyncio.sleep(100)
        assert len(r.cluster.sent(HeartbeatRequest)) == beats
        assert len(r.cluster.sent(JoinGroupRequest)) == 1


@in_virtual_time
async def test_the_user_may_not_use_the_group_any_more():
    async with room(nodes=(1, 2)) as r:
        await r.join("t")
        r.cluster.script(HeartbeatRequest, 16)
        r.cluster.script(FindCoordinatorRequest, 30)
        await asyncio.sleep(10)
        assert isinstance(r.error(), GroupAuthorizationFailedError)


@pytest.mark.parametrize("trouble", [15, 16, KafkaConnectionError("cut")])
@in_virtual_time
async def test_heartbeats_follow_the_coordinator(trouble):
    async with room(nodes=(1, 2), session_timeout_ms=45_000) as r:
        await r.join("t")
        before = len(r.cluster.sent(HeartbeatRequest))

        def move(request):
            r.cluster.coordinator = 2
            return trouble

        r.cluster.script(HeartbeatRequest, move)
        await asyncio.sleep(10)
        assert r.cluster.nodes_asked(HeartbeatRequest)[before : before + 3] == [1, 2, 2]
        assert not r.group.gate_waiting
        assert r.group.take_error() is None


@pytest.mark.parametrize("code", [14, -1])
@in_virtual_time
async def test_a_heartbeat_that_is_not_answered_well_is_repeated_soon(code):
    async with room(heartbeat_interval_ms=10_000, session_timeout_ms=45_000) as r:
        await r.join("t")
        await r.cluster.until_sent(HeartbeatRequest)
        r.cluster.script(HeartbeatRequest, code, code)
        await asyncio.sleep(12)
        assert len(r.cluster.sent(HeartbeatRequest)) == 4
        assert r.group.metadata().generation_id == 1


@in_virtual_time
async def test_a_coordinator_silent_for_the_session_timeout_is_looked_up_again(caplog):
    caplog.set_level(logging.INFO)
    async with room(session_timeout_ms=10_000, heartbeat_interval_ms=3000, request_timeout_ms=60_000) as r:
        await r.join("t")
        r.cluster.script(HeartbeatRequest, asyncio.Event())
        await asyncio.sleep(30)
        assert "no heartbeat was answered for the session timeout" in caplog.text
        assert len(r.cluster.sent(FindCoordinatorRequest)) == 2
        assert "the coordinator did not answer a heartbeat within 7 s" in caplog.text


@in_virtual_time
async def test_a_coordinator_silent_while_syncing_is_not_waited_for():
    async with room(session_timeout_ms=10_000, heartbeat_interval_ms=3000, request_timeout_ms=60_000) as r:
        r.cluster.script(SyncGroupRequest, asyncio.Event())
        r.cluster.script(HeartbeatRequest, *[asyncio.Event()] * 3)
        r.subscribe("t")
        await settle()
        began = r.now()
        await r.poll_until(lambda: r.assigned)
        assert r.now() - began < 30
        assert len(r.cluster.sent(SyncGroupRequest)) == 2


# Too long between polls.


@in_virtual_time
async def test_who_does_not_poll_leaves_and_the_next_commit_says_why(caplog):
    async with room(max_poll_interval_ms=60_000, enable_auto_commit=True) as r:
        diary = Diary()
        await r.join("t", listener=diary)
        r.take()
        await asyncio.sleep(59)
        assert not r.cluster.sent(LeaveGroupRequest)
        await asyncio.sleep(2)
        (leave,) = r.cluster.sent(LeaveGroupRequest)
        (identity,) = leave.members
        assert (identity.member_id, identity.reason) == (
            "me",
            "poll() was not called for max_poll_interval_ms",
        )
        assert r.group.gate_waiting
        assert r.assigned == {T0, T1}
        beats = len(r.cluster.sent(HeartbeatRequest))
        await asyncio.sleep(500)
        assert len(r.cluster.sent(HeartbeatRequest)) == beats
        assert len(r.cluster.sent(LeaveGroupRequest)) == 1
        with pytest.raises(
            CommitFailedError, match=r"poll\(\) was not called for 60 s.*max_poll_interval_ms \(60000\)"
        ):
            await r.commit(t0=1)
        assert diary.entries == [("assigned", {T0, T1})]
        await r.poll()
        assert diary.entries[1:] == [("lost", {T0, T1})]
        await r.poll_until(lambda: r.assigned)
        assert r.group.metadata().generation_id == 2
        assert not r.cluster.sent(OffsetCommitRequest)
        await r.commit(t0=1)
        assert logging.WARNING in {record.levelno for record in caplog.records}


@in_virtual_time
async def test_polls_keep_the_member():
    async with room(max_poll_interval_ms=60_000) as r:
        await r.join("t")
        for _ in range(10):
            await asyncio.sleep(50)
            r.group.last_poll = r.now()  # what take() does
        assert not r.cluster.sent(LeaveGroupRequest)


@in_virtual_time
async def test_a_static_member_that_does_not_poll_goes_silently():
    async with room(max_poll_interval_ms=60_000, group_instance_id="static") as r:
        await r.join("t")
        await asyncio.sleep(61)
        beats = len(r.cluster.sent(HeartbeatRequest))
        await asyncio.sleep(100)
        assert len(r.cluster.sent(HeartbeatRequest)) == beats
        assert not r.cluster.sent(LeaveGroupRequest)
        assert r.group.gate_waiting


@in_virtual_time
async def test_who_does_not_poll_during_a_round_leaves_too():
    async with room(max_poll_interval_ms=60_000) as r:
        r.subscribe("t")
        await settle()
        r.cluster.script(SyncGroupRequest, asyncio.Event())
        await r.poll()
        await asyncio.sleep(61)
        assert len(r.cluster.sent(LeaveGroupRequest)) == 1


@in_virtual_time
async def test_a_call_of_the_listener_that_nobody_made_is_dropped_with_the_membership():
    async with room(max_poll_interval_ms=60_000) as r:
        diary = Diary()
        r.subscribe("t", listener=diary)
        await settle()
        r.group.on_poll(r.now())
        await settle()
        assert r.group.listener_call.kind == "assigned"
        await asyncio.sleep(61)
        assert r.group.listener_call is None
        r.group.listener_done(None)  # if it was being made all the while
        await r.poll()
        assert diary.entries == [("lost", {T0, T1})]


@in_virtual_time
async def test_what_is_lost_during_the_commit_before_a_rebalance_is_lost():
    async with room(enable_auto_commit=True) as r:
        diary = Diary()
        await r.join("t", listener=diary)
        r.take()
        r.cluster.script(HeartbeatRequest, REBALANCING)
        r.cluster.script(OffsetCommitRequest, UNKNOWN)
        await asyncio.sleep(4)
        await r.poll()
        assert diary.entries[1:] == [("lost", {T0, T1})]


# Commits.


@in_virtual_time
async def test_a_commit_is_refused_before_the_first_poll_but_not_for_partitions_assigned_by_hand():
    async with room() as r:
        r.subscription.assign([T0])
        r.group.on_subscription_changed()
        await r.commit(t0=3)
        (commit,) = r.cluster.sent(OffsetCommitRequest)
        assert (commit.generation_id_or_member_epoch, commit.member_id) == (-1, "")
        r.subscription.unsubscribe()
        r.subscribe("t")
        with pytest.raises(CommitFailedError, match="has not joined the group yet"):
            await r.commit(t0=3)


@pytest.mark.parametrize(
    ("code", "kind", "kept"),
    [
        (REBALANCING, RebalanceInProgressError, "me"),
        (ILLEGAL, CommitFailedError, "me"),
        (UNKNOWN, CommitFailedError, ""),
    ],
)
@in_virtual_time
async def test_a_refused_commit_joins_again(code, kind, kept):
    async with room() as r:
        await r.join("t")
        r.cluster.script(OffsetCommitRequest, code)
        with pytest.raises(kind):
            await r.commit(t0=1)
        await settle()
        assert r.group.gate_waiting
        joins = len(r.cluster.sent(JoinGroupRequest))
        await r.poll()
        assert r.cluster.sent(JoinGroupRequest)[joins].member_id == kept
        assert r.assigned == {T0, T1}
        await r.commit(t0=1)


@in_virtual_time
async def test_a_commit_of_a_fenced_member():
    async with room(group_instance_id="static") as r:
        await r.join("t")
        r.cluster.script(OffsetCommitRequest, FENCED)
        with pytest.raises(FencedInstanceIdError):
            await r.commit(t0=1)
        assert isinstance(r.error(), FencedInstanceIdError)
        with pytest.raises(FencedInstanceIdError):
            await r.commit(t0=1)
        assert len(r.cluster.sent(OffsetCommitRequest)) == 1


@in_virtual_time
async def test_a_member_that_is_fenced_while_it_lets_go():
    async with room(group_instance_id="static", enable_auto_commit=True) as r:
        await r.join("t")
        r.take()
        r.cluster.script(HeartbeatRequest, REBALANCING)
        r.cluster.script(OffsetCommitRequest, FENCED)
        await asyncio.sleep(4)
        await r.poll()
        assert isinstance(r.error(), FencedInstanceIdError)
        assert len(r.cluster.sent(JoinGroupRequest)) == 1


# Leaving.


@in_virtual_time
async def test_unsubscribing_leaves_in_the_background():
    async with room() as r:
        await r.join("t")
        r.unsubscribe()
        assert r.group.metadata() == ("g", -1, "", None, MemberState.UNJOINED)
        assert not r.group.gate_waiting
        await settle()
        (leave,) = r.cluster.sent(LeaveGroupRequest)
        assert leave.members[0].reason == "the consumer unsubscribed"
        beats = len(r.cluster.sent(HeartbeatRequest))
        await asyncio.sleep(100)
        assert len(r.cluster.sent(HeartbeatRequest)) == beats
        r.unsubscribe()
        await r.join("u")
        assert r.assigned == {U0}
        assert len(r.cluster.sent(LeaveGroupRequest)) == 1


@in_virtual_time
async def test_unsubscribing_drops_a_call_of_the_listener():
    async with room() as r:
        r.subscribe("t", listener=Diary())
        await settle()
        r.group.on_poll(r.now())
        await settle()
        assert r.group.listener_call is not None
        r.unsubscribe()
        assert r.group.listener_call is None


@in_virtual_time
async def test_unsubscribing_during_a_join():
    async with room() as r:
        r.cluster.script(JoinGroupRequest, lambda request: None, asyncio.Event())
        r.subscribe("t")
        await settle()
        await r.poll()
        r.unsubscribe()
        await settle()
        (leave,) = r.cluster.sent(LeaveGroupRequest)
        assert leave.members[0].member_id == "me"


@in_virtual_time
async def test_closing_leaves():
    async with room() as r:
        await r.join("t")
        await r.group.close(5)
        (leave,) = r.cluster.sent(LeaveGroupRequest)
        assert leave.members[0].reason == "the consumer was closed"
        await r.group.close(5)
        assert len(r.cluster.sent(LeaveGroupRequest)) == 1
        r.subscribe("u")
        r.cluster.topics["t"] = 5
        await r.client.refresh_metadata(r.now() + 10)


@in_virtual_time
async def test_static_members_stay_silent_when_they_close():
    async with room(group_instance_id="static") as r:
        await r.join("t")
        await r.group.close(5)
        assert not r.cluster.sent(LeaveGroupRequest)


@in_virtual_time
async def test_closing_ends_in_time():
    async with room() as r:
        await r.join("t")
        r.cluster.script(LeaveGroupRequest, asyncio.Event())
        began = r.now()
        await r.group.close(5)
        assert r.now() - began == pytest.approx(5)


@in_virtual_time
async def test_closing_right_after_unsubscribing_still_leaves():
    async with room() as r:
        await r.join("t")
        r.unsubscribe()
        await r.group.close(5)
        assert len(r.cluster.sent(LeaveGroupRequest)) == 1


@in_virtual_time
async def test_a_leave_that_fails_is_no_error(caplog):
    caplog.set_level(logging.INFO)
    async with room() as r:
        await r.join("t")
        r.cluster.script(LeaveGroupRequest, KafkaConnectionError("cut"))
        await r.group.close(5)
        assert "could not be left in order" in caplog.text


@in_virtual_time
async def test_closing_is_safe_to_cancel():
    async with room() as r:
        await r.join("t")
        r.cluster.script(LeaveGroupRequest, asyncio.Event())
        closing = asyncio.create_task(r.group.close(60))
        await settle()
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert not len(r.group._tasks)


@pytest.mark.parametrize("moment", ["gate", "join", "sync", "listener", "stable"])
@in_virtual_time
async def test_closing_at_any_moment(moment):
    async with room() as r:
        if moment == "join":
            r.cluster.script(JoinGroupRequest, asyncio.Event())
        if moment == "sync":
            r.cluster.script(SyncGroupRequest, asyncio.Event())
        r.subscribe("t", listener=Diary())
        await settle()
        if moment != "gate":
            r.group.on_poll(r.now())
            await settle()
        if moment == "stable":
            await r.poll()
        await r.group.close(5)
        assert not len(r.group._tasks)


@in_virtual_time
async def test_closing_what_was_never_started():
    async with room(started=False) as r:
        r.subscribe("t")
        await r.group.close(5)


@in_virtual_time
async def test_repr():
    async with room() as r:
        r.subscribe("t", listener=Diary())
        await settle()
        assert repr(r.group) == (
            "<GroupCoordinator <nobody in 'g', generation -1: no member of the group>, waits for a poll>"
        )
        r.group.on_poll(r.now())
        await settle()
        assert repr(r.group).endswith("has its partitions, leads>, tells the listener assigned>")
