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
from collections.abc import Coroutine, Iterable, Sequence
from random import Random
from typing import Any, Final, TypeVar

from kafkalite.config import ProducerConfig
from kafkalite.errors import (
    IllegalArgumentError,
    KafkaError,
    KafkaTimeoutError,
    ProducerClosed,
)
from kafkalite.net.client import Client
from kafkalite.net.metadata import Cluster, TopicInfo
from kafkalite.protocol.records.batch import BATCH_OVERHEAD, record_size
from kafkalite.types import Headers

from .accumulator import Accumulator
from .batch import Batch
from .builder import BatchBuilder
from .bulk import Bulk
from .delivery import Delivery
from .many import Many
from .metrics import ProducerMetrics
from .partitioner import Choice, StickyPartitioner
from .record import checked_bytes, checked_headers, checked_timestamp, checked_topic, too_large
from .records import checked_records
from .room import Room
from .sender import Sender

__all__ = ["ProducerEngine"]

T = TypeVar("T")

_PLAIN: Final = record_size(None, b"")
"""What a record without key and headers takes besides its value."""


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
        self._room = Room(config, self._client, self._accumulator, self._sender.cause_of)
        self._closing: asyncio.Task[None] | None = None

        # For the fast path: every attribute that is looked up per record costs.
        lock = self._accumulator.lock
        self._acquire, self._release, self._mine = lock.acquire, lock.release, lock._is_owned  # type: ignore[attr-defined]
        self._lane_of = self._accumulator.lanes.get
        self._hash_of = self._choice.hashes.get
        self._hash_new = self._choice.hash_new

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
                if hashed is None and (hashed := self._hash_new(key)) is None:
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
        self._accumulator.check()
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
        self._accumulator.check()
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

    def many(
        self,
        topic: str,
        values: Iterable[Any],
        keys: Iterable[Any] | None,
        headers: Headers | Sequence[Headers | None] | None,
        timestamps: int | Iterable[int] | None,
        partition: int | None,
    ) -> Many:
        """Many records, checked, for `try_send_many`.

        Raises what `try_send` raises, naming the record; and what the serializers raise.
        """
        self._accumulator.check()
        config = self._config
        records = checked_records(
            topic,
            values,
            keys,
            headers,
            timestamps,
            key_serializer=config.key_serializer,
            value_serializer=config.value_serializer,
        )
        if records:
            size, index = records.largest
            if size > self._largest:
                raise too_large(topic, size, config.max_request_size, config.buffer_memory, index)
        delivery: Delivery[Any] = self._make(self._delivery_type)
        delivery.batch = bulk = Bulk(self._accumulator.owner, topic)
        delivery.index = 0
        return Many(
            topic,
            records,
            partition,
            delivery,
            bulk,
            accumulator=self._accumulator,
            choice=self._choice,
        )

    def try_send_many(self, many: Many) -> bool:
        """Go on with them; True when all have been handed over. False: call again, first, if it `waits`, wait with
        `make_room_for`.

        Raises what `try_send` raises for the partition; BulkSendError when it cannot go on.
        """
        info = self._topic(many.topic)
        if info is None:
            many.waits, many.missing = True, 0
            return False
        return many.hand_over(self._client.cluster, info, now=time.monotonic(), wall=time.time())

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
        return self._room.wait(topic, getattr(self._refused, "size", 0), deadline)

    async def make_room_for(self, many: Many) -> None:
        """Wait until `try_send_many` is worth another try, at most `max_block_ms` since it moved records last.

        Raises what `make_room` raises; if records have been handed over before, BulkSendError, which says so.
        """
        try:
            await self._room.wait(
                many.topic, many.missing, many.deadline(time.monotonic() + self._config.max_block)
            )
        except KafkaError as error:
            many.stop(error)

    async def partitions_for(self, topic: str) -> frozenset[int]:
        """Numbers of a topic's partitions. Waits at most `max_block_ms`; raises MetadataTimeoutError."""
        info = await self._room.topic(topic, time.monotonic() + self._config.max_block)
        return frozenset(range(len(info.partitions)))

    # Ending. Thread: loop.

    async def flush(self, deadline: float | None) -> None:
        """Send what was handed over before the call, and wait until each record has its outcome.

        Raises KafkaTimeoutError at the deadline; what is still on its way stays on its way.
        """
        self._accumulator.check()
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
        self._room.close()
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
