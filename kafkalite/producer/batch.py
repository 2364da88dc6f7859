"""A batch of records for one partition, and what became of it: open, closed, on its way, settled or failed. HATCH.

Columns and not records: callers append to lists, and the whole is encoded in one go when it is drained. Nothing is kept
per record for its outcome either: a `Delivery` is the batch and an index, and callbacks are kept for those records only
that have some.

Thread: any, locked, for appending and for whoever asks; loop, for everything that happens after the batch was closed.
All batches of a producer share one lock (see `Owner`): what it guards is done once per batch.
"""

from __future__ import annotations

import logging
import os
import threading
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, TypeAlias

from kafkalite.errors import KafkaError
from kafkalite.protocol.records.batch import BATCH_OVERHEAD, Headers, RecordColumns, encode_batch, record_size
from kafkalite.types import RecordMetadata, TopicPartition

__all__ = ["NOWHERE", "Batch", "Callback", "Owner", "call_back"]

log = logging.getLogger(__name__)

Callback: TypeAlias = tuple[bool, Callable[[Any], object]]
"""(whether it is for success or for failure, the function)"""

_SEQUENCES = 1 << 31


class Owner:
    """What all batches of one producer have in common."""

    __slots__ = ("lock", "loop_thread", "pid")

    def __init__(self) -> None:
        # Reentrant: a signal handler or a finalizer that sends a record must not wait for the thread it interrupted.
        self.lock = threading.RLock()
        self.loop_thread: int | None = None
        """Identity of the thread that settles batches; waiting there would never end."""
        self.pid = os.getpid()


class Batch:
    """Records of one partition, column by column."""

    __slots__ = (
        "attempts",
        "base_offset",
        "base_sequence",
        "callbacks",
        "capacity",
        "count",
        "created",
        "deadline",
        "done",
        "encoded",
        "error",
        "header_sizes",
        "headers",
        "hooks",
        "key_sizes",
        "keys",
        "last_error",
        "left",
        "limit",
        "log_append_time",
        "log_start_offset",
        "on_wire",
        "order",
        "owner",
        "parent",
        "partition",
        "parts",
        "producer_epoch",
        "producer_id",
        "record_errors",
        "renumbered",
        "retry_at",
        "sent_to",
        "size",
        "tick",
        "times",
        "value_sizes",
        "values",
        "waiters",
    )

    def __init__(
        self,
        owner: Owner,
        partition: TopicPartition,
        *,
        created: float,
        deadline: float,
        capacity: int,
        limit: int,
    ) -> None:
        self.owner = owner
        self.partition = partition
        self.created = created
        self.deadline = deadline

        # Appending.
        self.left = capacity - BATCH_OVERHEAD
        """Bytes that may still be appended; -1 once the batch is closed, so that one comparison covers both."""
        self.capacity = capacity
        """Bytes of the producer's memory that are set aside for this batch."""
        self.limit = limit
        """Up to where `capacity` may grow."""
        self.values: list[bytes | None] = []
        self.keys: list[bytes | None] | None = None
        self.headers: dict[int, Headers] | None = None
        self.times: list[tuple[int, int]] = []
        self.tick = 0.0
        """Until when (seconds since 1970) the last entry of `times` is right; 0 if it is not the clock's."""

        # Sending. `order` is () until the batch is drained first; then it says where it belongs among the others.
        self.size = 0
        self.count = 0
        self.order: tuple[int, ...] = ()
        self.attempts = 0
        self.retry_at = 0.0
        self.sent_to: tuple[int, int] | None = None
        """(node, leader epoch) of the last attempt."""
        self.last_error: KafkaError | None = None
        self.on_wire = False
        self.producer_id = self.producer_epoch = self.base_sequence = -1
        self.renumbered = False
        """Whether its sequence was given anew under a new epoch."""
        self.encoded: bytes | None = None

        # The outcome.
        self.done = False
        self.error: KafkaError | None = None
        self.record_errors: dict[int, KafkaError] | None = None
        self.base_offset = self.log_append_time = self.log_start_offset = -1
        self.value_sizes: int | list[int] = -1
        self.key_sizes: list[int] | None = None
        self.header_sizes: dict[int, int] | None = None
        self.waiters: list[threading.Lock] | None = None
        self.callbacks: dict[int, list[Callback]] | None = None
        self.hooks: list[Callable[[], object]] | None = None
        self.parts: tuple[list[int], list[Batch]] | None = None
        """What it was split into: indexes of the first records, and the batches."""
        self.parent: Batch | None = None

    # Appending. The caller holds the lock.

    @property
    def used(self) -> int:
        """Bytes it takes, before compression; an upper bound."""
        return self.size if self.left < 0 else self.capacity - self.left

    def mark(self, now: float) -> None:
        """The next record was sent at `now` (seconds since 1970), in another millisecond than the last one."""
        ms = int(now * 1000)
        self.mark_ms(ms)
        self.tick = (ms + 1) / 1000

    def mark_ms(self, ms: int) -> None:
        """The next record is of that time, which need not be the clock's."""
        self.tick = 0.0
        if not self.times or self.times[-1][1] != ms:
            self.times.append((len(self.values), ms))

    def append(
        self,
        size: int,
        value: bytes | None,
        key: bytes | None,
        headers: Headers,
        timestamp_ms: int | None,
        now: float,
    ) -> int:
        """Append a record that fits; returns its index."""
        index = len(self.values)
        self.left -= size
        if timestamp_ms is not None:
            self.mark_ms(timestamp_ms)
        elif now >= self.tick:
            self.mark(now)
        if self.keys is not None:
            self.keys.append(key)
        elif key is not None:
            self.keys = [None] * index
            self.keys.append(key)
        if headers:
            if self.headers is None:
                self.headers = {}
            self.headers[index] = headers
        self.values.append(value)
        return index

    def close(self) -> int:
        """Take no more records; returns the bytes of memory that it does not need."""
        self.size = self.capacity - self.left
        self.left = -1
        self.count = len(self.values)
        spare, self.capacity = self.capacity - self.size, self.size
        return spare

    # Sending. Thread: loop.

    @property
    def last_sequence(self) -> int:
        """Sequence of its last record; after 2147483647 comes 0."""
        return (self.base_sequence + self.count - 1) % _SEQUENCES

    @property
    def next_sequence(self) -> int:
        """Sequence of the record that follows."""
        return (self.base_sequence + self.count) % _SEQUENCES

    def stamp(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        """Number its records. What was encoded with other numbers is forgotten."""
        self.producer_id, self.producer_epoch, self.base_sequence = producer_id, producer_epoch, base_sequence
        self.encoded = None

    def encode(self, codec: int, level: int | None) -> bytes:
        """Its bytes for the wire; kept for further attempts. Raises EncodeError."""
        if self.encoded is None:
            sizes = self._measure()
            columns = RecordColumns(
                self.values, self.times, keys=self.keys, headers=self.headers, sizes=sizes
            )
            self.encoded = encode_batch(
                columns,
                codec=codec,
                level=level,
                producer_id=self.producer_id,
                producer_epoch=self.producer_epoch,
                base_sequence=self.base_sequence,
            )
        return self.encoded

    def _measure(self) -> list[int] | None:
        """Sizes for the metadata of records: the records themselves are not kept for that."""
        try:
            sizes = list(map(len, self.values))  # type: ignore[arg-type]
            known: list[int] | None = sizes
        except TypeError:
            sizes, known = [-1 if v is None else len(v) for v in self.values], None
        self.value_sizes = sizes[0] if sizes.count(sizes[0]) == len(sizes) else sizes
        if self.keys is not None:
            try:
                self.key_sizes = list(map(len, self.keys))  # type: ignore[arg-type]
            except TypeError:
                self.key_sizes = [-1 if k is None else len(k) for k in self.keys]
        if self.headers is not None:
            self.header_sizes = {
                index: sum(len(name.encode()) + len(content or b"") for name, content in headers)
                for index, headers in self.headers.items()
            }
        return known

    def split(self, limit: int) -> list[Batch]:
        """Smaller batches of the same records, in their order, none above `limit` bytes if records allow it.

        Its memory and its sequences are divided among them; its deliveries follow them.
        """
        starts = [0]
        sizes = [BATCH_OVERHEAD]
        headers, keys = self.headers or {}, self.keys
        for index, value in enumerate(self.values):
            size = record_size(keys[index] if keys else None, value, headers.get(index, ()))
            if sizes[-1] + size > limit and index > starts[-1]:
                starts.append(index)
                sizes.append(BATCH_OVERHEAD)
            sizes[-1] += size
        parts = []
        for number, (start, stop) in enumerate(zip(starts, [*starts[1:], self.count], strict=True)):
            part = self._part(start, stop, sizes[number])
            part.order = (*self.order, number)
            parts.append(part)
        with self.owner.lock:
            for part in parts:
                part.capacity = min(part.size, self.capacity)
                self.capacity -= part.capacity
            parts[-1].capacity += self.capacity
            self.capacity = 0
            self.parts = starts, parts
            self._forget_records()
        return parts

    def _part(self, start: int, stop: int, size: int) -> Batch:
        part = Batch(
            self.owner,
            self.partition,
            created=self.created,
            deadline=self.deadline,
            capacity=size,
            limit=size,
        )
        part.values = self.values[start:stop]
        part.keys = self.keys[start:stop] if self.keys is not None else None
        if self.headers is not None:
            part.headers = {i - start: self.headers[i] for i in self.headers if start <= i < stop}
        part.times = [(0, self._timestamp(start))]
        part.times += [(i - start, ms) for i, ms in self.times if start < i < stop]
        part.left, part.size, part.count = -1, size, stop - start
        part.attempts, part.sent_to, part.last_error = self.attempts, self.sent_to, self.last_error
        if self.base_sequence >= 0:
            sequence = (self.base_sequence + start) % _SEQUENCES
            part.stamp(self.producer_id, self.producer_epoch, sequence)
            part.renumbered = self.renumbered
        part.parent = self
        return part

    def leaves(self) -> list[Batch]:
        """Itself, or what it was split into."""
        if self.parts is None:
            return [self]
        return [leaf for part in self.parts[1] for leaf in part.leaves()]

    # The outcome. Thread: loop.

    def settle(self, base_offset: int, log_append_time: int = -1, log_start_offset: int = -1) -> None:
        """It was written: at `base_offset`, or (-1) nobody knows where."""
        self.base_offset = base_offset
        self.log_append_time = log_append_time
        self.log_start_offset = log_start_offset
        self._finish()

    def fail(self, error: KafkaError, record_errors: dict[int, KafkaError] | None = None) -> None:
        """It was not written, or nobody knows; `record_errors` are those of single records (KIP-467)."""
        self.error = error
        self.record_errors = record_errors
        self._finish()

    def _finish(self) -> None:
        with self.owner.lock:
            self.done = True
            waiters, self.waiters = self.waiters, None
            callbacks, self.callbacks = self.callbacks, None
            hooks, self.hooks = self.hooks, None
            self._forget_records()
        for gate in waiters or ():
            gate.release()
        for index, listed in (callbacks or {}).items():
            for for_success, function in listed:
                self._tell(index, for_success, function)
        for hook in hooks or ():
            call_back(hook)
        parent = self.parent
        if parent is not None and parent.parts is not None and all(part.done for part in parent.parts[1]):
            parent._finish()

    def _forget_records(self) -> None:
        # Deliveries that the user keeps keep the batch, but need not keep every record that was ever sent.
        self.values = []
        self.keys = self.headers = self.encoded = None

    def _tell(self, index: int, for_success: bool, function: Callable[[Any], object]) -> None:
        outcome = self.outcome(index)
        if for_success != isinstance(outcome, KafkaError):
            call_back(lambda: function(outcome))

    # Asking. Thread: any.

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.partition.topic}-{self.partition.partition}"

    def unsettled(self, index: int) -> Batch | None:
        """The batch that a record is in now, unless that has its outcome."""
        batch, _ = self.locate(index)
        return None if batch.done else batch

    def locate(self, index: int) -> tuple[Batch, int]:
        """Where a record is now: this batch was maybe split since."""
        batch = self
        while batch.parts is not None:
            starts, parts = batch.parts
            number = bisect_right(starts, index) - 1
            batch, index = parts[number], index - starts[number]
        return batch, index

    def outcome(self, index: int) -> RecordMetadata | KafkaError | None:
        """What became of a record; None while that is open."""
        batch, index = self.locate(index)
        if not batch.done:
            return None
        if batch.error is None:
            return batch._metadata(index)
        return (batch.record_errors or {}).get(index, batch.error)

    def _metadata(self, index: int) -> RecordMetadata:
        appended, started = self.log_append_time, self.log_start_offset
        sizes, keys = self.value_sizes, self.key_sizes
        return RecordMetadata(
            self.partition.topic,
            self.partition.partition,
            self.partition,
            self.base_offset + index if self.base_offset >= 0 else -1,
            appended if appended >= 0 else self._timestamp(index),
            1 if appended >= 0 else 0,
            started if started >= 0 else None,
            None,
            keys[index] if keys is not None else -1,
            sizes if isinstance(sizes, int) else sizes[index],
            (self.header_sizes or {}).get(index, -1),
        )

    def _timestamp(self, index: int) -> int:
        return self.times[bisect_right(self.times, index, key=lambda run: run[0]) - 1][1]

    def on_settled(self, callback: Callable[[], object]) -> None:
        """Have `callback` called once when every record's outcome is known: on the loop, or at once if it is."""
        with self.owner.lock:
            if not self.done:
                if self.hooks is None:
                    self.hooks = []
                self.hooks.append(callback)
                return
        call_back(callback)

    def on_outcome(self, index: int, for_success: bool, function: Callable[[Any], object]) -> None:
        """Have `function` called with a record's metadata (or its error): on the loop, or at once if it is known."""
        batch, index = self.locate(index)
        with self.owner.lock:
            if not batch.done:
                if batch.callbacks is None:
                    batch.callbacks = {}
                batch.callbacks.setdefault(index, []).append((for_success, function))
                return
        batch._tell(index, for_success, function)

    def gate(self) -> threading.Lock | None:
        """A held lock that is released when the batch is settled; None if it is."""
        gate = threading.Lock()
        gate.acquire()
        with self.owner.lock:
            if self.done:
                return None
            if self.waiters is None:
                self.waiters = []
            self.waiters.append(gate)
        return gate

    def drop_gate(self, gate: threading.Lock) -> None:
        """Whoever waited has given up."""
        with self.owner.lock:
            if self.waiters is not None and gate in self.waiters:
                self.waiters.remove(gate)

    def __repr__(self) -> str:
        records = self.count or len(self.values)
        state = (
            ("failed" if self.error else "settled")
            if self.done
            else "split"
            if self.parts
            else "on the wire"
            if self.on_wire
            else "open"
            if self.left >= 0
            else "closed"
        )
        return f"<Batch {self.where}, {records} records, {state}>"


def call_back(function: Callable[[], object]) -> None:
    """The user's code: what it raises must not stop the sender."""
    try:
        function()
    except Exception:
        log.exception("a callback of a sent record failed")


NOWHERE = Batch(Owner(), TopicPartition("", -1), created=0.0, deadline=0.0, capacity=0, limit=0)
"""No batch: nothing fits into it, so the fast path needs no second question."""
NOWHERE.left = -1
