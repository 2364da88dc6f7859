"""SnapshotFooterRecord: a control record: the end of a metadata snapshot."""

from __future__ import annotations

from ..fields import int16
from ..message import Message

__all__ = ["SnapshotFooterRecord"]


class SnapshotFooterRecord(Message):
    versions = 0, 0
    flexible_since = 0

    version: int = int16()
