"""DeleteRecords."""

from __future__ import annotations

import pytest

from kafkalite.broker.produce_checks import check_records, sole_batch
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)

from ..batches import NOW, batch
from .asking import Asking


def made(nodes: int = 1, policy: str = "delete") -> Asking:
    """A topic with three records, each in a batch of its own."""
    asking = Asking(nodes=nodes)
    topic = asking.cluster.create_topic("t", 1, nodes, configs={"cleanup.policy": policy})
    for value in (b"a", b"b", b"c"):
        checked = check_records(sole_batch(batch(value), 13), topic.settings, NOW)
        topic.partitions[0].append(checked, topic.settings, asking.cluster.config, NOW)
    return asking


def delete(
    asking: Asking, offset: int, *, topic: str = "t", version: int = 2, node: int = 1
) -> tuple[int, int]:
    """The new first offset and the error."""
    partitions = [DeleteRecordsPartition(partition_index=0, offset=offset)]
    request = DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=topic, partitions=partitions)])
    [answered] = asking.ask(request, version, node=node).topics
    [partition] = answered.partitions
    assert (answered.name, partition.partition_index) == (topic, 0)
    return partition.low_watermark, partition.error_code


@pytest.mark.parametrize("version", range(3))
def test_in_every_version(version: int) -> None:
    asking = made()
    woken: list[int] = []
    partition = asking.cluster.topics["t"].partitions[0]
    partition.watchers.add(lambda: woken.append(partition.log.start_offset))
    assert delete(asking, 2, version=version) == (2, ErrorCode.NONE)
    assert partition.log.start_offset == 2
    assert woken == [2]


def test_up_to_the_end() -> None:
    assert delete(made(), -1) == (3, ErrorCode.NONE)


def test_the_beginning_does_not_go_back() -> None:
    asking = made()
    delete(asking, 2)
    assert delete(asking, 1) == (2, ErrorCode.NONE)


@pytest.mark.parametrize("offset", [4, -2])
def test_offsets_that_are_not_there(offset: int) -> None:
    asking = made()
    assert delete(asking, offset) == (-1, ErrorCode.OFFSET_OUT_OF_RANGE)
    assert asking.cluster.topics["t"].partitions[0].log.start_offset == 0


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_compacted_topics_keep_their_records_unless_deletion_is_allowed(policy: str) -> None:
    asking = made(policy=policy)
    expected = (1, ErrorCode.NONE) if "delete" in policy else (-1, ErrorCode.POLICY_VIOLATION)
    assert delete(asking, 1) == expected


def test_unknown_and_internal_topics() -> None:
    asking = made()
    asking.coordinator("g")
    assert delete(asking, 0, topic="x") == (-1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert delete(asking, 0, topic="__consumer_offsets") == (-1, ErrorCode.INVALID_TOPIC_EXCEPTION)


def test_only_the_leader_deletes() -> None:
    asking = made(nodes=2)
    leader = asking.cluster.topics["t"].partitions[0].leader
    assert delete(asking, 1, node=3 - leader) == (-1, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    assert delete(asking, 1, node=leader) == (1, ErrorCode.NONE)
