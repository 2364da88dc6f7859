"""Which batches of a fetch answer belong to aborted transactions: a reader of committed data leaves them out.

The broker lists (producer id, first offset) of every aborted transaction that overlaps the answer; the end of each is
its abort marker in the log. Called by the consumer's fetch buffer, batch after batch, in offset order. Thread: caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop

from ..codes import ControlRecordType
from .batch import Batch

__all__ = ["AbortedFilter"]


class AbortedFilter:
    """One partition's part of one fetch answer, read with isolation level read_committed (KIP-98)."""

    __slots__ = ("_active", "_waiting")

    def __init__(self, aborted: Iterable[tuple[int, int]]) -> None:
        self._waiting = [(first_offset, producer_id) for producer_id, first_offset in aborted]
        heapify(self._waiting)
        self._active: set[int] = set()

    def keep(self, batch: Batch) -> bool:
        """Whether the batch's records go to the application. Control batches never do."""
        while self._waiting and self._waiting[0][0] <= batch.last_offset:
            self._active.add(heappop(self._waiting)[1])
        if batch.is_control:
            # Compaction may have left the header of a marker only: then its transaction is long settled.
            ends = batch.producer_id in self._active and batch.record_count > 0
            if ends and batch.control().type == ControlRecordType.ABORT:
                self._active.discard(batch.producer_id)
            return False
        return not (batch.is_transactional and batch.producer_id in self._active)
