"""Batches for tests of the broker: right ones, and ones that are wrong in one place."""

from __future__ import annotations

from typing import Any

from kafkalite.protocol.records.batch import BATCH_OVERHEAD, HEADER, encode_batch
from kafkalite.protocol.records.crc32c import crc32c

NOW = 1_700_000_000_000
FIELDS = (
    "base_offset",
    "length",
    "leader_epoch",
    "magic",
    "crc",
    "attributes",
    "last_delta",
    "base_timestamp",
    "max_timestamp",
    "producer_id",
    "producer_epoch",
    "base_sequence",
    "count",
)


def batch(*values: bytes | None, at: int = NOW, key: bytes | None = b"k", **options: Any) -> bytes:
    """One batch of records with these values, all of one time and key."""
    return encode_batch([(at, key, value, ()) for value in values or (b"v",)], **options)


def forged(data: bytes, body: bytes | None = None, *, checksum: bool = True, **fields: Any) -> bytes:
    """The batch with other header fields, or another body; its checksum made right again, unless it shall be wrong."""
    header = dict(zip(FIELDS, HEADER.unpack_from(data), strict=True))
    rest = data[BATCH_OVERHEAD:] if body is None else body
    header["length"] = BATCH_OVERHEAD - 12 + len(rest)
    header.update(fields)
    made = bytearray(HEADER.pack(*(header[name] for name in FIELDS)) + rest)
    if checksum and "crc" not in fields:
        made[17:21] = crc32c(bytes(made[21:])).to_bytes(4, "big")
    return bytes(made)
