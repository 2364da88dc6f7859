"""CreateTopics."""

from __future__ import annotations

from typing import Any

import pytest

from kafkalite.protocol.codes import ConfigSource, ErrorCode
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreatableTopicResult,
    CreateTopicsRequest,
)

from .asking import Asking


def topic(name: str, partitions: int = -1, factor: int = -1, **rest: Any) -> CreatableTopic:
    return CreatableTopic(name=name, num_partitions=partitions, replication_factor=factor, **rest)


def create(
    asking: Asking, *topics: CreatableTopic, version: int = 7, validate_only: bool = False
) -> list[CreatableTopicResult]:
    return asking.ask(CreateTopicsRequest(topics=list(topics), validate_only=validate_only), version).topics


@pytest.mark.parametrize("version", range(2, 8))
def test_in_every_version(version: int) -> None:
    asking = Asking(nodes=3)
    configs = [CreatableTopicConfig(name="retention.ms", value="5000")]
    [made] = create(asking, topic("t", 2, 3, configs=configs), version=version)
    assert (made.name, made.error_code, made.error_message) == ("t", ErrorCode.NONE, None)
    there = asking.cluster.topics["t"]
    assert (len(there.partitions), there.replication_factor) == (2, 3)
    assert there.settings.explicit == {"retention.ms": "5000"}
    assert made.topic_id == (there.id if version >= 7 else ZERO_UUID)
    if version < 5:
        assert made.configs == []
        return
    assert (made.num_partitions, made.replication_factor) == (2, 3)
    shown = {each.name: (each.value, each.config_source, each.read_only) for each in made.configs or ()}
    assert shown["retention.ms"] == ("5000", ConfigSource.TOPIC_CONFIG, False)
    assert shown["max.message.bytes"] == ("1048588", ConfigSource.DEFAULT_CONFIG, False)


def test_the_brokers_defaults() -> None:
    asking = Asking(nodes=3, config={"num.partitions": 4, "default.replication.factor": 2})
    [made] = create(asking, topic("t"))
    assert (made.num_partitions, made.replication_factor) == (4, 2)


def test_an_explicit_assignment() -> None:
    asking = Asking(nodes=3)
    places = [
        CreatableReplicaAssignment(partition_index=1, broker_ids=[3, 1]),
        CreatableReplicaAssignment(partition_index=0, broker_ids=[2, 3]),
    ]
    [made] = create(asking, topic("t", assignments=places))
    assert (made.num_partitions, made.replication_factor) == (2, 2)
    partitions = asking.cluster.topics["t"].partitions
    assert [each.replicas for each in partitions] == [[2, 3], [3, 1]]
    assert [each.leader for each in partitions] == [2, 3]


def places(*assignments: tuple[int, list[int]]) -> list[CreatableReplicaAssignment]:
    return [CreatableReplicaAssignment(partition_index=index, broker_ids=ids) for index, ids in assignments]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (topic("there"), ErrorCode.TOPIC_ALREADY_EXISTS),
        (topic("a_b"), ErrorCode.INVALID_TOPIC_EXCEPTION),
        (topic(""), ErrorCode.INVALID_TOPIC_EXCEPTION),
        (topic("."), ErrorCode.INVALID_TOPIC_EXCEPTION),
        (topic("x" * 250), ErrorCode.INVALID_TOPIC_EXCEPTION),
        (topic("a/b"), ErrorCode.INVALID_TOPIC_EXCEPTION),
        (topic("t", 0), ErrorCode.INVALID_PARTITIONS),
        (topic("t", -2), ErrorCode.INVALID_PARTITIONS),
        (topic("t", 1, 0), ErrorCode.INVALID_REPLICATION_FACTOR),
        (topic("t", 1, 3), ErrorCode.INVALID_REPLICATION_FACTOR),
        (topic("t", 1, -1, assignments=places((0, [1]))), ErrorCode.INVALID_REQUEST),
        (topic("t", -1, 1, assignments=places((0, [1]))), ErrorCode.INVALID_REQUEST),
        (topic("t", assignments=places((0, [1]), (2, [1]))), ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (topic("t", assignments=places((0, [1]), (0, [2]))), ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (topic("t", assignments=places((0, [1, 1]))), ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (topic("t", assignments=places((0, [9]))), ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (topic("t", assignments=places((0, []))), ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (topic("t", assignments=places((0, [1]), (1, [1, 2]))), ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (topic("t", configs=[CreatableTopicConfig(name="x", value="1")]), ErrorCode.INVALID_CONFIG),
        (
            topic("t", configs=[CreatableTopicConfig(name="retention.ms", value="x")]),
            ErrorCode.INVALID_CONFIG,
        ),
        (
            topic("t", configs=[CreatableTopicConfig(name="retention.ms", value=None)]),
            ErrorCode.INVALID_CONFIG,
        ),
    ],
)
@pytest.mark.parametrize("validate_only", [False, True])
def test_refusals(asked: CreatableTopic, error: ErrorCode, validate_only: bool) -> None:
    asking = Asking(nodes=2)
    create(asking, topic("there"), topic("a.b"))
    [refused] = create(asking, asked, validate_only=validate_only)
    assert (refused.name, refused.error_code) == (asked.name, error)
    assert refused.error_message
    assert refused.configs == []  # not null: Java's client does not expect that
    assert set(asking.cluster.topics) == {"there", "a.b"}


def test_validating_makes_nothing() -> None:
    asking = Asking()
    [checked] = create(asking, topic("t", 3), validate_only=True)
    assert (checked.error_code, checked.num_partitions) == (ErrorCode.NONE, 3)
    assert asking.cluster.topics == {}


def test_a_name_that_is_doubled_is_refused_once() -> None:
    asking = Asking()
    results = create(asking, topic("t"), topic("u"), topic("t"))
    assert [(each.name, each.error_code) for each in results] == [
        ("t", ErrorCode.INVALID_REQUEST),
        ("u", ErrorCode.NONE),
    ]
    assert set(asking.cluster.topics) == {"u"}


def test_every_node_takes_the_request() -> None:
    asking = Asking(nodes=2)
    [made] = asking.ask(CreateTopicsRequest(topics=[topic("t")]), node=2).topics
    assert made.error_code == ErrorCode.NONE
