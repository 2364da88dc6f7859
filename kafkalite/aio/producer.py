"""AsyncKafkaProducer: send records from an asyncio program. Thread: loop (the user's)."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self, Unpack, cast

from kafkalite.config import ProducerConfig, ProducerOptions
from kafkalite.errors import IllegalStateError
from kafkalite.producer.builder import BatchBuilder
from kafkalite.producer.engine import ProducerEngine
from kafkalite.types import BulkMetadata, Headers, RecordMetadata

from .delivery import AsyncDelivery

BREATH = 1024
"""Sends, about a millisecond of them, after which a loop of sends lets the event loop run: what was sent goes out then.

Each breath costs a turn of the loop, and ends a batch early where nothing lingers."""


class AsyncKafkaProducer:
    """Sends records to topics, in batches, in the background.

    Options are keyword arguments (`bootstrap_servers="host:9092"`, ...), see `ProducerOptions`. `await start()` it and
    `await stop()` it, or use it in an `async with` block; the constructor needs no running loop. Several tasks may
    send at once, and a call that is cancelled leaves the producer as it was.

    Raises KafkaConfigurationError for a wrong option.
    """

    def __init__(self, **configs: Unpack[ProducerOptions]) -> None:
        self.config = ProducerConfig.from_options(configs)
        self._key_serializer = self.config.key_serializer
        self._value_serializer = self.config.value_serializer
        self._engine = ProducerEngine(self.config, delivery_type=AsyncDelivery)
        self._try_send = self._engine.try_send
        self._started = False
        self._stopping: asyncio.Task[None] | None = None
        self._until_breath = BREATH

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.config.connection.client_id}>"

    async def start(self) -> None:
        """Connect. Raises NoBrokersAvailable if no broker answers within `bootstrap_timeout_ms`.

        After a failure it may be called again.
        """
        if self._stopping is not None:
            raise IllegalStateError(f"{type(self).__name__} is closed: create a new one")
        if not self._started:
            await self._engine.start()
            self._started = True

    async def send(
        self,
        topic: str,
        value: Any = None,
        key: Any = None,
        headers: Headers | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> AsyncDelivery:
        """Hand one record over. Waits only if the topic is not known yet or the memory is full.

        `value` and `key` are bytes, or what the serializers take; a record with value None deletes its key in a
        compacted topic. `headers` is a list of (str, bytes). `partition` is chosen by the partitioner if None: records
        with the same key go to the same partition. `timestamp_ms` is in milliseconds since 1970, now if None.

        Returns an `AsyncDelivery`: await it for the RecordMetadata, or ask it like a future. Cancelling `send` before
        it returned sends nothing; the delivery itself cannot be called back.

        Raises KafkaTimeoutError if it had to wait longer than `max_block_ms` (the message says for what),
        MessageSizeTooLargeError for a record above `max_request_size`, SerializationError, TypeError and ValueError for
        what cannot be sent, ProducerClosed after stop.
        """
        if self._key_serializer is not None:
            key = self._key_serializer(topic, key, headers or ())
        if self._value_serializer is not None:
            value = self._value_serializer(topic, value, headers or ())
        self._until_breath -= 1
        if not self._until_breath:
            self._until_breath = BREATH
            await asyncio.sleep(0)
        delivery = self._try_send(topic, value, key, headers, partition, timestamp_ms)
        if delivery is None:
            self._require_start()
            deadline = time.monotonic() + self.config.max_block
            while delivery is None:
                await self._engine.make_room(topic, deadline)
                delivery = self._try_send(topic, value, key, headers, partition, timestamp_ms)
        return cast(AsyncDelivery, delivery)

    async def send_and_wait(
        self,
        topic: str,
        value: Any = None,
        key: Any = None,
        headers: Headers | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> RecordMetadata:
        """Send one record and wait until it is acknowledged. Raises what `send` and the delivery raise."""
        delivery = await self.send(
            topic, value, key, headers=headers, partition=partition, timestamp_ms=timestamp_ms
        )
        return await delivery

    async def send_many(
        self,
        topic: str,
        values: Iterable[Any],
        keys: Iterable[Any] | None = None,
        headers: Headers | Sequence[Headers | None] | None = None,
        timestamps: int | Iterable[int] | None = None,
        partition: int | None = None,
    ) -> AsyncDelivery[BulkMetadata]:
        """Hand over one record per value, in lists: for many records, far cheaper than one `send` for each.

        `values`, and `keys` if there are any, are as for `send`, and go through the serializers. `headers` is one list of
        (str, bytes) for all records, or a list with one such list (or None) for each. `timestamps` is one for all, one
        for each, or None for now. Without keys and `partition`, whole batches go to one partition after the other; with
        keys, each record goes where `send` would put it. Records of one partition keep their order.

        The lists are checked as a whole before anything is sent, and copied, so they are yours again afterwards. They may
        be longer than the producer's memory has room for: the call waits for room then, at most `max_block_ms` at a time.

        Returns one `AsyncDelivery` for all of them. Await it for a BulkMetadata: which records went where, in parts, and
        `.metadata(index)` of single ones; or for BulkSendError, with the error of each that failed.

        Raises what `send` raises, with the index of the record that is wrong. If it must stop in the middle (time is up,
        or the producer was closed) it raises BulkSendError: `errors` has the index of each record that was not handed
        over, `delivery` tells what becomes of the others. Cancelling
        it sends nothing more, and calls nothing back.
        """
        engine = self._engine
        many = engine.many(topic, values, keys, headers, timestamps, partition)
        while not engine.try_send_many(many):
            if many.waits:
                self._require_start()
                await engine.make_room_for(many)
            else:
                await asyncio.sleep(0)
        return cast("AsyncDelivery[BulkMetadata]", many.delivery)

    def create_batch(self) -> BatchBuilder:
        """An empty batch, to be filled by hand: `append(timestamp=..., key=..., value=...)` until it returns None."""
        return self._engine.create_batch()

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> AsyncDelivery:
        """Hand a whole batch over; it takes no more records then. Waits as `send` does.

        The delivery is that of its first record. Raises what `send` raises, ValueError for an empty batch.
        """
        delivery = self._engine.try_send_batch(batch, topic, partition)
        if delivery is None:
            self._require_start()
            deadline = time.monotonic() + self.config.max_block
            while delivery is None:
                await self._engine.make_room(topic, deadline)
                delivery = self._engine.try_send_batch(batch, topic, partition)
        return cast(AsyncDelivery, delivery)

    async def flush(self, timeout: float | None = None) -> None:
        """Send everything that was handed over and wait until each record is acknowledged or has failed.

        `timeout` is in seconds; None waits as long as `delivery_timeout_ms` may take. Records that other tasks send
        meanwhile are not waited for. Raises KafkaTimeoutError. How single records fared is told by their
        deliveries, not here.
        """
        self._require_start()
        await self._engine.flush(None if timeout is None else time.monotonic() + timeout)

    async def stop(self, timeout: float | None = None) -> None:
        """Flush for at most `timeout` seconds (None: as long as deliveries may take), then close.

        What is unsent after that fails. Idempotent. Cancelling it does not stop it: await it again to see its end.
        """
        if timeout is not None and timeout < 0:
            raise ValueError(f"timeout is in seconds and not negative: {timeout}")
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._engine.close(timeout))
        await asyncio.shield(self._stopping)

    async def partitions_for(self, topic: str) -> set[int]:
        """The topic's partitions. Waits for metadata at most `max_block_ms`; raises KafkaTimeoutError."""
        self._require_start()
        return set(await self._engine.partitions_for(topic))

    def metrics(self, raw: bool = False) -> dict[str, Any]:
        """Counters of this producer: `{"producer-metrics": {name: number}}`; with `raw` the inner dict alone."""
        metrics = self._engine.metrics()
        return metrics if raw else {"producer-metrics": metrics}

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
                f"unclosed {self!r}: what it still holds may never be sent; await stop()",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    def _require_start(self) -> None:
        if not self._started:
            raise IllegalStateError(f"{type(self).__name__} was not started: await start() first")
