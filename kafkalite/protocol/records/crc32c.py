"""CRC-32C, the checksum of record batches: the library's where it is installed, else a table in Python.

The library runs at gigabytes a second; the table at a few megabytes, which is enough to keep working. Thread: any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["crc32c", "slow_crc32c"]

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE: list[int] = []


def slow_crc32c(data: Any) -> int:
    """CRC-32C without the library."""
    if not _TABLE:
        _TABLE.extend(_table())
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in memoryview(data).cast("B"):
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _first(data: Any) -> int:
    """Look for the library at first use, and put what was found in this function's place."""
    global _crc
    try:
        from crc32c import crc32c as fast

        _crc = fast
    except ImportError:
        _crc = slow_crc32c
    return _crc(data)


_crc: Callable[[Any], int] = _first


def crc32c(data: Any) -> int:
    """The CRC-32C of anything with the buffer protocol, as an unsigned 32-bit integer."""
    return _crc(data)
