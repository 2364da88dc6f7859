"""Many records that one `send_many` handed over, and what became of them all: batches and the runs in them.

To a `Delivery` it looks like a batch with one record: the call. Nothing is kept per record; a run says which of the
call's records lie side by side in which batch.

Thread: the caller's, while records are handed over; then any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from kafkalite.errors import BulkSendError, KafkaError
from kafkalite.types import BulkMetadata, BulkPart

from .batch import Batch, Owner, call_back

__all__ = ["Bulk", "Run"]


class Run(NamedTuple):
    """Records side by side in one batch: from the one at `place` on, those that the call knows as `indexes`."""

    batch: Batch
    place: int
    indexes: Sequence[int]


class Bulk:
    """The records of one call."""

    __slots__ = ("_outcome", "_settled", "owner", "runs", "topic")

    parts: None = None
    """Unlike a batch, it is never split; what it consists of may be."""

    def __init__(self, owner: Owner, topic: str) -> None:
        self.owner = owner
        self.topic = topic
        self.runs: list[Run] = []
        self._settled = 0
        """So many runs, from the first on, are known to be settled."""
        self._outcome: BulkMetadata | BulkSendError | None = None

    def add(self, batch: Batch, place: int, indexes: Sequence[int]) -> None:
        """More records were handed over. Thread: the caller's."""
        self.runs.append(Run(batch, place, indexes))

    def __len__(self) -> int:
        return sum(len(run.indexes) for run in self.runs)

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.topic} ({len(self)} records)"

    @property
    def done(self) -> bool:
        """Whether every record's outcome is known."""
        return self.unsettled() is None

    def unsettled(self, _index: int = 0) -> Batch | None:
        """A batch whose outcome is not known yet."""
        settled = self._settled
        for run in self.runs[settled:] if settled else self.runs:
            if not run.batch.done:
                self._settled = settled
                return run.batch
            settled += 1
        self._settled = settled
        return None

    @property
    def error(self) -> KafkaError | None:
        """What some or all of the records failed with."""
        outcome = self.outcome()
        return outcome if isinstance(outcome, KafkaError) else None

    def locate(self, index: int) -> tuple[Bulk, int]:
        """Where the call's outcome is: here."""
        return self, index

    def outcome(self, _index: int = 0) -> BulkMetadata | BulkSendError | None:
        """Where all records went, or the error that says which ones failed; None while one is open."""
        if self._outcome is None and self.done:
            self._outcome = self._sum_up()
        return self._outcome

    def _sum_up(self) -> BulkMetadata | BulkSendError:
        parts: list[BulkPart] = []
        sources: list[Callable[[int], Any]] = []
        errors: dict[int, KafkaError] = {}
        for run in self.runs:
            position = 0
            for batch, start, stop in _stretches(run.batch, run.place, run.place + len(run.indexes)):
                indexes = run.indexes[position : position + stop - start]
                position += stop - start
                if batch.error is None:
                    offset = batch.base_offset + start if batch.base_offset >= 0 else -1
                    parts.append(BulkPart(batch.partition.partition, offset, indexes))
                    sources.append(_reader(batch, start))
                else:
                    known = batch.record_errors or {}
                    for place, index in enumerate(indexes, start):
                        errors[index] = known.get(place, batch.error)
        written = BulkMetadata(self.topic, parts, sources)
        if not errors:
            return written
        first = min(errors)
        error = BulkSendError(
            f"{len(errors)} of {len(self)} records for topic {self.topic!r} failed, the first of them record {first}:"
            f" {errors[first]} (`errors` has them all, `written` tells where the others went)",
        )
        error.errors, error.written = errors, written
        error.__cause__ = errors[first]
        return error

    def on_settled(self, callback: Callable[[], object]) -> None:
        """Have `callback` called once every record's outcome is known: on the loop, or at once if they are."""
        # From one batch to the next: no count that two threads would have to agree on.
        batch = self.unsettled()
        if batch is None:
            call_back(callback)
        else:
            batch.on_settled(lambda: self.on_settled(callback))

    def on_outcome(self, _index: int, for_success: bool, function: Callable[[Any], object]) -> None:
        """Have `function` called with the outcome, if it is of that kind."""

        def tell() -> None:
            outcome = self.outcome()
            if for_success != isinstance(outcome, KafkaError):
                function(outcome)

        self.on_settled(tell)


def _stretches(batch: Batch, start: int, stop: int) -> Iterator[tuple[Batch, int, int]]:
    """Where the records from `start` to `stop` are now, in their order: the batch was maybe split since."""
    if batch.parts is None:
        yield batch, start, stop
        return
    firsts, parts = batch.parts
    for part, first in zip(parts, firsts, strict=True):
        begin, end = max(start - first, 0), min(stop - first, part.count)
        if begin < end:
            yield from _stretches(part, begin, end)


def _reader(batch: Batch, start: int) -> Callable[[int], Any]:
    return lambda position: batch.outcome(start + position)
