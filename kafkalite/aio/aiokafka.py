"""aiokafka's spellings: its class names, option names and orders of arguments, where they are not this package's own.

A program written for aiokafka runs with its imports changed to `kafkalite.aio` (and `kafkalite.errors`). Whoever writes
a new one takes the `Async...` classes. Thread: loop (the user's).
"""

from __future__ import annotations

import asyncio
from typing import Any, Unpack, cast

from kafkalite import admin
from kafkalite.config import (
    AIOKAFKA_NAMES,
    AdminOptions,
    ConsumerOptions,
    ProducerOptions,
)
from kafkalite.errors import KafkaConfigurationError
from kafkalite.types import Headers, RecordMetadata

from .admin import AsyncKafkaAdminClient
from .consumer import AsyncKafkaConsumer
from .delivery import AsyncDelivery
from .producer import AsyncKafkaProducer

__all__ = ["AIOKafkaAdminClient", "AIOKafkaConsumer", "AIOKafkaProducer"]


class AIOKafkaProducer(AsyncKafkaProducer):
    """`AsyncKafkaProducer` for programs written for aiokafka.

    `max_batch_size` is `batch_size`. `loop` makes no difference: the loop that runs is used.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        max_batch_size: int | None = None,
        **configs: Unpack[ProducerOptions],
    ) -> None:
        if max_batch_size is not None:
            name = AIOKAFKA_NAMES["max_batch_size"]
            if name in configs:
                raise KafkaConfigurationError(
                    f"max_batch_size is aiokafka's name for {name}: give one of them"
                )
            configs = cast(ProducerOptions, {**configs, name: max_batch_size})
        super().__init__(**configs)

    async def send(  # type: ignore[override]  # aiokafka's order of arguments
        self,
        topic: str,
        value: Any = None,
        key: Any = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Headers | None = None,
    ) -> AsyncDelivery:
        """`AsyncKafkaProducer.send`, with the arguments in aiokafka's order."""
        return await super().send(topic, value, key, headers, partition, timestamp_ms)

    async def send_and_wait(  # type: ignore[override]
        self,
        topic: str,
        value: Any = None,
        key: Any = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Headers | None = None,
    ) -> RecordMetadata:
        """`AsyncKafkaProducer.send_and_wait`, with the arguments in aiokafka's order."""
        return await (await self.send(topic, value, key, partition, timestamp_ms, headers))


class AIOKafkaConsumer(AsyncKafkaConsumer):
    """`AsyncKafkaConsumer` for programs written for aiokafka.

    `rebalance_timeout_ms` is `max_poll_interval_ms`, as it is in Kafka: of the two, the longer counts.
    `consumer_timeout_ms` is aiokafka's wait of a background task that does not exist here; iteration ends at `stop`.
    `loop` makes no difference: the loop that runs is used.
    """

    def __init__(
        self,
        *topics: str,
        loop: asyncio.AbstractEventLoop | None = None,
        rebalance_timeout_ms: float | None = None,
        **configs: Unpack[ConsumerOptions],
    ) -> None:
        configs.pop("consumer_timeout_ms", None)
        if rebalance_timeout_ms is not None:
            name = AIOKAFKA_NAMES["rebalance_timeout_ms"]
            given = configs.get(name)
            if not isinstance(given, int | float) or given < rebalance_timeout_ms:
                configs = cast(ConsumerOptions, {**configs, name: rebalance_timeout_ms})
        super().__init__(*topics, **configs)
        self._seen: dict[str, set[int]] = {}

    async def start(self) -> None:
        """Connect. Raises NoBrokersAvailable if no broker answers within `bootstrap_timeout_ms`."""
        await super().start()
        if not self.subscription() and not self.assignment():
            await self._look_around()  # aiokafka's consumers know every topic then

    async def topics(self) -> set[str]:
        """The names of all topics that this consumer may see; their partitions are known from then on."""
        found = await super().topics()
        await self._look_around()
        return found

    def partitions_for_topic(self, topic: str) -> set[int] | None:  # type: ignore[override]
        """The topic's partitions, without asking a broker; None if nothing is known of it.

        Known are the topics subscribed to or assigned; all, if there was nothing of the kind at `start`, and after
        `topics()`.
        """
        known = self._client.cluster.partitions_of(topic)
        if known is not None:
            return {p.partition for p in known}
        return set(self._seen[topic]) if topic in self._seen else None

    async def _look_around(self) -> None:
        timeout = self.config.connection.default_api_timeout
        found = await admin.describe_topics(self._client, None, timeout=timeout)
        self._seen = {
            topic["name"]: {p["partition_index"] for p in topic["partitions"]}
            for topic in found
            if topic["name"] and topic["partitions"]
        }


class AIOKafkaAdminClient(AsyncKafkaAdminClient):
    """`AsyncKafkaAdminClient` for programs written for aiokafka. `loop` makes no difference: the one that runs is used.

    Answers are dicts here, not response objects.
    """

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop | None = None, **configs: Unpack[AdminOptions]
    ) -> None:
        super().__init__(**configs)
