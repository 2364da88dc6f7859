"""ResponseHeader: what stands in front of every response."""

from __future__ import annotations

from ..fields import int32
from ..message import Message

__all__ = ["ResponseHeader"]


class ResponseHeader(Message):
    versions = 0, 1
    flexible_since = 1

    correlation_id: int = int32()
