"""What a test sees of the broker: copies, safe to keep. Made by `broker`. Thread: any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kafkalite.protocol.codes import CompressionType
from kafkalite.protocol.records.batch import Headers, encode_batch

from .log import StoredBatch
from .partition import Partition

__all__ = ["GivenRecord", "NodeView", "StoredRecord", "batch_of", "records_of"]


class NodeView(NamedTuple):
    """One node: its id, where it listens, and whether it runs."""

    id: int
    host: str
    port: int
    running: bool


class StoredRecord(NamedTuple):
    """A record as the log holds it. The timestamp is in milliseconds."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


GivenRecord = bytes | tuple[bytes | None, bytes | None] | StoredRecord | None
"""A record to write: a value, (key, value), or a StoredRecord, of which the offset does not count."""


def records_of(partition: Partition) -> list[StoredRecord]:
    """Every record that a consumer could read, in order."""
    return list(_records(partition))


def _records(partition: Partition) -> Iterator[StoredRecord]:
    log = partition.log
    for stored in log.batches_from(log.start_offset):
        yield from _of_batch(stored, log.start_offset, log.last_stable_offset)


def _of_batch(stored: StoredBatch, start: int, end: int) -> Iterator[StoredRecord]:
    batch = stored.read()
    if batch.is_control:
        return
    for record in batch.columns():
        if start <= record[0] < end:
            yield StoredRecord(*record)


def batch_of(records: list[GivenRecord], now_ms: int, codec: int = CompressionType.NONE) -> bytes:
    """One batch of records that a test gives. Raises TypeError for anything else."""
    rows: list[tuple[int, bytes | None, bytes | None, Headers]] = []
    for record in records:
        if isinstance(record, StoredRecord):
            rows.append((record.timestamp, record.key, record.value, record.headers))
        elif isinstance(record, tuple) and len(record) == 2:
            rows.append((now_ms, _bytes(record[0]), _bytes(record[1]), ()))
        else:
            rows.append((now_ms, None, _bytes(record), ()))
    return encode_batch(rows, codec=codec)


def _bytes(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    raise TypeError(
        f"a record is bytes, (key, value) or a StoredRecord, and keys and values are bytes or None: not {value!r}"
    )
