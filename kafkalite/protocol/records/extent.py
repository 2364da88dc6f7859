"""How far a record set reaches, without reading it: a walk over the headers of its entries.

A consumer asks for the next records before it has decoded the last ones; all it needs for that is where they end.
Thread: any.
"""

from __future__ import annotations

from struct import Struct as Packer
from typing import Any, NamedTuple

from ..errors import DecodeError

__all__ = ["Extent", "measure"]

_ENTRY = Packer(">qi")
_V2 = Packer(">qiibIhi")
_LEAST = 17  # offset, length, leader epoch or checksum, magic


class Extent(NamedTuple):
    """What the last whole entry of a record set says."""

    size: int
    """Bytes of all whole entries; what follows is cut off."""
    next_offset: int
    """The offset after the last entry; -1 if there is none."""
    leader_epoch: int
    """The epoch of the leader that wrote the last entry; -1 if unknown, as in the formats before 2."""


def measure(data: Any) -> Extent:
    """Walk over the entries. Raises DecodeError if the first has a length that no entry can have; a later one like
    that ends the walk, as it ends `batch.read_batches`.
    """
    view = memoryview(data)
    position, end = 0, len(view)
    last = -1
    unpack = _ENTRY.unpack_from
    while end - position >= _LEAST:
        length = unpack(view, position)[1]
        if length < (49 if view[position + 16] >= 2 else 14):
            if last >= 0:
                break
            raise DecodeError(f"an entry of a record set says it has {length} bytes")
        stop = position + 12 + length
        if stop > end:
            break
        last, position = position, stop
    if last < 0:
        return Extent(0, -1, -1)
    if view[last + 16] < 2:
        return Extent(position, unpack(view, last)[0] + 1, -1)
    base_offset, _, leader_epoch, _, _, _, delta = _V2.unpack_from(view, last)
    return Extent(position, base_offset + delta + 1, leader_epoch)
