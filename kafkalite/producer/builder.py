"""A batch that the user fills by hand, as aiokafka's `create_batch` gives one: no lock, no queue, one caller.

Thread: caller's; after it was handed over with `send_batch` it takes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kafkalite.protocol.records.batch import BATCH_OVERHEAD, record_size
from kafkalite.serializers import Serialize
from kafkalite.types import Headers

from .batch import NOWHERE, Batch, Owner
from .record import checked_bytes, checked_headers, checked_timestamp

__all__ = ["BatchBuilder", "BuiltRecord"]


class BuiltRecord(NamedTuple):
    """A record that a builder took: its place in the batch, bytes (an upper bound), and milliseconds since 1970."""

    offset: int
    size: int
    timestamp: int
    crc: None = None
    """Always None: records have had no checksum of their own since Kafka 0.11."""


class BatchBuilder:
    """Records for one partition, to be sent as one batch."""

    def __init__(
        self,
        *,
        batch_size: int,
        clock: Callable[[], float],
        key_serializer: Serialize | None = None,
        value_serializer: Serialize | None = None,
    ) -> None:
        self._clock = clock
        self._key_serializer = key_serializer
        self._value_serializer = value_serializer
        self._closed = False
        self._batch_size = batch_size
        self._size = BATCH_OVERHEAD
        self._columns = Batch(Owner(), NOWHERE.partition, created=0.0, deadline=0.0, capacity=0, limit=0)

    def append(
        self, *, timestamp: int | None, key: Any, value: Any, headers: Headers | None = ()
    ) -> BuiltRecord | None:
        """Add a record; None if the batch is closed, or becomes so because this record does not fit any more.

        `timestamp` is in milliseconds since 1970, now if None. A first record always fits.
        """
        if self._closed:
            return None
        known = checked_headers(headers)
        if self._key_serializer is not None:
            key = self._key_serializer("", key, known)
        if self._value_serializer is not None:
            value = self._value_serializer("", value, known)
        key, value = checked_bytes("key", key), checked_bytes("value", value)
        size = record_size(key, value, known)
        columns = self._columns
        if columns.values and self._size + size > self._batch_size:
            self._closed = True
            return None
        now = self._clock()
        index = columns.append(0, value, key, known, checked_timestamp(timestamp), now)
        self._size += size
        return BuiltRecord(index, size, columns.times[-1][1])

    def close(self) -> None:
        """Take no more records."""
        self._closed = True

    def record_count(self) -> int:
        """Records so far."""
        return len(self._columns.values)

    def size(self) -> int:
        """Bytes so far, before compression; an upper bound."""
        return self._size

    def pour(self, batch: Batch) -> None:
        """Give the records to a batch of the producer's, for good."""
        columns = self._columns
        batch.values, batch.keys, batch.headers, batch.times = (
            columns.values,
            columns.keys,
            columns.headers,
            columns.times,
        )

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<BatchBuilder: {self.record_count()} records, {self._size} bytes, {state}>"
