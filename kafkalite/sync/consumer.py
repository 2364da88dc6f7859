"""KafkaConsumer: read records in an ordinary program. Drop-in for kafka-python's.

Thread: one at a time polls or iterates (a second one is refused); the rest may be called from any thread. Heartbeats,
fetches and automatic commits go on, on the portal's thread, whatever the program does between two polls.
"""

from __future__ import annotations

import asyncio
import time
import warnings
import weakref
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from kafkalite.config import ConsumerConfig, ConsumerOptions
from kafkalite.consumer.engine import ConsumerEngine
from kafkalite.consumer.handout import Handout
from kafkalite.consumer.listener import ConsumerRebalanceListener
from kafkalite.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from kafkalite.types import ConsumerRecord, OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

from .portal import EXIT_TIMEOUT, Portal, Turn

T = TypeVar("T")

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
        self._handout = Handout()
        self._turn = Turn("KafkaConsumer")
        self._in_listener = False
        portal = Portal("KafkaConsumer", loop_factory=loop_factory)
        handout = self._handout
        portal.on_fork = lambda: handout.put_back() and None
        portal.open(engine.start(), lambda: engine.close(EXIT_TIMEOUT))
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
        limit = self._limit(max_records)
        if timeout_ms < 0:
            raise ValueError(f"timeout_ms is not negative: {timeout_ms}")
        self._portal.check()
        with self._turn:
            self._put_back()
            return self._poll(time.monotonic() + timeout_ms / 1000, limit)

    def _poll(self, deadline: float, limit: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        if self._in_listener:
            raise IllegalStateError("poll() inside a rebalance listener: the rebalance waits for the listener")
        engine = self._engine
        while True:
            self._run_listener()
            records = engine.take(limit)
            if records:
                return records
            if not self._portal.run(engine.wait_for_records(deadline)):
                return {}

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
            while True:
                now = time.monotonic()
                try:
                    taken = self._poll(min(deadline, now + ITERATION_WAIT), self.config.max_poll_records)
                except KafkaError:
                    if self._portal.closed and not self._portal.forked:  # another thread closed it meanwhile
                        return False
                    raise
                if taken:
                    self._handout.add(taken)
                    return self._handout.turn()
                if time.monotonic() >= deadline:
                    return False
