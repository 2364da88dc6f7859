"""Produce: check each partition's batch and append it (KIP-98, KIP-467, KIP-951). Thread: loop."""

from __future__ import annotations

import logging
from typing import Final

from kafkalite.protocol.codes import Acks, ErrorCode
from kafkalite.protocol.message import Response
from kafkalite.protocol.messages.produce import (
    BatchIndexAndErrorMessage,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)

from ..call import Call
from ..error_answers import error_answer
from ..partition import NO_LEADER, Partition
from ..produce_checks import RecordsRefused, check_records, is_transactional, sole_batch
from ..refusal import HangUp, Refusal
from ..topic import Topic
from . import handles

__all__ = ["produce"]

log = logging.getLogger(__name__)

_IDS_SINCE: Final = 13
_LEADER_HINTS_SINCE: Final = 10
_ADMIN_CLIENT: Final = "__admin_client"
"""The client id that Kafka lets write to internal topics."""
_SAYS_NOT_WHERE_THE_LOG_STARTS = frozenset(
    (
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.MESSAGE_TOO_LARGE,
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.INVALID_REQUIRED_ACKS,
    )
)


@handles(ProduceRequest)
def produce(call: Call) -> Response | None:
    """Append what can be appended; each partition has its own outcome. With acks=0 nobody is told, and a failure ends
    the connection, so that the producer notices.
    """
    request: ProduceRequest = call.request
    if request.transactional_id is None and any(
        is_transactional(part.records) for data in request.topic_data for part in data.partition_data
    ):
        # A batch belongs to a transaction, the request to none: Kafka sees somebody who may not use that transaction.
        return error_answer(call, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    now_ms = call.cluster.clock.time_ms()
    leaders: dict[int, NodeEndpoint] = {}
    answer = ProduceResponse(
        responses=[
            TopicProduceResponse(
                name=data.name,
                topic_id=data.topic_id,
                partition_responses=[
                    _partition(call, request, data, part, now_ms, leaders) for part in data.partition_data
                ],
            )
            for data in request.topic_data
        ]
    )
    answer.node_endpoints = list(leaders.values())
    if request.acks != Acks.NONE:
        return answer
    failed = [part.error_code for topic in answer.responses for part in topic.partition_responses]
    if any(failed):
        raise HangUp(f"a Produce with acks=0 failed with {[ErrorCode(code).name for code in failed if code]}")
    return None


def _partition(
    call: Call,
    request: ProduceRequest,
    data: TopicProduceData,
    part: PartitionProduceData,
    now_ms: int,
    leaders: dict[int, NodeEndpoint],
) -> PartitionProduceResponse:
    topic = _topic(call, data)
    partition: Partition | None = None
    if topic is not None and 0 <= part.index < len(topic.partitions):
        partition = topic.partitions[part.index]
    known = False
    try:
        batch = _acceptable(call, data, part, topic, partition)
        known = True
        assert topic is not None
        assert partition is not None
        _check_partition(call, request, topic, partition)
        checked = check_records(batch, topic.settings, now_ms)
        written = partition.append(checked, topic.settings, call.cluster.config, now_ms)
    except Refusal as refusal:
        log.debug("Produce to %s-%d is refused: %s", data.name or data.topic_id, part.index, refusal)
        return _refused(call, part, partition if known else None, refusal, leaders)
    return PartitionProduceResponse(
        index=part.index,
        error_code=ErrorCode.NONE,
        base_offset=written.base_offset,
        log_append_time_ms=written.log_append_time,
        log_start_offset=partition.log.start_offset,
    )


def _topic(call: Call, data: TopicProduceData) -> Topic | None:
    if call.version >= _IDS_SINCE:
        return call.cluster.topic_by_id(data.topic_id)
    return call.cluster.topics.get(data.name)


def _acceptable(
    call: Call,
    data: TopicProduceData,
    part: PartitionProduceData,
    topic: Topic | None,
    partition: Partition | None,
) -> memoryview:
    """The one batch, if the partition exists. The order of all these checks is Kafka's."""
    if topic is None and call.version >= _IDS_SINCE:
        raise Refusal(ErrorCode.UNKNOWN_TOPIC_ID, f"there is no topic with the id {data.topic_id}")
    if topic is None or partition is None:
        raise Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {data.name}-{part.index}")
    return sole_batch(part.records, call.version)


def _check_partition(call: Call, request: ProduceRequest, topic: Topic, partition: Partition) -> None:
    """Raise Refusal unless this node may append to that partition now."""
    if request.acks not in (Acks.ALL, Acks.NONE, Acks.LEADER):
        raise Refusal(ErrorCode.INVALID_REQUIRED_ACKS, f"acks is {request.acks}, allowed are -1, 0 and 1")
    if topic.is_internal and call.client_id != _ADMIN_CLIENT:
        raise Refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, f"{topic.name} is internal: clients only read it")
    partition.check_leader(call.node)
    needed = min(
        topic.settings.min_insync_replicas, len(partition.replicas)
    )  # KIP-966: not more than there are
    if request.acks == Acks.ALL and len(partition.isr) < needed:
        raise Refusal(
            ErrorCode.NOT_ENOUGH_REPLICAS,
            f"{partition} has {len(partition.isr)} replicas in sync, min.insync.replicas asks for {needed}",
        )


def _refused(
    call: Call,
    part: PartitionProduceData,
    partition: Partition | None,
    refusal: Refusal,
    leaders: dict[int, NodeEndpoint],
) -> PartitionProduceResponse:
    answer = PartitionProduceResponse(index=part.index, error_code=refusal.code, base_offset=-1)
    if partition is not None and refusal.code not in _SAYS_NOT_WHERE_THE_LOG_STARTS:
        answer.log_start_offset = partition.log.start_offset
    if isinstance(refusal, RecordsRefused):
        answer.error_message = refusal.message
        answer.record_errors = [
            BatchIndexAndErrorMessage(batch_index=error.batch_index, batch_index_error_message=error.message)
            for error in refusal.errors
        ]
    if (
        partition is not None
        and refusal.code == ErrorCode.NOT_LEADER_OR_FOLLOWER
        and call.version >= _LEADER_HINTS_SINCE
    ):
        answer.current_leader = LeaderIdAndEpoch(
            leader_id=partition.leader, leader_epoch=partition.leader_epoch
        )
        if partition.leader != NO_LEADER:
            leader = call.cluster.nodes[partition.leader]
            leaders[leader.id] = NodeEndpoint(node_id=leader.id, host=call.host_of(leader), port=leader.port)
    return answer
