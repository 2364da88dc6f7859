"""The headers of one record, from bytes. Called by `decode` and `runs`. Thread: any."""

from __future__ import annotations

from typing import TypeAlias

from ..errors import DecodeError
from .varint import decode_varint

__all__ = ["HeaderTuple", "decode_headers"]

HeaderTuple: TypeAlias = tuple[tuple[str, bytes | None], ...]


def decode_headers(body: bytes, p: int, stop: int) -> tuple[HeaderTuple, int]:
    """The headers that begin at `p` with their number, and where they end: at `stop` at most."""
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
