"""OffsetDelete: stored positions are forgotten (KIP-496). Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)

from ..call import Call
from ..coordination import require_coordinator
from ..refusal import Refusal
from . import handles

__all__ = ["offset_delete"]


@handles(OffsetDeleteRequest)
def offset_delete(call: Call) -> OffsetDeleteResponse:
    """Topics that the group still reads keep theirs. What is wrong with the group is said at the top alone."""
    request = call.request
    assert isinstance(request, OffsetDeleteRequest)
    try:
        require_coordinator(call, request.group_id)
        offsets, in_use = call.cluster.groups.open_for_delete(request.group_id)
    except Refusal as refusal:
        return OffsetDeleteResponse(error_code=refusal.code)

    def delete(topic: str, index: int) -> ErrorCode:
        if call.cluster.partition(topic, index) is None:
            return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        if topic in in_use:
            return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC
        offsets.delete(topic, index)
        return ErrorCode.NONE

    return OffsetDeleteResponse(
        topics=[
            OffsetDeleteResponseTopic(
                name=topic.name,
                partitions=[
                    OffsetDeleteResponsePartition(
                        partition_index=partition.partition_index,
                        error_code=delete(topic.name, partition.partition_index),
                    )
                    for partition in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )
