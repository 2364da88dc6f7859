"""Bytes to records, a whole batch at once, into columns.

Batches of equal records (no key, no headers, values of one size) are cut with strided slices; all others go through
one loop with its varints inlined. Nothing here trusts the bytes. Called on the thread that wants the records.
Thread: any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from struct import Struct as Packer
from typing import Any

from ..errors import DecodeError, TruncatedError
from .headers import HeaderTuple, decode_headers
from .runs import take_run
from .varint import decode_uvarint, decode_varint, encode_varint

__all__ = ["Columns", "decode_records"]

_LEAST_RECORD = 7  # seven one-byte fields
_LARGE = 400
"""Bytes of a record from which on it costs more to copy its batch than to cut bytes from a view."""
_BLOCK = 64
"""Equal records that are cut at once."""
_OFFSET_BYTES = b"".join(encode_varint(n)[1:] or encode_varint(n) for n in range(8192))
_FIRST_OFFSET_BYTES = b"".join(encode_varint(n)[:1] for n in range(8192))


class Columns:
    """The records of a batch, field by field; `zip` makes rows of them."""

    __slots__ = ("headers", "keys", "offsets", "timestamps", "values")

    def __init__(
        self,
        offsets: Sequence[int],
        timestamps: Sequence[int],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: list[HeaderTuple],
    ) -> None:
        self.offsets = offsets
        self.timestamps = timestamps
        self.keys = keys
        self.values = values
        self.headers = headers

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[tuple[int, int, bytes | None, bytes | None, HeaderTuple]]:
        return zip(self.offsets, self.timestamps, self.keys, self.values, self.headers, strict=True)


def decode_records(
    body: bytes | memoryview,
    *,
    count: int,
    base_offset: int,
    last_offset: int,
    base_timestamp: int,
    append_time: int | None = None,
) -> Columns:
    """The record area of a batch, decompressed. `append_time`, if given, is the timestamp of every record."""
    if count * _LEAST_RECORD > len(body):
        raise TruncatedError(f"{count} records announced in {len(body)} bytes")
    columns = Columns([], [], [], [], [])
    offsets: list[Sequence[int]] = []
    timestamps: list[int] = []
    position = done = 0
    octets = bytes(body) if len(body) < count * _LARGE else b""
    patience = (
        64  # grows while no run of equal records is found: looking for one costs about as much as 4 records
    )
    while done < count:
        found, position = _equal_records(
            octets or body, position, count - done, base_timestamp, columns, timestamps
        )
        if not found:
            octets = octets or bytes(body)
            found, position = take_run(octets, position, count - done, base_timestamp, columns, timestamps)
        if not found:
            taken = min(count - done, patience)
            found, position = _any_records(octets, position, taken, base_timestamp, columns, timestamps)
            patience *= 2
        offsets.append(found)
        done += len(found)
    if position != len(body):
        raise DecodeError(f"{len(body) - position} bytes are left over after {count} records")
    columns.offsets = _offsets(offsets, base_offset, last_offset - base_offset)
    columns.timestamps = timestamps if append_time is None else [append_time] * count
    return columns


def _offsets(parts: list[Sequence[int]], base: int, last: int) -> Sequence[int]:
    """The offsets of all records from those of each part; a batch without gaps needs no list of them."""
    stop = 0
    for part in parts:
        if type(part) is not range or part.start != stop:
            break
        stop = part.stop
    else:
        if stop > last + 1:
            raise _outside()
        return range(base, base + stop)
    deltas = list(chain.from_iterable(parts))
    if not 0 <= min(deltas) <= max(deltas) <= last:
        raise _outside()
    return [base + delta for delta in deltas]


def _outside() -> DecodeError:
    return DecodeError("a record's offset lies outside its batch")


def _equal_records(
    body: bytes | memoryview,
    position: int,
    count: int,
    base_timestamp: int,
    columns: Columns,
    timestamps: list[int],
) -> tuple[Sequence[int], int]:
    """Take a run of records that differ in nothing but their values' content: their offsets, and where it ended.
    No offsets: there is no such run here.

    The framing of the first record is the pattern; a strided slice per framing byte shows how far the others have it.
    """
    try:
        size, at = decode_varint(body, position)
        delta, after_delta = decode_varint(body, at + 1, 64)
        offset, after_offset = decode_varint(body, after_delta)
        if body[after_offset] != 1 or not 0 <= offset < 8192:
            return (), position  # has a key
        value_size, value_at = decode_varint(body, after_offset + 1)
    except (DecodeError, IndexError):
        return (), position  # the careful loop says what is wrong
    stride = at - position + size
    last = position + stride - 1
    if value_size < 0 or value_at + value_size != last or last >= len(body) or body[last]:
        return (), position  # a null, headers, or wrong
    if body[position:at] != body[last + 1 : last + 1 + at - position]:
        return (), position  # the next one has another size: a look that saves many
    run = min(count, (64 if offset < 64 else 8192) - offset, (len(body) - position) // stride)
    expected = [(after_delta, _FIRST_OFFSET_BYTES[offset : offset + run])]
    if offset >= 64:
        expected.append((after_delta + 1, _OFFSET_BYTES[offset : offset + run]))
    for place in (*range(position, after_delta), *range(after_offset, value_at), last):
        byte = bytes(body[place : place + 1])
        column = bytes(body[place : position + run * stride : stride])
        if column.count(byte) != run:
            run -= len(column.lstrip(byte))
    for place, bytes_ in expected:
        column = bytes(body[place : position + run * stride : stride])
        if column != bytes_[:run]:
            run = next(n for n in range(run) if column[n] != bytes_[n])
    if run < 4:
        return (), position
    end, view = position + run * stride, memoryview(body)
    one = f"{value_at - position}x{value_size}sx"
    middle = end - run % _BLOCK * stride
    for cut, part in ((one * _BLOCK, view[position:middle]), (one, view[middle:end])):
        if len(part):
            columns.values.extend(chain.from_iterable(Packer(cut).iter_unpack(part)))
    columns.keys.extend([None] * run)
    columns.headers.extend([()] * run)
    timestamps.extend([base_timestamp + delta] * run)
    return range(offset, offset + run), end


def _any_records(
    body: bytes, p: int, count: int, base_timestamp: int, columns: Columns, timestamps: list[int]
) -> tuple[Sequence[int], int]:
    """Take `count` records of any kind: their offsets, and where they ended.

    One- and two-byte varints are inlined, longer ones are rare. Numbers stay as they are on the wire, zig-zag (odd
    means negative), until they are turned column by column.
    """
    end = len(body)
    flat: list[Any] = []
    try:
        for _ in range(count):
            n = body[p]
            p += 1
            if n > 127:
                if body[p] < 128:
                    n += (body[p] << 7) - 128
                    p += 1
                else:
                    n, p = decode_uvarint(body, p - 1)
            stop = p + (n >> 1)
            if n & 1 or stop > end:
                raise TruncatedError(f"a record announces {n >> 1 ^ -(n & 1)} bytes, {end - p} are left")
            time = body[p + 1]  # after the attributes, which are unused
            p += 2
            if time > 127:
                time, p = decode_uvarint(body, p - 1, 64)
            offset = body[p]
            p += 1
            if offset > 127:
                if body[p] < 128:
                    offset += (body[p] << 7) - 128
                    p += 1
                else:
                    offset, p = decode_uvarint(body, p - 1)
            n = body[p]
            p += 1
            if n == 1:
                key = None
            else:
                if n > 127:
                    n, p = decode_uvarint(body, p - 1)
                if n & 1:  # negative: -1 is null, here in more bytes than it needs
                    if n != 1:
                        raise _beyond(n >> 1 ^ -1, stop - p)
                    key = None
                else:
                    after = p + (n >> 1)
                    if after > stop:
                        raise _beyond(n >> 1, stop - p)
                    key = body[p:after]
                    p = after
            n = body[p]
            p += 1
            if n == 1:
                value = None
            else:
                if n > 127:
                    if body[p] < 128:
                        n += (body[p] << 7) - 128
                        p += 1
                    else:
                        n, p = decode_uvarint(body, p - 1)
                if n & 1:  # negative: -1 is null, here in more bytes than it needs
                    if n != 1:
                        raise _beyond(n >> 1 ^ -1, stop - p)
                    value = None
                else:
                    after = p + (n >> 1)
                    if after > stop:
                        raise _beyond(n >> 1, stop - p)
                    value = body[p:after]
                    p = after
            if body[p]:
                headers, p = decode_headers(body, p, stop)
            else:
                headers = ()
                p += 1
            if p != stop:
                raise DecodeError(f"a record ends {abs(stop - p)} bytes from where it says")
            flat += time, offset, key, value, headers
    except IndexError:
        raise TruncatedError(f"a record is cut off at byte {end}") from None
    times = flat[0::5]
    if times.count(times[0]) == count:
        timestamps.extend([base_timestamp + (times[0] >> 1 ^ -(times[0] & 1))] * count)
    else:
        timestamps.extend([base_timestamp + (n >> 1 ^ -(n & 1)) for n in times])
    columns.keys.extend(flat[2::5])
    columns.values.extend(flat[3::5])
    columns.headers.extend(flat[4::5])
    offsets: list[int] = flat[1::5]
    first = offsets[0]
    if offsets == list(range(first, first + 2 * count, 2)) and not first & 1:
        return range(first >> 1, (first >> 1) + count), p
    return [n >> 1 ^ -(n & 1) for n in offsets], p


def _beyond(size: int, left: int) -> DecodeError:
    return DecodeError(f"a key or value announces {size} bytes, its record has {left} left")
