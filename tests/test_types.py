"""The values that users hold."""

from __future__ import annotations

import pickle
from itertools import repeat

import pytest

from kafkalite import types
from kafkalite.types import (
    BrokerMetadata,
    ConsumerGroupMetadata,
    ConsumerRecord,
    MemberState,
    OffsetAndMetadata,
    OffsetAndTimestamp,
    RecordMetadata,
    TopicPartition,
)

RECORD = ConsumerRecord("t", 1, 5, 1000, 0, b"k", b"value", (("a", b"xy"), ("ä", None)), 3, 1, 5)


def test_a_record_is_built_by_columns_in_a_fixed_order() -> None:
    columns = zip(["t", "t"], [0, 0], [5, 6], [1, 2], [0, 0], [None, b"k"], [b"v", None], [(), ()], [3, 3], [-1, 1],
                  [1, -1], strict=True)  # fmt: skip
    first, second = map(tuple.__new__, repeat(ConsumerRecord), columns)
    assert type(first) is ConsumerRecord
    assert (first.topic, first.partition, first.offset, first.timestamp, first.timestamp_type) == (
        "t",
        0,
        5,
        1,
        0,
    )
    assert (first.key, first.value, first.headers, first.leader_epoch) == (None, b"v", (), 3)
    assert (second.serialized_key_size, second.serialized_value_size) == (1, -1)


def test_a_record_knows_more_than_its_fields() -> None:
    assert RECORD.topic_partition == TopicPartition("t", 1)
    assert RECORD.checksum is None
    assert RECORD.serialized_header_size == 1 + 2 + 2
    assert RECORD._replace(headers=()).serialized_header_size == -1
    assert not hasattr(RECORD, "__dict__")


def test_a_record_is_generic() -> None:
    record: ConsumerRecord[str, dict[str, int]] = ConsumerRecord[str, dict[str, int]](
        "t", 0, 0, -1, -1, "k", {"a": 1}
    )
    assert record.value["a"] == 1
    assert type(record) is ConsumerRecord


@pytest.mark.parametrize(
    "value",
    [
        RECORD,
        TopicPartition("t", 0),
        OffsetAndMetadata(4),
        OffsetAndTimestamp(4, 1000),
        RecordMetadata("t", 0, TopicPartition("t", 0), 7),
        BrokerMetadata(1, "h", 9092),
        ConsumerGroupMetadata("g"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_values_are_immutable_hashable_and_survive_a_pickle(value: tuple[object, ...]) -> None:
    copy = pickle.loads(pickle.dumps(value))
    assert copy == value
    assert hash(copy) == hash(value)
    assert type(copy) is type(value)
    with pytest.raises(AttributeError):
        value.topic = "x"  # type: ignore[attr-defined]


def test_committed_offsets_take_the_peers_arguments() -> None:
    assert OffsetAndMetadata(3) == (3, "", -1)
    assert OffsetAndMetadata(3, "note") == (3, "note", -1)
    assert OffsetAndMetadata(3, "note", 7).leader_epoch == 7
    assert OffsetAndTimestamp(3, 1000) == (3, 1000, -1)


def test_a_partition_is_usable_as_a_plain_pair() -> None:
    assert {TopicPartition("t", 0): 1}[("t", 0)] == 1  # type: ignore[index]
    topic, partition = TopicPartition("t", 4)
    assert (topic, partition) == ("t", 4)


def test_a_broker_answers_to_both_spellings() -> None:
    broker = BrokerMetadata(2, "h", 9092, "rack")
    assert broker.nodeId == broker.node_id == 2


def test_a_consumer_outside_a_group() -> None:
    assert ConsumerGroupMetadata() == (None, -1, "", None, MemberState.UNJOINED)


# What kafka-python 3.0 and aiokafka 0.14 offer, with the fields that programs read.
PEERS = {
    "TopicPartition": "topic partition",
    "TopicPartitionReplica": "topic partition broker_id",
    "OffsetAndMetadata": "offset metadata leader_epoch",
    "OffsetAndTimestamp": "offset timestamp leader_epoch",
    "ConsumerGroupMetadata": "group_id generation_id member_id group_instance_id state",
    "BrokerMetadata": "nodeId host port rack",
    "PartitionMetadata": "topic partition leader replicas isr error",
    "RecordMetadata": "topic partition topic_partition offset timestamp timestamp_type log_start_offset checksum"
    " serialized_key_size serialized_value_size serialized_header_size",
    "ConsumerRecord": "topic partition leader_epoch offset timestamp timestamp_type key value headers checksum"
    " serialized_key_size serialized_value_size serialized_header_size",
    "MemberState": "UNJOINED REBALANCING STABLE",
}


@pytest.mark.parametrize("name", PEERS)
def test_the_structs_of_others_are_here(name: str) -> None:
    assert name in types.__all__
    for field in PEERS[name].split():
        assert hasattr(getattr(types, name), field), field
