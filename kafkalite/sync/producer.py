"""KafkaProducer: send records from an ordinary program. Drop-in for kafka-python's.

Thread: any; several threads may send at once. Sending touches the engine's accumulator directly; only a send that has
to wait, a flush and a close go through the portal.
"""

from __future__ import annotations

import asyncio
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self, Unpack

from kafkalite.config import ProducerConfig, ProducerOptions
from kafkalite.producer.delivery import Delivery
from kafkalite.producer.engine import ProducerEngine
from kafkalite.types import BulkMetadata, Headers

from .portal import EXIT_TIMEOUT, Portal


class KafkaProducer:
    """Sends records to topics, in batches, in the background.

    Options are keyword arguments (`bootstrap_servers="host:9092"`, ...), see `ProducerOptions`. The constructor
    connects. Close the producer, or use it in a `with` block, so that nothing stays unsent; at the end of the process
    it is flushed and closed anyway, for a few seconds. `loop_factory` makes the event loop that the I/O thread runs
    (`uvloop.new_event_loop`, say).

    Raises KafkaConfigurationError for a wrong option, NoBrokersAvailable if no broker answers within
    `bootstrap_timeout_ms`. In a forked child every call raises ForkedError: create producers after the fork.
    """

    def __init__(
        self,
        *,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        **configs: Unpack[ProducerOptions],
    ) -> None:
        self.config = ProducerConfig.from_options(configs)
        self._key_serializer = self.config.key_serializer
        self._value_serializer = self.config.value_serializer
        self._engine = engine = ProducerEngine(self.config)
        self._try_send = engine.try_send
        portal = Portal("KafkaProducer", loop_factory=loop_factory)
        myself = weakref.ref(self)

        def on_fork() -> None:
            if (producer := myself()) is not None:
                producer._on_fork()

        portal.on_fork = on_fork
        portal.open(engine.start(), lambda: engine.close(EXIT_TIMEOUT))
        self._portal = portal

    def __repr__(self) -> str:
        state = " closed" if self._portal.closed else ""
        return f"<KafkaProducer {self.config.connection.client_id}{state}>"

    def send(
        self,
        topic: str,
        value: Any = None,
        key: Any = None,
        headers: Headers | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> Delivery:
        """Hand one record over. Returns at once, unless the topic is not known yet or the memory is full.

        `value` and `key` are bytes, or what the serializers take; a record with value None deletes its key in a
        compacted topic. `headers` is a list of (str, bytes). `partition` is chosen by the partitioner if None: records
        with the same key go to the same partition. `timestamp_ms` is in milliseconds since 1970, now if None.

        Returns a `Delivery`: `.get(timeout)` waits for the RecordMetadata, `.add_callback(f)` and `.add_errback(f)`
        call a function with the outcome, on the I/O thread.

        Raises KafkaTimeoutError if it had to wait longer than `max_block_ms` (the message says for what),
        MessageSizeTooLargeError for a record above `max_request_size`, SerializationError, TypeError and ValueError for
        what cannot be sent, ProducerClosed after close.
        """
        if self._key_serializer is not None:
            key = self._key_serializer(topic, key, headers or ())
        if self._value_serializer is not None:
            value = self._value_serializer(topic, value, headers or ())
        delivery = self._try_send(topic, value, key, headers, partition, timestamp_ms)
        if delivery is None:
            return self._send_after_waiting(topic, value, key, headers, partition, timestamp_ms)
        return delivery

    def _send_after_waiting(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: Headers | None,
        partition: int | None,
        timestamp_ms: int | None,
    ) -> Delivery:
        deadline = time.monotonic() + self.config.max_block
        while True:
            self._portal.run(self._engine.make_room(topic, deadline))
            delivery = self._try_send(topic, value, key, headers, partition, timestamp_ms)
            if delivery is not None:
                return delivery

    def send_many(
        self,
        topic: str,
        values: Iterable[Any],
        keys: Iterable[Any] | None = None,
        headers: Headers | Sequence[Headers | None] | None = None,
        timestamps: int | Iterable[int] | None = None,
        partition: int | None = None,
    ) -> Delivery[BulkMetadata]:
        """Hand over one record per value, in lists: for many records, far cheaper than one `send` for each.

        `values`, and `keys` if there are any, are as for `send`, and go through the serializers. `headers` is one list of
        (str, bytes) for all records, or a list with one such list (or None) for each. `timestamps` is one for all, one
        for each, or None for now. Without keys and `partition`, whole batches go to one partition after the other; with
        keys, each record goes where `send` would put it. Records of one partition keep their order.

        The lists are checked as a whole before anything is sent, and copied, so they are yours again afterwards. They may
        be longer than the producer's memory has room for: the call waits for room then, at most `max_block_ms` at a time.

        Returns one `Delivery` for all of them. Its `.get()` returns a BulkMetadata: which records went where, in parts,
        and `.metadata(index)` of single ones; or raises BulkSendError, with the error of each that failed.

        Raises what `send` raises, with the index of the record that is wrong. If it must stop in the middle (time is up,
        or the producer was closed) it raises BulkSendError: `errors` has the index of each record that was not handed
        over, `delivery` tells what becomes of the others.
        """
        self._refuse_fork()
        engine = self._engine
        many = engine.many(topic, values, keys, headers, timestamps, partition)
        while not engine.try_send_many(many):
            if many.waits:
                self._portal.run(engine.make_room_for(many))
        return many.delivery

    def flush(self, timeout: float | None = None) -> None:
        """Send everything that was handed over and wait until each record is acknowledged or has failed.

        `timeout` is in seconds; None waits as long as `delivery_timeout_ms` may take. Records of other threads that are
        sent meanwhile are not waited for. Raises KafkaTimeoutError. How single records fared is told by their
        deliveries, not here.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self._portal.run(self._engine.flush(deadline))

    def close(self, timeout: float | None = None) -> None:
        """Flush for at most `timeout` seconds (None: as long as deliveries may take), then close.

        What is unsent after that fails. Idempotent; harmless in a forked child.
        """
        if timeout is not None and timeout < 0:
            raise ValueError(f"timeout is in seconds and not negative: {timeout}")
        self._portal.finish(lambda: self._engine.close(timeout))

    def partitions_for(self, topic: str) -> set[int]:
        """The topic's partitions. Waits for metadata at most `max_block_ms`; raises KafkaTimeoutError."""
        return set(self._portal.run(self._engine.partitions_for(topic)))

    def metrics(self, raw: bool = False) -> dict[str, Any]:
        """Counters of this producer: `{"producer-metrics": {name: number}}`; with `raw` the inner dict alone."""
        self._refuse_fork()
        metrics = self._engine.metrics()
        return metrics if raw else {"producer-metrics": metrics}

    def bootstrap_connected(self) -> bool:
        """Whether the cluster is known: true since the constructor returned, until close."""
        return not self._portal.closed

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
                "unclosed KafkaProducer: what it still holds is sent in the background; call close() or flush()",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )
            portal.abandon()

    def _refuse_fork(self) -> None:
        if self._portal.forked:
            raise self._portal.forked_error()

    def _on_fork(self) -> None:
        # The fast path must not touch the accumulator in a child: its lock may be held by a thread that is gone.
        portal = self._portal

        def refuse(*_: Any, **__: Any) -> Delivery | None:
            raise portal.forked_error()

        self._try_send = refuse
