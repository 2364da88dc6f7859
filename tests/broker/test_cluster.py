from random import Random
from typing import Any

import pytest

from kafkalite.broker.clock import SteppedClock
from kafkalite.broker.cluster import Cluster
from kafkalite.broker.config import BrokerConfig
from kafkalite.broker.refusal import Refusal
from kafkalite.protocol.codes import ErrorCode


def cluster(nodes: int = 3, seed: int = 0, **config: Any) -> Cluster:
    values = {name.replace("_", "."): value for name, value in config.items()}
    return Cluster(BrokerConfig(values), SteppedClock(), Random(seed), nodes=nodes)


def code_of(call: Any, *args: Any, **options: Any) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        call(*args, **options)
    assert caught.value.message
    return caught.value.code


def leaders(of: Cluster, topic: str) -> list[int]:
    return [partition.leader for partition in of.topics[topic].partitions]


# Topics.


def test_replicas_go_round_the_nodes() -> None:
    made = cluster()
    topic = made.create_topic("t", 4, 2)
    assert [p.replicas for p in topic.partitions] == [[1, 2], [2, 3], [3, 1], [1, 2]]
    assert leaders(made, "t") == [1, 2, 3, 1]
    assert [(p.leader_epoch, p.isr) for p in topic.partitions[:2]] == [(0, [1, 2]), (0, [2, 3])]
    assert made.topic_by_id(topic.id) is topic
    assert made.partition("t", 3) is topic.partitions[3]
    assert made.partition("t", 4) is made.partition("t", -1) is made.partition("u", 0) is None


def test_the_brokers_defaults() -> None:
    made = cluster(num_partitions=5, default_replication_factor=3)
    topic = made.create_topic("t")
    assert (len(topic.partitions), topic.replication_factor) == (5, 3)


def test_new_topics_stay_off_nodes_that_are_stopped() -> None:
    made = cluster()
    made.node_stopped(2)
    assert [p.replicas for p in made.create_topic("t", 3, 1).partitions] == [[1], [3], [1]]
    topic = made.create_topic("u", 2, 3)
    assert [p.replicas for p in topic.partitions] == [[1, 3, 2], [3, 1, 2]]
    assert [p.isr for p in topic.partitions] == [[1, 3], [3, 1]]


def test_what_no_topic_can_be() -> None:
    made = cluster()
    made.create_topic("a.b")
    for code, args, options in (
        (ErrorCode.TOPIC_ALREADY_EXISTS, ("a.b",), {}),
        (ErrorCode.INVALID_TOPIC_EXCEPTION, ("a_b",), {}),
        (ErrorCode.INVALID_TOPIC_EXCEPTION, ("a b",), {}),
        (ErrorCode.INVALID_PARTITIONS, ("t", 0), {}),
        (ErrorCode.INVALID_PARTITIONS, ("t", -2), {}),
        (ErrorCode.INVALID_PARTITIONS, ("t", 100_001), {}),
        (ErrorCode.INVALID_REPLICATION_FACTOR, ("t", 1, 0), {}),
        (ErrorCode.INVALID_REPLICATION_FACTOR, ("t", 1, 4), {}),
        (ErrorCode.INVALID_REPLICATION_FACTOR, ("t", 0, 0), {}),
        (ErrorCode.INVALID_PARTITIONS, ("t", 0, 4), {}),
        (ErrorCode.INVALID_CONFIG, ("t",), {"configs": {"retention.mss": "1"}}),
        (ErrorCode.INVALID_CONFIG, ("t",), {"configs": {"retention.ms": None}}),
        (ErrorCode.INVALID_REQUEST, ("t", 1), {"assignments": [[1]]}),
        (ErrorCode.INVALID_REPLICA_ASSIGNMENT, ("t",), {"assignments": []}),
        (ErrorCode.INVALID_REPLICA_ASSIGNMENT, ("t",), {"assignments": [[]]}),
        (ErrorCode.INVALID_REPLICA_ASSIGNMENT, ("t",), {"assignments": [[1, 1]]}),
        (ErrorCode.INVALID_REPLICA_ASSIGNMENT, ("t",), {"assignments": [[4]]}),
        (ErrorCode.INVALID_REPLICA_ASSIGNMENT, ("t",), {"assignments": [[1], [1, 2]]}),
    ):
        assert code_of(made.create_topic, *args, **options) == code
    assert set(made.topics) == {"a.b"}


def test_assignments_and_only_asking() -> None:
    made = cluster()
    made.create_topic("t", assignments=[[3, 1], [2, 3]], validate_only=True)
    assert made.topics == {}
    topic = made.create_topic("t", assignments=[[3, 1], [2, 3]], configs={"retention.ms": "5"})
    assert [p.replicas for p in topic.partitions] == [[3, 1], [2, 3]]
    assert leaders(made, "t") == [3, 2]
    assert topic.settings["retention.ms"] == "5"


def test_more_partitions() -> None:
    made = cluster()
    made.create_topic("t", 1, 2)
    made.add_partitions("t", 3, validate_only=True)
    assert leaders(made, "t") == [1]
    made.add_partitions("t", 2)
    made.add_partitions("t", 3, assignments=[[1, 3]])
    assert [p.replicas for p in made.topics["t"].partitions] == [[1, 2], [2, 3], [1, 3]]
    assert leaders(made, "t") == [1, 2, 1]
    assert code_of(made.add_partitions, "t", 3) == ErrorCode.INVALID_PARTITIONS
    assert code_of(made.add_partitions, "t", 10**6) == ErrorCode.INVALID_PARTITIONS
    assert code_of(made.add_partitions, "t", 5, assignments=[[1, 2]]) == ErrorCode.INVALID_REPLICA_ASSIGNMENT
    assert code_of(made.add_partitions, "t", 4, assignments=[[1]]) == ErrorCode.INVALID_REPLICA_ASSIGNMENT
    assert code_of(made.add_partitions, "u", 4) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_a_deleted_topic_is_gone_and_its_waiters_hear_of_it() -> None:
    made, heard = cluster(), []
    topic = made.create_topic("t")
    topic.partitions[0].watchers.add(lambda: heard.append(made.partition("t", 0)))
    made.delete_topic("t")
    assert heard == [None]
    assert made.topic_by_id(topic.id) is None
    assert code_of(made.delete_topic, "t") == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert made.create_topic("t").id != topic.id


# Leaders.


def test_a_leader_moves_to_a_replica_in_sync() -> None:
    made = cluster()
    partition = made.create_topic("t", 1, 2).partitions[0]
    made.move_leader("t", 0, 2)
    made.move_leader("t", 0, 2)
    assert (partition.leader, partition.leader_epoch) == (2, 1)
    assert code_of(made.move_leader, "t", 0, 3) == ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE
    assert code_of(made.move_leader, "t", 1, 3) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    made.node_stopped(1)
    assert code_of(made.move_leader, "t", 0, 1) == ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE


def test_a_node_that_stops_hands_over_and_comes_back_as_follower() -> None:
    made = cluster()
    led, followed, foreign = (
        p for p in made.create_topic("t", assignments=[[1, 2], [2, 1], [3, 2]]).partitions
    )
    sessions = made.nodes[1].fetch_sessions
    made.node_stopped(1)
    assert not made.is_running(1)
    assert [node.id for node in made.running_nodes] == [2, 3]
    assert made.controller is made.nodes[2]
    assert (led.leader, led.leader_epoch, led.isr) == (2, 1, [2])
    assert (followed.leader, followed.leader_epoch, followed.isr) == (2, 0, [2])
    assert (foreign.leader, foreign.leader_epoch) == (3, 0)
    made.node_started(1)
    assert (led.leader, led.leader_epoch, led.isr) == (2, 1, [1, 2])
    assert (followed.leader_epoch, followed.isr) == (0, [2, 1])
    assert made.nodes[1].fetch_sessions is not sessions


def test_the_last_one_in_sync_is_the_only_one_that_may_lead_again() -> None:
    made = cluster(2)
    partition = made.create_topic("t", 1, 2).partitions[0]
    made.node_stopped(1)
    made.node_stopped(2)
    assert (partition.leader, partition.leader_epoch, partition.isr) == (-1, 2, [2])
    assert made.controller is None
    made.node_started(1)
    assert (partition.leader, partition.leader_epoch, partition.isr) == (-1, 2, [2])
    made.node_started(2)
    assert (partition.leader, partition.leader_epoch, partition.isr) == (2, 3, [1, 2])


# Coordinators and ids.


def test_the_offsets_topic_comes_into_being_when_it_is_needed() -> None:
    made = cluster()
    assert made.topics == {}
    coordinator = made.coordinator_of("g")
    offsets = made.topics["__consumer_offsets"]
    assert (len(offsets.partitions), offsets.replication_factor, offsets.settings.compacted) == (50, 3, True)
    # "g" is 103 in Java: 103 % 50 is 3, and partition 3 of 50 begins the round of three nodes again.
    assert coordinator is made.coordinator_of("g") is made.nodes[1]
    made.node_stopped(1)
    assert made.coordinator_of("g") is made.nodes[2]


def test_a_coordinator_may_be_missing() -> None:
    made = cluster(1)
    made.coordinator_of("g")
    made.node_stopped(1)
    assert code_of(made.coordinator_of, "g") == ErrorCode.COORDINATOR_NOT_AVAILABLE


@pytest.mark.parametrize(
    ("key", "java"),
    # String.hashCode of each, as Java prints it.
    [
        ("", 0),
        ("a", 97),
        ("my-group", -1906497762),
        ("\U0001f600", 1772899),
        ("polygenelubricants", -(2**31)),
    ],
)
def test_keys_hash_as_in_java(key: str, java: int) -> None:
    made = cluster(offsets_topic_num_partitions=997)
    assert made.offsets_partition_of(key) == (0 if java == -(2**31) else abs(java)) % 997


def test_ids_are_drawn_from_the_seed() -> None:
    assert cluster(seed=1).id == cluster(seed=1).id != cluster(seed=2).id
    for seed in range(50):
        made = cluster(1, seed)
        assert len(made.id) == 22
        assert not made.id.startswith("-")
    assert made.new_producer_id() + 1 == made.new_producer_id()
