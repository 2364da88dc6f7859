"""Records to bytes, a whole batch at once: column by column, with no Python code per field.

A record is written as length, attributes, timestamp delta, offset delta, key, value, headers. Each of these is made
for all records in one `map`, and one `join` puts them in order: see `tests/bench/records.py` for what that buys.
Called when a batch is drained. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import add
from typing import Any, TypeAlias

from ..errors import EncodeError
from .varint import VARINTS, encode_varint

__all__ = ["Headers", "RecordColumns", "RecordTuple", "encode_records", "record_size"]

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


class RecordColumns:
    """Records column by column, as a producer collects them; what most records lack costs nothing."""

    __slots__ = ("headers", "keys", "sizes", "times", "values")

    def __init__(
        self,
        values: Sequence[bytes | None],
        times: Sequence[tuple[int, int]],
        *,
        keys: Sequence[bytes | None] | None = None,
        headers: Mapping[int, Headers] | None = None,
        sizes: Sequence[int] | None = None,
    ) -> None:
        self.values = values
        self.times = times
        """Runs of records of one time: (index of the first one, ms), the first of them at index 0."""
        self.keys = keys
        """None: no record has a key."""
        self.headers = headers
        """By index; a record that is not named has none."""
        self.sizes = sizes
        """The length of each value, if somebody has counted them already and none is null."""

    def __len__(self) -> int:
        return len(self.values)


def encode_records(records: Sequence[RecordTuple] | RecordColumns) -> tuple[bytes, int, int]:
    """The record area of a batch, its base timestamp and its highest timestamp."""
    try:
        return _encode_columns(records) if isinstance(records, RecordColumns) else _encode(records)
    except (TypeError, AttributeError, ValueError, IndexError) as error:
        raise EncodeError(f"a record cannot be written: {error}") from error


def _encode(records: Sequence[RecordTuple]) -> tuple[bytes, int, int]:
    count = len(records)
    timestamps, keys, values, headers = zip(*records, strict=True)
    base = timestamps[0]
    endings = _header_blobs(headers) if any(headers) else None
    has_keys = keys.count(None) < count
    body = _join(_beginnings(timestamps, base, count), keys if has_keys else None, values, endings)
    return body, base, max(timestamps)


def _encode_columns(columns: RecordColumns) -> tuple[bytes, int, int]:
    count = len(columns)
    base = columns.times[0][1]
    endings = None
    if columns.headers:
        endings = [_NO_HEADERS] * count
        for index, blob in zip(columns.headers, _header_blobs(tuple(columns.headers.values())), strict=True):
            endings[index] = blob
    top = max(ms for _, ms in columns.times)
    keys = columns.keys
    if endings is None and _all_same(columns.sizes) and (keys is None or _all_same(_lengths(keys))):
        return _join_same(columns, base), base, top
    beginnings = _beginnings_of_runs(columns.times, base, count)
    return _join(beginnings, keys, columns.values, endings, columns.sizes), base, top


def _all_same(sizes: Sequence[int] | None) -> bool:
    """Whether these are known, equal, and small enough for the tables."""
    return sizes is not None and sizes[0] < _TABLE_SIZE and sizes.count(sizes[0]) == len(sizes)


def _join_same(columns: RecordColumns, base: int) -> bytes:
    """Values of one size, keys of one size or none, no headers: only the offsets differ in what stands around them."""
    values, keys, count = columns.values, columns.keys, len(columns)
    size = VARINTS[len(values[0])]  # type: ignore[arg-type]
    after = len(values[0]) + 1  # type: ignore[arg-type]
    if keys is None:
        inner: list[Any] = [values]
        middle = _NULL + size
    else:
        inner = [keys, [size] * count, values]
        middle = VARINTS[len(keys[0])]  # type: ignore[arg-type]
        after += len(keys[0]) + len(size)  # type: ignore[arg-type]
    width = len(inner) + 2
    parts: list[bytes] = [_NO_HEADERS] * (count * width)
    parts[0::width] = _uniform_prefixes(columns.times, base, middle, after, count)
    for place, column in enumerate(inner, 1):
        parts[place::width] = column
    return b"".join(parts)


def _join(
    beginnings: Sequence[bytes],
    keys: Sequence[bytes | None] | None,
    values: Sequence[bytes | None],
    endings: Sequence[bytes] | None,
    sizes: Sequence[int] | None = None,
) -> bytes:
    """Every record's parts in order; `keys` and `endings` are None where no record has a key or headers."""
    count = len(values)
    sizes = sizes or _lengths(values)
    key_sizes = _lengths(keys) if keys is not None else None
    heads: list[Sequence[bytes]]
    if keys is None and sizes is not None:
        first = sizes[0]
        if endings is None and first < _TABLE_SIZE and sizes.count(first) == count:
            return _join_uniform(beginnings, values, first, count)  # type: ignore[arg-type]
        heads = [_looked_up(_NULL_KEY, _null_key_and_length, sizes)]
    elif key_sizes is not None and sizes is not None:
        heads = [_varints(key_sizes), keys, _varints(sizes)]  # type: ignore[list-item]
    else:
        heads = [list(map(_key_and_length, keys or repeat(None), values))]
        present = [value if value is not None else b"" for value in values]
        values, sizes = present, list(map(len, present))
    lengths = map(add, map(len, beginnings), sizes)
    for head in heads:
        lengths = map(add, lengths, map(len, head))
    lengths = map(add, lengths, repeat(1) if endings is None else map(len, endings))
    columns = [_varints(list(lengths)), beginnings, *heads, values, endings]
    width = len(columns)
    parts: list[bytes] = [_NO_HEADERS] * (count * width)
    for number, column in enumerate(columns):
        if column is not None:
            parts[number::width] = column  # type: ignore[assignment]
    return b"".join(parts)


def _lengths(column: Sequence[Any]) -> list[int] | None:
    """The length of each; None if one is null: looking for nulls first would cost every batch more."""
    try:
        return list(map(len, column))
    except TypeError:
        return None


def _varints(numbers: Sequence[int]) -> Sequence[bytes]:
    return _looked_up(VARINTS, _varint, numbers)


def _looked_up(
    table: Sequence[bytes], compute: Callable[[int], bytes], numbers: Sequence[int]
) -> Sequence[bytes]:
    """The bytes for each number (none is negative): looked up if all are small, as they nearly always are."""
    try:
        return list(map(table.__getitem__, numbers))
    except IndexError:
        return list(map(compute, numbers))


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


def _uniform_prefixes(
    times: Sequence[tuple[int, int]], base: int, middle: bytes, after: int, count: int
) -> list[bytes]:
    """Each record up to and with `middle`, if `after` bytes follow in each."""
    prefixes: list[bytes] = []
    stops = [start for start, _ in times[1:]]
    for (start, timestamp), stop in zip(times, [*stops, count], strict=True):
        if stop - start < 32:
            prefixes += _make_prefixes(middle, after, timestamp - base, start, stop)
        else:
            column = _prefix_column(middle, after, timestamp - base, 1 << (stop - 1).bit_length())
            prefixes += column[start:stop]
    return prefixes


@lru_cache(maxsize=64)
def _prefix_column(middle: bytes, after: int, delta: int, stop: int) -> list[bytes]:
    """Busy producers send values of one size again and again, a few milliseconds to a batch."""
    return _make_prefixes(middle, after, delta, 0, stop)


def _make_prefixes(middle: bytes, after: int, delta: int, start: int, stop: int) -> list[bytes]:
    head = b"\x00" + encode_varint(delta)
    rest = len(head) + len(middle) + after
    offsets = [*VARINTS[start:stop], *map(encode_varint, range(max(start, _TABLE_SIZE), stop))]
    beginnings = [_varint(rest + width) + head for width in range(6)]
    return [beginnings[len(offset)] + offset + middle for offset in offsets]


def _beginnings_of_runs(times: Sequence[tuple[int, int]], base: int, count: int) -> Sequence[bytes]:
    if len(times) == 1:
        return _same_time_prefix(count)
    found: list[bytes] = []
    stops = [start for start, _ in times[1:]]
    for (start, timestamp), stop in zip(times, [*stops, count], strict=True):
        head = b"\x00" + encode_varint(timestamp - base)
        found += [head + varint for varint in VARINTS[start:stop]]
        found += [head + encode_varint(offset) for offset in range(max(start, _TABLE_SIZE), stop)]
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


def _join_uniform(beginnings: Sequence[bytes], values: Sequence[bytes], size: int, count: int) -> bytes:
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
