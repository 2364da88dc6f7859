"""ListGroups, API key 16: the groups that a broker coordinates.

Sent to: every broker: each answers for the groups or transactions it coordinates.
"""

from __future__ import annotations

from ..fields import array, int16, int32, string
from ..message import Request, Response, Struct

__all__ = ["ListGroupsRequest", "ListGroupsResponse", "ListedGroup"]


class ListedGroup(Struct):
    group_id: str = string()
    protocol_type: str = string()
    group_state: str = string(since=4, ignorable=True)
    group_type: str = string(since=5, ignorable=True)


class ListGroupsRequest(Request["ListGroupsResponse"]):
    api_key = 16
    versions = 0, 5
    flexible_since = 3

    states_filter: list[str] = array(string(), since=4)
    types_filter: list[str] = array(string(), since=5)


class ListGroupsResponse(Response):
    api_key = 16
    versions = 0, 5
    flexible_since = 3

    throttle_time_ms: int = int32(since=1, ignorable=True)
    error_code: int = int16()
    groups: list[ListedGroup] = array(ListedGroup)
