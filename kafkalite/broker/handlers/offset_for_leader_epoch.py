"""OffsetForLeaderEpoch: where the log of a leader epoch ended (KIP-101, KIP-320). Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)

from ..call import Call
from ..refusal import Refusal
from . import handles

__all__ = ["offset_for_leader_epoch"]


@handles(OffsetForLeaderEpochRequest)
def offset_for_leader_epoch(call: Call) -> OffsetForLeaderEpochResponse:
    """The end of an epoch for each partition."""
    request: OffsetForLeaderEpochRequest = call.request
    return OffsetForLeaderEpochResponse(
        topics=[
            OffsetForLeaderTopicResult(
                topic=topic.topic,
                partitions=[_partition(call, topic.topic, part) for part in topic.partitions],
            )
            for topic in request.topics
        ]
    )


def _partition(call: Call, topic: str, part: OffsetForLeaderPartition) -> EpochEndOffset:
    try:
        partition = call.cluster.partition(topic, part.partition)
        if partition is None:
            raise Refusal(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {topic}-{part.partition}"
            )
        partition.check_leader(call.node, part.current_leader_epoch)
        end = partition.log.end_of_epoch(part.leader_epoch)
    except Refusal as refusal:
        return EpochEndOffset(error_code=refusal.code, partition=part.partition)
    return EpochEndOffset(
        error_code=ErrorCode.NONE, partition=part.partition, leader_epoch=end.epoch, end_offset=end.end_offset
    )
