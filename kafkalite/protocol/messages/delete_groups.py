"""DeleteGroups, API key 42: remove empty groups (KIP-229).

Sent to: group coordinator.
"""

from __future__ import annotations

from ..fields import array, int16, int32, string
from ..message import Request, Response, Struct

__all__ = ["DeletableGroupResult", "DeleteGroupsRequest", "DeleteGroupsResponse"]


class DeletableGroupResult(Struct):
    group_id: str = string()
    error_code: int = int16()


class DeleteGroupsRequest(Request["DeleteGroupsResponse"]):
    api_key = 42
    versions = 0, 2
    flexible_since = 2

    groups_names: list[str] = array(string())


class DeleteGroupsResponse(Response):
    api_key = 42
    versions = 0, 2
    flexible_since = 2

    throttle_time_ms: int = int32()
    results: list[DeletableGroupResult] = array(DeletableGroupResult)
