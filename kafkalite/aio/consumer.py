"""AsyncKafkaConsumer: read records in an asyncio program. Thread: loop (the user's).

Heartbeats, fetches and automatic commits run on the user's loop, as tasks of their own: code that blocks the loop
blocks them too.
"""

from __future__ import annotations

import asyncio
import inspect
import time
import warnings
from collections.abc import AsyncIterator, Callable, Collection, Container, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from kafkalite.config import ConsumerConfig, ConsumerOptions
from kafkalite.consumer.committable import Committable, committable
from kafkalite.consumer.engine import ConsumerEngine
from kafkalite.consumer.handout import Handout
from kafkalite.consumer.listener import ConsumerRebalanceListener, ListenerCall
from kafkalite.consumer.record_batch import RecordBatch
from kafkalite.errors import ConsumerStoppedError, IllegalStateError
from kafkalite.net.client import Client
from kafkalite.types import (
    ConsumerGroupMetadata,
    ConsumerRecord,
    OffsetAndMetadata,
    OffsetAndTimestamp,
    TopicPartition,
)

__all__ = ["AsyncKafkaConsumer"]

T = TypeVar("T")

BREATH = 512
"""Records after which a loop of reads lets the event loop run, so that other tasks, heartbeats among them, have their
turn. Iteration takes no more at a time, so that the fast path need not count."""

FOREVER = float("inf")

_inside: ContextVar[asyncio.Task[Any] | None] = ContextVar("the rebalance listener we are in", default=None)


class AsyncKafkaConsumer:
    """Reads records of topics, alone or as a member of a group.

    `AsyncKafkaConsumer("topic", bootstrap_servers="host:9092", group_id="g")` subscribes to the topics given; or
    `subscribe` or `assign` later. Options are keyword arguments, see `ConsumerOptions`. `await start()` it and
    `await stop()` it, or use it in an `async with` block; the constructor needs no running loop. Then
    `async for record in consumer`, `getone()` or `getmany()`. A call that is cancelled loses no record.

    Several tasks may read at once: each record goes to one of them. With automatic commits a record counts as done when
    *any* of them asks for more than was taken, so commit yourself if that matters.

    Raises KafkaConfigurationError for a wrong option.
    """

    def __init__(self, *topics: str, **configs: Unpack[ConsumerOptions]) -> None:
        self.config = ConsumerConfig.from_options(configs)
        self._client = Client(self.config.connection)
        self._engine = ConsumerEngine(self.config, client=self._client)
        self._engine.on_auto_commit = self.config.default_offset_commit_callback
        if topics:
            self._engine.subscribe(topics=topics)
        self._handout = Handout()
        self._reading = asyncio.Lock()
        """Held by whoever fills the handout. While somebody waits for records the handout is empty: a rebalance may
        come then, and counts everything taken as done."""
        self._choosy = 0
        """How many tasks wait for records of certain partitions. They bypass the lock, so nothing is put by."""
        self._since_breath = 0
        self._listening: asyncio.Task[Any] | None = None
        self._listener_error: BaseException | None = None
        self._started = False
        self._stopping: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.config.connection.client_id} group={self.config.group_id}>"

    async def start(self) -> None:
        """Connect. Raises NoBrokersAvailable if no broker answers within `bootstrap_timeout_ms`.

        After a failure it may be called again.
        """
        if self._stopping is not None:
            raise IllegalStateError(f"{type(self).__name__} is closed: create a new one")
        if not self._started:
            await self._engine.start()
            self._started = True

    # --- reading

    async def getone(self, *partitions: TopicPartition) -> ConsumerRecord:
        """The next record (of these partitions, if any are given); waits as long as it takes.

        Rebalance listeners run in here. Raises what fetching raised (OffsetOutOfRangeError,
        TopicAuthorizationFailedError, DeserializationError, ...), ConsumerStoppedError once the consumer is stopped.
        """
        if partitions:
            (records,) = (await self._take_of(partitions, 1, FOREVER)).values()
            return records[0]
        for record in self._handout.records:
            return record
        found = await self._next(FOREVER)
        assert found is not None, "for ever is long"
        return found

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: float = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """The next records (of these partitions, if any are given), by partition, and in order within each; `{}` if
        none came within `timeout_ms`.

        At most `max_records` (default: `max_poll_records`). The positions move past what is returned. Raises what
        `getone` raises.
        """
        limit = self.config.max_poll_records if max_records is None else max_records
        if limit < 1:
            raise ValueError(f"max_records is at least 1: {max_records}")
        if timeout_ms < 0:
            raise ValueError(f"timeout_ms is not negative: {timeout_ms}")
        deadline = time.monotonic() + timeout_ms / 1000
        if partitions:
            return await self._take_of(partitions, limit, deadline)
        async with self._turn(deadline) as ours:
            if not ours:
                return {}
            self._put_back()
            return await self._take(limit, deadline)

    async def poll_batches(self, timeout_ms: float = 0, max_records: int | None = None) -> list[RecordBatch]:
        """The next records as columns: `getmany()` for programs that move many; `[]` if none came within `timeout_ms`.

        Each `RecordBatch` holds consecutive records of one partition; a partition may come more than once, in order.
        At most `max_records`; without it batches are given whole, as they were fetched, until `max_poll_records` are
        reached or passed. Positions, commits, deserializers and what is raised are those of `getmany()`.
        """
        if max_records is not None and max_records < 1:
            raise ValueError(f"max_records is at least 1: {max_records}")
        if timeout_ms < 0:
            raise ValueError(f"timeout_ms is not negative: {timeout_ms}")
        deadline = time.monotonic() + timeout_ms / 1000
        async with self._turn(deadline) as ours:
            if not ours:
                return []
            self._put_back()
            batches = await self._until_taken(lambda: self._engine.take_batches(max_records), deadline)
            self._since_breath += sum(map(len, batches))
            return batches

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ConsumerRecord:
        for record in self._handout.records:
            return record
        try:
            found = await self._next(time.monotonic() + self.config.consumer_timeout)
        except ConsumerStoppedError:
            raise StopAsyncIteration from None
        if found is None:
            raise StopAsyncIteration
        return found

    async def _next(self, deadline: float) -> ConsumerRecord | None:
        """The next record where the one under way has no more; None at the deadline."""
        handout = self._handout
        async with self._turn(deadline) as ours:
            while ours:
                for record in handout.records:
                    return record
                if handout.turn():
                    continue
                limit = 1 if self._choosy else min(self.config.max_poll_records, BREATH)
                taken = await self._take(limit, deadline)
                if not taken:
                    break
                handout.add(taken)
        return None

    async def _take_of(
        self, partitions: Collection[TopicPartition], limit: int, deadline: float
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        self._put_back()
        self._choosy += 1
        try:
            return await self._take(limit, deadline, frozenset(partitions))
        finally:
            self._choosy -= 1

    async def _take(
        self, limit: int, deadline: float, partitions: Collection[TopicPartition] | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        taken = await self._until_taken(lambda: self._engine.take(limit, partitions), deadline, partitions)
        self._since_breath += sum(map(len, taken.values()))
        return taken

    async def _until_taken(
        self, take: Callable[[], T], deadline: float, partitions: Collection[TopicPartition] | None = None
    ) -> T:
        self._require_start()
        if self._since_breath >= BREATH:
            self._since_breath = 0
            await asyncio.sleep(0)
        while True:
            await self._run_listeners()
            # Nothing is awaited once something was taken: whoever is cancelled has lost nothing.
            if (taken := take()) or not await self._engine.wait_for_records(deadline, partitions):
                return taken

    @asynccontextmanager
    async def _turn(self, deadline: float) -> AsyncIterator[bool]:
        """One task at a time. False: the deadline passed while another one waited for records."""
        self._refuse_inside_listener()  # it is the listener's own poll that holds the lock
        reading = self._reading
        try:
            # A lock that is free is had at once, even if the deadline has passed.
            async with asyncio.timeout_at(deadline if deadline < FOREVER else None):
                await reading.acquire()
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            reading.release()

    async def _run_listeners(self) -> None:
        """Have the rebalance listener called, if it is to be told something, and wait until it has returned.

        It runs in a task of its own, so that a poll that is cancelled does not cut it short; the next one waits for it.
        """
        while True:
            task = self._listening
            if task is None or task.done():
                call = self._engine.listener_call
                if call is None:
                    break
                task = self._listening = asyncio.create_task(self._listen(call))
            else:
                self._refuse_inside_listener()
            await asyncio.shield(task)
        error, self._listener_error = self._listener_error, None
        if error is not None:
            raise error

    def _refuse_inside_listener(self) -> None:
        task = _inside.get()
        if task is not None and task is self._listening and not task.done():
            raise IllegalStateError(
                "reading inside a rebalance listener: the rebalance waits for the listener"
            )

    async def _listen(self, call: ListenerCall) -> None:
        # Here too: an eager task begins before create_task returns.
        self._listening = asyncio.current_task()
        _inside.set(self._listening)
        error: BaseException | None = None
        try:
            result = call.run()
            if inspect.isawaitable(result):
                await result
        except BaseException as raised:
            error = self._listener_error = raised
        finally:
            self._engine.listener_done(error)

    # --- what to read

    def subscribe(
        self,
        topics: Iterable[str] = (),
        pattern: str | None = None,
        listener: ConsumerRebalanceListener | None = None,
    ) -> None:
        """Read these topics, or those whose name matches `pattern` from its beginning on (also topics made later).

        Replaces what was subscribed. With a `group_id` the members of the group share the partitions; without one all
        are ours. The listener's methods, which may be async, run while something is read, and may make any call but
        that. May be called before `start`.

        Raises IllegalStateError after assign(), ValueError unless there are either topics or a pattern.
        """
        if not topics and pattern is None:
            raise ValueError("subscribe() takes topics or a pattern; unsubscribe() ends a subscription")
        self._put_back()
        self._engine.subscribe(topics=topics or None, pattern=pattern, listener=listener)

    def unsubscribe(self) -> None:
        """Read nothing more, and leave the group in the background. Commit before, if that matters."""
        self._put_back()
        self._engine.unsubscribe()

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read exactly these partitions, without sharing them. Those kept keep their positions. May be called before
        `start`. Raises IllegalStateError after subscribe()."""
        self._put_back()
        self._engine.assign(partitions)

    def subscription(self) -> frozenset[str]:
        """The topics subscribed to; for a pattern those that match now."""
        return self._engine.subscription()

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are ours; empty until the group has assigned some, which happens while reading."""
        return self._engine.assignment()

    def pause(self, *partitions: TopicPartition) -> None:
        """Deliver nothing of these until resume(); they stay ours. Raises IllegalStateError if one is not."""
        self._engine.pause(partitions)
        self._put_back(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Go on with these. Raises IllegalStateError if one is not assigned."""
        self._engine.resume(partitions)

    def paused(self) -> set[TopicPartition]:
        """The partitions that are paused."""
        return set(self._engine.paused())

    # --- where to read

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from `offset`. Raises IllegalStateError if the partition is not assigned, ValueError for what is
        no offset."""
        self._engine.seek(partition, offset)
        self._handout.put_back((partition,))

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Go on from the oldest record of these partitions (none given: of all that are assigned)."""
        deadline = self._deadline(None)
        self._put_back(partitions or None)
        await self._engine.seek_to_beginning(partitions, deadline)

    async def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Go on after the newest record of these partitions (none given: of all that are assigned)."""
        deadline = self._deadline(None)
        self._put_back(partitions or None)
        await self._engine.seek_to_end(partitions, deadline)

    async def seek_to_committed(self, *partitions: TopicPartition) -> dict[TopicPartition, int | None]:
        """Go on from what the group has committed for these partitions (none given: for all that are assigned).

        Returns the offsets; where it is None nothing was committed, and nothing moves. Raises IllegalStateError.
        """
        deadline = self._deadline(None)
        self._put_back(partitions or None)
        return await self._engine.seek_to_committed(partitions, deadline)

    async def position(self, partition: TopicPartition, timeout_ms: float | None = None) -> int:
        """The offset of the next record that will be given. Waits until it is known.

        Raises IllegalStateError if the partition is not assigned, NoOffsetForPartitionError, KafkaTimeoutError.
        """
        deadline = self._deadline(timeout_ms)
        offset = self._handout.offsets().get(partition)
        return offset if offset is not None else await self._engine.position(partition, deadline)

    # --- committing

    async def commit(self, offsets: Committable | None = None, timeout_ms: float | None = None) -> None:
        """Commit what was read so far, or these offsets (of the *next* record to read).

        `offsets`: a dict TopicPartition -> int, OffsetAndMetadata or (int, str). Iteration and `getone` count record by
        record.

        Raises IllegalStateError without a `group_id`, CommitFailedError if the partitions went to other members,
        KafkaTimeoutError.
        """
        given = None if offsets is None else committable(offsets)
        await self._engine.commit(given, self._deadline(timeout_ms), self._handout.offsets())

    @overload
    async def committed(
        self, partition: TopicPartition, metadata: Literal[False] = False, timeout_ms: float | None = None
    ) -> int | None: ...
    @overload
    async def committed(
        self, partition: TopicPartition, metadata: Literal[True], timeout_ms: float | None = None
    ) -> OffsetAndMetadata | None: ...
    async def committed(
        self, partition: TopicPartition, metadata: bool = False, timeout_ms: float | None = None
    ) -> int | OffsetAndMetadata | None:
        """The offset that the group has committed, or None; with `metadata` an OffsetAndMetadata.

        Raises IllegalStateError without a `group_id`, KafkaTimeoutError.
        """
        whole = (await self._engine.committed([partition], self._deadline(timeout_ms))).get(partition)
        return whole if metadata or whole is None else whole.offset

    # --- looking up

    async def beginning_offsets(
        self, partitions: Collection[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The oldest offset of each partition, assigned or not. Raises KafkaTimeoutError."""
        return await self._engine.beginning_offsets(partitions, self._deadline(timeout_ms))

    async def end_offsets(
        self, partitions: Collection[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The offset after the newest record of each partition, assigned or not. Raises KafkaTimeoutError."""
        return await self._engine.end_offsets(partitions, self._deadline(timeout_ms))

    async def offsets_for_times(
        self, timestamps: Mapping[TopicPartition, int], timeout_ms: float | None = None
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """For each partition the first record at or after a time (milliseconds since 1970), None where there is none.

        Raises ValueError for a negative time, KafkaTimeoutError.
        """
        return await self._engine.offsets_for_times(timestamps, self._deadline(timeout_ms))

    async def topics(self) -> set[str]:
        """The names of all topics that this consumer may see."""
        return await self._engine.topics(self._deadline(None))

    async def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The topic's partitions; None if there is no such topic."""
        return await self._engine.partitions_for_topic(topic, self._deadline(None))

    def highwater(self, partition: TopicPartition) -> int | None:
        """The offset after the newest record, as of the last fetch; None before the first."""
        return self._engine.highwater(partition)

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        """Where the oldest open transaction begins (or the high watermark), as of the last fetch; None before."""
        return self._engine.last_stable_offset(partition)

    def last_poll_timestamp(self, partition: TopicPartition) -> int | None:
        """When a broker last answered for the partition, in milliseconds since 1970; None before."""
        return self._engine.last_poll_timestamp(partition)

    def group_metadata(self) -> ConsumerGroupMetadata:
        """Who this consumer is in its group; without a `group_id` all is empty."""
        return ConsumerGroupMetadata() if self.config.group_id is None else self._engine.group_metadata()

    def metrics(self, raw: bool = False) -> dict[str, Any]:
        """Counters: `{"consumer-fetch-manager-metrics": {name: number}}`; with `raw` the inner dict alone."""
        metrics = self._engine.metrics()
        return metrics if raw else {"consumer-fetch-manager-metrics": metrics}

    # --- stopping

    async def stop(self, autocommit: bool = True, timeout_ms: float | None = None) -> None:
        """Commit what was read (if commits are automatic, and `autocommit`), leave the group, disconnect.

        At most `timeout_ms` (default: `default_api_timeout_ms`). Tasks that read get a ConsumerStoppedError, and their
        iteration ends. Idempotent. Cancelling it does not stop it: await it again to see its end.
        """
        if self._stopping is None:
            stop_at = self._handout.offsets()
            self._handout.put_back()
            timeout = None if timeout_ms is None else timeout_ms / 1000
            self._stopping = asyncio.create_task(self._engine.close(timeout, stop_at, autocommit=autocommit))
        await asyncio.shield(self._stopping)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.stop()

    def __del__(self) -> None:
        if getattr(self, "_started", False) and self._stopping is None:
            warnings.warn(
                f"unclosed {self!r}: its group waits for it until the session times out; await stop()",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    def _put_back(self, partitions: Container[TopicPartition] | None = None) -> None:
        """What was taken for iteration but not handed out goes back to the engine."""
        for partition, offset in self._handout.put_back(partitions).items():
            with suppress(IllegalStateError):  # the group has taken it away meanwhile
                self._engine.seek(partition, offset)

    def _require_start(self) -> None:
        if self._stopping is not None:
            raise ConsumerStoppedError(f"{type(self).__name__} is closed")
        if not self._started:
            raise IllegalStateError(f"{type(self).__name__} was not started: await start() first")

    def _deadline(self, timeout_ms: float | None) -> float:
        """Refuses a consumer that cannot wait for anything."""
        self._require_start()
        seconds = self.config.connection.default_api_timeout if timeout_ms is None else timeout_ms / 1000
        return time.monotonic() + seconds
