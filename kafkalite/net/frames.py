"""Buffers for large answers, used again: the system takes longer to hand out a fresh megabyte than to fill an old one.

A frame is lent as a view. It comes back by itself: once nobody holds a view of it any more, it may be lent again.
A brain, called by `connection`. Thread: loop; those who hold views, any.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Frames"]

SPARE: Final = 3
"""Frames that are kept: one that is being filled, and two that are being read."""

LARGEST: Final = 2 * 1024 * 1024
"""Bytes; larger frames are rare, and would be a lot to keep."""

ROUND: Final = 64 * 1024


class Frames:
    """The frames of one connection."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[bytearray] = []

    def lend(self, size: int) -> memoryview:
        """A view of that many bytes, which hold anything."""
        if size > LARGEST:
            return memoryview(bytearray(size))
        for number, frame in enumerate(self._kept):
            if len(frame) >= size and _is_free(frame):
                # To the end of the line, so that the one lent longest ago is looked at first.
                self._kept.append(self._kept.pop(number))
                return memoryview(frame)[:size]
        frame = bytearray(-(-size // ROUND) * ROUND)
        self._kept.append(frame)
        del self._kept[:-SPARE]
        return memoryview(frame)[:size]


def _is_free(frame: bytearray) -> bool:
    """Whether nobody holds a view: a bytearray refuses to change its size while somebody does."""
    try:
        frame.pop()
    except BufferError:
        return False
    frame.append(0)
    return True
