import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)

from ..test_log import add
from .asking import Asking


def asking() -> Asking:
    """Epoch 0 wrote two records, epoch 1 none, epoch 2 one."""
    made = Asking(nodes=2)
    partition = made.cluster.create_topic("t", 1, 2).partitions[0]
    add(partition.log, [1, 2], 0)
    made.cluster.move_leader("t", 0, 2)
    made.cluster.move_leader("t", 0, 1)
    add(partition.log, [3], 2)
    return made


def ask(
    of: Asking, epoch: int, version: int = 4, *, node: int = 1, index: int = 0, current: int = -1
) -> EpochEndOffset:
    part = OffsetForLeaderPartition(partition=index, leader_epoch=epoch, current_leader_epoch=current)
    request = OffsetForLeaderEpochRequest(
        replica_id=-1, topics=[OffsetForLeaderTopic(topic="t", partitions=[part])]
    )
    (topic,) = of.ask(request, version, node=node).topics
    (partition,) = topic.partitions
    assert (topic.topic, partition.partition) == ("t", index)
    return partition


@pytest.mark.parametrize("version", [2, 3, 4])
def test_ends(version: int) -> None:
    made = asking()
    for epoch, end in ((0, (0, 2)), (1, (0, 2)), (2, (2, 3)), (3, (-1, -1)), (-1, (-1, -1))):
        answer = ask(made, epoch, version)
        assert (answer.error_code, answer.leader_epoch, answer.end_offset) == (0, *end)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_errors(version: int) -> None:
    made = asking()
    for code, options in (
        (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, {"index": 7}),
        (ErrorCode.NOT_LEADER_OR_FOLLOWER, {"node": 2}),
        (ErrorCode.FENCED_LEADER_EPOCH, {"current": 1}),
        (ErrorCode.UNKNOWN_LEADER_EPOCH, {"current": 3}),
    ):
        answer = ask(made, 0, version, **options)
        assert (answer.error_code, answer.leader_epoch, answer.end_offset) == (code, -1, -1)
