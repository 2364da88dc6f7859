import pytest

from kafkalite.consumer.offset_requests import (
    EARLIEST,
    LATEST,
    Finding,
    Question,
    Validity,
    epoch_ends,
    epoch_ends_request,
    judge,
    list_offsets_request,
    offsets_found,
    reset_timestamp,
    truncation,
)
from kafkalite.consumer.positions import PartitionState, Position
from kafkalite.protocol.messages.list_offsets import (
    ListOffsetsPartitionResponse,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from kafkalite.protocol.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderTopicResult,
)
from kafkalite.types import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

A0, A1, B0 = TopicPartition("a", 0), TopicPartition("a", 1), TopicPartition("b", 0)


def test_where_each_policy_resets_to():
    assert reset_timestamp("earliest", 5.0) == EARLIEST
    assert reset_timestamp("latest", 5.0) == LATEST
    assert reset_timestamp("none", 5.0) is None
    assert reset_timestamp(("by_duration", 60.0), 1000.0) == 940_000
    assert reset_timestamp(("by_duration", 60.0), 1.0) == 0


def test_one_request_for_many_partitions():
    request = list_offsets_request({A0: Question(-2, 4), B0: Question(99), A1: Question(-1)}, 1, 2.5)
    assert (request.replica_id, request.isolation_level, request.timeout_ms) == (-1, 1, 2500)
    assert [
        (t.name, [(p.partition_index, p.timestamp, p.current_leader_epoch) for p in t.partitions])
        for t in request.topics
    ] == [("a", [(0, -2, 4), (1, -1, -1)]), ("b", [(0, 99, -1)])]


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        ({"offset": 5, "timestamp": 7, "leader_epoch": 2}, Finding(0, OffsetAndTimestamp(5, 7, 2))),
        ({"offset": -1}, Finding(0, None)),
        ({"error_code": 6}, Finding(6, None)),
        ({"error_code": 43}, Finding(0, None)),  # the log is too old to know times
    ],
)
def test_what_a_leader_says(answer, finding):
    response = ListOffsetsResponse(
        topics=[
            ListOffsetsTopicResponse(
                name="a",
                partitions=[
                    ListOffsetsPartitionResponse(partition_index=0, **answer),
                    ListOffsetsPartitionResponse(partition_index=9, offset=1),
                ],
            )
        ]
    )
    assert offsets_found({A0: Question(-1)}, response) == {A0: finding}


def test_a_partition_that_was_left_out():
    assert offsets_found({A0: Question(-1)}, ListOffsetsResponse()) == {A0: Finding(3, None)}


def test_epoch_ends():
    request = epoch_ends_request({A0: (Position(5, 2), 3), A1: (Position(9, 1), 3)})
    assert request.replica_id == -1
    assert [
        (t.topic, [(p.partition, p.leader_epoch, p.current_leader_epoch) for p in t.partitions])
        for t in request.topics
    ] == [("a", [(0, 2, 3), (1, 1, 3)])]
    end = EpochEndOffset(partition=1, leader_epoch=1, end_offset=4)
    response = OffsetForLeaderEpochResponse(topics=[OffsetForLeaderTopicResult(topic="a", partitions=[end])])
    assert dict(epoch_ends(response)) == {A1: end}


@pytest.mark.parametrize(
    ("epoch", "offset", "validity"),
    [
        (2, 20, Validity.VALID),
        (2, 99, Validity.VALID),
        (2, 19, Validity.UNDELIVERED_LOST),
        (2, 10, Validity.UNDELIVERED_LOST),
        (2, 9, Validity.TRUNCATED),
        (-1, -1, Validity.UNKNOWN),
        (2, -1, Validity.UNKNOWN),
    ],
)
def test_validity(epoch, offset, validity):
    end = EpochEndOffset(leader_epoch=epoch, end_offset=offset)
    assert judge(Position(20, 2), Position(10, 2), end) is validity


def test_truncation_names_the_offset_that_is_safe():
    state = PartitionState(A0)
    state.jump(Position(20, 2))
    error = truncation(state, Position(9, 1))
    assert error.divergent_offsets == {A0: OffsetAndMetadata(9, "", 1)}
    assert "a-0 was read up to offset 20" in str(error)
    assert "offset 9" in str(error)
    assert truncation(state, None).divergent_offsets == {A0: None}
