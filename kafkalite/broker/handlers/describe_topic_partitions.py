"""DescribeTopicPartitions: topics and partitions, a page at a time (KIP-966). Thread: loop."""

from __future__ import annotations

from typing import Final

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)

from ..authorized import TOPIC_OPERATIONS
from ..call import Call
from ..partition import NO_LEADER, Partition
from ..refusal import Refusal
from ..topic import problem_with_name
from . import handles

__all__ = ["describe_topic_partitions"]

LARGEST_PAGE: Final = 2000
"""Kafka's max.request.partition.size.limit."""


@handles(DescribeTopicPartitionsRequest)
def describe_topic_partitions(call: Call) -> DescribeTopicPartitionsResponse:
    """Topics in the order of their names, from the cursor on; where the page ends before them, a cursor for the next."""
    request = call.request
    assert isinstance(request, DescribeTopicPartitionsRequest)
    cursor = request.cursor
    if cursor is not None and cursor.partition_index < 0:
        raise Refusal(
            ErrorCode.INVALID_REQUEST, f"the cursor's partition {cursor.partition_index} is negative"
        )
    names = sorted({topic.name for topic in request.topics} or call.cluster.topics)
    first = 0
    if cursor is not None:
        names = [name for name in names if name >= cursor.topic_name]
        first = cursor.partition_index if names[:1] == [cursor.topic_name] else 0
    left = max(min(request.response_partition_limit, LARGEST_PAGE), 1)
    response = DescribeTopicPartitionsResponse()
    for name in names:
        if left <= 0:
            response.next_cursor = Cursor(topic_name=name, partition_index=0)
            break
        described, following = _described(call, name, first, left)
        response.topics.append(described)
        if following is not None:
            response.next_cursor = Cursor(topic_name=name, partition_index=following)
            break
        left -= len(described.partitions)
        first = 0
    return response


def _described(
    call: Call, name: str, first: int, limit: int
) -> tuple[DescribeTopicPartitionsResponseTopic, int | None]:
    """A topic with `limit` partitions from `first` on, and the partition that follows, if there are more."""
    topic = call.cluster.topics.get(name)
    if topic is None:
        code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        if problem_with_name(name) is not None:
            code = ErrorCode.INVALID_TOPIC_EXCEPTION
        unknown = DescribeTopicPartitionsResponseTopic(
            error_code=code, name=name, topic_authorized_operations=TOPIC_OPERATIONS
        )
        return unknown, None
    described = DescribeTopicPartitionsResponseTopic(
        name=name,
        topic_id=topic.id,
        is_internal=topic.is_internal,
        partitions=[_partition(call, each) for each in topic.partitions[first : first + limit]],
        topic_authorized_operations=TOPIC_OPERATIONS,
    )
    following = first + limit
    return described, following if following < len(topic.partitions) else None


def _partition(call: Call, partition: Partition) -> DescribeTopicPartitionsResponsePartition:
    led = partition.leader != NO_LEADER
    return DescribeTopicPartitionsResponsePartition(
        error_code=ErrorCode.NONE if led else ErrorCode.LEADER_NOT_AVAILABLE,
        partition_index=partition.index,
        leader_id=partition.leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=list(partition.replicas),
        isr_nodes=list(partition.isr),
        eligible_leader_replicas=[],
        last_known_elr=[],
        offline_replicas=[node for node in partition.replicas if not call.cluster.is_running(node)],
    )
