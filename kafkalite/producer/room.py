"""Waiting for what a record needs before it can be appended: its topic's partitions, and memory.

A hand of the engine's: `make_room` and its like come here. Thread: loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from kafkalite.config import ProducerConfig
from kafkalite.errors import (
    BufferExhaustedError,
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    MetadataTimeoutError,
    error_for,
)
from kafkalite.net.client import Client
from kafkalite.net.metadata import TopicInfo

from .accumulator import Accumulator
from .batch import Batch
from .record import checked_topic

__all__ = ["Room"]

T = TypeVar("T")

_NEVER: Final = 1e9
"""A deadline that no loop's clock reaches; not all loops have timers for infinity."""

_LOOK_AGAIN: Final = 0.1
"""Seconds after which whoever waits for memory makes sure that nobody before it has vanished."""


class Room:
    """Where calls wait that cannot hand over a record yet."""

    def __init__(
        self,
        config: ProducerConfig,
        client: Client,
        accumulator: Accumulator,
        cause_of: Callable[[Batch], str],
    ) -> None:
        self._config = config
        self._client = client
        self._accumulator = accumulator
        self._cause_of = cause_of
        """Why a batch is not acknowledged yet."""
        self._ended = asyncio.Event()

    def close(self) -> None:
        """Whoever waits raises why the accumulator takes nothing any more."""
        self._ended.set()

    async def wait(self, topic: str, size: int, deadline: float) -> None:
        await self.topic(topic, deadline)
        if size:
            await self._memory(size, deadline)

    async def topic(self, topic: str, deadline: float) -> TopicInfo:
        """The topic, when its partitions are known."""
        client, topic = self._client, checked_topic(topic)
        asked_at: int | None = None
        while True:
            self._accumulator.check()
            missing = client.want_topics(topic)
            info = client.cluster.topics.get(topic)
            if info is not None and info.partitions:
                return info
            if info is not None and info.error_code and asked_at is not None:
                error = error_for(info.error_code, f"topic {topic!r}")
                if not error.retriable:
                    raise error
            if asked_at is None:
                asked_at = client.cluster.generation if missing else client.request_update()
            else:
                asked_at = client.cluster.generation
            try:
                await self._unless_closed(client.wait_for_update(asked_at, deadline))
            except KafkaTimeoutError as error:
                raise self._metadata_timeout(topic, error) from error
            except IllegalStateError:
                self._accumulator.check()
                raise

    def _metadata_timeout(self, topic: str, error: KafkaTimeoutError) -> MetadataTimeoutError:
        info = self._client.cluster.topics.get(topic)
        failure: KafkaError | None = self._client.last_metadata_failure
        if failure is not None:
            cause = f"no broker gave metadata: {failure}"
        elif info is not None and info.error_code:
            cause = f"the brokers answer {error_for(info.error_code)}"
        elif info is not None:
            cause = "the brokers know the topic, but none of its partitions yet"
        else:
            cause = str(error)
        return MetadataTimeoutError(
            f"the partitions of topic {topic!r} did not become known in time (max_block_ms"
            f" {self._config.max_block * 1000:g}); last cause: {cause}"
        )

    async def _memory(self, size: int, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()

        def wake() -> None:  # on whichever thread closed a batch
            if self._accumulator.owner.loop_thread == threading.get_ident():
                arrived.set()
            else:
                loop.call_soon_threadsafe(arrived.set)

        waiter = self._accumulator.wait_for_memory(size, wake)
        if waiter is None:
            return
        try:
            while not arrived.is_set():
                until = min(deadline, loop.time() + _LOOK_AGAIN)
                try:
                    async with asyncio.timeout_at(until):
                        await self._unless_closed(arrived.wait())
                except TimeoutError:
                    if loop.time() >= deadline:
                        raise self._exhausted(size) from None
                    self._accumulator.serve_waiting()
        finally:
            self._accumulator.stop_waiting(waiter)

    def _exhausted(self, size: int) -> BufferExhaustedError:
        oldest = self._accumulator.oldest()
        cause = ""
        if oldest is not None:
            topic, partition = oldest.partition
            cause = f"; the oldest batch is for {topic}-{partition}: {self._cause_of(oldest)}"
        return BufferExhaustedError(
            f"no room for a record of {size} bytes within max_block_ms ({self._config.max_block * 1000:g}):"
            f" buffer_memory ({self._config.buffer_memory} bytes) is full,"
            f" {self._accumulator.unsettled} batches are not acknowledged{cause}"
        )

    async def _unless_closed(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Await something; raises ProducerClosed as soon as the producer is closed."""
        task = asyncio.ensure_future(waiting)
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait([task, ended], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self._accumulator.check()
            return await task
        finally:
            ended.cancel()
            task.cancel()
