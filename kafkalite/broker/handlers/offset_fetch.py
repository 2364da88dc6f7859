"""OffsetFetch: a group's stored positions. Thread: loop.

`require_stable` asks to wait for open transactions; as nothing is committed in one, every position is stable. Member
ids and epochs are checked in groups of the new protocol only, so here never.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)

from ..call import Call
from ..committed_offsets import CommittedOffsets
from ..coordination import require_coordinator
from ..refusal import Refusal
from . import handles

__all__ = ["offset_fetch"]

SEVERAL_GROUPS: Final = 8
"""The version that asks for several groups at once (KIP-709)."""

TOPIC_IDS: Final = 10
"""The version that names topics by their ids."""


@handles(OffsetFetchRequest)
def offset_fetch(call: Call) -> OffsetFetchResponse:
    """A group, topic or partition that nobody committed for has offset -1 and no error."""
    request = call.request
    assert isinstance(request, OffsetFetchRequest)
    if call.version >= SEVERAL_GROUPS:
        return OffsetFetchResponse(groups=[_group(call, group) for group in request.groups])
    require_coordinator(call, request.group_id)
    offsets = call.cluster.groups.offsets_of(request.group_id)
    wanted: Iterable[tuple[str, list[int]]]
    if request.topics is None:
        wanted = offsets.topics().items()
    else:
        wanted = ((topic.name, topic.partition_indexes) for topic in request.topics)
    return OffsetFetchResponse(
        topics=[
            OffsetFetchResponseTopic(
                name=name, partitions=[_old_partition(offsets, name, index) for index in indexes]
            )
            for name, indexes in wanted
        ]
    )


def _old_partition(offsets: CommittedOffsets, topic: str, index: int) -> OffsetFetchResponsePartition:
    committed = offsets.get(topic, index)
    return OffsetFetchResponsePartition(
        partition_index=index,
        committed_offset=committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
    )


def _group(call: Call, asked: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup:
    try:
        require_coordinator(call, asked.group_id)
    except Refusal as refusal:
        return OffsetFetchResponseGroup(group_id=asked.group_id, error_code=refusal.code)
    offsets = call.cluster.groups.offsets_of(asked.group_id)
    topics = asked.topics
    if topics is None:
        topics = [
            OffsetFetchRequestTopics(
                name=name, topic_id=call.cluster.topics[name].id, partition_indexes=indexes
            )
            for name, indexes in offsets.topics().items()
        ]
    return OffsetFetchResponseGroup(
        group_id=asked.group_id, topics=[_topic(call, offsets, topic) for topic in topics]
    )


def _topic(
    call: Call, offsets: CommittedOffsets, asked: OffsetFetchRequestTopics
) -> OffsetFetchResponseTopics:
    name: str | None = asked.name
    if call.version >= TOPIC_IDS:
        topic = call.cluster.topic_by_id(asked.topic_id)
        name = None if topic is None else topic.name
    return OffsetFetchResponseTopics(
        name=asked.name,
        topic_id=asked.topic_id,
        partitions=[_partition(offsets, name, index) for index in asked.partition_indexes],
    )


def _partition(offsets: CommittedOffsets, topic: str | None, index: int) -> OffsetFetchResponsePartitions:
    if topic is None:
        return OffsetFetchResponsePartitions(
            partition_index=index,
            committed_offset=-1,
            metadata="",
            error_code=ErrorCode.UNKNOWN_TOPIC_ID,
        )
    committed = offsets.get(topic, index)
    return OffsetFetchResponsePartitions(
        partition_index=index,
        committed_offset=committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
    )
