"""Where records wait until they are sent: callers append on their own threads, the sender drains on the loop. HATCH.

A queue of batches per partition, the last of them open; per topic a `Lane` that shows the engine's fast path which
batches are open. All of it is guarded by one lock, and nothing here waits. Thread: any, locked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from math import inf
from typing import NamedTuple

from kafkalite.errors import KafkaError
from kafkalite.net.metadata import TopicInfo
from kafkalite.protocol.records.batch import BATCH_OVERHEAD, Headers
from kafkalite.types import TopicPartition

from .batch import NOWHERE, Batch, Owner
from .memory import Memory, Waiter
from .partitioner import StickyPartitioner
from .records import Records

__all__ = ["Accumulator", "Lane", "Place", "Round"]

FIRST_GRANT = 16 * 1024
"""Bytes of memory set aside for a batch at first; doubled while it grows."""

Place = tuple[int, int]
"""Where a partition is led: node and leader epoch."""


class Lane:
    """The open batches of one topic."""

    __slots__ = ("count", "open", "sticky")

    def __init__(self, count: int) -> None:
        self.count = count
        """Partitions of the topic."""
        self.open = [NOWHERE] * count
        """By partition."""
        self.sticky = NOWHERE
        """The one that takes records without a key."""


class Round(NamedTuple):
    """What may be sent now: at most one request per node."""

    requests: list[tuple[int, list[Batch]]]
    next_at: float
    """When something else will be ready; `inf` if that depends on something else than time."""
    leaderless: set[str]
    """Topics with batches for a partition that nobody leads."""
    held: set[int]
    """Nodes that would get something if there were room."""


class Accumulator:
    """The records of one producer that were not sent yet."""

    def __init__(
        self,
        *,
        batch_size: int,
        linger: float,
        buffer_memory: int,
        max_request_size: int,
        delivery_timeout: float,
        sticky: StickyPartitioner,
    ) -> None:
        self._batch_size = batch_size
        self._linger = linger
        self._max_request_size = max_request_size
        self._delivery_timeout = delivery_timeout
        self._sticky = sticky
        self.owner = Owner()
        self.lock = self.owner.lock
        self.lanes: dict[str, Lane] = {}
        self.memory = Memory(buffer_memory)
        self.wake: Callable[[], None] = _nobody
        """Called, on any thread, when the sender has something to look at."""
        self.refusal: KafkaError | None = None
        """Why nothing may be appended any more."""
        self._queues: dict[TopicPartition, deque[Batch]] = {}
        self._unsettled: dict[Batch, None] = {}
        self._limits: dict[str, int] = {}
        self._flushing = 0

    # Appending. Thread: any.

    def append(
        self,
        topic: TopicInfo,
        partition: int | None,
        size: int,
        value: bytes | None,
        key: bytes | None,
        headers: Headers,
        timestamp_ms: int | None,
        *,
        now: float,
        wall: float,
    ) -> tuple[Batch, int] | None:
        """Append a record to a partition, or (None) to the sticky one; None if there is no memory for it now."""
        with self.lock:
            batch = self._batch_for(topic, partition, size, FIRST_GRANT, now)
            if batch is None:
                return None
            index = batch.append(size, value, key, headers, timestamp_ms, wall)
        if not index:
            self.wake()
        return batch, index

    def extend(
        self,
        topic: TopicInfo,
        partition: int | None,
        records: Records,
        start: int,
        *,
        now: float,
        wall: float,
    ) -> tuple[Batch, int, int] | None:
        """Append as many of the records from `start` on as one batch takes: batch, index there, how many.

        None if there is no memory for any of them now.
        """
        with self.lock:
            least, wish = records.octets(start, start + 1), records.octets(start, len(records))
            batch = self._batch_for(topic, partition, least, wish + BATCH_OVERHEAD, now)
            if batch is None:
                return None
            count = records.fitting(start, batch.left)
            index = records.pour(batch, start, start + count, wall)
        if not index:
            self.wake()
        return batch, index, count

    def adopt(
        self, fill: Callable[[Batch], None], topic: TopicInfo, partition: int, size: int, now: float
    ) -> Batch | None:
        """Append a batch that the user has filled: `fill` puts its columns in. None if there is no memory for it now."""
        with self.lock:
            self.check()
            lane = self._lane(topic)
            granted = self.memory.take(size, size)
            if not granted:
                return None
            if lane.open[partition].left >= 0:
                self._close(lane.open[partition])  # what was sent before comes before
            batch = self._enqueue(TopicPartition(topic.name, partition), granted, granted, now)
            fill(batch)
            batch.left = granted - size
            batch.close()
        self.wake()
        return batch

    def _batch_for(
        self, topic: TopicInfo, partition: int | None, size: int, wish: int, now: float
    ) -> Batch | None:
        """The batch that takes so many bytes more; `wish` is what would be welcome. None if there is no memory."""
        self.check()
        lane = self._lane(topic)
        number = self._sticky_number(lane, topic, size) if partition is None else partition
        batch = lane.open[number]
        if batch.left >= 0 and batch.used + size > batch.limit:
            self._close(batch)
            batch = NOWHERE
        if batch.left < 0:
            found = self._open(TopicPartition(topic.name, number), size, wish, now)
            if found is None:
                return None
            batch = lane.open[number] = found
        elif batch.left < size and not self._grow(batch, size, wish):
            return None
        if partition is None:
            lane.sticky = batch
        return batch

    def check(self) -> None:
        """Raise why nothing may be appended any more, if that is so."""
        if self.refusal is not None:
            raise self.refusal.with_traceback(None)

    def _lane(self, topic: TopicInfo) -> Lane:
        lane = self.lanes.get(topic.name)
        if lane is None or lane.count != len(topic.partitions):
            if lane is not None:
                self._drop_lane(topic.name)
            lane = self.lanes[topic.name] = Lane(len(topic.partitions))
        return lane

    def _sticky_number(self, lane: Lane, topic: TopicInfo, size: int) -> int:
        batch = lane.sticky
        if batch is not NOWHERE:
            full = batch.left >= 0 and batch.used + size > batch.limit
            if batch.left >= 0 and not full:
                return batch.partition.partition
            if full:
                self._close(batch)
            self._sticky.on_batch(topic.name, batch.size, full=full)
            lane.sticky = NOWHERE
        return self._sticky.partition(topic, lambda number: self._queue_length(topic.name, number))

    def _queue_length(self, topic: str, partition: int) -> int:
        return len(self._queues.get(TopicPartition(topic, partition), ()))

    def _open(self, partition: TopicPartition, size: int, wish: int, now: float) -> Batch | None:
        least = BATCH_OVERHEAD + size
        limit = max(self._limits.get(partition.topic, self._batch_size), least)
        granted = self.memory.take(least, min(limit, wish))
        return self._enqueue(partition, granted, limit, now) if granted else None

    def _enqueue(self, partition: TopicPartition, granted: int, limit: int, now: float) -> Batch:
        batch = Batch(
            self.owner,
            partition,
            created=now,
            deadline=now + self._delivery_timeout,
            capacity=granted,
            limit=limit,
        )
        self._queues.setdefault(partition, deque()).append(batch)
        self._unsettled[batch] = None
        return batch

    def _grow(self, batch: Batch, size: int, wish: int) -> bool:
        more = min(max(wish, batch.capacity), batch.limit - batch.capacity)
        granted = self.memory.take(size - batch.left, more)
        batch.capacity += granted
        batch.left += granted
        return granted > 0

    def _close(self, batch: Batch) -> None:
        spare = batch.close()
        lane = self.lanes.get(batch.partition.topic)
        number = batch.partition.partition
        if lane is not None and number < lane.count and lane.open[number] is batch:
            lane.open[number] = NOWHERE
        if spare:
            self.memory.give(spare)

    def _drop_lane(self, topic: str) -> None:
        for batch in self.lanes[topic].open:
            if batch.left >= 0:
                self._close(batch)
        del self.lanes[topic]

    # Waiting for memory. Thread: loop.

    def wait_for_memory(self, size: int, wake: Callable[[], None]) -> Waiter | None:
        """Stand in line for `size` bytes, `wake` being called when they are there; None if they are."""
        with self.lock:
            self.check()
            waiter = self.memory.wait(BATCH_OVERHEAD + size, wake)
        if waiter is not None:
            self.wake()  # open batches need not wait for more records: there is no room for them
        return waiter

    def stop_waiting(self, waiter: Waiter) -> None:
        """Leave the line."""
        with self.lock:
            self.memory.leave(waiter)

    def serve_waiting(self) -> None:
        """Wake those for whom there is room, in case somebody who was woken did not come."""
        with self.lock:
            self.memory.serve()

    # Draining. Thread: loop.

    def drain(
        self,
        now: float,
        *,
        place_of: Callable[[TopicPartition], Place | None],
        has_room: Callable[[int], bool],
        may_leave: Callable[[Batch], bool],
    ) -> Round:
        """Take what may be sent now, for each node at most one request with at most one batch of a partition.

        `has_room` says of a node whether it may get a request now, `may_leave` of a batch whether those before it let
        it go. To be called again, after what was taken has been stamped, until nothing comes.
        """
        with self.lock:
            by_node: dict[int, list[deque[Batch]]] = {}
            ready: set[int] = set()
            leaderless: set[str] = set()
            next_at = inf
            hurry = bool(self._flushing or self.refusal or self.memory.waiting)
            for partition, queue in self._queues.items():
                head = queue[0]
                place = place_of(partition)
                if place is None:
                    leaderless.add(partition.topic)
                    continue
                if not may_leave(head):
                    continue
                ready_at = self._ready_at(queue, place, hurry)
                if ready_at <= now:
                    ready.add(place[0])
                else:
                    next_at = min(next_at, ready_at)
                    if head.order:
                        continue  # waits out its back-off
                by_node.setdefault(place[0], []).append(queue)
            requests = []
            held = set()
            for node in ready:
                room = has_room(node)
                self._sticky.on_node(node, now, drained=room)
                if not room:
                    held.add(node)
                    continue
                requests.append((node, self._take(by_node[node])))
            return Round(requests, next_at, leaderless, held)

    def _ready_at(self, queue: deque[Batch], place: Place, hurry: bool) -> float:
        head = queue[0]
        if head.order:
            # Waiting is meant to spare the broker that failed; another one need not be spared.
            return head.retry_at if head.sent_to == place else 0.0
        if hurry or head.left < 0 or len(queue) > 1:
            return 0.0
        return head.created + self._linger

    def _take(self, queues: list[deque[Batch]]) -> list[Batch]:
        taken: list[Batch] = []
        size = 0
        for queue in queues:
            head = queue[0]
            if taken and size + head.used > self._max_request_size:
                continue
            queue.popleft()
            if head.left >= 0:
                self._close(head)
            size += head.size
            taken.append(head)
            # To the end of the line, so that every partition gets its turn.
            del self._queues[head.partition]
            if queue:
                self._queues[head.partition] = queue
        return taken

    def put_back(self, batches: Iterable[Batch]) -> None:
        """Put batches that were drained before into their place again: in front, in the order of their first time."""
        with self.lock:
            for batch in batches:
                queue = self._queues.setdefault(batch.partition, deque())
                place = 0
                for other in queue:
                    if not other.order or other.order > batch.order:
                        break
                    place += 1
                queue.insert(place, batch)

    def limit_batches(self, topic: str, size: int) -> None:
        """Batches of this topic proved too large: make smaller ones."""
        with self.lock:
            self._limits[topic] = min(size, self._limits.get(topic, self._batch_size))

    # Settling. Thread: loop.

    def release(self, batch: Batch) -> None:
        """A batch has its outcome: its memory is free again."""
        with self.lock:
            self.memory.give(batch.capacity)
            batch.capacity = 0
            done: Batch | None = batch
            while done is not None and done.done:
                self._unsettled.pop(done, None)
                done = done.parent

    def expire(self, now: float) -> list[Batch]:
        """Batches whose delivery timeout is over, taken out of their queues."""
        with self.lock:
            found: list[Batch] = []
            for batch in self._unsettled:  # in the order of their deadlines
                if batch.deadline > now:
                    break
                found += [leaf for leaf in batch.leaves() if not leaf.done]
            for batch in found:
                self._withdraw(batch)
            return found

    def next_deadline(self) -> float:
        """When the next batch expires."""
        with self.lock:
            first = next(iter(self._unsettled), None)
            return inf if first is None else first.deadline

    def _withdraw(self, batch: Batch) -> None:
        if batch.left >= 0:
            self._close(batch)
        queue = self._queues.get(batch.partition)
        if queue is not None and batch in queue:
            queue.remove(batch)
            if not queue:
                del self._queues[batch.partition]

    # Flushing and closing. Thread: loop.

    def begin_flush(self) -> list[Batch]:
        """Whatever was appended is ready from now on until `end_flush`; returns what has no outcome yet."""
        with self.lock:
            self._flushing += 1
            for topic in list(self.lanes):
                self._drop_lane(topic)
            return list(self._unsettled)

    def end_flush(self) -> None:
        """Batches may linger again."""
        with self.lock:
            self._flushing -= 1

    def refuse(self, error: KafkaError) -> None:
        """Take no more records: every append raises this. The first refusal stays."""
        with self.lock:
            if self.refusal is None:
                self.refusal = error
            for topic in list(self.lanes):
                self._drop_lane(topic)

    def abandon(self) -> list[Batch]:
        """Everything that has no outcome yet, taken out of the queues."""
        with self.lock:
            found = [leaf for batch in self._unsettled for leaf in batch.leaves() if not leaf.done]
            for batch in found:
                self._withdraw(batch)
            return found

    def on_topics(self, topics: Callable[[str], TopicInfo | None]) -> None:
        """The metadata is new: close the lanes of topics whose number of partitions is another now."""
        with self.lock:
            for name, lane in list(self.lanes.items()):
                topic = topics(name)
                if topic is None or len(topic.partitions) != lane.count:
                    self._drop_lane(name)

    def oldest(self) -> Batch | None:
        """The batch that has waited longest for its outcome."""
        with self.lock:
            first = next(iter(self._unsettled), None)
            return None if first is None else next((leaf for leaf in first.leaves() if not leaf.done), first)

    @property
    def unsettled(self) -> int:
        """Batches without an outcome."""
        return len(self._unsettled)

    def __repr__(self) -> str:
        with self.lock:
            waiting = sum(map(len, self._queues.values()))
            used = self.memory.total - self.memory.free
            return (
                f"<Accumulator: {waiting} batches of {len(self._queues)} partitions wait,"
                f" {len(self._unsettled)} unsettled, {used} of {self.memory.total} bytes used>"
            )


def _nobody() -> None:
    """No sender runs yet."""
