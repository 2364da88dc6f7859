"""LeaveGroup."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.leave_group import LeaveGroupRequest, MemberIdentity

from .asking import Asking
from .members import stable


@pytest.mark.parametrize("version", range(3))
async def test_one_member_in_old_versions(version: int) -> None:
    asking = Asking()
    me = await stable(asking)
    request = LeaveGroupRequest(group_id="g", member_id=me)
    assert asking.ask(request, version).error_code == ErrorCode.NONE
    assert asking.ask(request, version).error_code == ErrorCode.UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("version", range(3, 6))
async def test_several_members(version: int) -> None:
    asking = Asking()
    me = await stable(asking)
    members = [MemberIdentity(member_id=me), MemberIdentity(member_id="x", group_instance_id="i")]
    answer = asking.ask(LeaveGroupRequest(group_id="g", members=members), version)
    assert answer.error_code == ErrorCode.NONE
    assert [(each.member_id, each.group_instance_id, each.error_code) for each in answer.members] == [
        (me, None, ErrorCode.NONE),
        ("x", "i", ErrorCode.UNKNOWN_MEMBER_ID),
    ]


def test_an_unknown_group_is_said_per_member() -> None:
    answer = Asking().ask(LeaveGroupRequest(group_id="g", members=[MemberIdentity(member_id="x")]))
    assert answer.error_code == ErrorCode.NONE
    assert answer.members[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_refusals() -> None:
    asking = Asking(nodes=2)
    node = asking.coordinator("g")
    members = [MemberIdentity(member_id="x")]
    answer = asking.ask(LeaveGroupRequest(members=members))
    assert (answer.error_code, answer.members) == (ErrorCode.INVALID_GROUP_ID, [])
    answer = asking.ask(LeaveGroupRequest(group_id="g", members=members), node=3 - node)
    assert (answer.error_code, answer.members) == (ErrorCode.NOT_COORDINATOR, [])
