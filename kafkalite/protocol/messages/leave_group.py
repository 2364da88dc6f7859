"""LeaveGroup, API key 13: leave a classic group, or remove static members.

Sent to: group coordinator.
"""

from __future__ import annotations

from ..fields import array, int16, int32, string
from ..message import Request, Response, Struct

__all__ = ["LeaveGroupRequest", "LeaveGroupResponse", "MemberIdentity", "MemberResponse"]


class MemberIdentity(Struct):
    member_id: str = string(since=3)
    group_instance_id: str | None = string(since=3, nullable_since=3, default=None)
    reason: str | None = string(since=5, nullable_since=5, default=None, ignorable=True)


class MemberResponse(Struct):
    member_id: str = string(since=3)
    group_instance_id: str | None = string(since=3, nullable_since=3)
    error_code: int = int16(since=3)


class LeaveGroupRequest(Request["LeaveGroupResponse"]):
    api_key = 13
    versions = 0, 5
    flexible_since = 4

    group_id: str = string()
    member_id: str = string(until=2)
    members: list[MemberIdentity] = array(MemberIdentity, since=3)


class LeaveGroupResponse(Response):
    api_key = 13
    versions = 0, 5
    flexible_since = 4

    throttle_time_ms: int = int32(since=1, ignorable=True)
    error_code: int = int16()
    members: list[MemberResponse] = array(MemberResponse, since=3)
