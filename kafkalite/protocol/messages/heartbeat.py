"""Heartbeat, API key 12: stay a member of a classic group.

Sent to: group coordinator.
"""

from __future__ import annotations

from ..fields import int16, int32, string
from ..message import Request, Response

__all__ = ["HeartbeatRequest", "HeartbeatResponse"]


class HeartbeatRequest(Request["HeartbeatResponse"]):
    api_key = 12
    versions = 0, 4
    flexible_since = 4

    group_id: str = string()
    generation_id: int = int32()
    member_id: str = string()
    group_instance_id: str | None = string(since=3, nullable_since=3, default=None)


class HeartbeatResponse(Response):
    api_key = 12
    versions = 0, 4
    flexible_since = 4

    throttle_time_ms: int = int32(since=1, ignorable=True)
    error_code: int = int16()
