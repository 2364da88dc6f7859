"""ListOffsets: the ends of a log, and records by time (KIP-79, KIP-734, KIP-405). Thread: loop."""

from __future__ import annotations

from collections import Counter
from typing import Final

from kafkalite.protocol.codes import ErrorCode, IsolationLevel, ListOffsetsTimestamp, ReplicaId
from kafkalite.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)

from ..call import Call
from ..log import FoundOffset
from ..partition import Partition
from ..refusal import Refusal
from . import handles

__all__ = ["list_offsets"]

_SINCE: Final[dict[int, int]] = {
    ListOffsetsTimestamp.LATEST: 1,
    ListOffsetsTimestamp.EARLIEST: 1,
    ListOffsetsTimestamp.MAX_TIMESTAMP: 7,
    ListOffsetsTimestamp.EARLIEST_LOCAL: 8,
    ListOffsetsTimestamp.LATEST_TIERED: 9,
    ListOffsetsTimestamp.EARLIEST_PENDING_UPLOAD: 11,
}
"""The version in which each timestamp that is no time was introduced."""
_EPOCHS_SINCE: Final = 4
_NOT_TIERED = FoundOffset(-1, -1, -1)


@handles(ListOffsetsRequest)
def list_offsets(call: Call) -> ListOffsetsResponse:
    """One offset for each partition. A partition that is named twice is refused, once."""
    request: ListOffsetsRequest = call.request
    named = Counter(
        (topic.name, part.partition_index) for topic in request.topics for part in topic.partitions
    )
    return ListOffsetsResponse(
        topics=[
            ListOffsetsTopicResponse(
                name=topic.name,
                partitions=[
                    _partition(call, request, topic.name, part, named[topic.name, part.partition_index] > 1)
                    for part in {part.partition_index: part for part in topic.partitions}.values()
                ],
            )
            for topic in request.topics
        ]
    )


def _partition(
    call: Call, request: ListOffsetsRequest, topic: str, part: ListOffsetsPartition, repeated: bool
) -> ListOffsetsPartitionResponse:
    try:
        if repeated:
            raise Refusal(ErrorCode.INVALID_REQUEST, f"{topic}-{part.partition_index} is named twice")
        if part.timestamp < 0 and call.version < _SINCE.get(part.timestamp, 1 << 15):
            raise Refusal(ErrorCode.UNSUPPORTED_VERSION, f"timestamp {part.timestamp} is not known here")
        partition = call.cluster.partition(topic, part.partition_index)
        if partition is None:
            raise Refusal(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {topic}-{part.partition_index}"
            )
        if request.replica_id != ReplicaId.DEBUG:
            partition.check_leader(call.node, part.current_leader_epoch)
        found = _find(partition, part.timestamp, request.isolation_level)
    except Refusal as refusal:
        return ListOffsetsPartitionResponse(partition_index=part.partition_index, error_code=refusal.code)
    return ListOffsetsPartitionResponse(
        partition_index=part.partition_index,
        error_code=ErrorCode.NONE,
        timestamp=found.timestamp,
        offset=found.offset,
        leader_epoch=found.leader_epoch if call.version >= _EPOCHS_SINCE else -1,
    )


def _find(partition: Partition, timestamp: int, isolation_level: int) -> FoundOffset:
    log = partition.log
    committed = isolation_level == IsolationLevel.READ_COMMITTED
    end = log.last_stable_offset if committed else log.high_watermark
    if timestamp == ListOffsetsTimestamp.LATEST:
        return FoundOffset(end, -1, partition.leader_epoch)
    if timestamp in (ListOffsetsTimestamp.EARLIEST, ListOffsetsTimestamp.EARLIEST_LOCAL):
        return FoundOffset(log.start_offset, -1, log.epoch_at_start())
    if timestamp in (ListOffsetsTimestamp.LATEST_TIERED, ListOffsetsTimestamp.EARLIEST_PENDING_UPLOAD):
        return _NOT_TIERED
    found = (
        log.find_latest_time()
        if timestamp == ListOffsetsTimestamp.MAX_TIMESTAMP
        else log.find_time(timestamp)
    )
    return found if found.offset < end else _NOT_TIERED
