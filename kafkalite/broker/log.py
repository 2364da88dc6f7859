"""A partition's log, in memory: whole batches as they go over the wire, found by offset and by time.

Appending and reading cost per batch, never per record. The high watermark is the end of the log, because replicas are
virtual and always caught up; the last stable offset is the same, because there are no transactions yet. Called by
`partition`. Thread: loop.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from kafkalite.protocol.records.batch import Batch, read_batches

__all__ = ["EpochEnd", "FoundOffset", "PartitionLog", "StoredBatch"]


class StoredBatch(NamedTuple):
    """One batch as consumers get it, and what is asked of it most."""

    data: bytes | bytearray
    base_offset: int
    last_offset: int
    max_timestamp: int
    leader_epoch: int

    def read(self) -> Batch:
        """The batch, its header decoded."""
        return read_batches(self.data)[0]


class FoundOffset(NamedTuple):
    """What a search by time found. All are -1 if there is nothing."""

    offset: int
    timestamp: int
    leader_epoch: int


class EpochEnd(NamedTuple):
    """The end of a leader epoch: the largest one not above what was asked, and the offset after its last record."""

    epoch: int
    end_offset: int


NOTHING = FoundOffset(-1, -1, -1)
UNKNOWN_EPOCH = EpochEnd(-1, -1)


class PartitionLog:
    """The batches from `start_offset` to `end_offset`, and where each leader epoch began."""

    def __init__(self) -> None:
        self.start_offset = 0
        self.end_offset = 0
        self.epochs: list[tuple[int, int]] = []
        """Leader epochs and the offset at which each began to write."""
        self._batches: list[StoredBatch] = []
        self._bases: list[int] = []
        self._ends: list[int] = []
        """How many bytes there are from the first append to the end of each batch."""
        self._times: list[int] = []
        """The highest timestamp up to each batch: never falls, so that it can be searched."""
        self._appended = 0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def size(self) -> int:
        """Bytes of all batches."""
        return self._appended - self._dropped

    @property
    def high_watermark(self) -> int:
        """Consumers read up to here."""
        return self.end_offset

    @property
    def last_stable_offset(self) -> int:
        """Consumers of committed data read up to here."""
        return self.end_offset

    def append(self, batch: StoredBatch) -> None:
        """Add a batch that begins where the log ends."""
        self._batches.append(batch)
        self._bases.append(batch.base_offset)
        self._appended += len(batch.data)
        self._ends.append(self._appended)
        times = self._times
        times.append(max(batch.max_timestamp, times[-1]) if times else batch.max_timestamp)
        self.end_offset = batch.last_offset + 1

    # Reading.

    def _index_of(self, offset: int) -> int:
        """The batch that holds an offset, or the first one after it."""
        index = bisect_right(self._bases, offset) - 1
        if index < 0 or self._batches[index].last_offset < offset:
            index += 1
        return index

    def bytes_from(self, offset: int) -> int:
        """How many bytes a reader at this offset could get."""
        if offset >= self.end_offset:
            return 0
        index = self._index_of(offset)
        return self._appended - (self._ends[index - 1] if index else self._dropped)

    def batches_from(self, offset: int) -> list[StoredBatch]:
        """The batches that hold this offset or a later one."""
        return self._batches[self._index_of(offset) :]

    def read(self, offset: int, limit: int, *, at_least_one: bool) -> bytes | bytearray:
        """Batches from the one that holds an offset on, `limit` bytes of them: the last one may be cut off, as Kafka
        cuts it. The first comes whole, or not at all if it is over the limit and need not come (KIP-74).
        """
        if offset >= self.end_offset:
            return b""
        index = self._index_of(offset)
        first = self._batches[index].data
        if len(first) >= limit:
            return first if at_least_one or len(first) == limit else b""
        before = self._ends[index - 1] if index else self._dropped
        stop = bisect_left(self._ends, before + limit, index)
        parts: list[bytes | bytearray | memoryview] = [batch.data for batch in self._batches[index:stop]]
        if stop < len(self._batches):
            left = limit - (self._ends[stop - 1] - before)
            parts.append(memoryview(self._batches[stop].data)[:left])
        return first if len(parts) == 1 and parts[0] is first else b"".join(parts)

    # Searching by time.

    def find_time(self, timestamp: int) -> FoundOffset:
        """The first record at or after a time."""
        for stored in self._batches[bisect_left(self._times, timestamp) :]:
            if stored.max_timestamp < timestamp:
                continue
            columns = stored.read().columns()
            for offset, at in zip(columns.offsets, columns.timestamps, strict=True):
                if at >= timestamp and offset >= self.start_offset:
                    return FoundOffset(offset, at, stored.leader_epoch)
        return NOTHING

    def find_latest_time(self) -> FoundOffset:
        """The first of the records with the highest timestamp."""
        return self.find_time(self._times[-1]) if self._times and self._times[-1] >= 0 else NOTHING

    # The beginning.

    def delete_before(self, offset: int) -> None:
        """Move the start of the log forward. A batch goes when its last record does."""
        self.start_offset = max(self.start_offset, offset)
        gone = self._index_of(self.start_offset)
        if gone:
            self._dropped = self._ends[gone - 1]
            for column in (self._batches, self._bases, self._ends):
                del column[:gone]
            self._times.clear()
            highest = -1
            for batch in self._batches:
                highest = max(highest, batch.max_timestamp)
                self._times.append(highest)
        while len(self.epochs) > 1 and self.epochs[1][1] <= self.start_offset:
            del self.epochs[0]
        if self.epochs and self.epochs[0][1] < self.start_offset:
            self.epochs[0] = (self.epochs[0][0], self.start_offset)

    # Leader epochs.

    def begin_epoch(self, epoch: int) -> None:
        """A leader begins to write here. An epoch that wrote nothing is forgotten, as Kafka forgets it."""
        while self.epochs and (self.epochs[-1][0] >= epoch or self.epochs[-1][1] >= self.end_offset):
            self.epochs.pop()
        self.epochs.append((epoch, self.end_offset))

    def end_of_epoch(self, epoch: int) -> EpochEnd:
        """Where a leader epoch ended (KIP-101, KIP-320)."""
        if epoch < 0 or not self.epochs or epoch > self.epochs[-1][0]:
            return UNKNOWN_EPOCH
        if epoch == self.epochs[-1][0]:
            return EpochEnd(epoch, self.end_offset)
        after = bisect_right(self.epochs, epoch, key=lambda entry: entry[0])
        if after == 0:
            return EpochEnd(epoch, self.epochs[0][1])
        return EpochEnd(self.epochs[after - 1][0], self.epochs[after][1])

    def epoch_at_start(self) -> int:
        """The leader epoch of the first record; -1 if nobody ever led."""
        return self.epochs[0][0] if self.epochs else -1
