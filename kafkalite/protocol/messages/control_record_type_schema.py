"""ControlRecordTypeSchema: the key of a control record."""

from __future__ import annotations

from ..fields import int16
from ..message import Message

__all__ = ["ControlRecordTypeSchema"]


class ControlRecordTypeSchema(Message):
    versions = 0, 0

    type: int = int16()
