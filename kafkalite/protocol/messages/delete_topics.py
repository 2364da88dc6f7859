"""DeleteTopics, API key 20: remove topics.

Sent to: controller (Metadata.ControllerId); with KRaft any broker, which forwards.
"""

from __future__ import annotations

from uuid import UUID

from ..fields import array, int16, int32, string, uuid
from ..message import Request, Response, Struct

__all__ = ["DeletableTopicResult", "DeleteTopicState", "DeleteTopicsRequest", "DeleteTopicsResponse"]


class DeleteTopicState(Struct):
    name: str | None = string(since=6, nullable_since=6, default=None)
    topic_id: UUID = uuid(since=6)


class DeletableTopicResult(Struct):
    name: str | None = string(nullable_since=6)
    topic_id: UUID = uuid(since=6, ignorable=True)
    error_code: int = int16()
    error_message: str | None = string(since=5, nullable_since=5, default=None, ignorable=True)


class DeleteTopicsRequest(Request["DeleteTopicsResponse"]):
    api_key = 20
    versions = 1, 6
    flexible_since = 4

    topics: list[DeleteTopicState] = array(DeleteTopicState, since=6)
    topic_names: list[str] = array(string(), until=5, ignorable=True)
    timeout_ms: int = int32()


class DeleteTopicsResponse(Response):
    api_key = 20
    versions = 1, 6
    flexible_since = 4

    throttle_time_ms: int = int32(ignorable=True)
    responses: list[DeletableTopicResult] = array(DeletableTopicResult)
