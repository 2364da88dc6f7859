"""OffsetCommit: a group's positions are stored. Thread: loop."""

from __future__ import annotations

from typing import Final

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)

from ..call import Call
from ..committed_offsets import CommittedOffsets
from ..coordination import require_coordinator
from ..refusal import Refusal
from ..topic import Topic
from . import handles

__all__ = ["offset_commit"]

TOPIC_IDS: Final = 10
"""The version that names topics by their ids."""


@handles(OffsetCommitRequest)
def offset_commit(call: Call) -> OffsetCommitResponse:
    """Each partition has its own error. What is wrong with the group is said for every partition that exists."""
    request = call.request
    assert isinstance(request, OffsetCommitRequest)
    topics = [(_topic(call, asked), asked) for asked in request.topics]
    error, offsets = ErrorCode.NONE, CommittedOffsets()
    if any(_exists(topic, part) for topic, asked in topics for part in asked.partitions):
        try:
            require_coordinator(call, request.group_id)
            offsets = call.cluster.groups.open_for_commit(request, call.version)
        except Refusal as refusal:
            error = refusal.code

    def verdict(topic: Topic | None, part: OffsetCommitRequestPartition) -> ErrorCode:
        if topic is None or not _exists(topic, part):
            by_id = topic is None and call.version >= TOPIC_IDS
            return ErrorCode.UNKNOWN_TOPIC_ID if by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        return error or _store(call, topic, part, offsets)

    return OffsetCommitResponse(
        topics=[
            OffsetCommitResponseTopic(
                name=asked.name,
                topic_id=asked.topic_id,
                partitions=[
                    OffsetCommitResponsePartition(
                        partition_index=part.partition_index, error_code=verdict(topic, part)
                    )
                    for part in asked.partitions
                ],
            )
            for topic, asked in topics
        ]
    )


def _topic(call: Call, topic: OffsetCommitRequestTopic) -> Topic | None:
    if call.version >= TOPIC_IDS:
        return call.cluster.topic_by_id(topic.topic_id)
    return call.cluster.topics.get(topic.name)


def _exists(topic: Topic | None, partition: OffsetCommitRequestPartition) -> bool:
    return topic is not None and 0 <= partition.partition_index < len(topic.partitions)


def _store(
    call: Call, topic: Topic, partition: OffsetCommitRequestPartition, offsets: CommittedOffsets
) -> ErrorCode:
    metadata = partition.committed_metadata
    if metadata is not None and len(metadata) > call.cluster.config.number("offset.metadata.max.bytes"):
        return ErrorCode.OFFSET_METADATA_TOO_LARGE
    offsets.store(
        topic.name,
        partition.partition_index,
        partition.committed_offset,
        partition.committed_leader_epoch,
        metadata,
    )
    return ErrorCode.NONE
