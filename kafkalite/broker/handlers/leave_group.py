"""LeaveGroup: members go, or an admin removes static ones (KIP-345). Thread: loop."""

from __future__ import annotations

from typing import Final

from kafkalite.protocol.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberIdentity,
    MemberResponse,
)

from ..call import Call
from ..coordination import require_coordinator, require_group_id
from ..refusal import Refusal
from . import handles

__all__ = ["leave_group"]

MEMBERS_IN_A_LIST: Final = 3
"""The version that names several members, each with an answer of its own."""


@handles(LeaveGroupRequest)
def leave_group(call: Call) -> LeaveGroupResponse:
    """One answer per member; in old versions there is one member, and its error is the answer's."""
    request = call.request
    assert isinstance(request, LeaveGroupRequest)
    try:
        require_group_id(request.group_id)
        require_coordinator(call, request.group_id)
    except Refusal as refusal:
        return LeaveGroupResponse(error_code=refusal.code)
    groups = call.cluster.groups
    if call.version < MEMBERS_IN_A_LIST:
        [error] = groups.leave(request.group_id, [MemberIdentity(member_id=request.member_id)])
        return LeaveGroupResponse(error_code=error)
    verdicts = groups.leave(request.group_id, request.members)
    return LeaveGroupResponse(
        members=[
            MemberResponse(
                member_id=member.member_id, group_instance_id=member.group_instance_id, error_code=error
            )
            for member, error in zip(request.members, verdicts, strict=True)
        ]
    )
