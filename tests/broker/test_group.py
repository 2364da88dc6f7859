"""One classic group: joining, rounds, assignments, staying and going."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.leave_group import MemberIdentity

from .group_driver import REBALANCE, SESSION, Driver
from .test_roster import subscription

# Coming in.


def test_a_newcomer_must_come_back_with_the_id_it_is_given() -> None:
    group = Driver()
    [asked] = group.join()
    assert asked.error_code == ErrorCode.MEMBER_ID_REQUIRED
    assert asked.member_id.startswith("client-")
    assert asked.protocol_name is None
    assert (group.state, group.group.generation) == ("Empty", 0)
    [joined] = group.join(asked.member_id)
    assert joined.error_code == ErrorCode.NONE
    assert joined.member_id == joined.leader == asked.member_id
    assert (joined.generation_id, joined.protocol_type, joined.protocol_name) == (1, "consumer", "range")
    assert [each.member_id for each in joined.members] == [asked.member_id]
    assert group.state == "CompletingRebalance"


def test_old_versions_are_members_at_once() -> None:
    group = Driver()
    [joined] = group.join(version=3)
    assert joined.error_code == ErrorCode.NONE
    assert joined.generation_id == 1


def test_version_0_has_no_rebalance_timeout_of_its_own() -> None:
    group = Driver()
    group.join(version=0, session=12.0, rebalance=-0.001)
    assert group.group.roster.rebalance_timeout == 12.0


def test_the_given_id_is_forgotten_after_a_session() -> None:
    group = Driver()
    [asked] = group.join()
    group.clock.advance(SESSION)
    assert not group.group.pending
    [late] = group.join(asked.member_id)
    assert (late.error_code, late.member_id) == (ErrorCode.UNKNOWN_MEMBER_ID, asked.member_id)


def test_a_round_waits_for_those_that_were_given_an_id() -> None:
    group = Driver()
    [one] = group.stable(None)
    [asked] = group.join()
    again = group.join(one)
    assert not again
    both = group.join(asked.member_id)
    assert again[0].generation_id == both[0].generation_id == 2


def test_a_round_goes_on_when_the_given_id_is_forgotten() -> None:
    group = Driver()
    [one] = group.stable(None)
    group.join()
    again = group.join(one)
    group.clock.advance(SESSION)
    assert again[0].generation_id == 2


def test_a_pending_id_cannot_become_static() -> None:
    group = Driver()
    [asked] = group.join()
    [refused] = group.join(asked.member_id, instance="i")
    assert refused.error_code == ErrorCode.UNKNOWN_SERVER_ERROR


@pytest.mark.parametrize(
    ("protocols", "kind"), [("roundrobin", "consumer"), ("range", "connect"), ("", "consumer")]
)
def test_a_protocol_must_be_common(protocols: str, kind: str) -> None:
    group = Driver()
    [one] = group.stable(None)
    [refused] = group.join("", protocols, protocol_type=kind)
    assert (refused.error_code, refused.member_id) == (ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "")
    [refused] = group.join(one, protocols, protocol_type=kind)
    assert (refused.error_code, refused.member_id) == (ErrorCode.INCONSISTENT_GROUP_PROTOCOL, one)
    assert group.state == "Stable"


def test_ids_that_are_unknown() -> None:
    group = Driver()
    group.stable("i")
    assert group.join("x")[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert group.join("x", instance="j")[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert group.join("x", instance="i")[0].error_code == ErrorCode.FENCED_INSTANCE_ID


def test_a_full_group_lets_nobody_in() -> None:
    group = Driver(max_size=1)
    [one] = group.stable(None)
    [refused] = group.join()
    assert (refused.error_code, refused.member_id) == (ErrorCode.GROUP_MAX_SIZE_REACHED, "")
    assert group.join(one)[0].error_code == ErrorCode.NONE


def test_a_full_round_lets_nobody_in() -> None:
    group = Driver(max_size=2, initial_delay=3.0)
    first = [group.newcomer(), group.newcomer()]
    [asked] = group.join()
    assert asked.error_code == ErrorCode.GROUP_MAX_SIZE_REACHED
    group.clock.advance(6.0)
    assert [each[0].error_code for each in first] == [0, 0]


def test_a_known_member_has_no_right_to_a_full_round() -> None:
    group = Driver(max_size=2)
    one, two = group.stable(None, None)
    [asked] = group.join("")  # refused: full
    assert asked.error_code == ErrorCode.GROUP_MAX_SIZE_REACHED
    group.group._max_size = 1
    group.join(one)
    [refused] = group.join(two)
    assert refused.error_code == ErrorCode.GROUP_MAX_SIZE_REACHED
    assert two not in group.group.roster
    assert group.state == "CompletingRebalance"


# The round.


def test_the_first_round_waits_for_nobody_by_default() -> None:
    group = Driver()
    assert group.newcomer()


def test_the_first_round_waits_as_long_as_members_keep_coming() -> None:
    group = Driver(initial_delay=3.0)
    first = group.newcomer()
    group.clock.advance(2.0)
    second = group.newcomer()
    group.clock.advance(1.0)
    assert not first  # somebody came: three seconds more
    assert group.state == "PreparingRebalance"
    group.clock.advance(3.0)
    assert first[0].generation_id == second[0].generation_id == 1
    assert len(first[0].members) == 2
    assert second[0].members == []
    assert second[0].leader == first[0].member_id


def test_the_first_round_waits_no_longer_than_the_rebalance_timeout() -> None:
    group = Driver(initial_delay=3.0)
    first = group.newcomer(rebalance=8.0)
    for _ in range(3):
        group.clock.advance(2.0)
        assert not first
        group.newcomer(rebalance=8.0)
    group.clock.advance(2.0)
    assert first


def test_the_first_round_ends_empty_if_everybody_left() -> None:
    group = Driver(initial_delay=3.0)
    first = group.join(version=3)
    [member] = group.group.roster
    assert group.leave(member.member_id) is ErrorCode.NONE
    assert first[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert group.state == "PreparingRebalance"
    group.clock.advance(3.0)
    assert (group.state, group.group.generation) == ("Empty", 1)


def test_a_newcomer_makes_everybody_join_again() -> None:
    group = Driver()
    [one] = group.stable(None)
    new = group.newcomer()
    assert (group.state, new) == ("PreparingRebalance", [])
    assert group.beat(one) is ErrorCode.REBALANCE_IN_PROGRESS
    again = group.join(one)
    assert again[0].generation_id == new[0].generation_id == 2
    assert again[0].leader == new[0].leader == one
    assert len(again[0].members) == 2


def test_who_does_not_rejoin_in_time_is_out() -> None:
    group = Driver()
    one, two = group.stable(None, None)
    new = group.newcomer()
    again = group.join(two)
    for _ in range(4):  # the late one is alive, but does not come
        group.clock.advance(REBALANCE / 5)
        assert group.beat(one) is ErrorCode.REBALANCE_IN_PROGRESS
    group.clock.advance(REBALANCE / 5)
    assert one not in group.group.roster
    assert again[0].leader == two
    assert len(again[0].members) == 2
    assert new[0].generation_id == 3


def test_the_slowest_member_decides_how_long_a_round_takes() -> None:
    group = Driver()
    group.stable(None)
    new = group.newcomer(rebalance=REBALANCE * 2, session=1.0)
    group.clock.advance(SESSION - 0.1)
    assert not new


def test_a_static_member_that_is_away_stays_and_the_round_goes_on() -> None:
    group = Driver()
    one, two = group.stable("i", "j")
    group.beat(two, instance="j")
    again = group.join(two, {"range": b"new"}, instance="j", session=100.0)
    group.clock.advance(SESSION / 2)
    group.beat(one, instance="i")
    assert not again
    for _ in range(4):
        group.clock.advance(REBALANCE / 4)
        group.beat(one, instance="i")
    assert again[0].leader == two  # the old leader did not come
    assert {each.group_instance_id for each in again[0].members} == {"i", "j"}
    assert one in group.group.roster


def test_a_round_with_nobody_waits_for_absent_static_members() -> None:
    group = Driver()
    one, two = group.stable("i", None)
    assert group.leave(two) is ErrorCode.NONE
    assert group.state == "PreparingRebalance"
    for _ in range(6):
        group.clock.advance(SESSION - 1)
        assert group.beat(one, instance="i") is ErrorCode.REBALANCE_IN_PROGRESS
    [back] = group.join(one, instance="i")
    assert back.error_code == ErrorCode.NONE
    assert back.generation_id == 3


def test_static_members_without_any_time_do_not_spin() -> None:
    group = Driver()
    waiting = group.join(instance="i", rebalance=0.0)
    assert waiting[0].error_code == ErrorCode.NONE
    group.sync(waiting[0].member_id, {}, instance="i")
    other = group.newcomer(rebalance=0.0)
    assert other[0].generation_id == 2
    assert group.leave(other[0].member_id) is ErrorCode.NONE
    assert group.state == "PreparingRebalance"
    group.clock.advance(SESSION)
    assert group.state == "Empty"


def test_the_round_chooses_by_vote() -> None:
    group = Driver()
    [one] = group.newcomer("a b")
    waiting = group.newcomer("b a")
    third = group.newcomer("b a")
    again = group.join(one.member_id, "a b")
    assert {each[0].protocol_name for each in (waiting, third, again)} == {"b"}
    assert again[0].members[0].metadata == b""


def test_the_last_member_to_leave_empties_the_group() -> None:
    group = Driver()
    [one] = group.stable(None)
    assert group.leave(one) is ErrorCode.NONE
    assert (group.state, group.group.generation, group.group.protocol) == ("Empty", 2, None)
    assert group.group.protocol_type == "consumer"


# Joining again.


def test_a_follower_that_joins_again_unchanged_gets_the_generation_there_is() -> None:
    group = Driver()
    _, two = group.stable(None, None)
    [again] = group.join(two)
    assert (again.generation_id, again.members) == (2, [])
    assert group.state == "Stable"


def test_the_leader_that_joins_again_begins_a_round() -> None:
    group = Driver()
    one, two = group.stable(None, None)
    assert not group.join(one)
    assert group.state == "PreparingRebalance"
    assert group.join(two)[0].generation_id == 3


def test_changed_metadata_begins_a_round() -> None:
    group = Driver()
    _, two = group.stable(None, None)
    assert not group.join(two, {"range": b"changed"})
    assert group.state == "PreparingRebalance"


def test_a_lost_join_answer_is_repeated() -> None:
    group = Driver()
    [one] = group.newcomer()
    two = group.newcomer()
    again = group.join(one.member_id)
    assert group.state == "CompletingRebalance"
    [repeated] = group.join(one.member_id)
    assert repeated == again[0]
    [repeated] = group.join(two[0].member_id)
    assert (repeated.generation_id, repeated.members) == (2, [])
    assert not group.join(two[0].member_id, {"range": b"changed"})
    assert group.state == "PreparingRebalance"


def test_a_join_that_is_sent_twice_is_answered_where_it_came_from_last() -> None:
    group = Driver()
    [one] = group.stable(None)
    new = group.newcomer()
    [member] = [each for each in group.group.roster if each.member_id != one]
    twice = group.join(member.member_id, {"range": b"newer"})
    again = group.join(one)
    assert (new, len(twice)) == ([], 1)
    assert {each.metadata for each in again[0].members} == {b"", b"newer"}


# SyncGroup.


def test_assignments_are_handed_out_when_the_leader_brings_them() -> None:
    group = Driver()
    [one] = group.newcomer()
    two = group.newcomer()
    group.join(one.member_id)
    follower = group.sync(two[0].member_id)
    assert not follower
    [leader] = group.sync(one.member_id, {two[0].member_id: b"yours", "stranger": b"x"})
    assert (leader.error_code, leader.assignment) == (ErrorCode.NONE, b"")
    assert (leader.protocol_type, leader.protocol_name) == ("consumer", "range")
    assert follower[0].assignment == b"yours"
    assert group.state == "Stable"
    assert group.sync(two[0].member_id)[0].assignment == b"yours"


def test_a_follower_cannot_assign() -> None:
    group = Driver()
    [one] = group.newcomer()
    two = group.newcomer()
    group.join(one.member_id)
    group.sync(two[0].member_id, {two[0].member_id: b"mine"})
    group.sync(one.member_id)
    assert group.sync(two[0].member_id)[0].assignment == b""


def test_a_sync_is_checked() -> None:
    group = Driver()
    [one] = group.stable("i")
    wrong = {
        ErrorCode.UNKNOWN_MEMBER_ID: {"member_id": "x"},
        ErrorCode.FENCED_INSTANCE_ID: {"member_id": "x", "instance": "i"},
        ErrorCode.ILLEGAL_GENERATION: {"member_id": one, "instance": "i", "generation": 7},
    }
    for error, request in wrong.items():
        assert group.sync(**request)[0].error_code == error  # type: ignore[arg-type]
    for request in ({"protocol_type": "connect"}, {"protocol_name": "sticky"}):
        answer = group.sync(one, **request)
        assert answer[0].error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert group.sync(one, protocol_type="consumer", protocol_name="range")[0].error_code == ErrorCode.NONE
    group.join(one, instance="i")
    assert group.sync(one)[0].error_code == ErrorCode.NONE  # completing again: the leader's own
    group.newcomer()
    assert group.sync(one)[0].error_code == ErrorCode.REBALANCE_IN_PROGRESS


def test_a_new_round_sends_waiting_syncs_away() -> None:
    group = Driver()
    [one] = group.newcomer()
    two = group.newcomer()
    group.join(one.member_id)
    waiting = group.sync(two[0].member_id)
    group.newcomer()
    assert waiting[0].error_code == ErrorCode.REBALANCE_IN_PROGRESS


def test_who_does_not_sync_in_time_is_out() -> None:
    group = Driver()
    [one] = group.newcomer()
    two = group.newcomer()
    group.join(one.member_id)
    waiting = group.sync(two[0].member_id)
    for _ in range(int(REBALANCE / 5)):
        group.beat(one.member_id)  # alive, but it does not assign
        group.clock.advance(5.0)
    assert one.member_id not in group.group.roster
    assert waiting[0].error_code == ErrorCode.REBALANCE_IN_PROGRESS
    assert group.state == "PreparingRebalance"
    assert group.join(two[0].member_id)[0].leader == two[0].member_id


def test_who_synced_in_time_has_nothing_to_fear() -> None:
    group = Driver()
    group.stable(None, None)
    for _ in range(10):
        group.clock.advance(REBALANCE / 5)
        for member in group.group.roster:
            assert group.beat(member.member_id) is ErrorCode.NONE
    assert (group.state, len(group.group.roster)) == ("Stable", 2)


def test_a_member_that_leaves_while_it_waits_for_its_assignment_is_told() -> None:
    group = Driver()
    [one] = group.newcomer()
    two = group.newcomer()
    group.join(one.member_id)
    waiting = group.sync(two[0].member_id)
    group.leave(two[0].member_id)
    assert waiting[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID


# Heartbeats and sessions.


def test_heartbeats_in_each_state() -> None:
    group = Driver()
    assert group.beat("x") is ErrorCode.UNKNOWN_MEMBER_ID
    [asked] = group.join()
    assert group.beat(asked.member_id) is ErrorCode.UNKNOWN_MEMBER_ID
    [one] = group.join(asked.member_id)
    assert group.state == "CompletingRebalance"
    assert group.beat(one.member_id) is ErrorCode.NONE
    assert group.beat(one.member_id, generation=0) is ErrorCode.ILLEGAL_GENERATION
    assert group.beat(one.member_id, instance="i") is ErrorCode.UNKNOWN_MEMBER_ID
    group.sync(one.member_id)
    assert group.beat(one.member_id) is ErrorCode.NONE
    group.newcomer()
    assert group.beat(one.member_id) is ErrorCode.REBALANCE_IN_PROGRESS


def test_silence_for_a_session_ends_a_membership() -> None:
    group = Driver()
    one, two = group.stable(None, None)
    group.clock.advance(SESSION - 1)
    group.beat(one)
    group.clock.advance(1.0)
    assert two not in group.group.roster
    assert group.state == "PreparingRebalance"
    assert group.beat(one) is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_heartbeat_during_a_round_keeps_a_member_alive() -> None:
    group = Driver()
    [one] = group.stable(None)
    new = group.newcomer()
    for _ in range(2):
        group.clock.advance(SESSION - 1)
        group.beat(one)
    assert one in group.group.roster
    assert not new


def test_who_waits_for_a_round_is_not_expired() -> None:
    group = Driver()
    one, two = group.stable(None, None)
    group.join(two, {"range": b"new"})
    for _ in range(3):
        group.clock.advance(SESSION - 1)
        group.beat(one)
    assert two in group.group.roster


def test_who_waits_for_its_assignment_is_not_expired() -> None:
    group = Driver()
    [one] = group.newcomer()
    two = group.newcomer()
    group.join(one.member_id)
    waiting = group.sync(two[0].member_id)
    for _ in range(2):
        group.clock.advance(SESSION - 1)
        group.beat(one.member_id)
    assert not waiting
    group.sync(one.member_id)
    assert waiting[0].error_code == ErrorCode.NONE
    group.clock.advance(SESSION - 1)
    assert two[0].member_id in group.group.roster


def test_a_newcomer_may_wait_five_minutes_for_its_first_round() -> None:
    group = Driver()
    [one] = group.stable(None)
    waiting = group.newcomer(rebalance=1000.0)
    for _ in range(50):
        group.clock.advance(6.0)
        group.beat(one)
    assert waiting[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert waiting[0].member_id == ""
    assert len(group.group.roster) == 1


# Leaving.


def test_a_member_that_leaves_begins_a_round() -> None:
    group = Driver()
    one, two = group.stable(None, None)
    assert group.leave(two) is ErrorCode.NONE
    assert group.state == "PreparingRebalance"
    assert len(group.join(one)[0].members) == 1


def test_a_round_that_waited_for_the_one_who_leaves_ends() -> None:
    group = Driver()
    one, two = group.stable(None, None)
    again = group.join(one)
    group.leave(two)
    assert again[0].generation_id == 3


def test_an_admin_removes_static_members_by_their_instance() -> None:
    group = Driver()
    one, two = group.stable("i", "j")
    verdicts = group.group.leave(
        [
            MemberIdentity(member_id="", group_instance_id="i"),
            MemberIdentity(member_id="", group_instance_id="unknown"),
            MemberIdentity(member_id="", group_instance_id=None),
            MemberIdentity(member_id="x", group_instance_id="j"),
            MemberIdentity(member_id="x", group_instance_id=None),
        ]
    )
    unknown = ErrorCode.UNKNOWN_MEMBER_ID
    assert verdicts == [ErrorCode.NONE, unknown, unknown, ErrorCode.FENCED_INSTANCE_ID, unknown]
    assert one not in group.group.roster
    assert two in group.group.roster


def test_a_pending_member_can_leave() -> None:
    group = Driver()
    [asked] = group.join()
    assert group.leave(asked.member_id) is ErrorCode.NONE
    assert not group.group.pending
    assert group.leave(asked.member_id) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_leave_that_fails_changes_nothing() -> None:
    group = Driver()
    group.stable(None)
    assert group.leave("x") is ErrorCode.UNKNOWN_MEMBER_ID
    assert group.state == "Stable"


# Static members (KIP-345, KIP-814).


def test_a_static_member_needs_no_second_request() -> None:
    group = Driver()
    [joined] = group.join(instance="i")
    assert joined.member_id.startswith("i-")
    assert joined.members[0].group_instance_id == "i"


def test_a_returning_static_follower_begins_no_round() -> None:
    group = Driver()
    one, two = group.stable("i", "j")
    [back] = group.join(instance="j")
    assert (back.error_code, back.generation_id, back.skip_assignment) == (ErrorCode.NONE, 2, False)
    assert back.member_id != two
    assert (back.leader, back.members) == (one, [])
    assert group.state == "Stable"
    assert group.sync(back.member_id, instance="j")[0].assignment == f"for {two}".encode()
    assert group.beat(two, instance="j") is ErrorCode.FENCED_INSTANCE_ID
    assert group.beat(two) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_returning_static_leader_is_told_not_to_assign() -> None:
    group = Driver()
    one, _ = group.stable("i", "j")
    [back] = group.join(instance="i")
    assert back.skip_assignment
    assert back.leader == back.member_id != one
    assert len(back.members) == 2
    assert group.state == "Stable"


def test_an_old_returning_static_leader_is_not_told_that_it_leads() -> None:
    group = Driver()
    one, _ = group.stable("i", "j")
    [back] = group.join(instance="i", version=8)
    assert (back.skip_assignment, back.leader, back.members) == (False, one, [])
    assert back.member_id != one
    assert group.group.roster.leader == back.member_id


def test_a_returning_static_member_that_changes_the_vote_begins_a_round() -> None:
    group = Driver()
    [one] = group.join(protocols="a b", instance="i")
    group.sync(one.member_id, instance="i")
    [back] = group.join(protocols="b a", instance="i")
    assert (back.generation_id, back.protocol_name) == (2, "b")


def test_a_static_member_that_returns_while_the_group_completes_begins_a_round() -> None:
    group = Driver()
    one, _ = group.stable("i", "j")
    first = group.join(one, instance="i")
    second = group.join(group.group.roster.with_instance("j").member_id, instance="j")  # type: ignore[union-attr]
    assert first
    assert second
    assert group.state == "CompletingRebalance"
    assert not group.join(instance="j")
    assert group.state == "PreparingRebalance"


def test_what_the_old_process_waits_for_is_fenced() -> None:
    group = Driver()
    one, two = group.stable("i", "j")
    old = group.join(one, instance="i")
    new = group.join(instance="i")
    assert (old[0].error_code, old[0].member_id) == (ErrorCode.FENCED_INSTANCE_ID, one)
    assert not new
    assert group.join(two, instance="j")
    assert new[0].error_code == ErrorCode.NONE
    waiting = group.sync(two, instance="j")
    third = group.join(instance="j")
    assert waiting[0].error_code == ErrorCode.FENCED_INSTANCE_ID
    assert not third


def test_a_static_member_that_returns_is_not_expired_by_its_old_session() -> None:
    group = Driver()
    group.stable("i")
    group.clock.advance(SESSION - 1)
    [back] = group.join(instance="i")
    group.clock.advance(SESSION - 1)
    assert back.member_id in group.group.roster
    group.clock.advance(1.0)
    assert group.state == "Empty"


def test_a_returning_static_member_need_not_sync_twice() -> None:
    group = Driver()
    [one] = group.join(instance="i")
    group.sync(one.member_id, {}, instance="i")
    [back] = group.join(instance="i")
    for _ in range(10):
        group.clock.advance(SESSION - 1)
        assert group.beat(back.member_id, instance="i") is ErrorCode.NONE


# Commits.


def test_who_may_commit() -> None:
    group = Driver()
    check = group.group.check_commit
    assert check("", None, -1) is ErrorCode.NONE
    assert check("x", None, 1) is ErrorCode.UNKNOWN_MEMBER_ID
    [one] = group.newcomer()
    assert check(one.member_id, None, 1) is ErrorCode.REBALANCE_IN_PROGRESS
    group.sync(one.member_id)
    assert check(one.member_id, None, 1) is ErrorCode.NONE
    assert check(one.member_id, None, 0) is ErrorCode.ILLEGAL_GENERATION
    assert check(one.member_id, None, -1) is ErrorCode.ILLEGAL_GENERATION
    assert check(one.member_id, "i", 1) is ErrorCode.UNKNOWN_MEMBER_ID
    assert check("", None, -1) is ErrorCode.UNKNOWN_MEMBER_ID
    assert check("x", None, 1) is ErrorCode.UNKNOWN_MEMBER_ID
    group.newcomer()
    assert check(one.member_id, None, 1) is ErrorCode.NONE  # before it rejoins, it may


def test_a_commit_is_a_sign_of_life() -> None:
    group = Driver()
    [one] = group.stable(None)
    for _ in range(3):
        group.clock.advance(SESSION - 1)
        assert group.group.check_commit(one, None, 1) is ErrorCode.NONE
    assert group.state == "Stable"


# The rest.


def test_the_topics_of_a_group_are_known_by_round() -> None:
    group = Driver()
    assert group.group.subscribed_topics is None
    [one] = group.newcomer({"range": subscription("t")})
    assert group.group.subscribed_topics == {"t"}
    group.leave(one.member_id)
    assert group.group.subscribed_topics == frozenset()


def test_a_closed_group_does_nothing_more() -> None:
    group = Driver(initial_delay=3.0)
    waiting = group.newcomer()
    group.join()
    group.group.close()
    group.clock.advance(1000.0)
    assert not waiting
    assert group.state == "PreparingRebalance"
