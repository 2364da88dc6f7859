"""Metadata: nodes, topics, leaders; and topics that come into being because somebody asks. Thread: loop."""

from __future__ import annotations

from typing import Final

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)

from ..authorized import CLUSTER_OPERATIONS, TOPIC_OPERATIONS
from ..call import Call
from ..cluster import Cluster
from ..error_answers import answers_errors
from ..partition import NO_LEADER, Partition
from ..refusal import Refusal
from ..topic import CONSUMER_OFFSETS, INTERNAL_TOPICS, Topic, problem_with_name
from . import handles

__all__ = ["metadata"]

NOT_ASKED: Final = -2147483648

_IDS_SINCE = 12
_ALL_BY_EMPTY_LIST = 0


@handles(MetadataRequest)
def metadata(call: Call) -> MetadataResponse:
    """Nodes that run, and the topics that were asked about."""
    request: MetadataRequest = call.request
    return _answer(call, request, create=request.allow_auto_topic_creation)


@answers_errors(MetadataRequest)
def metadata_error(call: Call, code: int, message: str | None) -> MetadataResponse:
    """The topics with that error, the nodes as they are: a client without nodes could not even ask again."""
    request: MetadataRequest = call.request
    asked = request.topics
    if asked is None:
        asked = [
            MetadataRequestTopic(name=topic.name, topic_id=topic.id) for topic in call.cluster.topics.values()
        ]
    topics = [
        MetadataResponseTopic(
            error_code=code,
            name=topic.name if topic.name is not None or call.version >= _IDS_SINCE else "",
            topic_id=topic.topic_id,
        )
        for topic in asked
    ]
    return _with_nodes(call, request, topics)


def _answer(call: Call, request: MetadataRequest, *, create: bool) -> MetadataResponse:
    cluster = call.cluster
    everything = request.topics is None or (call.version == _ALL_BY_EMPTY_LIST and not request.topics)
    if everything:
        topics = [_described(cluster, topic) for topic in cluster.topics.values()]
    else:
        asked_once = {(asked.name, asked.topic_id): asked for asked in request.topics or ()}
        topics = [_asked_about(call, asked, create) for asked in asked_once.values()]
    if request.include_topic_authorized_operations:
        for topic in topics:
            if topic.name is not None:
                topic.topic_authorized_operations = TOPIC_OPERATIONS
    return _with_nodes(call, request, topics)


def _with_nodes(
    call: Call, request: MetadataRequest, topics: list[MetadataResponseTopic]
) -> MetadataResponse:
    cluster = call.cluster
    controller = cluster.controller
    wants_operations = request.include_cluster_authorized_operations
    return MetadataResponse(
        brokers=[
            MetadataResponseBroker(node_id=node.id, host=call.host_of(node), port=node.port)
            for node in cluster.running_nodes
        ],
        cluster_id=cluster.id,
        controller_id=controller.id if controller is not None else -1,
        topics=topics,
        cluster_authorized_operations=CLUSTER_OPERATIONS if wants_operations else NOT_ASKED,
    )


def _asked_about(call: Call, asked: MetadataRequestTopic, create: bool) -> MetadataResponseTopic:
    cluster = call.cluster
    if asked.topic_id != ZERO_UUID or asked.name is None:
        if call.version < _IDS_SINCE:
            raise Refusal(
                ErrorCode.INVALID_REQUEST, f"Metadata version {call.version} cannot ask by topic id"
            )
        topic = cluster.topic_by_id(asked.topic_id)
        if topic is None:
            return MetadataResponseTopic(
                error_code=ErrorCode.UNKNOWN_TOPIC_ID, name=None, topic_id=asked.topic_id
            )
        return _described(cluster, topic)
    topic = cluster.topics.get(asked.name)
    if topic is not None:
        return _described(cluster, topic)
    if problem_with_name(asked.name) is not None:
        error = ErrorCode.INVALID_TOPIC_EXCEPTION
    else:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        if create and cluster.config.flag("auto.create.topics.enable"):
            _create(cluster, asked.name)
    return MetadataResponseTopic(error_code=error, name=asked.name, is_internal=asked.name in INTERNAL_TOPICS)


def _create(cluster: Cluster, name: str) -> None:
    """Make the topic behind the answer, which still says that it is unknown, as with KRaft. If that fails, the client
    goes on asking.
    """
    try:
        if name == CONSUMER_OFFSETS:
            cluster.create_offsets_topic()
        else:
            cluster.create_topic(name)
    except Refusal:
        pass


def _described(cluster: Cluster, topic: Topic) -> MetadataResponseTopic:
    return MetadataResponseTopic(
        error_code=ErrorCode.NONE,
        name=topic.name,
        topic_id=topic.id,
        is_internal=topic.is_internal,
        partitions=[_partition(cluster, partition) for partition in topic.partitions],
    )


def _partition(cluster: Cluster, partition: Partition) -> MetadataResponsePartition:
    return MetadataResponsePartition(
        error_code=ErrorCode.LEADER_NOT_AVAILABLE if partition.leader == NO_LEADER else ErrorCode.NONE,
        partition_index=partition.index,
        leader_id=partition.leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=list(partition.replicas),
        isr_nodes=list(partition.isr),
        offline_replicas=[node_id for node_id in partition.replicas if not cluster.is_running(node_id)],
    )
