"""What a broker looks at before it writes a batch, and how it refuses one. Called by the Produce handler. Thread: any.

The bytes of a large batch are read once and lightly: header, checksum, and of each record its size, its time and its
offset; keys only where a topic demands them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from kafkalite.protocol.codes import CompressionType, ErrorCode
from kafkalite.protocol.errors import CodecMissingError, ProtocolError, TruncatedError
from kafkalite.protocol.records import compression
from kafkalite.protocol.records.batch import BATCH_OVERHEAD, HEADER
from kafkalite.protocol.records.crc32c import crc32c
from kafkalite.protocol.records.decode import decode_records
from kafkalite.protocol.records.varint import decode_varint, encode_varint

from .config import TopicSettings
from .refusal import Refusal

__all__ = ["CheckedBatch", "RecordError", "RecordsRefused", "check_records", "is_transactional", "sole_batch"]

_ATTRIBUTES_AT: Final = 21
_CODEC, _LOG_APPEND, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
_ZSTD_SINCE: Final = 7
_SEQUENCES: Final = 1 << 31
_RUN: Final = 8192
_READ_WHOLE: Final = 32
"""Batches of so many records are decoded to the last byte, larger ones only walked over: an encoder that is wrong shows
with few records, and a broker that decodes a million is slow.
"""
_OFFSETS_1 = b"".join(encode_varint(n)[:1] for n in range(_RUN))
_OFFSETS_2 = b"".join(encode_varint(n)[1:] or b"\x00" for n in range(_RUN))


class RecordError(NamedTuple):
    """One record that is refused: its place in the batch, and why."""

    batch_index: int
    message: str


class RecordsRefused(Refusal):
    """Records of the batch are refused, and with them the whole batch (KIP-467)."""

    def __init__(self, code: ErrorCode, message: str, errors: list[RecordError]) -> None:
        super().__init__(code, message)
        self.errors = errors


class CheckedBatch(NamedTuple):
    """A batch that may be written."""

    data: memoryview
    """The whole batch as it came."""
    attributes: int
    record_count: int
    base_timestamp: int
    max_timestamp: int
    """The highest time of its records, whatever the header says."""
    header_is_right: bool
    """Whether the header says the same, and claims no stamp of the broker's."""
    producer_id: int
    producer_epoch: int
    base_sequence: int
    body: bytes | None
    """The records, decompressed, if they were decompressed."""

    @property
    def codec(self) -> int:
        """What the producer compressed with."""
        return self.attributes & _CODEC

    @property
    def is_transactional(self) -> bool:
        """Whether the batch belongs to a transaction."""
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def last_sequence(self) -> int:
        """The sequence of the last record; after 2147483647 comes 0."""
        return (self.base_sequence + self.record_count - 1) % _SEQUENCES


def sole_batch(records: Any, version: int) -> memoryview:
    """The one batch that a partition's records must be. What is cut off behind it is left out.

    These are the checks that depend on the request alone: they come before any that know the partition.
    """
    view = memoryview(records if records is not None else b"")
    if (stop := _end_of_entry(view, 0)) is None:
        raise Refusal(
            ErrorCode.INVALID_RECORD, f"Produce version {version} must have one record batch, not none"
        )
    if view[16] != 2:
        raise Refusal(
            ErrorCode.INVALID_RECORD, f"Produce version {version} must have format 2, not {view[16]}"
        )
    if view[_ATTRIBUTES_AT + 1] & _CODEC == CompressionType.ZSTD and version < _ZSTD_SINCE:
        raise Refusal(
            ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, f"zstd needs Produce version {_ZSTD_SINCE}, not {version}"
        )
    if _end_of_entry(view, stop) is not None:
        raise Refusal(
            ErrorCode.INVALID_RECORD, f"Produce version {version} must have one record batch, not several"
        )
    return view[:stop]


def is_transactional(records: Any) -> bool:
    """Whether the first batch of a partition's records says that it belongs to a transaction."""
    return (
        records is not None
        and len(records) >= BATCH_OVERHEAD
        and records[16] == 2
        and bool(records[_ATTRIBUTES_AT + 1] & _TRANSACTIONAL)
    )


def _end_of_entry(view: memoryview, position: int) -> int | None:
    if len(view) - position < 17:
        return None
    length = int.from_bytes(view[position + 8 : position + 12], "big", signed=True)
    magic = view[position + 16]
    if length < 14 or magic > 2:
        raise RecordsRefused(
            ErrorCode.CORRUPT_MESSAGE, f"a batch of {length} bytes in format {magic} cannot be", []
        )
    if magic == 2 and length < BATCH_OVERHEAD - 12:
        raise Refusal(ErrorCode.CORRUPT_MESSAGE, f"a batch of {length} bytes has no room for its header")
    stop = position + 12 + length
    return stop if stop <= len(view) else None


def check_records(data: memoryview, settings: TopicSettings, now_ms: int) -> CheckedBatch:
    """Everything else about one batch. Raises Refusal with the code that Kafka gives, in Kafka's order."""
    header = HEADER.unpack_from(data)
    base_offset, _, _, _, crc, attributes, last_delta, base_timestamp = header[:8]
    max_timestamp, producer_id, producer_epoch, base_sequence, count = header[8:]
    if base_offset != 0:
        raise Refusal(ErrorCode.INVALID_RECORD, f"a batch to append begins at offset {base_offset}, not at 0")
    if len(data) > settings.max_message_bytes:
        raise Refusal(
            ErrorCode.MESSAGE_TOO_LARGE,
            f"the batch has {len(data)} bytes, max.message.bytes is {settings.max_message_bytes}",
        )
    if crc32c(data[_ATTRIBUTES_AT:]) != crc:
        raise Refusal(ErrorCode.CORRUPT_MESSAGE, "the batch does not have the checksum that its header says")
    if last_delta < 0 or count != last_delta + 1:
        raise Refusal(
            ErrorCode.INVALID_RECORD, f"the batch announces {count} records and a last offset of {last_delta}"
        )
    if attributes & _CONTROL:
        raise Refusal(ErrorCode.INVALID_RECORD, "clients do not write control records")
    if producer_id >= 0 and base_sequence < 0:
        raise Refusal(ErrorCode.INVALID_RECORD, f"sequence {base_sequence} with producer id {producer_id}")
    body, known = _body(data, attributes & _CODEC)
    lowest = highest = max_timestamp
    if known:
        first, last = _walk(body, count, settings.compacted)
        if not attributes & _LOG_APPEND:
            lowest, highest = base_timestamp + first, base_timestamp + last
    if settings.log_append_time:
        if attributes & _LOG_APPEND:
            wrong = [RecordError(index, "only the broker stamps: LogAppendTime") for index in range(count)]
            raise RecordsRefused(ErrorCode.INVALID_TIMESTAMP, _summary(wrong), wrong)
    elif known:
        allowed = range(now_ms - settings.timestamp_before_ms, now_ms + settings.timestamp_after_ms + 1)
        if lowest not in allowed or highest not in allowed:
            _refuse_times(body, header, allowed)
    return CheckedBatch(
        data,
        attributes,
        count,
        base_timestamp,
        highest,
        highest == max_timestamp and not attributes & _LOG_APPEND,
        producer_id,
        producer_epoch,
        base_sequence,
        body if known else None,
    )


def _body(data: memoryview, codec: int) -> tuple[bytes, bool]:
    """The records, decompressed; False if the library for that is not installed: then they are taken on trust."""
    try:
        return compression.decompress(codec, data[BATCH_OVERHEAD:]), True
    except CodecMissingError:
        return b"", False
    except ProtocolError as error:
        raise Refusal(
            ErrorCode.UNKNOWN_SERVER_ERROR, f"the records cannot be decompressed: {error}"
        ) from error


def _walk(body: bytes, count: int, keys_needed: bool) -> tuple[int, int]:
    """Step from record to record; the lowest and the highest timestamp delta. Raises Refusal where a step fails."""
    seen = _Seen()
    position = done = 0
    try:
        while done < count:
            taken = 0
            if not keys_needed:
                taken, position = _equal_records(body, position, done, count, seen)
            if not taken:
                taken = min(count - done, 64)
                position = _any_records(body, position, done, done + taken, keys_needed, seen)
            done += taken
    except (IndexError, TruncatedError) as error:
        raise Refusal(ErrorCode.INVALID_RECORD, f"the records of the batch end too soon: {error}") from error
    except ProtocolError as error:  # a varint that does not end: Kafka falls over it
        raise Refusal(
            ErrorCode.UNKNOWN_SERVER_ERROR, f"the records of the batch cannot be read: {error}"
        ) from error
    if position != len(body):
        raise Refusal(
            ErrorCode.INVALID_RECORD, f"{len(body) - position} bytes are left over after {count} records"
        )
    if count <= _READ_WHOLE:
        try:
            decode_records(body, count=count, base_offset=0, last_offset=count - 1, base_timestamp=0)
        except ProtocolError as error:
            raise Refusal(
                ErrorCode.INVALID_RECORD, f"the records of the batch are malformed: {error}"
            ) from error
    if seen.without_key:
        raise RecordsRefused(ErrorCode.INVALID_RECORD, _summary(seen.without_key), seen.without_key)
    return seen.lowest, seen.highest


class _Seen:
    """What the walk has found so far."""

    def __init__(self) -> None:
        self.lowest = 1 << 63
        self.highest = -(1 << 63)
        self.without_key: list[RecordError] = []

    def time(self, delta: int) -> None:
        self.lowest = min(self.lowest, delta)
        self.highest = max(self.highest, delta)


def _equal_records(body: bytes, position: int, first: int, count: int, seen: _Seen) -> tuple[int, int]:
    """Step over a run of records that have the same size and time; returns (0, position) if there is none.

    A strided slice per byte of the first record's framing shows whether the others have it.
    """
    size, at = decode_varint(body, position)
    delta, offset_at = decode_varint(body, at + 1, 64)
    stride = at - position + size
    if size < 6 or first >= _RUN:
        return 0, position
    run = min(count - first, (64 if first < 64 else _RUN) - first, (len(body) - position) // stride)
    if run < 8:
        return 0, position
    end = position + run * stride
    for place in range(position, offset_at):
        if body[place:end:stride].count(body[place]) != run:
            return 0, position
    if body[offset_at:end:stride] != _OFFSETS_1[first : first + run]:
        return 0, position
    if first >= 64 and body[offset_at + 1 : end : stride] != _OFFSETS_2[first : first + run]:
        return 0, position
    seen.time(delta)
    return run, end


def _any_records(body: bytes, position: int, first: int, stop_at: int, keys_needed: bool, seen: _Seen) -> int:
    end = len(body)
    lowest, highest = seen.lowest, seen.highest
    for expected in range(first, stop_at):
        # Varints of one and two bytes are inlined three times: they are nearly all there are.
        size = body[position]
        position += 1
        if size > 127:
            if body[position] < 128:
                size = size & 127 | body[position] << 7
                position += 1
                size = size >> 1 ^ -(size & 1)
            else:
                size, position = decode_varint(body, position - 1)
        else:
            size = size >> 1 ^ -(size & 1)
        stop = position + size
        if size < 6 or stop > end:
            raise Refusal(
                ErrorCode.INVALID_RECORD,
                f"record {expected} announces {size} bytes, {end - position} are left",
            )
        delta = body[position + 1]
        position += 2
        if delta > 127:
            if body[position] < 128:
                delta = delta & 127 | body[position] << 7
                position += 1
                delta = delta >> 1 ^ -(delta & 1)
            else:
                delta, position = decode_varint(body, position - 1, 64)
        else:
            delta = delta >> 1 ^ -(delta & 1)
        if delta < lowest:
            lowest = delta
        if delta > highest:
            highest = delta
        offset = body[position]
        position += 1
        if offset > 127:
            if body[position] < 128:
                offset = (offset & 127 | body[position] << 7) >> 1
                position += 1
            else:
                offset, position = decode_varint(body, position - 1)
        else:
            offset = offset >> 1 ^ -(offset & 1)
        if offset != expected:
            raise RecordsRefused(
                ErrorCode.INVALID_RECORD,
                f"record {expected} of the batch has offset {offset}",
                [RecordError(expected, f"the offset is {offset}, expected is {expected}")],
            )
        if keys_needed and body[position] == 1:
            seen.without_key.append(
                RecordError(expected, "a compacted topic cannot hold a record without a key")
            )
        position = stop
    seen.lowest, seen.highest = lowest, highest
    return position


def _refuse_times(body: bytes, header: tuple[int, ...], allowed: range) -> None:
    """Raise RecordsRefused for the records whose time is too far off. A record without a time (-1) is not."""
    attributes, last_delta, base_timestamp, max_timestamp = header[5:9]
    columns = decode_records(
        body,
        count=last_delta + 1,
        base_offset=0,
        last_offset=last_delta,
        base_timestamp=base_timestamp,
        append_time=max_timestamp if attributes & _LOG_APPEND else None,
    )
    wrong = [
        RecordError(index, f"the timestamp {at} is not within [{allowed[0]}, {allowed[-1]}]")
        for index, at in enumerate(columns.timestamps)
        if at != -1 and at not in allowed
    ]
    if wrong:
        raise RecordsRefused(ErrorCode.INVALID_TIMESTAMP, _summary(wrong), wrong)


def _summary(errors: list[RecordError]) -> str:
    shown = "; ".join(f"record {error.batch_index}: {error.message}" for error in errors[:3])
    return f"{len(errors)} records of the batch are refused, with them the whole batch: {shown}"
