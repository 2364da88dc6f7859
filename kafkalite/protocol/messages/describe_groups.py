"""DescribeGroups, API key 15: the state and members of classic groups.

Sent to: group coordinator.
"""

from __future__ import annotations

from ..fields import array, boolean, bytes_, int16, int32, string
from ..message import Request, Response, Struct

__all__ = ["DescribeGroupsRequest", "DescribeGroupsResponse", "DescribedGroup", "DescribedGroupMember"]


class DescribedGroupMember(Struct):
    member_id: str = string()
    group_instance_id: str | None = string(since=4, nullable_since=4, default=None, ignorable=True)
    client_id: str = string()
    client_host: str = string()
    member_metadata: bytes = bytes_()
    member_assignment: bytes = bytes_()


class DescribedGroup(Struct):
    error_code: int = int16()
    error_message: str | None = string(since=6, nullable_since=6, default=None)
    group_id: str = string()
    group_state: str = string()
    protocol_type: str = string()
    protocol_data: str = string()
    members: list[DescribedGroupMember] = array(DescribedGroupMember)
    authorized_operations: int = int32(since=3, default=-2147483648)


class DescribeGroupsRequest(Request["DescribeGroupsResponse"]):
    api_key = 15
    versions = 0, 6
    flexible_since = 5

    groups: list[str] = array(string())
    include_authorized_operations: bool = boolean(since=3)


class DescribeGroupsResponse(Response):
    api_key = 15
    versions = 0, 6
    flexible_since = 5

    throttle_time_ms: int = int32(since=1, ignorable=True)
    groups: list[DescribedGroup] = array(DescribedGroup)
