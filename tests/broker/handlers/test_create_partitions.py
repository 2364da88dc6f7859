"""CreatePartitions."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)

from .asking import Asking


def made() -> Asking:
    asking = Asking(nodes=3)
    asking.cluster.create_topic("t", 2, 2)
    return asking


def grow(
    asking: Asking,
    name: str,
    total: int,
    places: list[list[int]] | None = None,
    *,
    version: int = 3,
    validate_only: bool = False,
) -> CreatePartitionsTopicResult:
    assignments = None if places is None else [CreatePartitionsAssignment(broker_ids=ids) for ids in places]
    topic = CreatePartitionsTopic(name=name, count=total, assignments=assignments)
    [result] = asking.ask(
        CreatePartitionsRequest(topics=[topic], validate_only=validate_only), version
    ).results
    assert result.name == name
    return result


@pytest.mark.parametrize("version", range(4))
def test_in_every_version(version: int) -> None:
    asking = made()
    result = grow(asking, "t", 4, version=version)
    assert (result.error_code, result.error_message) == (ErrorCode.NONE, None)
    assert [len(each.replicas) for each in asking.cluster.topics["t"].partitions] == [2, 2, 2, 2]


def test_an_explicit_assignment() -> None:
    asking = made()
    assert grow(asking, "t", 4, [[3, 1], [2, 3]]).error_code == ErrorCode.NONE
    assert [each.replicas for each in asking.cluster.topics["t"].partitions[2:]] == [[3, 1], [2, 3]]


@pytest.mark.parametrize(
    ("name", "total", "places", "error"),
    [
        ("x", 4, None, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("t", 2, None, ErrorCode.INVALID_PARTITIONS),
        ("t", 1, None, ErrorCode.INVALID_PARTITIONS),
        ("t", -1, None, ErrorCode.INVALID_PARTITIONS),
        ("t", 4, [[1, 2]], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        ("t", 3, [[1]], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        ("t", 3, [[1, 9]], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
    ],
)
def test_refusals(name: str, total: int, places: list[list[int]] | None, error: ErrorCode) -> None:
    asking = made()
    result = grow(asking, name, total, places)
    assert result.error_code == error
    assert result.error_message
    assert len(asking.cluster.topics["t"].partitions) == 2


def test_validating_changes_nothing() -> None:
    asking = made()
    assert grow(asking, "t", 5, validate_only=True).error_code == ErrorCode.NONE
    assert grow(asking, "t", 1, validate_only=True).error_code == ErrorCode.INVALID_PARTITIONS
    assert len(asking.cluster.topics["t"].partitions) == 2


def test_a_name_that_is_doubled_is_refused_once() -> None:
    asking = made()
    topics = [CreatePartitionsTopic(name="t", count=count, assignments=None) for count in (3, 4)]
    [result] = asking.ask(CreatePartitionsRequest(topics=topics)).results
    assert result.error_code == ErrorCode.INVALID_REQUEST
