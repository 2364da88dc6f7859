"""Bytes to records, a whole batch at once, into columns.

Batches of equal records (no key, no headers, values of one size) are cut with strided slices; all others go through
one loop with its varints inlined. Nothing here trusts the bytes. Called on the thread that wants the records.
Thread: any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct as Packer
from typing import TypeAlias

from ..errors import DecodeError, TruncatedError
from .varint import decode_varint, encode_varint

__all__ = ["Columns", "decode_records"]

HeaderTuple: TypeAlias = tuple[tuple[str, bytes | None], ...]

_LEAST_RECORD = 7  # seven one-byte fields
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
    body: bytes,
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
    offsets: list[int] = []
    timestamps: list[int] = []
    columns.offsets, columns.timestamps = offsets, timestamps
    position = done = 0
    patience = (
        64  # grows while no run of equal records is found: looking for one costs about as much as 4 records
    )
    while done < count:
        taken, position = _equal_records(body, position, count, done, columns, offsets, timestamps)
        if not taken:
            taken = min(count - done, patience)
            position = _any_records(body, position, taken, columns, offsets, timestamps)
            patience *= 2
        done += taken
    if position != len(body):
        raise DecodeError(f"{len(body) - position} bytes are left over after {count} records")
    if offsets and not 0 <= min(offsets) <= max(offsets) <= last_offset - base_offset:
        raise DecodeError("a record's offset lies outside its batch")
    columns.offsets = [base_offset + delta for delta in offsets]
    if append_time is not None:
        columns.timestamps = [append_time] * count
    else:
        columns.timestamps = [base_timestamp + delta for delta in timestamps]
    return columns


def _equal_records(
    body: bytes,
    position: int,
    count: int,
    done: int,
    columns: Columns,
    offsets: list[int],
    timestamps: list[int],
) -> tuple[int, int]:
    """Take a run of records that differ in nothing but their values' content. Returns (0, position) if there is none.

    The framing of the first record is the pattern; a strided slice per framing byte shows whether the others have it.
    """
    try:
        size, at = decode_varint(body, position)
        delta, after_delta = decode_varint(body, at + 1, 64)
        offset, after_offset = decode_varint(body, after_delta)
        if body[after_offset] != 1 or not 0 <= offset < 8192:
            return 0, position  # has a key
        value_size, value_at = decode_varint(body, after_offset + 1)
    except (DecodeError, IndexError):
        return 0, position  # the careful loop says what is wrong
    stride = at - position + size
    run = min(count - done, (64 if offset < 64 else 8192) - offset, (len(body) - position) // max(stride, 1))
    if run < 4 or value_size < 0 or value_at + value_size + 1 != position + stride:
        return 0, position
    end = position + run * stride
    for place in (*range(position, after_delta), *range(after_offset, value_at), position + stride - 1):
        if body[place:end:stride].count(body[place]) != run:
            return 0, position
    if body[position + stride - 1] != 0:
        return 0, position  # has headers
    if body[after_delta:end:stride] != _FIRST_OFFSET_BYTES[offset : offset + run]:
        return 0, position
    if offset >= 64 and body[after_delta + 1 : end : stride] != _OFFSET_BYTES[offset : offset + run]:
        return 0, position
    cut = Packer(f"{value_at - position}x{value_size}sx")
    columns.values.extend(value for (value,) in cut.iter_unpack(memoryview(body)[position:end]))
    columns.keys.extend([None] * run)
    columns.headers.extend([()] * run)
    offsets.extend(range(offset, offset + run))
    timestamps.extend([delta] * run)
    return run, end


def _any_records(
    body: bytes, p: int, count: int, columns: Columns, offsets: list[int], timestamps: list[int]
) -> int:
    """Take `count` records of any kind. One- and two-byte varints are inlined; longer ones are rare."""
    end = len(body)
    add_key, add_value, add_headers = columns.keys.append, columns.values.append, columns.headers.append
    add_offset, add_timestamp = offsets.append, timestamps.append
    try:
        for _ in range(count):
            n = body[p]
            p += 1
            if n > 127:
                if body[p] < 128:
                    n = n & 127 | body[p] << 7
                    p += 1
                    n = n >> 1 ^ -(n & 1)
                else:
                    n, p = decode_varint(body, p - 1)
            else:
                n = n >> 1 ^ -(n & 1)
            stop = p + n
            if n < 0 or stop > end:
                raise TruncatedError(f"a record announces {n} bytes, {end - p} are left")
            p += 1  # attributes, unused
            n = body[p]
            p += 1
            if n > 127:
                n, p = decode_varint(body, p - 1, 64)
                add_timestamp(n)
            else:
                add_timestamp(n >> 1 ^ -(n & 1))
            n = body[p]
            p += 1
            if n > 127:
                n, p = decode_varint(body, p - 1)
                add_offset(n)
            else:
                add_offset(n >> 1 ^ -(n & 1))
            for add in (add_key, add_value):
                n = body[p]
                p += 1
                if n == 1:
                    add(None)
                    continue
                if n > 127:
                    if body[p] < 128:
                        n = n & 127 | body[p] << 7
                        p += 1
                        n = n >> 1 ^ -(n & 1)
                    else:
                        n, p = decode_varint(body, p - 1)
                else:
                    n = n >> 1 ^ -(n & 1)
                if n == -1:
                    add(None)
                    continue
                after = p + n
                if n < 0 or after > stop:
                    raise DecodeError(f"a key or value announces {n} bytes, its record has {stop - p} left")
                add(body[p:after])
                p = after
            if body[p] == 0:
                add_headers(())
                p += 1
            else:
                headers, p = _headers(body, p, stop)
                add_headers(headers)
            if p != stop:
                raise DecodeError(f"a record ends {abs(stop - p)} bytes from where it says")
    except IndexError:
        raise TruncatedError(f"a record is cut off at byte {end}") from None
    return p


def _headers(body: bytes, p: int, stop: int) -> tuple[HeaderTuple, int]:
    count, p = decode_varint(body, p)
    if not 0 <= count <= stop - p:
        raise DecodeError(f"a record announces {count} headers in {stop - p} bytes")
    found: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        size, p = decode_varint(body, p)
        if not 0 <= size <= stop - p:
            raise DecodeError(f"a header's name announces {size} bytes, {stop - p} are left")
        try:
            name = body[p : p + size].decode()
        except UnicodeDecodeError as error:
            raise DecodeError(f"a header's name is not UTF-8: {error}") from error
        p += size
        size, p = decode_varint(body, p)
        if size == -1:
            found.append((name, None))
            continue
        if not 0 <= size <= stop - p:
            raise DecodeError(f"a header's value announces {size} bytes, {stop - p} are left")
        found.append((name, body[p : p + size]))
        p += size
    return tuple(found), p
