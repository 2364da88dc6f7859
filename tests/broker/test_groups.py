"""All groups: which exist, what is said of those that do not, and what tests see of them."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from kafkalite.broker.clock import SteppedClock
from kafkalite.broker.config import BrokerConfig
from kafkalite.broker.groups import Groups
from kafkalite.broker.refusal import Refusal
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.consumer_protocol_assignment import (
    ConsumerProtocolAssignment,
    TopicPartition,
)
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.join_group import JoinGroupResponse
from kafkalite.protocol.messages.leave_group import MemberIdentity
from kafkalite.protocol.messages.offset_commit import OffsetCommitRequest
from kafkalite.protocol.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

from .group_driver import join_request
from .test_roster import subscription

ASSIGNMENT = b"\x00\x00" + ConsumerProtocolAssignment(
    assigned_partitions=[TopicPartition(topic="t", partitions=[0])]
).encode(0)


def make(**config: object) -> Groups:
    settings = {name.replace("_", "."): value for name, value in config.items()}
    return Groups(BrokerConfig(settings), SteppedClock(), Random(3))


def join(groups: Groups, member_id: str = "", version: int = 3, **rest: Any) -> list[JoinGroupResponse]:
    answers: list[JoinGroupResponse] = []
    groups.join(join_request(member_id, **rest), version, "client", "/10.0.0.1", answers.append)
    return answers


def sync(groups: Groups, member_id: str, assignment: bytes = b"", generation: int = 1) -> int:
    answers: list[Any] = []
    given = [SyncGroupRequestAssignment(member_id=member_id, assignment=assignment)]
    groups.sync(
        SyncGroupRequest(group_id="g", generation_id=generation, member_id=member_id, assignments=given),
        answers.append,
    )
    return int(answers[0].error_code)


def commit_request(generation: int = -1, member_id: str = "") -> OffsetCommitRequest:
    return OffsetCommitRequest(group_id="g", generation_id_or_member_epoch=generation, member_id=member_id)


def stable(protocols: dict[str, bytes] | str = "range", **rest: Any) -> tuple[Groups, str]:
    groups = make()
    [joined] = join(groups, protocols=protocols, **rest)
    assert sync(groups, joined.member_id, ASSIGNMENT) == ErrorCode.NONE
    return groups, joined.member_id


@pytest.mark.parametrize(
    ("session", "fits"), [(5.999, False), (6.0, True), (1800.0, True), (1800.001, False)]
)
def test_session_timeouts_have_limits(session: float, fits: bool) -> None:
    groups = make()
    if fits:
        groups.check_join(join_request(session=session))
        return
    with pytest.raises(Refusal, match="6000 to 1800000") as refused:
        groups.check_join(join_request(session=session))
    assert refused.value.code == ErrorCode.INVALID_SESSION_TIMEOUT


def test_an_id_in_a_group_that_does_not_exist_is_unknown() -> None:
    groups = make()
    [refused] = join(groups, "x")
    assert (refused.error_code, refused.member_id) == (ErrorCode.UNKNOWN_MEMBER_ID, "x")
    assert sync(groups, "x") == ErrorCode.UNKNOWN_MEMBER_ID
    assert groups.heartbeat(HeartbeatRequest(group_id="g", member_id="x")) is ErrorCode.UNKNOWN_MEMBER_ID
    assert groups.leave("g", [MemberIdentity(member_id="x")]) == [ErrorCode.UNKNOWN_MEMBER_ID]
    assert groups.views() == {}


def test_a_join_that_is_refused_makes_a_group_as_in_kafka() -> None:
    groups = make()
    assert join(groups, protocols="")[0].error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert [each.group_state for each in groups.listed()] == ["Empty"]


def test_a_group_is_there_from_the_first_request_on() -> None:
    groups = make()
    assert join(groups, version=4)[0].error_code == ErrorCode.MEMBER_ID_REQUIRED
    assert [(each.group_id, each.group_state, each.protocol_type) for each in groups.listed()] == [
        ("g", "Empty", "")
    ]


def test_the_configured_delay_and_size_hold() -> None:
    groups = make(group_initial_rebalance_delay_ms=500, group_max_size=1)
    assert not join(groups)
    assert join(groups)[0].error_code == ErrorCode.GROUP_MAX_SIZE_REACHED


def test_members_live_on_heartbeats_and_leave() -> None:
    groups, one = stable()
    beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=one)
    assert groups.heartbeat(beat) is ErrorCode.NONE
    assert groups.leave("g", [MemberIdentity(member_id=one)]) == [ErrorCode.NONE]
    assert groups.heartbeat(beat) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_commit_outside_of_any_group_makes_one() -> None:
    groups = make()
    groups.open_for_commit(commit_request(), 9).store("t", 0, 5, -1, "m")
    [listed] = groups.listed()
    assert (listed.group_state, listed.protocol_type, listed.group_type) == ("Empty", "", "classic")
    assert groups.offsets_of("g").get("t", 0).offset == 5
    assert groups.open_for_commit(commit_request(), 9) is groups.offsets_of("g")


@pytest.mark.parametrize(
    ("version", "error"), [(8, ErrorCode.ILLEGAL_GENERATION), (9, ErrorCode.GROUP_ID_NOT_FOUND)]
)
def test_a_members_commit_to_no_group_is_refused(version: int, error: ErrorCode) -> None:
    groups = make()
    with pytest.raises(Refusal) as refused:
        groups.open_for_commit(commit_request(0, "x"), version)
    assert refused.value.code == error
    assert groups.listed() == []


def test_a_commit_is_checked_by_the_group() -> None:
    groups, one = stable()
    with pytest.raises(Refusal, match="Stable") as refused:
        groups.open_for_commit(commit_request(7, one), 9)
    assert refused.value.code == ErrorCode.ILLEGAL_GENERATION
    assert groups.open_for_commit(commit_request(1, one), 9) is groups.offsets_of("g")


def test_nobody_committed_for_an_unknown_group() -> None:
    groups = make()
    assert groups.offsets_of("nobody").get("t", 0).offset == -1
    assert groups.listed() == []


def test_offsets_can_be_deleted_unless_they_are_in_use() -> None:
    groups, one = stable({"range": subscription("t")})
    assert groups.open_for_delete("g")[1] == {"t"}
    groups.leave("g", [MemberIdentity(member_id=one)])
    assert groups.open_for_delete("g")[1] == frozenset()
    with pytest.raises(Refusal) as refused:
        groups.open_for_delete("nobody")
    assert refused.value.code == ErrorCode.GROUP_ID_NOT_FOUND


def test_offsets_of_a_group_of_unreadable_consumers_can_be_deleted() -> None:
    groups, _ = stable()
    assert groups.open_for_delete("g")[1] == frozenset()


def test_nobody_knows_what_a_group_of_something_else_uses() -> None:
    groups, _ = stable(protocol_type="connect")
    with pytest.raises(Refusal) as refused:
        groups.open_for_delete("g")
    assert refused.value.code == ErrorCode.NON_EMPTY_GROUP


def test_a_deleted_topic_takes_its_offsets_along() -> None:
    groups = make()
    offsets = groups.open_for_commit(commit_request(), 9)
    offsets.store("t", 0, 5, -1, "")
    offsets.store("u", 0, 6, -1, "")
    groups.topic_deleted("t")
    assert groups.offsets_of("g").topics() == {"u": [0]}


def test_only_empty_groups_can_be_deleted() -> None:
    groups, one = stable()
    with pytest.raises(Refusal) as refused:
        groups.delete("g")
    assert refused.value.code == ErrorCode.NON_EMPTY_GROUP
    groups.leave("g", [MemberIdentity(member_id=one)])
    groups.delete("g")
    with pytest.raises(Refusal) as refused:
        groups.delete("g")
    assert refused.value.code == ErrorCode.GROUP_ID_NOT_FOUND


def test_a_deleted_groups_given_id_is_unknown() -> None:
    groups = make()
    [asked] = join(groups, version=4)
    groups.delete("g")
    assert join(groups, asked.member_id, 4)[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID


@pytest.mark.parametrize(
    ("states", "types", "found"),
    [
        ([], [], True),
        (["stable", "EMPTY"], [], True),
        (["Dead"], [], False),
        ([], ["CLASSIC"], True),
        ([], ["consumer", "share"], False),
        (["Stable"], ["classic"], True),
    ],
)
def test_listing_filters_by_state_and_type(states: list[str], types: list[str], found: bool) -> None:
    groups, _ = stable()
    assert bool(groups.listed(states, types)) is found


def test_a_stable_group_is_described_whole() -> None:
    groups, one = stable({"range": b"meta"})
    described = groups.described("g", 6)
    assert (described.group_state, described.protocol_type, described.protocol_data) == (
        "Stable",
        "consumer",
        "range",
    )
    [member] = described.members
    assert (member.member_id, member.client_id, member.client_host) == (one, "client", "/10.0.0.1")
    assert (member.member_metadata, member.member_assignment) == (b"meta", ASSIGNMENT)


def test_a_group_that_rebalances_is_described_without_assignments() -> None:
    groups, one = stable({"range": b"meta"})
    join(groups, protocols="range")
    described = groups.described("g", 6)
    assert (described.group_state, described.protocol_data) == ("PreparingRebalance", "")
    assert described.members[0].member_id == one
    assert described.members[0].member_metadata == described.members[0].member_assignment == b""


@pytest.mark.parametrize(("version", "error"), [(5, ErrorCode.NONE), (6, ErrorCode.GROUP_ID_NOT_FOUND)])
def test_a_group_that_does_not_exist_is_dead(version: int, error: ErrorCode) -> None:
    described = make().described("nobody", version)
    assert (described.error_code, described.group_state) == (error, "Dead")
    assert (described.error_message is None) is (error is ErrorCode.NONE)


def test_what_a_test_sees() -> None:
    groups, one = stable(instance="i")
    groups.open_for_commit(commit_request(1, one), 9).store("t", 0, 5, -1, "m")
    view = groups.views()["g"]
    assert (view.state, view.generation, view.protocol, view.leader) == ("Stable", 1, "range", one)
    assert view.offsets == {("t", 0): (5, "m")}
    assert view.members[one].partitions == (("t", 0),)
    assert view.members[one].group_instance_id == "i"
    assert (view.members[one].client_id, view.members[one].client_host) == ("client", "/10.0.0.1")


def test_after_the_end_nothing_happens_but_the_groups_can_be_seen() -> None:
    clock = SteppedClock()
    groups = Groups(BrokerConfig(), clock, Random(3))
    [joined] = join(groups)
    groups.close()
    clock.advance(1000.0)
    assert joined.member_id in groups.views()["g"].members


def test_ids_come_from_the_seed() -> None:
    assert join(make())[0].member_id == join(make())[0].member_id
