"""Message formats 0 and 1, from before Kafka 0.11: read only, because old segments may still hold them.

An entry is a message; a compressed one holds a message set of its own as its value. Called by `batch`.
Thread: any.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from struct import Struct as Packer
from struct import error as struct_error
from typing import TYPE_CHECKING, NamedTuple

from ..codes import CompressionType
from ..errors import ChecksumError, DecodeError, TruncatedError
from . import compression
from .decode import Columns

if TYPE_CHECKING:
    from .batch import Batch

__all__ = ["check_crc", "columns", "parse"]

_HEAD = Packer(">qiIbb")
_TIMESTAMP = Packer(">q")
_LENGTH = Packer(">i")
_CODEC, _LOG_APPEND = 0x07, 0x08


class Message(NamedTuple):
    """One message; inside a compressed one the offset is relative (format 1) or absolute (format 0)."""

    offset: int
    crc: int
    magic: int
    attributes: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def check_crc(batch: Batch) -> None:
    """Raise ChecksumError if the bytes of an entry were damaged."""
    found = zlib.crc32(batch.data[16:])
    if found != batch.crc:
        raise ChecksumError(
            f"the message at offset {batch.last_offset} has checksum {found:#010x}, it says {batch.crc:#010x}"
        )


def parse(entry: memoryview) -> Batch:
    """The header of an entry. What a compressed one holds is read by `columns`."""
    from .batch import Batch

    outer = _message(entry, with_content=False)
    batch = Batch()
    batch.data = entry
    batch.magic, batch.crc, batch.attributes = outer.magic, outer.crc, outer.attributes
    batch.leader_epoch = batch.producer_id = batch.producer_epoch = batch.base_sequence = -1
    compressed = bool(outer.attributes & _CODEC)
    batch.last_offset = outer.offset
    batch.base_offset = 0 if compressed else outer.offset
    batch.base_timestamp = batch.max_timestamp = outer.timestamp
    batch.record_count = -1 if compressed else 1
    return batch


def columns(batch: Batch, limit: int) -> Columns:
    """The message, or those that a compressed one holds."""
    outer = _message(batch.data)
    return _unpacked(outer, limit) if outer.attributes & _CODEC else _single(outer)


def _single(message: Message) -> Columns:
    return Columns([message.offset], [message.timestamp], [message.key], [message.value], [()])


def _unpacked(outer: Message, limit: int) -> Columns:
    if outer.value is None:
        raise DecodeError(f"the compressed message at offset {outer.offset} has no value")
    codec = outer.attributes & _CODEC
    if outer.magic == 0 and codec == CompressionType.LZ4:
        inner = list(_messages(compression.decompress_old_lz4(outer.value, limit)))
    else:
        inner = list(_messages(compression.decompress(codec, outer.value, limit)))
    if not inner:
        raise DecodeError(f"the compressed message at offset {outer.offset} is empty")
    if any(message.attributes & _CODEC for message in inner):
        raise DecodeError(f"the compressed message at offset {outer.offset} holds another one")
    shift = outer.offset - inner[-1].offset if outer.magic == 1 else 0
    stamped = outer.magic == 1 and bool(outer.attributes & _LOG_APPEND)
    return Columns(
        [message.offset + shift for message in inner],
        [outer.timestamp if stamped else message.timestamp for message in inner],
        [message.key for message in inner],
        [message.value for message in inner],
        [()] * len(inner),
    )


def _messages(data: bytes) -> Iterator[Message]:
    view, position = memoryview(data), 0
    while len(view) - position >= _HEAD.size:
        (size,) = _LENGTH.unpack_from(view, position + 8)
        if size < 14 or size > len(view) - position - 12:
            raise TruncatedError(f"a message inside a compressed one says it has {size} bytes")
        yield _message(view[position : position + 12 + size])
        position += 12 + size
    if position != len(view):
        raise TruncatedError(f"{len(view) - position} bytes are left over in a compressed message")


def _message(entry: memoryview, *, with_content: bool = True) -> Message:
    try:
        offset, _, crc, magic, attributes = _HEAD.unpack_from(entry)
        if magic not in (0, 1):
            raise DecodeError(f"a message has the unknown format {magic}")
        position, timestamp = _HEAD.size, -1
        if magic == 1:
            (timestamp,) = _TIMESTAMP.unpack_from(entry, position)
            position += 8
        if not with_content:
            return Message(offset, crc, magic, attributes, timestamp, None, None)
        key, position = _bytes(entry, position)
        value, position = _bytes(entry, position)
    except struct_error as error:
        raise TruncatedError(f"a message is cut off: {error}") from error
    if position != len(entry):
        raise DecodeError(f"{len(entry) - position} bytes are left over in the message at offset {offset}")
    return Message(offset, crc, magic, attributes, timestamp, key, value)


def _bytes(entry: memoryview, position: int) -> tuple[bytes | None, int]:
    (size,) = _LENGTH.unpack_from(entry, position)
    position += 4
    if size == -1:
        return None, position
    if not 0 <= size <= len(entry) - position:
        raise TruncatedError(f"a key or value announces {size} bytes, {len(entry) - position} are left")
    return bytes(entry[position : position + size]), position + size
