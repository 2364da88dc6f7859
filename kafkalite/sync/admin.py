"""KafkaAdminClient: topics and cluster, from an ordinary program. Drop-in for kafka-python's. Thread: caller."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack
from uuid import UUID

from kafkalite.config import AdminConfig, AdminOptions
from kafkalite.net.client import Client

from .. import admin
from .portal import Portal

T = TypeVar("T")


class KafkaAdminClient:
    """Administers a cluster. Connects when created; close it, or use it in a `with` block.

    Options are keyword arguments (`bootstrap_servers="host:9092"`, ...), see `AdminOptions`. `loop_factory` makes the
    event loop that the I/O thread runs (`uvloop.new_event_loop`, say).

    Raises KafkaConfigurationError for a wrong option, NoBrokersAvailable if no broker answers within
    `bootstrap_timeout_ms`. Any thread may use it, several at once.
    """

    def __init__(
        self,
        *,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        **configs: Unpack[AdminOptions],
    ) -> None:
        self.config = AdminConfig.from_options(configs)
        client = Client(self.config.connection)
        portal = Portal("KafkaAdminClient", loop_factory=loop_factory)
        portal.open(client.start(), client.close)
        self._client = client
        self._portal = portal

    def __repr__(self) -> str:
        return f"<KafkaAdminClient {self.config.connection.client_id}>"

    def create_topics(
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
        return self._run(
            admin.create_topics(
                self._client,
                new_topics,
                timeout=self._timeout(timeout_ms),
                validate_only=validate_only,
                raise_errors=raise_errors,
                wait_for_metadata=wait_for_metadata,
            )
        )

    def delete_topics(
        self, topics: Iterable[str | UUID], timeout_ms: float | None = None, raise_errors: bool = True
    ) -> admin.DeletedTopics:
        """Delete topics, given by name or by id (KIP-516); brokers finish the deletion a little later.

        Returns `{"topics": [...]}` with one entry each. Raises UnknownTopicOrPartitionError and the like unless
        `raise_errors` is False; KafkaTimeoutError.
        """
        return self._run(
            admin.delete_topics(
                self._client, topics, timeout=self._timeout(timeout_ms), raise_errors=raise_errors
            )
        )

    def create_partitions(
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
        return self._run(
            admin.create_partitions(
                self._client,
                topic_partitions,
                timeout=self._timeout(timeout_ms),
                validate_only=validate_only,
                raise_errors=raise_errors,
            )
        )

    def list_topics(self) -> list[str]:
        """The names of all topics that this client may see, in alphabetical order."""
        return self._run(admin.list_topics(self._client, timeout=self._timeout(None)))

    def describe_topics(self, topics: Iterable[str | UUID] | None = None) -> list[admin.TopicDescription]:
        """Partitions, leaders and replicas of these topics, or of all. An unknown one has an `error_code`."""
        return self._run(admin.describe_topics(self._client, topics, timeout=self._timeout(None)))

    def wait_for_topics(self, topic_names: Iterable[str], timeout_ms: float = 10_000) -> None:
        """Wait until every partition of these topics has a leader. Raises KafkaTimeoutError."""
        self._run(admin.wait_for_topics(self._client, topic_names, timeout=timeout_ms / 1000))

    def describe_cluster(self) -> admin.ClusterDescription:
        """The cluster's id, controller and brokers."""
        return self._run(admin.describe_cluster(self._client, timeout=self._timeout(None)))

    def close(self) -> None:
        """Close the connections. Idempotent; harmless in a forked child."""
        self._portal.finish(self._client.close)

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
            warnings.warn("unclosed KafkaAdminClient", ResourceWarning, source=self, stacklevel=2)
            portal.abandon()

    def _run(self, coro: Coroutine[Any, Any, T]) -> T:
        return self._portal.run(coro)

    def _timeout(self, timeout_ms: float | None) -> float:
        return self.config.connection.default_api_timeout if timeout_ms is None else timeout_ms / 1000
