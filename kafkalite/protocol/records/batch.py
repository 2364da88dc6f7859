"""Record batches: reading a record set entry by entry, writing one, and what a broker changes in one.

Only headers are read here. Records are decoded when `columns` is called, on the thread that wants them; `encode` and
`decode` hold those two loops, `legacy` the formats before 0.11. Thread: any.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct as Packer
from struct import error as struct_error
from typing import Any, Final, NamedTuple

from ..codes import ControlRecordType, TimestampType
from ..errors import ChecksumError, DecodeError, EncodeError, TruncatedError
from . import compression
from .crc32c import crc32c
from .decode import Columns, decode_records
from .encode import Headers, RecordColumns, RecordTuple, encode_records, record_size

__all__ = [
    "BATCH_OVERHEAD",
    "Batch",
    "Columns",
    "ControlRecord",
    "Headers",
    "RecordColumns",
    "RecordTuple",
    "encode_batch",
    "encode_control_batch",
    "patch_batch",
    "read_batches",
    "record_size",
]

HEADER: Final = Packer(">qiibIhiqqqhii")
BATCH_OVERHEAD: Final = HEADER.size
"""Bytes of a batch before its first record."""

_ENTRY = Packer(">qi")
_AFTER_CRC = Packer(">hiqqqhii")
_CRC_AT, _ATTRIBUTES_AT, _LEADER_EPOCH_AT, _MAX_TIMESTAMP_AT = 17, 21, 12, 35
_CODEC, _LOG_APPEND, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
_SEQUENCES = 1 << 31

_CONTROL_KEY = Packer(">hh")
_MARKER = Packer(">hi")


class ControlRecord(NamedTuple):
    """The one record of a control batch. `coordinator_epoch` is -1 unless it ends a transaction."""

    type: int
    version: int
    coordinator_epoch: int


class Batch:
    """One entry of a record set: its header, read; its records, not yet."""

    __slots__ = (
        "attributes",
        "base_offset",
        "base_sequence",
        "base_timestamp",
        "crc",
        "data",
        "last_offset",
        "leader_epoch",
        "magic",
        "max_timestamp",
        "producer_epoch",
        "producer_id",
        "record_count",
    )

    data: memoryview
    """The whole entry, header included."""
    base_offset: int
    """0 for a compressed entry of an old format, which tells the offset of its last message only."""
    last_offset: int
    """Base offset + last offset delta: compaction keeps it even if that record went."""
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int
    """Records inside; -1 for a compressed entry of an old format, which does not say."""

    @property
    def codec(self) -> int:
        """Which CompressionType the records are compressed with."""
        return self.attributes & _CODEC

    @property
    def timestamp_type(self) -> int:
        """CREATE_TIME or LOG_APPEND_TIME; NO_TIMESTAMP_TYPE for format 0."""
        if self.magic == 0:
            return TimestampType.NO_TIMESTAMP_TYPE
        return TimestampType.LOG_APPEND_TIME if self.attributes & _LOG_APPEND else TimestampType.CREATE_TIME

    @property
    def is_transactional(self) -> bool:
        """Whether the records belong to a transaction."""
        return self.magic >= 2 and bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        """Whether this is a marker that no application sees."""
        return self.magic >= 2 and bool(self.attributes & _CONTROL)

    @property
    def next_offset(self) -> int:
        """Where to fetch on after this entry."""
        return self.last_offset + 1

    @property
    def last_sequence(self) -> int:
        """The sequence of the last record; after 2147483647 comes 0. -1 without a producer id."""
        if self.base_sequence < 0:
            return -1
        return (self.base_sequence + self.last_offset - self.base_offset) % _SEQUENCES

    @property
    def size(self) -> int:
        """Bytes of the whole entry."""
        return len(self.data)

    def check_crc(self) -> None:
        """Raise ChecksumError if the bytes were damaged."""
        if self.magic < 2:
            from . import legacy

            legacy.check_crc(self)
        elif (found := crc32c(self.data[_ATTRIBUTES_AT:])) != self.crc:
            raise ChecksumError(
                f"the batch at offset {self.base_offset} has checksum {found:#010x}, its header says {self.crc:#010x}"
            )

    def columns(self, limit: int = compression.DEFAULT_LIMIT) -> Columns:
        """The records, decompressed and decoded. `limit` bounds the bytes of the decompressed block."""
        if self.magic < 2:
            from . import legacy

            return legacy.columns(self, limit)
        body: bytes | memoryview = self.data[BATCH_OVERHEAD:]
        if self.codec:
            body = compression.decompress(self.codec, body, limit)
        return decode_records(
            body,
            count=self.record_count,
            base_offset=self.base_offset,
            last_offset=self.last_offset,
            base_timestamp=self.base_timestamp,
            append_time=self.max_timestamp if self.attributes & _LOG_APPEND else None,
        )

    def control(self) -> ControlRecord:
        """What a control batch says. An unknown type keeps its number."""
        columns = self.columns()
        if not self.is_control or len(columns) != 1:
            raise DecodeError(f"the batch at offset {self.base_offset} is no control batch")
        key, value = columns.keys[0] or b"", columns.values[0] or b""
        try:
            version, type_ = _CONTROL_KEY.unpack_from(key)
            ends = type_ in (ControlRecordType.ABORT, ControlRecordType.COMMIT)
            epoch = _MARKER.unpack_from(value)[1] if ends else -1
        except struct_error as error:
            raise TruncatedError(f"the control record at offset {self.base_offset} is cut off") from error
        return ControlRecord(type_, version, epoch)

    def __repr__(self) -> str:
        return f"<Batch {self.base_offset}-{self.last_offset}, {self.size} bytes, format {self.magic}>"


def read_batches(data: Any) -> list[Batch]:
    """The entries of a record set, formats mixed. A cut-off entry at the end is normal and left out.

    Raises DecodeError if the first entry is malformed. A later one ends the list: what comes before it can be used,
    and whoever reads on from there meets it as the first.
    """
    view = memoryview(data)
    found: list[Batch] = []
    position, end = 0, len(view)
    while end - position > 16:
        _, length = _ENTRY.unpack_from(view, position)
        magic = view[position + 16]
        stop = position + 12 + length
        try:
            if length < (BATCH_OVERHEAD - 12 if magic >= 2 else 14):
                raise DecodeError(f"an entry of a record set says it has {length} bytes")
            if stop > end:
                break
            found.append(_entry(view[position:stop], magic))
        except DecodeError:
            if found:
                break
            raise
        position = stop
    return found


def _entry(entry: memoryview, magic: int) -> Batch:
    if magic == 2:
        return _parse(entry)
    if magic < 2:
        from . import legacy

        return legacy.parse(entry)
    raise DecodeError(f"a record batch has the unknown format {magic}")


def _parse(entry: memoryview) -> Batch:
    batch = Batch()
    batch.data = entry
    (
        batch.base_offset,
        _,
        batch.leader_epoch,
        batch.magic,
        batch.crc,
        batch.attributes,
        last_delta,
        batch.base_timestamp,
        batch.max_timestamp,
        batch.producer_id,
        batch.producer_epoch,
        batch.base_sequence,
        batch.record_count,
    ) = HEADER.unpack_from(entry)
    if last_delta < 0 or batch.record_count < 0 or batch.record_count > last_delta + 1:
        raise DecodeError(
            f"the batch at offset {batch.base_offset} claims {batch.record_count} records "
            f"and a last offset delta of {last_delta}"
        )
    batch.last_offset = batch.base_offset + last_delta
    return batch


def encode_batch(
    records: Sequence[RecordTuple] | RecordColumns,
    *,
    base_offset: int = 0,
    codec: int = 0,
    level: int | None = None,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    transactional: bool = False,
    leader_epoch: int = -1,
    log_append_time: int | None = None,
) -> bytes:
    """One batch in format 2 of records (timestamp in ms, key, value, headers), or of columns of them.

    Raises EncodeError for none at all.
    """
    if not records:
        raise EncodeError("a batch needs at least one record")
    body, base_timestamp, max_timestamp = encode_records(records)
    attributes = codec | (_TRANSACTIONAL if transactional else 0)
    if log_append_time is not None:
        attributes |= _LOG_APPEND
        max_timestamp = log_append_time
    if codec:
        body = compression.compress(codec, body, level)
    count = len(records)
    return _assemble(
        (base_offset, leader_epoch),
        (
            attributes,
            count - 1,
            base_timestamp,
            max_timestamp,
            producer_id,
            producer_epoch,
            base_sequence,
            count,
        ),
        body,
    )


def encode_control_batch(
    *,
    offset: int,
    timestamp: int,
    control_type: int,
    producer_id: int,
    producer_epoch: int,
    coordinator_epoch: int,
    leader_epoch: int = -1,
) -> bytes:
    """The marker that ends a transaction."""
    record = (timestamp, _CONTROL_KEY.pack(0, control_type), _MARKER.pack(0, coordinator_epoch), ())
    body, _, _ = encode_records([record])
    attributes = _TRANSACTIONAL | _CONTROL
    return _assemble(
        (offset, leader_epoch),
        (attributes, 0, timestamp, timestamp, producer_id, producer_epoch, -1, 1),
        body,
    )


def _assemble(place: tuple[int, int], rest: tuple[int, ...], body: bytes) -> bytes:
    try:
        tail = _AFTER_CRC.pack(*rest)
        crc = crc32c(b"".join((tail, body)))
        length = BATCH_OVERHEAD - 12 + len(body)
        return b"".join((HEADER.pack(place[0], length, place[1], 2, crc, *rest), body))
    except struct_error as error:
        raise EncodeError(f"a batch header cannot hold {rest}: {error}") from error


def patch_batch(
    data: Any, *, base_offset: int, leader_epoch: int, append_time: int | None = None
) -> bytearray:
    """What a broker does to a batch when it appends it: place it, and stamp it if the topic uses LogAppendTime.

    Offset and leader epoch lie outside the checksum; a new time needs a new checksum.
    """
    batch = bytearray(data)
    _ENTRY.pack_into(batch, 0, base_offset, len(batch) - 12)
    batch[_LEADER_EPOCH_AT : _LEADER_EPOCH_AT + 4] = leader_epoch.to_bytes(4, "big", signed=True)
    if append_time is not None:
        batch[_ATTRIBUTES_AT + 1] |= _LOG_APPEND
        batch[_MAX_TIMESTAMP_AT : _MAX_TIMESTAMP_AT + 8] = append_time.to_bytes(8, "big", signed=True)
        crc = crc32c(memoryview(batch)[_ATTRIBUTES_AT:])
        batch[_CRC_AT : _CRC_AT + 4] = crc.to_bytes(4, "big")
    return batch
