import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from kafkalite.protocol.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite.protocol.records.batch import encode_batch

from .asking import Asking

LATEST, EARLIEST, MAX, LOCAL, TIERED, PENDING = -1, -2, -3, -4, -5, -6


def asking_with(*batches: list[int]) -> Asking:
    """A topic whose batches have records of these times; each batch in a leader epoch of its own."""
    asking = Asking(nodes=2)
    asking.cluster.create_topic("t", 1, 2)
    for turn, times in enumerate(batches):
        if turn:
            asking.cluster.move_leader("t", 0, turn % 2 + 1)
        data = encode_batch([(at, None, b"v", ()) for at in times])
        part = PartitionProduceData(index=0, records=data)
        produce = ProduceRequest(
            acks=1, timeout_ms=1, topic_data=[TopicProduceData(name="t", partition_data=[part])]
        )
        leader = asking.cluster.partition("t", 0).leader
        answer = asking.ask(produce, 9, node=leader)
        assert answer.responses[0].partition_responses[0].error_code == 0
    if len(batches) % 2 == 0:
        asking.cluster.move_leader("t", 0, 1)
    return asking


def request(
    timestamp: int, *, index: int = 0, epoch: int = -1, replica: int = -1, isolation: int = 0
) -> ListOffsetsRequest:
    part = ListOffsetsPartition(partition_index=index, timestamp=timestamp, current_leader_epoch=epoch)
    return ListOffsetsRequest(
        replica_id=replica, isolation_level=isolation, topics=[ListOffsetsTopic(name="t", partitions=[part])]
    )


def ask(
    asking: Asking, timestamp: int, version: int = 11, *, node: int = 1, **options: int
) -> ListOffsetsPartitionResponse:
    (topic,) = asking.ask(request(timestamp, **options), version, node=node).topics
    (partition,) = topic.partitions
    assert topic.name == "t"
    return partition


def found(*args: object, **options: int) -> tuple[int, int, int]:
    answer = ask(*args, **options)  # type: ignore[arg-type]
    assert answer.error_code == 0
    return answer.offset, answer.timestamp, answer.leader_epoch


def test_the_ends() -> None:
    asking = asking_with([10, 20], [30], [25])
    asking.cluster.partition("t", 0).log.delete_before(1)
    assert found(asking, LATEST) == found(asking, LATEST, isolation=1) == (4, -1, 2)
    assert found(asking, EARLIEST) == found(asking, LOCAL) == (1, -1, 0)
    assert found(asking, TIERED) == found(asking, PENDING) == (-1, -1, -1)


def test_an_empty_log() -> None:
    asking = asking_with()
    assert found(asking, LATEST) == (0, -1, 0)
    assert found(asking, EARLIEST) == (0, -1, 0)
    assert found(asking, MAX) == found(asking, 0) == (-1, -1, -1)


def test_by_time() -> None:
    asking = asking_with([10, 20], [30], [25])
    assert found(asking, 0) == (0, 10, 0)
    assert found(asking, 15) == (1, 20, 0)
    assert found(asking, 21) == (2, 30, 1)
    assert found(asking, 31) == (-1, -1, -1)
    assert found(asking, MAX) == (2, 30, 1)


@pytest.mark.parametrize("version", range(1, 12))
def test_every_version(version: int) -> None:
    asking = asking_with([10], [20], [30])
    assert found(asking, 15, version) == (1, 20, 1 if version >= 4 else -1)
    assert found(asking, LATEST, version)[0] == 3
    since = {MAX: 7, LOCAL: 8, TIERED: 9, PENDING: 11, -7: 99}
    for timestamp, first in since.items():
        error = ask(asking, timestamp, version).error_code
        assert error == (ErrorCode.NONE if version >= first else ErrorCode.UNSUPPORTED_VERSION)


def test_errors() -> None:
    asking = asking_with([10], [20], [30])
    for code, options in (
        (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, {"index": 1}),
        (ErrorCode.NOT_LEADER_OR_FOLLOWER, {"node": 2}),
        (ErrorCode.FENCED_LEADER_EPOCH, {"epoch": 1}),
        (ErrorCode.UNKNOWN_LEADER_EPOCH, {"epoch": 3}),
        (ErrorCode.NONE, {"epoch": 2}),
        (ErrorCode.NONE, {"node": 2, "replica": -2}),
    ):
        answer = ask(asking, LATEST, **options)
        assert answer.error_code == code
        assert answer.offset == (-1 if code else 3)


def test_a_partition_named_twice() -> None:
    asking = asking_with([10])
    twice = request(LATEST)
    twice.topics[0].partitions *= 2
    (topic,) = asking.ask(twice, 11).topics
    assert [partition.error_code for partition in topic.partitions] == [ErrorCode.INVALID_REQUEST]
