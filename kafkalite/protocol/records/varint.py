"""Zig-zag integers of variable length, as record batches use them. Thread: any.

The hot loops of `encode` and `decode` have these inlined; what is here serves everything that is not hot, and the
tables that the hot loops read from.
"""

from __future__ import annotations

from typing import Final

from ..errors import DecodeError, TruncatedError

__all__ = ["VARINTS", "decode_uvarint", "decode_varint", "encode_uvarint", "encode_varint"]


def encode_uvarint(value: int) -> bytes:
    """An unsigned integer, seven bits a byte, low bits first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_varint(value: int) -> bytes:
    """A signed integer of any size up to 64 bits, zig-zag first."""
    return encode_uvarint(value << 1 if value >= 0 else (-value << 1) - 1)


VARINTS: Final[tuple[bytes, ...]] = tuple(map(encode_varint, range(4096)))
"""The encodings of small lengths: one index instead of a call."""


def decode_uvarint(buffer: bytes | bytearray | memoryview, position: int, bits: int = 32) -> tuple[int, int]:
    """An unsigned integer and where it ended. Raises DecodeError for more bits than allowed."""
    value = shift = 0
    try:
        while True:
            byte = buffer[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= bits:
                raise DecodeError(f"a varint at byte {position} is longer than {bits} bits allow")
    except IndexError:
        raise TruncatedError(f"a varint is cut off at byte {position}") from None
    if value >> bits:
        raise DecodeError(f"a varint at byte {position} does not fit {bits} bits")
    return value, position


def decode_varint(buffer: bytes | bytearray | memoryview, position: int, bits: int = 32) -> tuple[int, int]:
    """A signed integer (zig-zag) and where it ended."""
    value, position = decode_uvarint(buffer, position, bits)
    return (value >> 1) ^ -(value & 1), position
