"""KafkaConsumer: read records in an ordinary program. Drop-in for kafka-python's.

Thread: one at a time polls or iterates (a second one is refused); other calls may come from any thread. Heartbeats,
fetches and automatic commits go on, on the portal's thread, whatever the program does between two polls.
"""

from __future__ import annotations

import asyncio
import inspect
import time
import warnings
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from kafkalite.config import ConsumerConfig, ConsumerOptions
from kafkalite.consumer.committable import Committable, committable
from kafkalite.consumer.engine import ConsumerEngine
from kafkalite.consumer.handout import Handout
from kafkalite.consumer.listener import ConsumerRebalanceListener, ListenerCall
from kafkalite.consumer.record_batch import RecordBatch
from kafkalite.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from kafkalite.types import (
    ConsumerGroupMetadata,
    ConsumerRecord,
    OffsetAndMetadata,
    OffsetAndTimestamp,
    TopicPartition,
)

from .commits import Commit, Commits
from .portal import EXIT_TIMEOUT, Portal, Turn

T = TypeVar("T")
P = ParamSpec("P")

ITERATION_WAIT = 60.0
"""Seconds that an endless iteration waits at a time: nothing waits without a deadline."""


class KafkaConsumer:
    """Reads records of topics, alone or as a member of a group.

    `KafkaConsumer("topic", bootstrap_servers="host:9092", group_id="g")` subscribes to the topics given; or `subscribe`
    or `assign` later. Options are keyword arguments, see `ConsumerOptions`. The constructor connects. Then iterate over
    the consumer, or `poll()`. Close it, or use it in a `with` block, so that its group need not wait for it.
    `loop_factory` makes the event loop that the I/O thread runs (`uvloop.new_event_loop`, say).

    Raises KafkaConfigurationError for a wrong option, NoBrokersAvailable if no broker answers within
    `bootstrap_timeout_ms`. In a forked child every call raises ForkedError: create consumers after the fork.
    """

    def __init__(
        self,
        *topics: str,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        **configs: Unpack[ConsumerOptions],
    ) -> None:
        self.config = ConsumerConfig.from_options(configs)
        self._engine = engine = ConsumerEngine(self.config)
        if topics:
            engine.subscribe(topics=topics)
        self._handout = handout = Handout()
        self._commits = commits = Commits()
        if (callback := self.config.default_offset_commit_callback) is not None:
            engine.on_auto_commit = lambda offsets, error: commits.tell(callback, offsets, error)
        self._turn = Turn("KafkaConsumer")
        self._in_listener = False
        portal = Portal("KafkaConsumer", loop_factory=loop_factory)
        portal.on_fork = handout.put_back
        # Nothing here may hold the consumer itself: its deletion is what calls the farewell.
        portal.open(engine.start(), lambda: _close(engine, commits, EXIT_TIMEOUT, handout.offsets(), True))
        self._portal = portal

    def __repr__(self) -> str:
        state = " closed" if self._portal.closed else ""
        return f"<KafkaConsumer {self.config.connection.client_id} group={self.config.group_id}{state}>"

    # --- reading

    def poll(
        self, timeout_ms: float = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """The next records, by partition, and in order within each; `{}` if none came within `timeout_ms`.

        At most `max_records` (default: `max_poll_records`). The positions move past what is returned. Rebalance
        listeners run in here.

        Raises what fetching raised (OffsetOutOfRangeError, TopicAuthorizationFailedError, DeserializationError, ...),
        IllegalStateError on a closed consumer or while another thread polls.
        """
        limit = self.config.max_poll_records if max_records is None else max_records
        if limit < 1:
            raise ValueError(f"max_records is at least 1: {max_records}")
        if timeout_ms < 0:
            raise ValueError(f"timeout_ms is not negative: {timeout_ms}")
        self._portal.check()
        with self._turn:
            self._put_back()
            return self._poll(time.monotonic() + timeout_ms / 1000, partial(self._engine.take, limit))

    def poll_batches(self, timeout_ms: float = 0, max_records: int | None = None) -> list[RecordBatch]:
        """The next records as columns: `poll()` for programs that move many; `[]` if none came within `timeout_ms`.

        Each `RecordBatch` holds consecutive records of one partition; a partition may come more than once, in order.
        At most `max_records`; without it batches are given whole, as they were fetched, until `max_poll_records` are
        reached or passed. Positions, commits, deserializers and what is raised are those of `poll()`.
        """
        if max_records is not None and max_records < 1:
            raise ValueError(f"max_records is at least 1: {max_records}")
        if timeout_ms < 0:
            raise ValueError(f"timeout_ms is not negative: {timeout_ms}")
        self._portal.check()
        with self._turn:
            self._put_back()
            take = partial(self._engine.take_batches, max_records)
            return self._poll(time.monotonic() + timeout_ms / 1000, take)

    def _poll(self, deadline: float, take: Callable[[], T]) -> T:
        if self._in_listener:
            raise IllegalStateError(
                "poll() inside a rebalance listener: the rebalance waits for the listener"
            )
        self._commits.run_callbacks()
        engine = self._engine
        while True:
            while (call := engine.listener_call) is not None:
                self._run_listener(call)
                self._portal.check()  # the listener may have closed the consumer
            records = take()
            if records or not self._portal.run(engine.wait_for_records(deadline)):
                return records

    def _run_listener(self, call: ListenerCall) -> None:
        error: BaseException | None = None
        self._in_listener = True
        try:
            result = call.run()
            if inspect.iscoroutine(result):
                result.close()
                raise TypeError(
                    f"{type(call.listener).__name__} has async methods: KafkaConsumer calls ordinary ones only;"
                    " AsyncKafkaConsumer awaits"
                )
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._in_listener = False
            if not self._portal.closed:
                self._call(self._engine.listener_done, error)

    def __iter__(self) -> Iterator[ConsumerRecord]:
        handout = self._handout
        while True:
            yield from handout.records
            if not handout.turn() and not self._hand_out_more():
                return

    def __next__(self) -> ConsumerRecord:
        handout = self._handout
        while True:
            for record in handout.records:
                return record
            if not handout.turn() and not self._hand_out_more():
                raise StopIteration

    def _hand_out_more(self) -> bool:
        """Wait for more to iterate over; False ends the iteration: `consumer_timeout_ms` passed, or closed."""
        if self._portal.closed and not self._portal.forked:
            return False
        self._portal.check()
        with self._turn:
            deadline = time.monotonic() + self.config.consumer_timeout
            take = partial(self._engine.take, self.config.max_poll_records)
            while True:
                now = time.monotonic()
                try:
                    taken = self._poll(min(deadline, now + ITERATION_WAIT), take)
                except KafkaError as error:
                    stopped = isinstance(error, ConsumerStoppedError) or self._portal.closed
                    if stopped and not self._portal.forked:  # another thread closed it meanwhile
                        return False
                    raise
                if taken:
                    self._handout.add(taken)
                    return self._handout.turn()
                if time.monotonic() >= deadline:
                    return False

    # --- what to read

    def subscribe(
        self,
        topics: Iterable[str] = (),
        pattern: str | None = None,
        listener: ConsumerRebalanceListener | None = None,
    ) -> None:
        """Read these topics, or those whose name matches `pattern` from its beginning on (also topics made later).

        Replaces what was subscribed. With a `group_id` the members of the group share the partitions; without one all
        are ours. The listener's methods run inside poll() or iteration, and may make any call but those.

        Raises IllegalStateError after assign(), ValueError unless there are either topics or a pattern.
        """
        if not topics and pattern is None:
            raise ValueError("subscribe() takes topics or a pattern; unsubscribe() ends a subscription")
        self._put_back()
        self._call(self._engine.subscribe, topics=topics or None, pattern=pattern, listener=listener)

    def unsubscribe(self) -> None:
        """Read nothing more, and leave the group. What was read is committed before, if that is automatic."""
        if self.config.enable_auto_commit and self.assignment():
            with suppress(KafkaError):  # as automatic commits go; what is not committed is delivered again
                self.commit(timeout_ms=self.config.connection.request_timeout * 1000)
        self._put_back()
        self._call(self._engine.unsubscribe)

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read exactly these partitions, without sharing them. Those kept keep their positions.

        Raises IllegalStateError after subscribe().
        """
        self._put_back()
        self._call(self._engine.assign, partitions)

    def subscription(self) -> set[str] | None:
        """The topics subscribed to; for a pattern those that match now. None without any."""
        return set(self._call(self._engine.subscription)) or None

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are ours; empty until the group has assigned some, which happens inside polls."""
        return set(self._call(self._engine.assignment))

    def pause(self, *partitions: TopicPartition) -> None:
        """Deliver nothing of these until resume(); they stay ours. Raises IllegalStateError if one is not."""
        self._call(self._engine.pause, partitions)
        self._put_back(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Go on with these. Raises IllegalStateError if one is not assigned."""
        self._call(self._engine.resume, partitions)

    def paused(self) -> set[TopicPartition]:
        """The partitions that are paused."""
        return set(self._call(self._engine.paused))

    # --- where to read

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from `offset`. Raises IllegalStateError if the partition is not assigned, ValueError for what is
        no offset."""
        self._call(self._engine.seek, partition, offset)
        self._handout.put_back((partition,))

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Go on from the oldest record of these partitions (none given: of all that are assigned)."""
        self._put_back(partitions or None)
        self._portal.run(self._engine.seek_to_beginning(partitions, self._deadline(None)))

    def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Go on after the newest record of these partitions (none given: of all that are assigned)."""
        self._put_back(partitions or None)
        self._portal.run(self._engine.seek_to_end(partitions, self._deadline(None)))

    def position(self, partition: TopicPartition, timeout_ms: float | None = None) -> int:
        """The offset of the next record that poll() or iteration will give. Waits until it is known.

        Raises IllegalStateError if the partition is not assigned, NoOffsetForPartitionError, KafkaTimeoutError.
        """
        offset = self._handout.offsets().get(partition)
        if offset is not None:
            return offset
        return self._portal.run(self._engine.position(partition, self._deadline(timeout_ms)))

    # --- committing

    def commit(self, offsets: Committable | None = None, timeout_ms: float | None = None) -> None:
        """Commit, and wait for it: what was read so far, or these offsets (of the *next* record to read).

        `offsets`: a dict TopicPartition -> int or OffsetAndMetadata. Iteration counts record by record.

        Raises IllegalStateError without a `group_id`, CommitFailedError if the partitions went to other members,
        KafkaTimeoutError.
        """
        given = None if offsets is None else committable(offsets)
        self._portal.run(self._commit(given, self._deadline(timeout_ms), self._handout.offsets()))
        self._commits.run_callbacks()

    async def _commit(
        self,
        offsets: Mapping[TopicPartition, OffsetAndMetadata] | None,
        deadline: float,
        stop_at: Mapping[TopicPartition, int],
    ) -> None:
        await self._commits.all_done()
        await self._engine.commit(offsets, deadline, stop_at)

    def commit_async(
        self, offsets: Committable | None = None, callback: Callable[..., object] | None = None
    ) -> Commit:
        """Commit without waiting: what was read so far, or these offsets.

        `callback(offsets, result)` (default: `default_offset_commit_callback`) is called from the next call that polls,
        commits or closes; the result is an exception if the commit failed, else what was committed. Returns a `Commit`
        that can be asked and waited for. Raises IllegalStateError without a `group_id`.
        """
        self._commits.run_callbacks()
        given = None if offsets is None else committable(offsets)
        return self._call(
            self._start_commit,
            given,
            callback or self.config.default_offset_commit_callback,
            self._handout.offsets(),
        )

    def _start_commit(
        self,
        offsets: Mapping[TopicPartition, OffsetAndMetadata] | None,
        callback: Callable[..., object] | None,
        stop_at: Mapping[TopicPartition, int],
    ) -> Commit:
        """Thread: loop. What is committed is settled here: the program may poll on before it is sent."""
        engine, deadline = self._engine, self._deadline(None)
        engine.group_metadata()  # refuses where there is no group
        commit = Commit(engine.consumed(stop_at) if offsets is None else offsets)
        if callback is not None:
            commit.add_both(partial(self._commits.tell, callback, commit.offsets))
        self._commits.start(commit, lambda: engine.commit(commit.offsets, deadline))
        return commit

    @overload
    def committed(
        self, partition: TopicPartition, metadata: Literal[False] = False, timeout_ms: float | None = None
    ) -> int | None: ...
    @overload
    def committed(
        self, partition: TopicPartition, metadata: Literal[True], timeout_ms: float | None = None
    ) -> OffsetAndMetadata | None: ...
    def committed(
        self, partition: TopicPartition, metadata: bool = False, timeout_ms: float | None = None
    ) -> int | OffsetAndMetadata | None:
        """The offset that the group has committed, or None; with `metadata` an OffsetAndMetadata.

        Raises IllegalStateError without a `group_id`, KafkaTimeoutError.
        """
        found = self._portal.run(self._engine.committed([partition], self._deadline(timeout_ms)))
        whole = found.get(partition)
        return whole if metadata or whole is None else whole.offset

    # --- looking up

    def beginning_offsets(
        self, partitions: Collection[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The oldest offset of each partition, assigned or not. Raises KafkaTimeoutError."""
        return self._portal.run(self._engine.beginning_offsets(partitions, self._deadline(timeout_ms)))

    def end_offsets(
        self, partitions: Collection[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The offset after the newest record of each partition, assigned or not. Raises KafkaTimeoutError."""
        return self._portal.run(self._engine.end_offsets(partitions, self._deadline(timeout_ms)))

    def offsets_for_times(
        self, timestamps: Mapping[TopicPartition, int], timeout_ms: float | None = None
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """For each partition the first record at or after a time (milliseconds since 1970), None where there is none.

        Raises ValueError for a negative time, KafkaTimeoutError.
        """
        return self._portal.run(self._engine.offsets_for_times(timestamps, self._deadline(timeout_ms)))

    def topics(self) -> set[str]:
        """The names of all topics that this consumer may see."""
        return self._portal.run(self._engine.topics(self._deadline(None)))

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The topic's partitions; None if there is no such topic."""
        return self._portal.run(self._engine.partitions_for_topic(topic, self._deadline(None)))

    def highwater(self, partition: TopicPartition) -> int | None:
        """The offset after the newest record, as of the last fetch; None before the first."""
        return self._call(self._engine.highwater, partition)

    def group_metadata(self) -> ConsumerGroupMetadata:
        """Who this consumer is in its group; without a `group_id` all is empty."""
        if self.config.group_id is None:
            self._portal.check()
            return ConsumerGroupMetadata()
        return self._call(self._engine.group_metadata)

    def metrics(self, raw: bool = False) -> dict[str, Any]:
        """Counters: `{"consumer-fetch-manager-metrics": {name: number}}`; with `raw` the inner dict alone."""
        metrics = self._call(self._engine.metrics)
        return metrics if raw else {"consumer-fetch-manager-metrics": metrics}

    def bootstrap_connected(self) -> bool:
        """Whether the cluster is known: true since the constructor returned, until close."""
        return not self._portal.closed

    # --- closing

    def close(self, autocommit: bool = True, timeout_ms: float | None = None) -> None:
        """Commit what was read (if commits are automatic, and `autocommit`), leave the group, disconnect.

        At most `timeout_ms` (default: `default_api_timeout_ms`). Idempotent; harmless in a forked child. A poll or an
        iteration of another thread ends.
        """
        timeout, stop_at = self._seconds(timeout_ms), self._handout.offsets()
        engine, commits = self._engine, self._commits
        self._portal.finish(lambda: _close(engine, commits, timeout, stop_at, autocommit))
        self._handout.put_back()
        if not self._portal.forked:
            commits.run_callbacks()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        portal: Portal | None = getattr(self, "_portal", None)
        if portal is not None and not portal.closed:
            warnings.warn(
                "unclosed KafkaConsumer: it leaves its group in the background; call close()",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )
            portal.abandon()

    # --- on the way to the loop

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What belongs to the loop is called there, waiting or not."""

        async def call() -> T:
            return function(*args, **kwargs)

        return self._portal.run(call())

    def _put_back(self, partitions: Container[TopicPartition] | None = None) -> None:
        """What was taken for iteration but not handed out goes back to the engine."""
        self._portal.check()
        if offsets := self._handout.put_back(partitions):
            self._call(_seek, self._engine, offsets)

    def _seconds(self, timeout_ms: float | None) -> float:
        return self.config.connection.default_api_timeout if timeout_ms is None else timeout_ms / 1000

    def _deadline(self, timeout_ms: float | None) -> float:
        return time.monotonic() + self._seconds(timeout_ms)


def _seek(engine: ConsumerEngine, offsets: Mapping[TopicPartition, int]) -> None:
    for partition, offset in offsets.items():
        with suppress(IllegalStateError):  # the group has taken it away meanwhile
            engine.seek(partition, offset)


async def _close(
    engine: ConsumerEngine,
    commits: Commits,
    timeout: float,
    stop_at: Mapping[TopicPartition, int],
    autocommit: bool,
) -> None:
    """Thread: loop."""
    deadline = time.monotonic() + timeout
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await commits.all_done()
    await engine.close(max(0.0, deadline - time.monotonic()), stop_at, autocommit=autocommit)
