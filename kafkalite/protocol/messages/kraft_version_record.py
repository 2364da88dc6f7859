"""KRaftVersionRecord: a control record: the version of the Raft protocol in use."""

from __future__ import annotations

from ..fields import int16
from ..message import Message

__all__ = ["KRaftVersionRecord"]


class KRaftVersionRecord(Message):
    versions = 0, 0
    flexible_since = 0

    version: int = int16()
    kraft_version: int = int16()
