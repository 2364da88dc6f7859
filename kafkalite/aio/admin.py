"""AsyncKafkaAdminClient: topics and cluster, from an asyncio program. Thread: loop (the user's)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import TracebackType
from typing import Self, Unpack
from uuid import UUID

from kafkalite.config import AdminConfig, AdminOptions
from kafkalite.errors import IllegalStateError
from kafkalite.net.client import Client

from .. import admin


class AsyncKafkaAdminClient:
    """Administers a cluster. `await start()` it and `await close()` it, or use it in an `async with` block.

    Options are keyword arguments (`bootstrap_servers="host:9092"`, ...), see `AdminOptions`. Raises
    KafkaConfigurationError for a wrong one. Several tasks may use it at once.
    """

    def __init__(self, **configs: Unpack[AdminOptions]) -> None:
        self.config = AdminConfig.from_options(configs)
        self._client = Client(self.config.connection)
        self._started = False
        self._closed = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.config.connection.client_id}>"

    async def start(self) -> None:
        """Connect. Raises NoBrokersAvailable if no broker answers within `bootstrap_timeout_ms`."""
        if not self._started:
            await self._client.start()
            self._started = True

    async def create_topics(
        self,
        new_topics: admin.NewTopics,
        timeout_ms: float | None = None,
        validate_only: bool = False,
        raise_errors: bool = True,
        wait_for_metadata: bool = False,
    ) -> admin.CreatedTopics:
        """Make topics.

        `new_topics`: a list of names or of `NewTopic`, or a dict name -> options (`num_partitions`,
        `replication_factor`, `assignments`, `configs`). `timeout_ms` (default: `default_api_timeout_ms`) limits the
        whole call. `validate_only` checks and makes nothing. `wait_for_metadata` returns only once every new
        partition has a leader.

        Returns `{"topics": [{"name": ..., "topic_id": ..., "error_code": 0, ...}]}`. Raises what the first topic
        that failed got (TopicAlreadyExistsError, InvalidReplicationFactorError, ...) unless `raise_errors` is
        False; ValueError for a request that no broker would take, before anything is sent; KafkaTimeoutError.
        """
        return await admin.create_topics(
            self._client,
            new_topics,
            timeout=self._timeout(timeout_ms),
            validate_only=validate_only,
            raise_errors=raise_errors,
            wait_for_metadata=wait_for_metadata,
        )

    async def delete_topics(
        self, topics: Iterable[str | UUID], timeout_ms: float | None = None, raise_errors: bool = True
    ) -> admin.DeletedTopics:
        """Delete topics, given by name or by id (KIP-516); brokers finish the deletion a little later.

        Returns `{"topics": [...]}` with one entry each. Raises UnknownTopicOrPartitionError and the like unless
        `raise_errors` is False; KafkaTimeoutError.
        """
        return await admin.delete_topics(
            self._client, topics, timeout=self._timeout(timeout_ms), raise_errors=raise_errors
        )

    async def create_partitions(
        self,
        topic_partitions: admin.PartitionCounts,
        timeout_ms: float | None = None,
        validate_only: bool = False,
        raise_errors: bool = True,
    ) -> admin.GrownTopics:
        """Give topics more partitions: a dict topic -> new total (an int, or `NewPartitions`).

        Returns `{"results": [...]}` with one entry each. Raises InvalidPartitionsError and the like unless
        `raise_errors` is False; KafkaTimeoutError.
        """
        return await admin.create_partitions(
            self._client,
            topic_partitions,
            timeout=self._timeout(timeout_ms),
            validate_only=validate_only,
            raise_errors=raise_errors,
        )

    async def list_topics(self) -> list[str]:
        """The names of all topics that this client may see, in alphabetical order."""
        return await admin.list_topics(self._client, timeout=self._timeout(None))

    async def describe_topics(
        self, topics: Iterable[str | UUID] | None = None
    ) -> list[admin.TopicDescription]:
        """Partitions, leaders and replicas of these topics, or of all. An unknown one has an `error_code`."""
        return await admin.describe_topics(self._client, topics, timeout=self._timeout(None))

    async def wait_for_topics(self, topic_names: Iterable[str], timeout_ms: float = 10_000) -> None:
        """Wait until every partition of these topics has a leader. Raises KafkaTimeoutError."""
        self._timeout(timeout_ms)
        await admin.wait_for_topics(self._client, topic_names, timeout=timeout_ms / 1000)

    async def describe_cluster(self) -> admin.ClusterDescription:
        """The cluster's id, controller and brokers."""
        return await admin.describe_cluster(self._client, timeout=self._timeout(None))

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        self._closed = True
        await self._client.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        if getattr(self, "_started", False) and not self._closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)

    def _timeout(self, timeout_ms: float | None) -> float:
        """Seconds for one call; refuses a client that cannot make it."""
        if not self._started or self._closed:
            state = "is closed" if self._closed else "was not started: await start() first"
            raise IllegalStateError(f"{type(self).__name__} {state}")
        return self.config.connection.default_api_timeout if timeout_ms is None else timeout_ms / 1000
