import json
from pathlib import Path

import pytest

from kafkalite.consumer.group.assignors import MemberSubscription
from kafkalite.consumer.group.protocol_bytes import (
    by_topic,
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from kafkalite.errors import KafkaProtocolError
from kafkalite.types import TopicPartition

VECTORS = json.loads(
    Path(__file__).with_name("assignors").joinpath("range_vectors.json").read_text(encoding="utf-8")
)
FULL = MemberSubscription(
    frozenset({"t", "u"}),
    b"data",
    (TopicPartition("t", 0), TopicPartition("t", 2), TopicPartition("u", 1)),
    7,
    "rack",
)


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["id"])
def test_the_bytes_are_javas(case):
    for member_id, said in case["members"].items():
        mine = MemberSubscription(frozenset(said["topics"]), rack=said.get("rack"))
        assert encode_subscription(mine).hex() == case["member_bytes"][member_id]["subscription"]
    for member_id, given in case["result"].items():
        partitions = [TopicPartition(*tp) for tp in given]
        assert encode_assignment(partitions).hex() == case["assignment_bytes"][member_id]


def test_there_and_back():
    read = decode_subscription(encode_subscription(FULL), "m", "instance")
    assert read == FULL._replace(group_instance_id="instance")
    partitions = {TopicPartition("u", 1), TopicPartition("t", 3), TopicPartition("t", 2)}
    assert decode_assignment(encode_assignment(partitions)) == partitions


def test_a_newer_version_is_read_as_the_newest_known():
    for data in (encode_subscription(FULL), encode_subscription(FULL) + b"what is new"):
        newer = (9).to_bytes(2, "big") + data[2:]
        assert decode_subscription(newer, "m", None) == FULL
    newer = (9).to_bytes(2, "big") + encode_assignment([TopicPartition("t", 0)])[2:] + b"!"
    assert decode_assignment(newer) == {TopicPartition("t", 0)}


def test_an_old_version_lacks_what_came_later():
    old = bytes.fromhex("000000000001000174000000026869")
    assert decode_subscription(old, "m", None) == MemberSubscription(frozenset({"t"}), b"hi")


def test_no_bytes_are_no_partitions():
    assert decode_assignment(b"") == frozenset()


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xff", b"\0\3\0\0", b"\0\0\0\0\0\1\0\x05t"])
def test_damage_names_the_member(data):
    with pytest.raises(KafkaProtocolError, match="the subscription of member 'm' cannot be read"):
        decode_subscription(data, "m", None)


def test_a_damaged_assignment():
    with pytest.raises(KafkaProtocolError, match="the assignment that the group's leader sent"):
        decode_assignment(b"\0\3\0")


def test_by_topic_is_in_order():
    assert by_topic([TopicPartition("u", 1), TopicPartition("t", 3), TopicPartition("t", 2)]) == {
        "t": [2, 3],
        "u": [1],
    }
