import pytest

from kafkalite.consumer.group.assignors import MemberSubscription, resolve
from kafkalite.consumer.group.classic import TRANSITIONS, ClassicMember, Event, State
from kafkalite.consumer.group.protocol_bytes import decode_subscription, encode_assignment
from kafkalite.consumer.group.verdicts import Verdict
from kafkalite.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    InconsistentGroupProtocolError,
    KafkaProtocolError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafkalite.protocol.messages.heartbeat import HeartbeatResponse
from kafkalite.protocol.messages.join_group import JoinGroupResponse, JoinGroupResponseMember
from kafkalite.protocol.messages.sync_group import SyncGroupResponse
from kafkalite.types import MemberState, TopicPartition

from .scripted_group import config

T0 = TopicPartition("t", 0)
TOPICS = frozenset({"t"})
REBALANCING, UNKNOWN, ILLEGAL, FENCED = 27, 25, 22, 82


def member(**options):
    made = config(**options)
    return ClassicMember(made, resolve(made.partition_assignment_strategy))


def answer(member_id="me", leader="other", generation=1, **fields):
    fields.setdefault("protocol_type", "consumer")
    fields.setdefault("protocol_name", "range")
    return JoinGroupResponse(member_id=member_id, leader=leader, generation_id=generation, **fields)


def joined(m, now=100.0, **fields):
    assert m.on_join(m.next_join(TOPICS), answer(**fields), now).verdict is Verdict.OK
    return m


def stable(m, now=100.0, given=(T0,), **fields):
    joined(m, now, **fields)
    response = SyncGroupResponse(assignment=encode_assignment(given))
    assert m.on_sync(m.next_sync(), response, now).verdict is Verdict.OK
    return m


# Joining.


def test_what_a_join_says():
    m = member(
        session_timeout_ms=10_000, max_poll_interval_ms=60_000, client_rack="r1", group_instance_id="static"
    )
    m.reason = "x" * 1000
    join = m.next_join(frozenset({"u", "t"}), [T0])
    assert (join.group_id, join.member_id, join.group_instance_id) == ("g", "", "static")
    assert (join.session_timeout_ms, join.rebalance_timeout_ms) == (10_000, 60_000)
    assert (join.protocol_type, join.reason) == ("consumer", "x" * 255)
    (protocol,) = join.protocols
    assert protocol.name == "range"
    said = decode_subscription(protocol.metadata, "me", None)
    assert said == MemberSubscription(frozenset({"t", "u"}), None, (T0,), -1, "r1")
    assert m.state is State.JOINING


def test_all_strategies_are_offered_best_first_each_with_its_own_data():
    class Mine:
        name = "mine"

        def assign(self, topics, members):
            return {}

        def user_data(self, topics):
            return b"mine"

    join = member(partition_assignment_strategy=[Mine(), "range"]).next_join(TOPICS)
    assert [p.name for p in join.protocols] == ["mine", "range"]
    assert [decode_subscription(p.metadata, "", None).user_data for p in join.protocols] == [b"mine", None]


def test_a_timeout_that_does_not_fit_is_cut():
    assert member(max_poll_interval_ms=1e13).next_join(TOPICS).rebalance_timeout_ms == 2**31 - 1


def test_joined():
    m = joined(member(heartbeat_interval_ms=3000), member_id="me-1", generation=7)
    assert (m.state, m.member_id, m.generation, m.protocol) == (State.SYNCING, "me-1", 7, "range")
    assert m.leadership is None
    assert m.heartbeat_at == 103.0
    sync = m.next_sync()
    assert (sync.group_id, sync.generation_id, sync.member_id) == ("g", 7, "me-1")
    assert (sync.protocol_type, sync.protocol_name, sync.assignments) == ("consumer", "range", [])


def test_old_coordinators_do_not_say_the_type():
    assert joined(member(), protocol_type=None).state is State.SYNCING


def test_the_leader_hears_of_everybody():
    m = member()
    metadata = m.next_join(TOPICS).protocols[0].metadata
    members = [JoinGroupResponseMember(member_id=i, metadata=metadata) for i in ("me", "you")]
    joined(m, leader="me", members=members)
    assert set(m.leadership.members) == {"me", "you"}
    m.next_join(TOPICS)
    assert m.leadership is None


def test_members_that_cannot_be_read():
    m = member()
    members = [JoinGroupResponseMember(member_id="you", metadata=b"")]
    with pytest.raises(KafkaProtocolError, match="'you'"):
        m.on_join(m.next_join(TOPICS), answer(leader="me", members=members), 0.0)


def test_a_member_id_is_required_first():
    m = member()
    refused = JoinGroupResponse(error_code=79, member_id="me-1", protocol_name="")
    assert m.on_join(m.next_join(TOPICS), refused, 0.0).verdict is Verdict.AGAIN
    join = m.next_join(TOPICS)
    assert join.member_id == "me-1"
    assert m.on_join(join, refused, 0.0).verdict is Verdict.LATER  # it had one: no reason to hurry


@pytest.mark.parametrize(
    ("code", "verdict", "kept"),
    [
        (UNKNOWN, Verdict.RESET_MEMBER, ""),
        (ILLEGAL, Verdict.RESET_GENERATION, "me"),
        (REBALANCING, Verdict.LATER, "me"),
        (14, Verdict.LATER, "me"),
        (16, Verdict.FIND, "me"),
        (81, Verdict.RAISE, "me"),
    ],
)
def test_a_refused_join(code, verdict, kept):
    m = stable(member())
    outcome = m.on_join(m.next_join(TOPICS), JoinGroupResponse(error_code=code, protocol_name=""), 0.0)
    assert outcome.verdict is verdict
    assert outcome.error.errno == code
    assert "joining group 'g'" in str(outcome.error)
    assert m.member_id == kept


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"protocol_type": "connect"}, "a group of type 'connect'"),
        ({"protocol_name": "sticky"}, "chose 'sticky', which was not offered"),
        ({"protocol_name": None}, "chose None"),
    ],
)
def test_a_group_that_we_do_not_fit_into(fields, words):
    m = member()
    outcome = m.on_join(m.next_join(TOPICS), answer(**fields), 0.0)
    assert outcome.verdict is Verdict.RAISE
    assert isinstance(outcome.error, InconsistentGroupProtocolError)
    assert words in str(outcome.error)


# SyncGroup.


def test_synced():
    m = stable(member(), given=[T0])
    assert m.state is State.STABLE
    assert m.assigned == {T0}
    assert m.strategy.name == "range"


@pytest.mark.parametrize(
    ("code", "verdict", "generation", "kept"),
    [
        (REBALANCING, Verdict.REJOIN, 1, "me"),
        (ILLEGAL, Verdict.RESET_GENERATION, -1, "me"),
        (UNKNOWN, Verdict.RESET_MEMBER, -1, ""),
        (15, Verdict.FIND, 1, "me"),
        (14, Verdict.LATER, 1, "me"),
        (FENCED, Verdict.RAISE, 1, "me"),
        (23, Verdict.RAISE, 1, "me"),
    ],
)
def test_a_refused_sync(code, verdict, generation, kept):
    m = joined(member())
    outcome = m.on_sync(m.next_sync(), SyncGroupResponse(error_code=code), 0.0)
    assert (outcome.verdict, m.generation, m.member_id) == (verdict, generation, kept)


def test_a_sync_for_another_protocol():
    m = joined(member())
    response = SyncGroupResponse(protocol_type="consumer", protocol_name="sticky")
    assert m.on_sync(m.next_sync(), response, 0.0).verdict is Verdict.RAISE


def test_a_sync_that_a_heartbeat_overtook():
    m = joined(member())
    sync, beat = m.next_sync(), m.next_heartbeat(200.0)
    assert m.on_heartbeat(beat, HeartbeatResponse(error_code=UNKNOWN), 200.0).verdict is Verdict.RESET_MEMBER
    response = SyncGroupResponse(assignment=encode_assignment([T0]))
    assert m.on_sync(sync, response, 200.0).verdict is Verdict.REJOIN
    assert m.state is State.OUTSIDE


# Heartbeats.


def test_heartbeats_are_due_from_the_join_on():
    m = member(heartbeat_interval_ms=3000, group_instance_id="static")
    assert m.next_heartbeat(1e9) is None
    m.next_join(TOPICS)
    assert m.next_heartbeat(1e9) is None
    joined(m, now=100.0)
    assert m.next_heartbeat(102.9) is None
    beat = m.next_heartbeat(103.0)
    assert (beat.group_id, beat.generation_id, beat.member_id, beat.group_instance_id) == (
        "g",
        1,
        "me",
        "static",
    )
    assert m.next_heartbeat(105.9) is None
    assert m.next_heartbeat(106.0)
    m.next_join(TOPICS)  # JoinGroup keeps the member alive
    assert m.next_heartbeat(1e9) is None


def beaten(m, code, now=200.0):
    return m.on_heartbeat(m.next_heartbeat(now), HeartbeatResponse(error_code=code), now)


def test_a_session_ends_when_nothing_is_heard():
    m = stable(member(session_timeout_ms=10_000), now=100.0)
    assert m.session_left(104.0) == 6.0
    assert beaten(m, 0, now=105.0).verdict is Verdict.OK
    assert not m.heartbeat_failed(114.9, 0.1)
    assert m.heartbeat_at == 115.0
    assert m.heartbeat_failed(115.0, 0.1)


def test_a_failed_heartbeat_waits_no_longer_than_the_interval():
    m = stable(member(heartbeat_interval_ms=3000), now=100.0)
    m.heartbeat_failed(110.0, 50.0)
    assert m.heartbeat_at == 113.0


def test_a_rebalance_is_a_sign_of_life():
    m = stable(member(session_timeout_ms=10_000), now=100.0)
    assert beaten(m, REBALANCING, now=105.0).verdict is Verdict.REJOIN
    assert m.heard_at == 105.0
    assert (m.generation, m.reason) == (1, "the group rebalances")


def test_while_syncing_the_sync_will_be_told():
    m = joined(member())
    assert beaten(m, REBALANCING).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("code", "verdict", "generation", "kept"),
    [
        (ILLEGAL, Verdict.RESET_GENERATION, -1, "me"),
        (UNKNOWN, Verdict.RESET_MEMBER, -1, ""),
        (16, Verdict.FIND, 1, "me"),
        (14, Verdict.LATER, 1, "me"),
        (-1, Verdict.LATER, 1, "me"),  # it may pass; the session lasts a while
        (FENCED, Verdict.RAISE, 1, "me"),
        (30, Verdict.RAISE, 1, "me"),
    ],
)
def test_a_refused_heartbeat(code, verdict, generation, kept):
    m = stable(member())
    outcome = beaten(m, code)
    assert (outcome.verdict, m.generation, m.member_id) == (verdict, generation, kept)
    assert outcome.error.errno == code


@pytest.mark.parametrize("code", [UNKNOWN, ILLEGAL, REBALANCING, FENCED])
def test_what_is_said_to_an_earlier_self_does_not_matter(code):
    m = stable(member())
    beat = m.next_heartbeat(200.0)
    m.next_join(TOPICS)
    assert m.on_heartbeat(beat, HeartbeatResponse(error_code=code), 200.0).verdict is Verdict.OK
    m.on_join(m.next_join(TOPICS), answer(generation=2), 200.0)
    assert m.on_heartbeat(beat, HeartbeatResponse(error_code=code), 200.0).verdict is Verdict.OK
    assert (m.state, m.generation) == (State.SYNCING, 2)


# Leaving.


def test_leaving_in_either_form():
    m = stable(member())
    new, old = m.leave("the program ends")
    assert (new.min_version, new.max_version, old.min_version, old.max_version) == (3, 5, 0, 2)
    (identity,) = new.request.members
    assert (identity.member_id, identity.reason) == ("me", "the program ends")
    assert old.request.member_id == "me"
    assert new.request.encode(5)
    assert old.request.encode(2)
    assert (m.state, m.member_id, m.generation, m.assigned) == (State.OUTSIDE, "", -1, frozenset())
    assert m.heartbeat_at is None


def test_nobody_leaves_without_an_id_and_static_members_stay_silent():
    assert member().leave("x") == []
    m = stable(member(group_instance_id="static"))
    assert m.leave("x") == []
    assert m.state is State.OUTSIDE


# Commits.


def test_commits_need_a_place_in_the_group():
    m = member()
    assert isinstance(m.commit_refusal(), CommitFailedError)
    assert "has not joined the group yet: poll first" in str(m.commit_refusal())
    joined(m)
    assert isinstance(m.commit_refusal(), RebalanceInProgressError)
    stable(m)
    assert m.commit_refusal() is None
    m.leave("for the log", "it was too slow")
    assert "it was too slow" in str(m.commit_refusal())


def test_a_refused_commit():
    m = stable(member())
    outcome = m.on_commit_refused(REBALANCING, m.metadata)
    assert (outcome.verdict, type(outcome.error)) == (Verdict.REJOIN, RebalanceInProgressError)
    assert m.generation == 1

    outcome = m.on_commit_refused(ILLEGAL, m.metadata)
    assert (outcome.verdict, type(outcome.error)) == (Verdict.RESET_GENERATION, CommitFailedError)
    assert "the group has rebalanced without it" in str(outcome.error)
    assert (m.generation, m.member_id) == (-1, "me")

    outcome = stable(m).on_commit_refused(UNKNOWN, m.metadata)
    assert (outcome.verdict, type(outcome.error)) == (Verdict.RESET_MEMBER, CommitFailedError)
    assert "session_timeout_ms" in str(outcome.error)
    assert m.member_id == ""

    outcome = stable(m).on_commit_refused(FENCED, m.metadata)
    assert (outcome.verdict, type(outcome.error)) == (Verdict.RAISE, FencedInstanceIdError)


@pytest.mark.parametrize("code", [REBALANCING, ILLEGAL, UNKNOWN, FENCED])
def test_a_commit_of_an_earlier_generation_was_overtaken_by_a_rebalance(code):
    m = stable(member())
    sent_as = m.metadata
    stable(m, generation=2)
    outcome = m.on_commit_refused(code, sent_as)
    assert (outcome.verdict, type(outcome.error)) == (Verdict.OK, RebalanceInProgressError)
    assert (m.state, m.generation) == (State.STABLE, 2)


def test_other_refusals_of_commits_are_their_own_errors():
    m = stable(member())
    assert isinstance(m.on_commit_refused(UNKNOWN, m.metadata).error, CommitFailedError)
    assert not isinstance(m.on_commit_refused(30, m.metadata).error, UnknownMemberIdError)


# What others see.


def test_metadata():
    m = member(group_instance_id="static")
    assert m.metadata == ("g", -1, "", "static", MemberState.UNJOINED)
    joined(m)
    assert m.metadata == ("g", 1, "me", "static", MemberState.REBALANCING)
    stable(m)
    assert m.metadata.state == MemberState.STABLE


def test_every_state_can_be_left_for_a_new_round_and_for_good():
    for state in State:
        assert TRANSITIONS[state, Event.JOIN] is State.JOINING
        assert TRANSITIONS[state, Event.FORGET] is State.OUTSIDE


def test_repr():
    m = member()
    assert repr(m) == "<nobody in 'g', generation -1: no member of the group>"
    metadata = m.next_join(TOPICS).protocols[0].metadata
    joined(m, leader="me", members=[JoinGroupResponseMember(member_id="me", metadata=metadata)])
    assert repr(m) == "<me in 'g', generation 1: SyncGroup waits for the leader's assignment, leads>"
