"""ShareGroupHeartbeat, API key 76: be a member of a share group (KIP-932).

Sent to: group coordinator.
"""

from __future__ import annotations

from uuid import UUID

from ..fields import array, int16, int32, string, struct, uuid
from ..message import Request, Response, Struct

__all__ = ["Assignment", "ShareGroupHeartbeatRequest", "ShareGroupHeartbeatResponse", "TopicPartitions"]


class TopicPartitions(Struct):
    topic_id: UUID = uuid()
    partitions: list[int] = array(int32())


class Assignment(Struct):
    topic_partitions: list[TopicPartitions] = array(TopicPartitions)


class ShareGroupHeartbeatRequest(Request["ShareGroupHeartbeatResponse"]):
    api_key = 76
    versions = 1, 1
    flexible_since = 0

    group_id: str = string()
    member_id: str = string()
    member_epoch: int = int32()
    rack_id: str | None = string(nullable_since=1, default=None)
    subscribed_topic_names: list[str] | None = array(string(), nullable_since=1, default=None)


class ShareGroupHeartbeatResponse(Response):
    api_key = 76
    versions = 1, 1
    flexible_since = 0

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=1, default=None)
    member_id: str | None = string(nullable_since=1, default=None)
    member_epoch: int = int32()
    heartbeat_interval_ms: int = int32()
    assignment: Assignment | None = struct(Assignment, nullable_since=1, default=None)
