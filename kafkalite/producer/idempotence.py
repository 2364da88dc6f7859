"""Every record once and in order, whatever is retried: the producer's id and epoch, and the sequences of partitions.

A batch is numbered when it is drained first and keeps its numbers over retries, because an earlier attempt may have been
written. Where numbers have a hole that the broker will not accept, the partition starts again from 0 under a higher
epoch (KIP-360); that waits until nothing of the partition is on the wire, so that no answer can be mistaken for another
epoch's. A brain. Thread: loop.
"""

from __future__ import annotations

from typing import Final

from kafkalite.protocol.codes import ErrorCode
from kafkalite.types import TopicPartition

from .batch import Batch

__all__ = ["Idempotence"]

_SEQUENCES: Final = 1 << 31
_LAST_EPOCH: Final = 32767
_REMEMBERED: Final = 5
"""Batches per producer and partition that a broker remembers to recognise repetitions."""


class _Numbers:
    """The sequences of one partition."""

    __slots__ = ("bump", "epoch", "expected", "in_flight", "next", "on_wire", "pid", "unresolved")

    def __init__(self) -> None:
        self.pid = self.epoch = -1
        self.next = 0
        """Sequence of the next new record."""
        self.expected = 0
        """Sequence that follows the last acknowledged one."""
        self.in_flight: list[Batch] = []
        """Batches with numbers and without outcome, in the order of their numbers: on the wire, or to be retried."""
        self.on_wire = 0
        """Attempts without an answer; of batches that have expired, too."""
        self.unresolved: int | None = None
        """Sequence after a batch of which nobody knows whether it was written."""
        self.bump = False
        """Start again under another epoch as soon as nothing is on the wire."""


class Idempotence:
    """What an idempotent producer knows about itself."""

    waits_for_first = True
    """Whether the second batch of a partition waits until the first one is acknowledged."""

    def __init__(self) -> None:
        self.producer_id = -1
        self.producer_epoch = -1
        self._numbers: dict[TopicPartition, _Numbers] = {}

    @property
    def needs_id(self) -> bool:
        """Whether a producer id has to be asked for before anything can be sent."""
        return self.producer_id < 0

    def on_id(self, producer_id: int, producer_epoch: int) -> None:
        """A broker gave an id."""
        self.producer_id, self.producer_epoch = producer_id, producer_epoch
        for numbers in self._numbers.values():
            self._resolve(numbers)

    # Leaving and coming back.

    def may_leave(self, batch: Batch) -> bool:
        """Whether a batch may be sent now without overtaking another one."""
        if self.needs_id:
            return False
        numbers = self._numbers.get(batch.partition)
        if numbers is None:
            return True
        if numbers.bump:
            return False
        if batch.base_sequence >= 0:
            return bool(numbers.in_flight) and numbers.in_flight[0] is batch
        if numbers.unresolved is not None or len(numbers.in_flight) >= _REMEMBERED:
            return False
        if self.waits_for_first and numbers.in_flight and not numbers.expected:
            # A leader that knows nothing of this producer takes whatever sequence comes first. If it refused the first
            # batch (it may not have heard yet that it leads) and took the second, the first could never be written.
            return False
        return self._is_current(numbers) or not (numbers.in_flight or numbers.on_wire)

    def on_leave(self, batch: Batch) -> None:
        """A batch is sent: number it, if it has no numbers yet."""
        numbers = self._numbers.get(batch.partition)
        if numbers is None:
            numbers = self._numbers[batch.partition] = _Numbers()
        if batch.base_sequence < 0:
            if not self._is_current(numbers):
                self._start_again(numbers)
            batch.stamp(numbers.pid, numbers.epoch, numbers.next)
            numbers.next = batch.next_sequence
            numbers.in_flight.append(batch)
        numbers.on_wire += 1

    def on_back(self, batch: Batch) -> None:
        """An attempt has come to an end, whatever its outcome; `on_...` of the outcome and `resolve` follow."""
        self._numbers[batch.partition].on_wire -= 1

    def resolve(self, partition: TopicPartition) -> None:
        """The outcomes of what came back are told: fill holes, if there are any and nothing is on the wire."""
        numbers = self._numbers.get(partition)
        if numbers is not None:
            self._resolve(numbers)

    # Outcomes.

    def on_written(self, batch: Batch) -> None:
        """A batch was written, now or by an earlier attempt. It may have expired meanwhile."""
        numbers = self._numbers[batch.partition]
        if (batch.next_sequence - numbers.expected) % _SEQUENCES < _SEQUENCES // 2:
            numbers.expected = batch.next_sequence
        self._forget(numbers, batch)

    def on_failed(self, batch: Batch, *, written: bool | None) -> None:
        """A batch has failed for good. `written`: False if the broker refused it, None if nobody knows."""
        numbers = self._numbers.get(batch.partition)
        if numbers is None or batch.base_sequence < 0:
            return
        if written is None:
            numbers.unresolved = batch.next_sequence
        else:
            numbers.bump = True
        self._forget(numbers, batch)

    def on_split(self, batch: Batch, parts: list[Batch]) -> None:
        """A batch was replaced by smaller ones, which divide its numbers among them."""
        in_flight = self._numbers[batch.partition].in_flight
        at = in_flight.index(batch)
        in_flight[at : at + 1] = parts

    def wants_retry(self, batch: Batch, code: int, log_start_offset: int) -> bool:
        """Whether an error means that the batch should be sent again, beyond what the error's class says."""
        numbers = self._numbers[batch.partition]
        if code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
            if numbers.unresolved is not None:
                # What was in doubt was not written: only this batch, which follows it, can tell.
                numbers.bump = numbers.bump or batch.base_sequence == numbers.unresolved
            elif batch.base_sequence == numbers.expected:
                numbers.bump = True
            return True  # else an earlier one is still on its way
        if code == ErrorCode.UNKNOWN_PRODUCER_ID:
            # Only brokers before 2.4 say so; the oldest of them without the log's start, then there is no telling why.
            if log_start_offset != -1 and not batch.renumbered:
                numbers.bump = True
            return True
        return False

    def _forget(self, numbers: _Numbers, batch: Batch) -> None:
        if batch in numbers.in_flight:
            numbers.in_flight.remove(batch)

    # Holes.

    def _is_current(self, numbers: _Numbers) -> bool:
        return numbers.pid == self.producer_id and numbers.epoch == self.producer_epoch

    def _resolve(self, numbers: _Numbers) -> None:
        if numbers.on_wire:
            return
        if numbers.unresolved is not None and not numbers.in_flight:
            if numbers.expected == numbers.next:
                numbers.unresolved = None  # it was written after all, or what came later would not have been
            else:
                numbers.bump = True
        if numbers.bump:
            self._bump(numbers)

    def _bump(self, numbers: _Numbers) -> None:
        if self.needs_id:
            return
        if self._is_current(numbers):
            if self.producer_epoch >= _LAST_EPOCH:
                self.producer_id = self.producer_epoch = -1  # `on_id` goes on from here
                return
            self.producer_epoch += 1
        self._start_again(numbers)
        for batch in numbers.in_flight:
            batch.stamp(numbers.pid, numbers.epoch, numbers.next)
            batch.renumbered = True
            numbers.next = batch.next_sequence

    def _start_again(self, numbers: _Numbers) -> None:
        numbers.pid, numbers.epoch = self.producer_id, self.producer_epoch
        numbers.next = numbers.expected = 0
        numbers.unresolved = None
        numbers.bump = False

    def __repr__(self) -> str:
        return f"<Idempotence: producer {self.producer_id}, epoch {self.producer_epoch}>"
