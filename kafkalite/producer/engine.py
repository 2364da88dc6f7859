"""The producer: `try_send` on the caller's thread, everything that waits on the loop. Assembles the room.

The doors call it, and differ only in how they wait: `try_send` is a plain call that may return None, `make_room` is the
coroutine that waits until it is worth another try.

Thread: any for `try_send`, `try_send_batch`, `create_batch`, `make_room` (which is awaited on the loop) and `metrics`;
loop for the rest.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from random import Random
from typing import Any, Final, TypeVar

from kafkalite.config import ProducerConfig
from kafkalite.errors import (
    BufferExhaustedError,
    IllegalArgumentError,
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    MetadataTimeoutError,
    ProducerClosed,
    error_for,
)
from kafkalite.net.client import Client
from kafkalite.net.metadata import Cluster, TopicInfo
from kafkalite.protocol.records.batch import BATCH_OVERHEAD, record_size
from kafkalite.types import Headers

from .accumulator import Accumulator
from .batch import Batch
from .builder import BatchBuilder
from .delivery import Delivery
from .metrics import ProducerMetrics
from .partitioner import Choice, StickyPartitioner
from .record import checked_bytes, checked_headers, checked_timestamp, checked_topic, too_large
from .sender import Sender

__all__ = ["ProducerEngine"]

T = TypeVar("T")

_PLAIN: Final = record_size(None, b"")
"""What a record without key and headers takes besides its value."""

_NEVER: Final = 1e9
"""A deadline that no loop's clock reaches; not all loops have timers for infinity."""

_LOOK_AGAIN: Final = 0.1
"""Seconds after which whoever waits for memory makes sure that nobody before it has vanished."""


class ProducerEngine:
    """One producer."""

    def __init__(
        self,
        config: ProducerConfig,
        *,
        delivery_type: type[Delivery] = Delivery,
        client: Client | None = None,
        rng: Random | None = None,
    ) -> None:
        rng = rng or Random()
        self._config = config
        self._client = client or Client(config.connection, rng=rng, forget_idle_topics=True)
        self._delivery_type = delivery_type
        self._make = object.__new__
        self._choice = Choice(config.partitioner, ignore_keys=config.partitioner_ignore_keys)
        self._accumulator = Accumulator(
            batch_size=config.batch_size,
            linger=config.linger,
            buffer_memory=config.buffer_memory,
            max_request_size=config.max_request_size,
            delivery_timeout=config.delivery_timeout,
            sticky=StickyPartitioner(
                batch_size=config.batch_size,
                adaptive=config.partitioner_adaptive_partitioning_enable,
                availability_timeout=config.partitioner_availability_timeout,
                rng=rng,
            ),
        )
        self._metrics = ProducerMetrics()
        self._sender = Sender(config, self._client, self._accumulator, self._metrics, rng)
        self._accumulator.wake = self._sender.wake
        self._largest = min(config.max_request_size, config.buffer_memory) - BATCH_OVERHEAD
        self._refused = threading.local()
        """What the calling thread's last record needed and did not get."""
        self._last_headers: tuple[Headers, int] = (), 0
        """Headers that were sent last, as they are kept, and the bytes that they take."""
        self._ended = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

        # For the fast path: every attribute that is looked up per record costs.
        lock = self._accumulator.lock
        self._acquire, self._release, self._mine = lock.acquire, lock.release, lock._is_owned  # type: ignore[attr-defined]
        self._lane_of = self._accumulator.lanes.get
        self._hash_of = self._choice.hashes.get

    # Sending. Thread: any.

    def try_send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> Delivery | None:
        """Hand a record over; None if that has to wait: for metadata, or for memory (see `make_room`).

        Raises ProducerClosed, MessageSizeTooLargeError, TypeError for what is not bytes, ValueError for a partition
        that does not exist, a negative timestamp or a bad header; and what broke the producer, if something did.
        """
        # This path is run for every record. It knows of no closing, no errors and no metadata: all of those close the
        # open batches, and then nothing fits any more.
        lane = self._lane_of(topic)
        if lane is None or type(value) is not bytes or timestamp_ms is not None:
            return self._send(topic, value, key, headers, partition, timestamp_ms)
        size = _PLAIN + len(value)
        if headers:
            known, more = self._last_headers
            if type(headers) is not list or tuple(headers) != known:
                return self._send(topic, value, key, headers, partition, timestamp_ms)
            size += more
        if key is None:
            if partition is None:
                batch = lane.sticky
            elif type(partition) is int and 0 <= partition < lane.count:
                batch = lane.open[partition]
            else:
                return self._send(topic, value, key, headers, partition, timestamp_ms)
        elif type(key) is bytes:
            size += len(key)
            if partition is None:
                hashed = self._hash_of(key)
                if hashed is None:
                    return self._send(topic, value, key, headers, partition, timestamp_ms)
                batch = lane.open[hashed % lane.count]
            elif type(partition) is int and 0 <= partition < lane.count:
                batch = lane.open[partition]
            else:
                return self._send(topic, value, key, headers, partition, timestamp_ms)
        else:
            return self._send(topic, value, key, headers, partition, timestamp_ms)
        if batch.left < size:
            return self._send(topic, value, key, headers, partition, timestamp_ms)
        delivery = self._make(self._delivery_type)
        # The two calls are half the price of `with`. What is lost with it, a Ctrl-C between them, is caught below,
        # where a reentrant lock knows whether it is held.
        try:
            self._acquire()
            left = batch.left - size
            if left >= 0:
                now = time.time()
                if now >= batch.tick:
                    batch.mark(now)
                values, keys = batch.values, batch.keys
                if keys is not None:
                    keys.append(key)
                elif key is not None:
                    batch.keys = [None] * len(values)
                    batch.keys.append(key)
                if headers:
                    if batch.headers is None:
                        batch.headers = {}
                    batch.headers[len(values)] = known
                batch.left = left
                delivery.batch = batch
                delivery.index = len(values)
                values.append(value)
                self._release()
                return delivery
            self._release()
        except BaseException:
            if self._mine():
                self._release()
            raise
        return self._send(topic, value, key, headers, partition, timestamp_ms)

    def _send(
        self,
        topic: str,
        value: object,
        key: object,
        headers: object,
        partition: int | None,
        timestamp_ms: object,
    ) -> Delivery | None:
        self._check_usable()
        value, key = checked_bytes("value", value), checked_bytes("key", key)
        known = self._checked_headers(headers) if headers else ()
        timestamp = checked_timestamp(timestamp_ms)
        size = record_size(key, value, known)
        if size > self._largest:
            config = self._config
            raise too_large(topic, size, config.max_request_size, config.buffer_memory)
        info = self._topic(topic)
        if info is None:
            return None
        number = self._choice.partition(self._client.cluster, info, partition, key, value)
        found = self._accumulator.append(
            info, number, size, value, key, known, timestamp, now=time.monotonic(), wall=time.time()
        )
        return self._delivered(found, size)

    def _checked_headers(self, headers: object) -> Headers:
        # Programs tend to send the same headers with record after record: one tuple for all of them is checked once,
        # and encoded once per batch.
        known, _ = self._last_headers
        if type(headers) is not list or tuple(headers) != known:
            known = checked_headers(headers)
            self._last_headers = known, record_size(None, None, known) - _PLAIN
        return known

    def _delivered(self, found: tuple[Batch, int] | None, size: int) -> Delivery | None:
        if found is None:
            self._refused.size = size
            return None
        delivery = self._make(self._delivery_type)
        delivery.batch, delivery.index = found
        return delivery

    def _check_usable(self) -> None:
        if (refusal := self._accumulator.refusal) is not None:
            raise refusal.with_traceback(None)

    def _topic(self, topic: str) -> TopicInfo | None:
        info = self._client.cluster.topics.get(topic)
        if info is None or not info.partitions:
            checked_topic(topic)
            self._refused.size = 0
            return None
        return info

    def create_batch(self) -> BatchBuilder:
        """A batch to fill by hand, for `try_send_batch`."""
        return BatchBuilder(
            batch_size=self._config.batch_size,
            clock=time.time,
            key_serializer=self._config.key_serializer,
            value_serializer=self._config.value_serializer,
        )

    def try_send_batch(self, batch: BatchBuilder, topic: str, partition: int) -> Delivery | None:
        """Hand a whole batch over; the delivery is that of its first record. None and errors as with `try_send`."""
        self._check_usable()
        if not batch.record_count():
            raise IllegalArgumentError("this batch is empty: append records to it first")
        size, config = batch.size() - BATCH_OVERHEAD, self._config
        if size > self._largest:
            raise too_large(topic, size, config.max_request_size, config.buffer_memory)
        info = self._topic(topic)
        if info is None:
            return None
        self._choice.partition(self._client.cluster, info, partition, None, None)
        batch.close()
        now = time.monotonic()
        adopted = self._accumulator.adopt(batch.pour, info, partition, batch.size(), now)
        return self._delivered(None if adopted is None else (adopted, 0), size)

    def metrics(self) -> dict[str, float]:
        """Counters by the names of Java's `producer-metrics`."""
        memory = self._accumulator.memory
        return {
            **self._metrics.numbers(),
            "buffer-total-bytes": memory.total,
            "buffer-available-bytes": memory.free,
            "bufferpool-wait-total": memory.exhausted,
            "waiting-threads": memory.waiting,
        }

    # Starting and waiting. Thread: loop.

    async def start(self) -> None:
        """Connect. Raises NoBrokersAvailable; may be called again then."""
        if self._closing is not None:
            raise ProducerClosed("this producer is closed: create a new one")
        await self._client.start()
        if self._on_cluster not in self._client.metadata.listeners:
            self._client.metadata.listeners.append(self._on_cluster)
        self._sender.start()

    def _on_cluster(self, cluster: Cluster) -> None:
        self._accumulator.on_topics(cluster.topics.get)
        self._sender.wake()

    def make_room(self, topic: str, deadline: float) -> Coroutine[Any, Any, None]:
        """Wait until `try_send`, which has just returned None on this thread, is worth another try.

        Raises MetadataTimeoutError or BufferExhaustedError, naming the cause; ProducerClosed.
        """
        # Taken here and not in the coroutine, which runs on another thread.
        return self._make_room(topic, getattr(self._refused, "size", 0), min(deadline, _NEVER))

    async def _make_room(self, topic: str, size: int, deadline: float) -> None:
        await self._known(topic, deadline)
        if size:
            await self._room(size, deadline)

    async def _known(self, topic: str, deadline: float) -> TopicInfo:
        """The topic, when its partitions are known."""
        client, topic = self._client, checked_topic(topic)
        asked_at: int | None = None
        while True:
            self._check_usable()
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
                self._check_usable()
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

    async def _room(self, size: int, deadline: float) -> None:
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
            cause = f"; the oldest batch is for {topic}-{partition}: {self._sender.cause_of(oldest)}"
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
                self._check_usable()
            return await task
        finally:
            ended.cancel()
            task.cancel()

    async def partitions_for(self, topic: str) -> frozenset[int]:
        """Numbers of a topic's partitions. Waits at most `max_block_ms`; raises MetadataTimeoutError."""
        deadline = min(asyncio.get_running_loop().time() + self._config.max_block, _NEVER)
        info = await self._known(topic, deadline)
        return frozenset(range(len(info.partitions)))

    # Ending. Thread: loop.

    async def flush(self, deadline: float | None) -> None:
        """Send what was handed over before the call, and wait until each record has its outcome.

        Raises KafkaTimeoutError at the deadline; what is still on its way stays on its way.
        """
        self._check_usable()
        await self._flush(deadline)

    async def _flush(self, deadline: float | None) -> None:
        batches = self._accumulator.begin_flush()
        left = len(batches)
        done = asyncio.Event()

        def settled() -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set()

        try:
            for batch in batches:
                batch.on_settled(settled)
            if not batches:
                return
            self._sender.wake()
            async with asyncio.timeout_at(deadline):
                await done.wait()
        except TimeoutError:
            open_batches = [batch for batch in batches if not batch.done]
            records = sum(batch.count for batch in open_batches)
            raise KafkaTimeoutError(
                f"flush: {records} records are not acknowledged yet; the oldest of them, for"
                f" {open_batches[0].partition.topic}-{open_batches[0].partition.partition}:"
                f" {self._sender.cause_of(open_batches[0].leaves()[0])}"
            ) from None
        finally:
            self._accumulator.end_flush()

    async def close(self, timeout: float | None) -> None:
        """Flush for at most `timeout` seconds (None: as long as deliveries may take), fail the rest, disconnect.

        Idempotent; cancelling it does not stop it.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(timeout), name="kafkalite: close the producer")
        await asyncio.shield(self._closing)

    async def _close(self, timeout: float | None) -> None:
        self._accumulator.refuse(ProducerClosed("this producer is closed: create a new one"))
        self._ended.set()
        try:
            await self._flush(None if timeout is None else asyncio.get_running_loop().time() + timeout)
        except KafkaTimeoutError:
            pass
        finally:
            await self._sender.stop(
                ProducerClosed("the producer was closed before the record was acknowledged")
            )
            await self._client.close()

    def __repr__(self) -> str:
        return f"<ProducerEngine {self._config.connection.client_id}: {self._accumulator!r}>"
