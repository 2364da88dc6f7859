"""RequestHeader: what stands in front of every request."""

from __future__ import annotations

from ..fields import int16, int32, string
from ..message import Message

__all__ = ["RequestHeader"]


class RequestHeader(Message):
    versions = 1, 2
    flexible_since = 2

    request_api_key: int = int16()
    request_api_version: int = int16()
    correlation_id: int = int32()
    client_id: str | None = string(nullable_since=1, compact=False)
