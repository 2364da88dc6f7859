"""Runs of records of any sizes: what nearly every batch consists of, read at a third of the careful loop's price.

In a run offsets follow each other and timestamps take one width, so that a record's framing lies at known distances
and one `unpack` reads all of it. Two-byte numbers are read as one little-endian word, and tables say what a word
means. A record that is framed in any other way ends the run, so that whatever is wrong or unusual is left to `decode`'s
careful loop: nothing is taken here that it would not read alike. Called by `decode`. Thread: any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_
from struct import Struct as Packer
from struct import error as struct_error
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import DecodeError
from .headers import HeaderTuple, decode_headers
from .varint import decode_varint

if TYPE_CHECKING:
    from .decode import Columns

__all__ = ["WORTH_IT", "take_run"]

WORTH_IT: Final = 8
"""A shorter run is not worth what it costs to begin one."""

_NEVER: Final = -1 << 40
"""Where a word is no length: no sum with it equals any place in a batch."""


def _spans() -> list[int]:
    """For each word that begins with a length of one or two bytes: how far it reaches, itself included."""
    short, long, neither = [_NEVER] * 128, [_NEVER] * 128, [_NEVER] * 128
    short[::2] = range(1, 65)  # an odd number is a negative one
    spans: list[int] = []
    for high in range(128):
        long[::2] = range(2 + high * 64, 2 + high * 64 + 64)
        spans += short
        spans += long
    return spans + (short + neither) * 128


_SPANS: Final = _spans()
_OFFSETS: Final = [*range(0, 128, 2), *((n & 127 | 128) | n >> 7 << 8 for n in range(128, 16384, 2))]
"""The offsets 0 to 8191 as words."""
_LOW_OFFSETS: Final = [word | 0x8080 for word in _OFFSETS]
"""The first two of the three bytes of greater ones; the third says which multiple of 8192 is to be added."""

_Unpack = Callable[[bytes, int], tuple[Any, ...]]


class _Shape(NamedTuple):
    """How wide timestamp (one byte or two) and offset (one to three) are."""

    long: _Unpack
    """length, timestamp, offset, key length, value length; for a record whose length takes two bytes."""
    short: _Unpack
    """The same for a length of one byte."""
    keyed_long: _Unpack
    """length, timestamp, offset, key length."""
    keyed_short: _Unpack
    width: int
    """Bytes of a record with a one-byte length up to the key's length, that included."""


def _shape(timestamp: int, offset: int) -> _Shape:
    # A third byte of the offset is read with the key's length, as the low byte of a word.
    fields = ["", "B", "H"][timestamp] + ["", "BB", "HB", "HH"][offset]

    def unpack(length: str, end: str) -> _Unpack:
        return Packer(f"<{length}x{fields}{end}").unpack_from

    return _Shape(
        unpack("H", "H"), unpack("B", "H"), unpack("H", ""), unpack("B", ""), 3 + timestamp + offset
    )


_SHAPES: Final = {(time, offset): _shape(time, offset) for time in (1, 2) for offset in (1, 2, 3)}


def take_run(
    body: bytes, position: int, count: int, base_timestamp: int, columns: Columns, timestamps: list[int]
) -> tuple[Sequence[int], int]:
    """Take up to `count` records: their offsets, and where they end. No offsets: there is no run worth it here."""
    try:
        _, at = decode_varint(body, position)
        _, after_time = decode_varint(body, at + 1, 64)
        first, after_offset = decode_varint(body, after_time)
        shape = _SHAPES.get((after_time - at - 1, after_offset - after_time))
        has_key = body[after_offset] != 1
    except (DecodeError, IndexError):
        return (), position
    if shape is None or first < 0 or count < WORTH_IT:
        return (), position
    begin = len(columns.values)
    multiple, place = divmod(first, len(_OFFSETS))
    if multiple:
        words, mark = _LOW_OFFSETS[place : place + count], multiple | 0x100
        loops = [] if has_key else [_plain]
    else:
        words, mark = _OFFSETS[place : min(place + count, 64 if first < 64 else len(_OFFSETS))], 1
        loops = [_keyed] if has_key else [_plain, _keyed]
    for loop in loops:
        raw: list[int] = []
        end = loop(body, position, words, mark, shape, columns, raw)
        taken = len(raw)
        times = _times(raw, base_timestamp, after_time - at - 1) if taken >= WORTH_IT else []
        if times:
            timestamps += times
            return range(first, first + taken), end
        for column in (columns.keys, columns.values, columns.headers):
            del column[begin:]
    return (), position


def _plain(
    body: bytes, p: int, words: list[int], mark: int, shape: _Shape, columns: Columns, times: list[int]
) -> int:
    """Records without key and headers. Returns where they end."""
    add_value, add_time = columns.values.append, times.append
    long, short, width, spans = shape.long, shape.short, shape.width, _SPANS
    try:
        for expected in words:
            length, time, offset, key, size = long(body, p)
            if length & 128:
                at = p + width + 1
            else:
                length, time, offset, key, size = short(body, p)
                at = p + width
            after = at + spans[size]
            if offset != expected or key != mark or after + 1 != p + spans[length] or body[after]:
                break
            add_value(body[at + 2 : after] if size & 128 else body[at + 1 : after])
            add_time(time)
            p = after + 1
    except (IndexError, struct_error):
        pass  # so near the end that the careful loop has to look
    columns.keys += [None] * len(times)
    columns.headers += [()] * len(times)
    return p


def _keyed(
    body: bytes, p: int, words: list[int], mark: int, shape: _Shape, columns: Columns, times: list[int]
) -> int:
    """Records with keys, headers, or neither. Headers that come again are decoded once. Returns where they end."""
    add_key, add_value, add_headers = columns.keys.append, columns.values.append, columns.headers.append
    add_time = times.append
    long, short, width, spans = shape.keyed_long, shape.keyed_short, shape.width, _SPANS
    known: dict[bytes, HeaderTuple] = {b"\0": ()}
    end = len(body)
    try:
        for expected in words:
            length, time, offset, size = long(body, p)
            if length & 128:
                at = p + width + 1
            else:
                length, time, offset, size = short(body, p)
                at = p + width
            stop = p + spans[length]
            if offset != expected or stop > end:
                break
            key: bytes | None = None
            if size != 1:
                if size > 127:
                    size += (body[at] << 7) - 128
                    at += 1
                if size & 1 or size > 16383:
                    break
                key = body[at : at + (size >> 1)]
                at += size >> 1
            value: bytes | None = None
            size = body[at]
            at += 1
            if size != 1:
                if size > 127:
                    size += (body[at] << 7) - 128
                    at += 1
                if size & 1 or size > 16383:
                    break
                value = body[at : at + (size >> 1)]
                at += size >> 1
            rest = body[at:stop]
            headers = known.get(rest)
            if headers is None:
                headers, after = decode_headers(rest, 0, len(rest))
                if after != len(rest):
                    break
                known[rest] = headers
            add_key(key)
            add_value(value)
            add_headers(headers)
            add_time(time)
            p = stop
    except (IndexError, struct_error, DecodeError):
        pass  # the careful loop says what is wrong, if anything is
    return p


def _times(raw: list[int], base: int, width: int) -> list[int]:
    """The timestamps behind these words. None at all if one of them took another width than the run's."""
    if max(raw) >= 1 << 8 * width - 1 or (width == 2 and not reduce(and_, raw) & 0x80):
        return []
    meaning = {}
    for word in set(raw):  # few in a batch: records come many a millisecond
        zigzag = word & 0x7F | word >> 1 & 0x3F80
        meaning[word] = base + (zigzag >> 1 ^ -(zigzag & 1))
    if len(meaning) == 1:
        return list(meaning.values()) * len(raw)
    return [meaning[word] for word in raw]
