"""Kafka's own answers are in range_vectors.json: made by the Java client's RangeAssignor."""

import json
from pathlib import Path
from random import Random

import pytest

from kafkalite.consumer.group.assignors import MemberSubscription
from kafkalite.consumer.group.assignors.range import Range
from kafkalite.types import TopicPartition

VECTORS = json.loads(Path(__file__).with_name("range_vectors.json").read_text(encoding="utf-8"))


def topics_of(case):
    racks, replicas = case.get("brokerRacks", []), case.get("replicas", {})
    return {
        topic: [
            frozenset(racks[broker] for broker in replicas[topic][number])
            if topic in replicas
            else frozenset()
            for number in range(count)
        ]
        for topic, count in case["topics"].items()
    }


def members_of(case):
    return {
        member_id: MemberSubscription(
            frozenset(said["topics"]), rack=said.get("rack"), group_instance_id=said.get("instance")
        )
        for member_id, said in case["members"].items()
    }


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["id"])
def test_as_kafka_does_it(case):
    expected = {m: [TopicPartition(*tp) for tp in given] for m, given in case["result"].items()}
    assert Range().assign(topics_of(case), members_of(case)) == expected


def names(given):
    return {m: [f"{t}{p}" for t, p in partitions] for m, partitions in given.items()}


def member(*topics, rack=None, instance=None):
    return MemberSubscription(frozenset(topics), rack=rack, group_instance_id=instance)


def racks(*each):
    return [frozenset(one) for one in each]


def test_racks_that_every_partition_is_in_do_not_matter():
    topics = {"t": racks("ab", "ab", "ab", "ab")}
    members = {"m": member("t", rack="b"), "n": member("t", rack="a")}
    assert names(Range().assign(topics, members)) == {"m": ["t0", "t1"], "n": ["t2", "t3"]}


def test_racks_of_members_that_no_partition_is_in_do_not_matter():
    topics = {"t": racks("a", "b")}
    members = {"m": member("t", rack="y"), "n": member("t", rack="z")}
    assert names(Range().assign(topics, members)) == {"m": ["t0"], "n": ["t1"]}


def test_a_quota_comes_before_racks():
    topics = {"t": racks("a", "a", "a", "b")}
    members = {"m": member("t", rack="b"), "n": member("t", rack="a")}
    assert names(Range().assign(topics, members)) == {"m": ["t2", "t3"], "n": ["t0", "t1"]}


def test_topics_shared_out_alike_keep_equal_numbers_together():
    topics = {"t": racks("a", "b"), "u": racks("ab", "ab")}
    members = {"m": member("t", "u", rack="b"), "n": member("t", "u", rack="a")}
    assert names(Range().assign(topics, members)) == {"m": ["t1", "u1"], "n": ["t0", "u0"]}


def test_topics_with_other_members_are_matched_by_themselves():
    topics = {"t": racks("a", "b"), "u": racks("b", "a")}
    members = {"m": member("t", rack="b"), "n": member("t", "u", rack="a"), "o": member("u", rack="b")}
    assert names(Range().assign(topics, members)) == {"m": ["t1"], "n": ["t0", "u1"], "o": ["u0"]}


def test_a_member_without_a_rack_takes_from_any():
    topics = {"t": racks("a", "b")}
    members = {"m": member("t"), "n": member("t", rack="b")}
    assert names(Range().assign(topics, members)) == {"m": ["t0"], "n": ["t1"]}


def test_everything_goes_to_somebody_once_and_fairly():
    rng = Random(7)
    for _ in range(300):
        places = "abc"[: rng.randint(1, 3)]
        topics = {
            f"t{t}": [
                frozenset(rng.sample(places, rng.randint(0, len(places)))) for _ in range(rng.randint(0, 7))
            ]
            for t in range(rng.randint(1, 4))
        }
        members = {
            f"m{m}": member(
                *(t for t in topics if rng.random() < 0.7),
                rack=rng.choice([*places, "z", None]),
                instance=f"i{m}" if rng.random() < 0.3 else None,
            )
            for m in range(rng.randint(1, 5))
        }
        given = Range().assign(topics, members)
        assert given.keys() == members.keys()
        dealt = [tp for partitions in given.values() for tp in partitions]
        wanted = {
            TopicPartition(topic, number)
            for topic, each in topics.items()
            for number in range(len(each))
            if any(topic in said.topics for said in members.values())
        }
        assert len(dealt) == len(set(dealt)) == len(wanted)
        assert set(dealt) == wanted
        for topic in topics:
            shares = [
                sum(tp.topic == topic for tp in given[m])
                for m, said in members.items()
                if topic in said.topics
            ]
            assert not shares or max(shares) - min(shares) <= 1
