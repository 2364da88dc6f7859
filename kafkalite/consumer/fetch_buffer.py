"""HATCH: the loop puts raw fetch answers in, the thread that polls takes records out.

A plain locked object without a loop. The lock is held for book-keeping only, never while records are decoded or a
user's deserializer runs, so that neither side waits for the other. Every jump (seek, reset, revocation) makes a
partition's epoch grow, and what belongs to an older epoch is dropped wherever it is met. Thread: any, locked; `take`
from one thread at a time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Container, Iterable
from itertools import chain
from typing import Final, NamedTuple, TypeVar

from kafkalite.errors import KafkaError
from kafkalite.types import ConsumerRecord, TopicPartition

from .metrics import FetchMetrics
from .positions import PartitionState, Position, Watermarks
from .record_batch import RecordBatch, joined
from .unpacking import Deserializers, Part, Unpacker

__all__ = ["EVERYTHING", "FetchBuffer", "Fetchable"]

T = TypeVar("T")

EVERYTHING: Final = -1
"""For `leave_out`: until nothing is undelivered."""


class Fetchable(NamedTuple):
    """A partition to fetch, as it stands now."""

    state: PartitionState
    epoch: int
    at: Position
    buffered: int


class _Visit:
    """What one take has read of one partition; it counts only if the partition has not jumped meanwhile."""

    __slots__ = ("count", "epoch", "failed", "opened", "pieces", "position", "state")

    def __init__(self, state: PartitionState) -> None:
        self.state = state
        self.epoch = state.epoch
        self.position = state.position
        self.opened = 0
        self.pieces: list[RecordBatch] = []
        self.count = 0
        """Records in `pieces`."""
        self.failed = False
        """Something stands in the way of the next record."""


class FetchBuffer:
    """The undelivered records of one consumer."""

    def __init__(
        self,
        *,
        deserializers: Deserializers | None = None,
        check_crcs: bool = True,
        metrics: FetchMetrics | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._deserializers = deserializers
        self._check_crcs = check_crcs
        self._metrics = metrics if metrics is not None else FetchMetrics()
        self._queue: deque[PartitionState] = deque()
        """Partitions that have something to give, in the order of their turns."""
        self._unfinished: list[PartitionState] = []
        self._error: KafkaError | None = None
        self.on_ready: Callable[[], None] = _nobody
        """Thread: loop. There is something to take now."""
        self.on_room: Callable[[], None] = _nobody
        """Thread: the one that polls. A partition that was left out may be fetched again, or an error was taken."""

    # The thread that polls.

    def take(
        self, max_records: int, partitions: Container[TopicPartition] | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Up to `max_records` records, by partition (these only, unless None), round-robin. Never waits.

        Moves positions past what is returned. Raises what stands in the way, once everything before it was taken.
        """
        found = self._take(max_records, partitions, False, _records)
        return {visit.state.tp: records for visit, records in found}

    def take_batches(self, max_records: int, *, whole: bool = False) -> list[RecordBatch]:
        """The same as columns, partition after partition. `whole`: no batch is cut to keep to `max_records`, the one
        with which there are so many is the last."""
        found = self._take(max_records, None, whole, lambda visit: joined(visit.pieces))
        return [batch for _, batches in found for batch in batches]

    def _take(
        self,
        max_records: int,
        partitions: Container[TopicPartition] | None,
        whole: bool,
        make: Callable[[_Visit], list[T]],
    ) -> list[tuple[_Visit, list[T]]]:
        with self._lock:
            for state in self._unfinished:
                state.finished = state.position
            self._unfinished.clear()
            if not self._queue and self._error is None:
                return []
            if self._error is not None:
                error, self._error = self._error, None
                raise error
        visits: list[_Visit] = []
        left = max_records
        try:
            while left > 0 and (visit := self._turn(partitions)) is not None:
                visits.append(visit)
                self._read(visit, left, whole)
                left -= visit.count
                if visit.failed:
                    break
            made = [(visit, make(visit)) for visit in visits if visit.count]
        except BaseException:
            self._give_back(visits)
            raise
        taken = self._settle(visits)
        return [(visit, found) for visit, found in made if visit in taken]

    def _turn(self, partitions: Container[TopicPartition] | None) -> _Visit | None:
        passed_over = 0
        with self._lock:
            while passed_over < len(self._queue):
                state = self._queue[passed_over]
                if partitions is not None and state.tp not in partitions:
                    passed_over += 1  # it keeps its turn
                    continue
                del self._queue[passed_over]
                state.queued = False
                if _deliverable(state):
                    return _Visit(state)
            return None

    def _read(self, visit: _Visit, limit: int, whole: bool) -> None:
        state = visit.state
        while visit.count < limit:
            unpacker = self._unpacker(visit)
            if unpacker is None:
                return
            pieces = unpacker.read(limit - visit.count, whole=whole)
            visit.pieces += pieces
            visit.count += sum(map(len, pieces))
            visit.position = unpacker.position
            visit.opened += unpacker.opened
            unpacker.opened = 0
            if unpacker.failure is not None:
                visit.failed = True
                return
            if unpacker.exhausted:
                with self._lock:
                    if state.epoch == visit.epoch:
                        state.unpacker = None

    def _unpacker(self, visit: _Visit) -> Unpacker | None:
        """The one under way, or one for the next part. None: there is nothing more, or something stands in the way."""
        state = visit.state
        with self._lock:
            if state.epoch != visit.epoch:
                return None
            if state.unpacker is not None:
                return state.unpacker
            if not state.parts or visit.position is None:
                visit.failed = state.error is not None
                return None
            part = state.parts.popleft()
        unpacker = Unpacker(
            state.tp, part, visit.position, check_crcs=self._check_crcs, deserializers=self._deserializers
        )
        with self._lock:
            if state.epoch != visit.epoch:
                return None
            state.unpacker = unpacker
        return unpacker

    def _settle(self, visits: list[_Visit]) -> set[_Visit]:
        """Make the visits count. Returns those that found records and that no jump has overtaken."""
        taken: set[_Visit] = set()
        error: KafkaError | None = None
        room = False
        with self._lock:
            for visit in visits:
                state = visit.state
                if state.epoch != visit.epoch:
                    continue
                if visit.position != state.position:
                    state.position = visit.position
                    self._unfinished.append(state)
                if visit.count:
                    taken.add(visit)
                    self._metrics.on_consumed(state.tp, visit.count, visit.opened)
                state.buffered -= visit.opened
                if state.full_above is not None and _is_down_to(state, state.full_above):
                    state.full_above = None
                    room = True
                if not visit.failed:
                    self._enqueue(state)
                    continue
                if not taken:
                    error, room = self._next_error(state), True
                if _has_something(state):
                    # It keeps its turn, so that the next take begins with it.
                    state.queued = True
                    self._queue.appendleft(state)
        if room:
            self.on_room()
        if error is not None:
            raise error
        return taken

    def _next_error(self, state: PartitionState) -> KafkaError | None:
        """Damaged records stay in the way until somebody seeks; what a broker said is said once."""
        if state.unpacker is not None:
            return state.unpacker.failure
        error, state.error = state.error, None
        return error

    def _give_back(self, visits: list[_Visit]) -> None:
        """The take was interrupted: what it had read is fetched again, because nobody got it."""
        with self._lock:
            for visit in visits:
                if visit.state.epoch == visit.epoch:
                    visit.state.jump(visit.state.position)
        self.on_room()

    def _enqueue(self, state: PartitionState) -> bool:
        """Give the partition a turn. False: it has nothing that may be taken now."""
        if state.paused or state.held or not _has_something(state):
            return False
        if not state.queued:
            state.queued = True
            self._queue.append(state)
        return True

    # The loop.

    @property
    def ready(self) -> bool:
        """Whether a take would return or raise something. Thread: any."""
        return self.ready_for(None)

    def ready_for(self, partitions: Container[TopicPartition] | None) -> bool:
        """Whether a take of these partitions (None: of all) would return or raise something. Thread: any."""
        with self._lock:
            return self._error is not None or any(
                _deliverable(state) and (partitions is None or state.tp in partitions)
                for state in self._queue
            )

    @property
    def failing(self) -> bool:
        """Whether a take would raise an error that concerns the whole consumer. Thread: any."""
        with self._lock:
            return self._error is not None

    def raise_error(self) -> None:
        """Raise the error that concerns the whole consumer, if there is one. It is raised once."""
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def put(
        self,
        state: PartitionState,
        epoch: int,
        at: Position,
        marks: Watermarks,
        part: Part | None = None,
        fetched: Position | None = None,
    ) -> bool:
        """Add what came for a partition that was asked for at `at`, and where to fetch on.

        False: it has jumped since, or another broker has answered already; everything is dropped.
        """
        with self._lock:
            if state.epoch != epoch or state.fetched != at:
                return False
            state.watermarks = marks
            if part is None:
                return True
            state.parts.append(part)
            state.buffered += len(part.data)
            state.fetched = fetched
            news = self._enqueue(state)
        if news:
            self.on_ready()
        return True

    def fail(self, error: KafkaError, state: PartitionState | None = None) -> None:
        """Have the next take raise this; with a partition, once what came before it was taken. The first one stays."""
        with self._lock:
            if state is None:
                self._error = self._error or error
            else:
                state.error = state.error or error
                self._enqueue(state)
        self.on_ready()

    def take_error(self, state: PartitionState) -> KafkaError | None:
        """The error of a partition, for a call that asks about it: it is told once."""
        with self._lock:
            error, state.error = state.error, None
            return error

    def jump(self, state: PartitionState, position: Position | None) -> None:
        """Go on from another place. What lies between is not finished before the next take: the user may still be
        working on the last record."""
        with self._lock:
            finished = state.finished
            state.jump(position)
            if finished is not None and position is not None and position.offset > finished.offset:
                state.finished = finished
                self._unfinished.append(state)

    def forget_undelivered(self, state: PartitionState) -> None:
        """Fetch again from where the reader is: what lies beyond is not in the log any more."""
        with self._lock:
            finished = state.finished
            state.jump(state.position)
            state.finished = finished

    def remove(self, states: Iterable[PartitionState]) -> None:
        """These are not ours any more."""
        with self._lock:
            for state in states:
                state.jump(None)
                state.queued = False
            self._queue = deque(state for state in self._queue if state.queued)

    def pause(self, state: PartitionState) -> None:
        """Deliver nothing of it; what was fetched is kept."""
        with self._lock:
            state.paused = True

    def resume(self, state: PartitionState) -> None:
        """Deliver it again."""
        with self._lock:
            state.paused = False
            news = self._enqueue(state)
        if news:
            self.on_ready()

    def hold(self, states: Iterable[PartitionState]) -> None:
        """Deliver nothing of these until `release`."""
        with self._lock:
            for state in states:
                state.held = True

    def release(self, states: Iterable[PartitionState]) -> None:
        """Deliver them."""
        with self._lock:
            news = False
            for state in states:
                state.held = False
                news = self._enqueue(state) or news
        if news:
            self.on_ready()

    def fetchable(self, states: Iterable[PartitionState]) -> list[Fetchable]:
        """Those that nothing but their undelivered data keeps from being fetched."""
        with self._lock:
            return [
                Fetchable(state, state.epoch, state.fetched, state.buffered)
                for state in states
                if state.fetched is not None and state.error is None and not (state.paused or state.held)
            ]

    def leave_out(self, state: PartitionState, above: int) -> bool:
        """Have `on_room` called when no more than this many bytes of a partition are left to open (`EVERYTHING`: when
        every record was delivered). False: that is so already."""
        with self._lock:
            if _is_down_to(state, above):
                return False
            state.full_above = above
            return True

    # Thread: any.

    def consumed(self, states: Iterable[PartitionState]) -> dict[TopicPartition, Position]:
        """Positions after the last take."""
        with self._lock:
            return {state.tp: state.position for state in states if state.position is not None}

    def finished(self, states: Iterable[PartitionState]) -> dict[TopicPartition, Position]:
        """Positions before the last take."""
        with self._lock:
            return {state.tp: state.finished for state in states if state.finished is not None}

    def __repr__(self) -> str:
        with self._lock:
            waiting = [f"{s.tp.topic}-{s.tp.partition} {s.buffered} bytes" for s in self._queue]
        return f"<FetchBuffer: {', '.join(waiting) or 'empty'}>"


def _is_down_to(state: PartitionState, size: int) -> bool:
    if size == EVERYTHING:
        return state.unpacker is None and not state.parts
    return state.buffered <= size


def _deliverable(state: PartitionState) -> bool:
    return not (state.paused or state.held) and _has_something(state)


def _has_something(state: PartitionState) -> bool:
    return bool(state.parts) or state.unpacker is not None or state.error is not None


def _records(visit: _Visit) -> list[ConsumerRecord]:
    if len(visit.pieces) == 1:
        return list(visit.pieces[0])
    return list(chain.from_iterable(visit.pieces))


def _nobody() -> None:
    """Nobody wants to know yet."""
