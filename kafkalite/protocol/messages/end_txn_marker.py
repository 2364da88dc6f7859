"""EndTxnMarker: the value of a control record that ends a transaction."""

from __future__ import annotations

from ..fields import int32
from ..message import Message

__all__ = ["EndTxnMarker"]


class EndTxnMarker(Message):
    versions = 0, 0

    coordinator_epoch: int = int32()
