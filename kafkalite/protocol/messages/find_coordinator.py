"""FindCoordinator, API key 10: which broker looks after a group or transactional id.

Sent to: any broker.
"""

from __future__ import annotations

from ..fields import array, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = ["Coordinator", "FindCoordinatorRequest", "FindCoordinatorResponse"]


class Coordinator(Struct):
    key: str = string(since=4)
    node_id: int = int32(since=4)
    host: str = string(since=4)
    port: int = int32(since=4)
    error_code: int = int16(since=4)
    error_message: str | None = string(since=4, nullable_since=4, ignorable=True)


class FindCoordinatorRequest(Request["FindCoordinatorResponse"]):
    api_key = 10
    versions = 0, 6
    flexible_since = 3

    key: str = string(until=3)
    key_type: int = int8(since=1)
    coordinator_keys: list[str] = array(string(), since=4)


class FindCoordinatorResponse(Response):
    api_key = 10
    versions = 0, 6
    flexible_since = 3

    throttle_time_ms: int = int32(since=1, ignorable=True)
    error_code: int = int16(until=3)
    error_message: str | None = string(since=1, until=3, nullable_since=1, ignorable=True)
    node_id: int = int32(until=3)
    host: str = string(until=3)
    port: int = int32(until=3)
    coordinators: list[Coordinator] = array(Coordinator, since=4)
