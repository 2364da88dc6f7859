"""DescribeTopicPartitions."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    TopicRequest,
)

from .asking import Asking


def made() -> Asking:
    asking = Asking(nodes=2)
    for name, partitions in (("b", 3), ("a", 2), ("c", 2)):
        asking.cluster.create_topic(name, partitions, 2)
    return asking


def describe(
    asking: Asking, *names: str, limit: int = 2000, cursor: tuple[str, int] | None = None
) -> DescribeTopicPartitionsResponse:
    return asking.ask(
        DescribeTopicPartitionsRequest(
            topics=[TopicRequest(name=name) for name in names],
            response_partition_limit=limit,
            cursor=None if cursor is None else Cursor(topic_name=cursor[0], partition_index=cursor[1]),
        )
    )


def listed(answer: DescribeTopicPartitionsResponse) -> list[tuple[str | None, list[int]]]:
    return [(topic.name, [each.partition_index for each in topic.partitions]) for topic in answer.topics]


def following(answer: DescribeTopicPartitionsResponse) -> tuple[str, int] | None:
    cursor = answer.next_cursor
    return None if cursor is None else (cursor.topic_name, cursor.partition_index)


def test_all_topics_in_order() -> None:
    answer = describe(made())
    assert listed(answer) == [("a", [0, 1]), ("b", [0, 1, 2]), ("c", [0, 1])]
    assert answer.next_cursor is None


def test_a_partition_whole() -> None:
    asking = made()
    [topic] = describe(asking, "a").topics
    assert (topic.topic_id, topic.is_internal) == (asking.cluster.topics["a"].id, False)
    assert topic.topic_authorized_operations == 3576
    first = topic.partitions[0]
    assert (first.error_code, first.leader_id, first.leader_epoch) == (0, 1, 0)
    assert (first.replica_nodes, first.isr_nodes, first.offline_replicas) == ([1, 2], [1, 2], [])
    assert (first.eligible_leader_replicas, first.last_known_elr) == ([], [])


def test_a_partition_without_a_leader() -> None:
    asking = Asking(nodes=2)
    asking.cluster.create_topic("t", 2, 1)
    asking.cluster.node_stopped(2)
    [topic] = describe(asking, "t").topics
    assert [(each.error_code, each.leader_id, each.offline_replicas) for each in topic.partitions] == [
        (ErrorCode.NONE, 1, []),
        (ErrorCode.LEADER_NOT_AVAILABLE, -1, [2]),
    ]


def test_a_page_at_a_time() -> None:
    asking = made()
    first = describe(asking, limit=3)
    assert (listed(first), following(first)) == ([("a", [0, 1]), ("b", [0])], ("b", 1))
    second = describe(asking, limit=2, cursor=("b", 1))
    assert (listed(second), following(second)) == ([("b", [1, 2])], ("c", 0))
    third = describe(asking, limit=2, cursor=("c", 0))
    assert (listed(third), following(third)) == ([("c", [0, 1])], None)


def test_a_cursor_whose_topic_is_gone_goes_on_behind_it() -> None:
    assert listed(describe(made(), cursor=("aa", 7))) == [("b", [0, 1, 2]), ("c", [0, 1])]


def test_a_page_has_at_least_one_partition() -> None:
    answer = describe(made(), "b", limit=0)
    assert (listed(answer), following(answer)) == ([("b", [0])], ("b", 1))


def test_topics_that_are_not_there() -> None:
    answer = describe(made(), "x!", "x", "a", "a")
    assert [(topic.name, topic.error_code) for topic in answer.topics] == [
        ("a", ErrorCode.NONE),
        ("x", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("x!", ErrorCode.INVALID_TOPIC_EXCEPTION),
    ]
    assert {topic.topic_authorized_operations for topic in answer.topics} == {3576}


def test_a_cursor_that_makes_no_sense_is_refused() -> None:
    asking = made()
    [topic] = describe(asking, "a", cursor=("a", -1)).topics
    assert topic.error_code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("first", [2, 9])
def test_a_cursor_behind_the_last_partition_finds_none(first: int) -> None:
    answer = describe(made(), "a", cursor=("a", first))
    assert (listed(answer), following(answer)) == ([("a", [])], None)
