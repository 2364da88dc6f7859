"""What the cluster says about itself. Called by the admin doors. Thread: loop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypedDict

from kafkalite.errors import UnsupportedVersionError, error_for
from kafkalite.protocol.messages.describe_cluster import DescribeClusterRequest
from kafkalite.protocol.messages.metadata import MetadataRequest

if TYPE_CHECKING:
    from kafkalite.net.client import Client

NOT_ASKED_FOR = -2147483648


class BrokerDescription(TypedDict):
    """One broker, as clients reach it."""

    broker_id: int
    host: str
    port: int
    rack: str | None


class ClusterDescription(TypedDict):
    """The cluster's id, its controller (with KRaft any live broker, which forwards) and its brokers.

    `cluster_authorized_operations` is None unless the broker told.
    """

    cluster_id: str | None
    controller_id: int
    brokers: list[BrokerDescription]
    cluster_authorized_operations: int | None


async def describe_cluster(client: Client, *, timeout: float) -> ClusterDescription:
    """Ask any broker about the cluster (KIP-700; before Kafka 2.8 from its metadata).

    `timeout` is in seconds. Raises KafkaTimeoutError, ClusterAuthorizationFailedError.
    """
    deadline = time.monotonic() + timeout
    try:
        return await client.retrying(
            lambda: _describe(client, deadline), deadline=deadline, what="describing the cluster"
        )
    except UnsupportedVersionError:
        return await _describe_by_metadata(client, deadline)


async def _describe(client: Client, deadline: float) -> ClusterDescription:
    answer = await client.send_to_any(DescribeClusterRequest(), deadline=deadline)
    if answer.error_code:
        raise error_for(answer.error_code, "describing the cluster", answer.error_message)
    operations = answer.cluster_authorized_operations
    return ClusterDescription(
        cluster_id=answer.cluster_id,
        controller_id=answer.controller_id,
        brokers=[
            BrokerDescription(broker_id=b.broker_id, host=b.host, port=b.port, rack=b.rack)
            for b in sorted(answer.brokers, key=lambda b: b.broker_id)
        ],
        cluster_authorized_operations=None if operations == NOT_ASKED_FOR else operations,
    )


async def _describe_by_metadata(client: Client, deadline: float) -> ClusterDescription:
    answer = await client.send_to_any(
        MetadataRequest(topics=[], allow_auto_topic_creation=True), deadline=deadline
    )
    return ClusterDescription(
        cluster_id=answer.cluster_id,
        controller_id=answer.controller_id,
        brokers=[
            BrokerDescription(broker_id=b.node_id, host=b.host, port=b.port, rack=b.rack)
            for b in sorted(answer.brokers, key=lambda b: b.node_id)
        ],
        cluster_authorized_operations=None,
    )
