"""OffsetFetch."""

from __future__ import annotations

from uuid import UUID

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
    OffsetFetchResponseGroup,
)

from .asking import Asking
from .test_offset_commit import at, commit


def made(nodes: int = 1) -> Asking:
    asking = Asking(nodes=nodes)
    asking.cluster.create_topic("t", 2)
    assert commit(asking, 9, at(0, 5, "note", 3)) == [0]
    return asking


def fetch(
    asking: Asking, version: int, group_id: str = "g", node: int | None = None
) -> OffsetFetchResponseGroup:
    topics = [
        OffsetFetchRequestTopics(name="t", topic_id=asking.cluster.topics["t"].id, partition_indexes=[0, 1])
    ]
    request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group_id, topics=topics)])
    [group] = asking.ask(request, version, node=node or asking.coordinator(group_id)).groups
    assert group.group_id == group_id
    return group


@pytest.mark.parametrize("version", range(1, 8))
def test_one_group(version: int) -> None:
    asking = made()
    request = OffsetFetchRequest(
        group_id="g", topics=[OffsetFetchRequestTopic(name="t", partition_indexes=[0, 1])]
    )
    answer = asking.ask(request, version)
    assert answer.error_code == ErrorCode.NONE
    [topic] = answer.topics
    epoch = 3 if version >= 5 else -1
    assert [
        (
            each.partition_index,
            each.committed_offset,
            each.committed_leader_epoch,
            each.metadata,
            each.error_code,
        )
        for each in topic.partitions
    ] == [(0, 5, epoch, "note", 0), (1, -1, -1, "", 0)]


@pytest.mark.parametrize("version", range(8, 11))
def test_several_groups(version: int) -> None:
    asking = made()
    group = fetch(asking, version)
    assert group.error_code == ErrorCode.NONE
    [topic] = group.topics
    assert [
        (
            each.partition_index,
            each.committed_offset,
            each.committed_leader_epoch,
            each.metadata,
            each.error_code,
        )
        for each in topic.partitions
    ] == [(0, 5, 3, "note", 0), (1, -1, -1, "", 0)]
    known = asking.cluster.topics["t"].id
    assert (topic.name, topic.topic_id) == (("t", UUID(int=0)) if version < 10 else ("", known))


@pytest.mark.parametrize("version", [8, 10])
def test_an_unknown_group_has_committed_nothing(version: int) -> None:
    group = fetch(made(), version, "nobody")
    assert group.error_code == ErrorCode.NONE
    assert {(each.committed_offset, each.error_code) for each in group.topics[0].partitions} == {(-1, 0)}


@pytest.mark.parametrize("version", range(2, 11))
def test_everything_that_was_committed(version: int) -> None:
    asking = made()
    groups = [OffsetFetchRequestGroup(group_id=name, topics=None) for name in ("g", "nobody")]
    request = OffsetFetchRequest(groups=groups)
    if version < 8:
        request = OffsetFetchRequest(group_id="g", topics=None)
    answer = asking.ask(request, version)
    if version < 8:
        [topic] = answer.topics
        assert [each.committed_offset for each in topic.partitions] == [5]
        return
    mine, nobodys = answer.groups
    assert [each.committed_offset for each in mine.topics[0].partitions] == [5]
    assert nobodys.topics == []
    if version >= 10:
        assert mine.topics[0].topic_id == asking.cluster.topics["t"].id


def test_an_unknown_topic_id() -> None:
    asking = made()
    topics = [OffsetFetchRequestTopics(topic_id=UUID(int=9), partition_indexes=[0])]
    request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="g", topics=topics)])
    [group] = asking.ask(request, 10).groups
    [partition] = group.topics[0].partitions
    assert (partition.committed_offset, partition.error_code) == (-1, ErrorCode.UNKNOWN_TOPIC_ID)


def test_a_deleted_topic_takes_its_offsets_along() -> None:
    asking = made()
    asking.cluster.delete_topic("t")
    asking.cluster.create_topic("t", 2)
    assert fetch(asking, 10).topics[0].partitions[0].committed_offset == -1


@pytest.mark.parametrize("version", [1, 2, 7, 8, 10])
def test_only_the_coordinator_knows(version: int) -> None:
    asking = made(nodes=2)
    node = 3 - asking.coordinator("g")
    if version >= 8:
        assert fetch(asking, version, node=node).error_code == ErrorCode.NOT_COORDINATOR
        return
    request = OffsetFetchRequest(
        group_id="g", topics=[OffsetFetchRequestTopic(name="t", partition_indexes=[0])]
    )
    answer = asking.ask(request, version, node=node)
    assert answer.topics[0].partitions[0].error_code == ErrorCode.NOT_COORDINATOR
    assert answer.error_code == (ErrorCode.NOT_COORDINATOR if version >= 2 else 0)
