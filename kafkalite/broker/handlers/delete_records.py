"""DeleteRecords: the beginning of a partition moves forward (KIP-107). Thread: loop."""

from __future__ import annotations

from typing import Final

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.delete_records import (
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)

from ..call import Call
from ..refusal import Refusal
from . import handles

__all__ = ["delete_records"]

UP_TO_THE_END: Final = -1
"""The offset that stands for the high watermark."""


@handles(DeleteRecordsRequest)
def delete_records(call: Call) -> DeleteRecordsResponse:
    """Each partition's new first offset. Replicas share their log, so there is nothing that `timeout_ms` waits for."""
    request = call.request
    assert isinstance(request, DeleteRecordsRequest)
    return DeleteRecordsResponse(
        topics=[
            DeleteRecordsTopicResult(
                name=topic.name,
                partitions=[
                    _result(call, topic.name, partition.partition_index, partition.offset)
                    for partition in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )


def _result(call: Call, topic: str, index: int, offset: int) -> DeleteRecordsPartitionResult:
    try:
        start = _delete(call, topic, index, offset)
    except Refusal as refusal:
        return DeleteRecordsPartitionResult(partition_index=index, low_watermark=-1, error_code=refusal.code)
    return DeleteRecordsPartitionResult(partition_index=index, low_watermark=start)


def _delete(call: Call, topic: str, index: int, offset: int) -> int:
    partition = call.cluster.partition(topic, index)
    if partition is None:
        raise Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {topic}-{index}")
    found = call.cluster.topics[topic]
    if found.is_internal:
        raise Refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, f"{topic} is internal")
    partition.check_leader(call.node)
    if "delete" not in found.settings["cleanup.policy"]:
        raise Refusal(ErrorCode.POLICY_VIOLATION, f"cleanup.policy of {topic} does not allow deletion")
    end = partition.log.high_watermark
    upto = end if offset == UP_TO_THE_END else offset
    if not 0 <= upto <= end:
        raise Refusal(
            ErrorCode.OFFSET_OUT_OF_RANGE, f"{partition} ends at {end}; offset {offset} is not in it"
        )
    partition.log.delete_before(upto)
    partition.changed()
    return partition.log.start_offset
