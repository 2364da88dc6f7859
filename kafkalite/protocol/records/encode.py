"""Records to bytes, a whole batch at once: column by column, with no Python code per field.

A record is written as length, attributes, timestamp delta, offset delta, key, value, headers. Each of these is made
for all records in one `map`, and one `join` puts them in order: see `tests/bench/records.py` for what that buys.
Called when a batch is drained. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from operator import add
from typing import TypeAlias

from ..errors import EncodeError
from .varint import VARINTS, encode_varint

__all__ = ["Headers", "RecordTuple", "encode_records", "record_size"]

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]
RecordTuple: TypeAlias = tuple[int, bytes | None, bytes | None, Headers]
"""(timestamp in ms, key, value, headers)"""

_NULL = b"\x01"
_NO_HEADERS = b"\x00"
_TABLE_SIZE = len(VARINTS)


def record_size(key: bytes | None, value: bytes | None, headers: Headers = ()) -> int:
    """The most bytes that this record can take in a batch, before compression."""
    size = 25 + (len(key) if key else 0) + (len(value) if value else 0)
    for name, content in headers:
        size += 10 + len(name) * 4 + (len(content) if content else 0)
    return size


def encode_records(records: Sequence[RecordTuple]) -> tuple[bytes, int, int]:
    """The record area of a batch, its base timestamp and its highest timestamp."""
    try:
        return _encode(records)
    except (TypeError, AttributeError, ValueError) as error:
        raise EncodeError(f"a record cannot be written: {error}") from error


def _encode(records: Sequence[RecordTuple]) -> tuple[bytes, int, int]:
    count = len(records)
    timestamps, keys, values, headers = zip(*records, strict=True)
    base, top = timestamps[0], max(timestamps)
    beginnings = _beginnings(timestamps, base, count)
    plain_headers = not any(headers)

    if plain_headers and keys.count(None) == count and values.count(None) == 0:
        sizes = list(map(len, values))
        first = sizes[0]
        if first < _TABLE_SIZE and sizes.count(first) == count:
            return _join_uniform(beginnings, values, first, count), base, top
        middles = list(map(_null_key_and_length, sizes))
    else:
        sizes = [len(v) if v is not None else 0 for v in values]
        middles = list(map(_key_and_length, keys, values))

    endings: Sequence[bytes] = [_NO_HEADERS] * count if plain_headers else _header_blobs(headers)
    lengths = map(add, map(len, beginnings), map(len, middles))
    lengths = map(add, lengths, sizes)
    lengths = map(add, lengths, repeat(1) if plain_headers else map(len, endings))

    parts: list[bytes] = [b""] * (count * 5)
    parts[0::5] = map(_varint, lengths)
    parts[1::5] = beginnings
    parts[2::5] = middles
    parts[3::5] = values if None not in values else [v or b"" for v in values]
    parts[4::5] = endings
    return b"".join(parts), base, top


def _varint(value: int) -> bytes:
    return VARINTS[value] if 0 <= value < _TABLE_SIZE else encode_varint(value)


@lru_cache(maxsize=64)
def _same_time(count: int, delta: int, start: int) -> tuple[bytes, ...]:
    """Attributes, timestamp delta and offset delta of `count` records from `start` on, all of the same time."""
    head = b"\x00" + encode_varint(delta)
    return tuple(head + _varint(offset) for offset in range(start, start + count))


def _beginnings(timestamps: tuple[int, ...], base: int, count: int) -> Sequence[bytes]:
    if timestamps.count(base) == count:
        return _same_time_prefix(count)
    found: list[bytes] = []
    append = found.append
    previous, head = base, b"\x00\x00"
    for offset, timestamp in enumerate(timestamps):
        if timestamp != previous:
            previous, head = timestamp, b"\x00" + encode_varint(timestamp - base)
        append(head + _varint(offset))
    return found


def _same_time_prefix(count: int) -> Sequence[bytes]:
    """The beginnings of records that all have the base timestamp: cut from a column made once per size class."""
    whole = _same_time(1 << max(count - 1, 1).bit_length(), 0, 0)
    return whole[:count]


def _null_key_and_length(size: int) -> bytes:
    return _NULL_KEY[size] if size < _TABLE_SIZE else _NULL + encode_varint(size)


_NULL_KEY = tuple(_NULL + varint for varint in VARINTS)


def _key_and_length(key: bytes | None, value: bytes | None) -> bytes:
    head = _NULL if key is None else _varint(len(key)) + key
    return head + (_NULL if value is None else _varint(len(value)))


def _join_uniform(beginnings: Sequence[bytes], values: tuple[bytes, ...], size: int, count: int) -> bytes:
    """Values of one size, no keys, no headers: a prefix that depends on the index only, the value, a zero."""
    middle = _NULL_KEY[size]
    rest = len(middle) + size + 1
    prefixes: list[bytes] = []
    for length, group in _grouped(beginnings):
        head = _varint(length + rest)
        prefixes += [head + beginning + middle for beginning in group]
    parts: list[bytes] = [_NO_HEADERS] * (count * 3)
    parts[0::3] = prefixes
    parts[1::3] = values
    return b"".join(parts)


def _grouped(beginnings: Sequence[bytes]) -> list[tuple[int, Sequence[bytes]]]:
    """Runs of beginnings of equal length: offsets grow by a byte at 64 and at 8192."""
    groups: list[tuple[int, Sequence[bytes]]] = []
    start, count = 0, len(beginnings)
    lengths = list(map(len, beginnings))
    while start < count:
        length, stop = lengths[start], start + 1
        while stop < count and lengths[stop] == length:
            stop += 1
        groups.append((length, beginnings[start:stop]))
        start = stop
    return groups


def _header_blobs(headers: tuple[Headers, ...]) -> list[bytes]:
    """The header section of each record; records that share one headers object share its bytes."""
    made: dict[int, bytes] = {}
    found = []
    for one in headers:
        blob = made.get(id(one))
        if blob is None:
            blob = made[id(one)] = _header_blob(one)
        found.append(blob)
    return found


def _header_blob(headers: Headers) -> bytes:
    parts = [_varint(len(headers))]
    for name, value in headers:
        encoded = name.encode()
        parts += _varint(len(encoded)), encoded
        parts += (_NULL,) if value is None else (_varint(len(value)), value)
    return b"".join(parts)
