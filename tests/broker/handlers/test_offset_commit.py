"""OffsetCommit."""

from __future__ import annotations

from uuid import UUID

import pytest

from kafkalite.broker.committed_offsets import CommittedOffset
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)

from .asking import Asking
from .members import joined, stable


def commit(
    asking: Asking,
    version: int,
    *partitions: OffsetCommitRequestPartition,
    topic: str = "t",
    topic_id: UUID | None = None,
    group_id: str = "g",
    generation: int = -1,
    member_id: str = "",
    node: int | None = None,
) -> list[int]:
    """The error of each partition."""
    known = asking.cluster.topics.get(topic)
    identity = topic_id or (known.id if known is not None else UUID(int=9))
    request = OffsetCommitRequest(
        group_id=group_id,
        generation_id_or_member_epoch=generation,
        member_id=member_id,
        topics=[OffsetCommitRequestTopic(name=topic, topic_id=identity, partitions=list(partitions))],
    )
    answer = asking.ask(request, version, node=node or asking.coordinator(group_id))
    [answered] = answer.topics
    assert (answered.name, answered.topic_id) == ((topic, UUID(int=0)) if version < 10 else ("", identity))
    assert [each.partition_index for each in answered.partitions] == [
        each.partition_index for each in partitions
    ]
    return [each.error_code for each in answered.partitions]


def at(
    index: int, offset: int = 5, metadata: str | None = "", epoch: int = -1
) -> OffsetCommitRequestPartition:
    return OffsetCommitRequestPartition(
        partition_index=index,
        committed_offset=offset,
        committed_leader_epoch=epoch,
        committed_metadata=metadata,
    )


def made(nodes: int = 1) -> Asking:
    asking = Asking(nodes=nodes)
    asking.cluster.create_topic("t", 2)
    return asking


@pytest.mark.parametrize("version", range(2, 11))
def test_in_every_version(version: int) -> None:
    asking = made()
    assert commit(asking, version, at(0, 5, "note", 3), at(1, 6, None)) == [0, 0]
    offsets = asking.cluster.groups.offsets_of("g")
    assert offsets.get("t", 0) == CommittedOffset(5, 3 if version >= 6 else -1, "note")
    assert offsets.get("t", 1) == CommittedOffset(6, -1, "")


def test_even_the_empty_group_id_can_hold_offsets() -> None:
    asking = made()
    assert commit(asking, 9, at(0), group_id="") == [0]


@pytest.mark.parametrize(("version", "error"), [(9, 3), (10, ErrorCode.UNKNOWN_TOPIC_ID)])
def test_what_is_not_there(version: int, error: int) -> None:
    asking = made()
    assert commit(asking, version, at(0), topic="u") == [error]
    assert asking.cluster.groups.views() == {}
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert commit(asking, version, at(2), at(1), at(-1)) == [unknown, 0, unknown]


def test_metadata_has_a_limit() -> None:
    asking = made()
    assert commit(asking, 9, at(0, metadata="x" * 4096), at(1, metadata="x" * 4097)) == [
        ErrorCode.NONE,
        ErrorCode.OFFSET_METADATA_TOO_LARGE,
    ]
    assert asking.cluster.groups.offsets_of("g").get("t", 1).offset == -1


async def test_a_members_commit() -> None:
    asking = made()
    me = await stable(asking)
    assert commit(asking, 9, at(0), generation=1, member_id=me) == [ErrorCode.NONE]
    assert commit(asking, 9, at(0), generation=2, member_id=me) == [ErrorCode.ILLEGAL_GENERATION]
    assert commit(asking, 9, at(0), generation=1, member_id="x") == [ErrorCode.UNKNOWN_MEMBER_ID]
    assert commit(asking, 9, at(0)) == [ErrorCode.UNKNOWN_MEMBER_ID]


async def test_the_groups_error_is_for_partitions_that_exist() -> None:
    asking = made()
    me = (await joined(asking)).member_id
    assert commit(asking, 9, at(0), at(7), generation=1, member_id=me) == [
        ErrorCode.REBALANCE_IN_PROGRESS,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]


def test_only_the_coordinator_stores() -> None:
    asking = made(nodes=2)
    assert commit(asking, 9, at(0), node=3 - asking.coordinator("g")) == [ErrorCode.NOT_COORDINATOR]
