"""SnapshotHeaderRecord: a control record: the beginning of a metadata snapshot."""

from __future__ import annotations

from ..fields import int16, int64
from ..message import Message

__all__ = ["SnapshotHeaderRecord"]


class SnapshotHeaderRecord(Message):
    versions = 0, 0
    flexible_since = 0

    version: int = int16()
    last_contained_log_timestamp: int = int64()
