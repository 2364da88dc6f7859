"""What a user wishes for topics, checked before anything is sent. A brain. Thread: any."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from kafkalite.protocol.messages.create_partitions import CreatePartitionsAssignment, CreatePartitionsTopic
from kafkalite.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
)

__all__ = [
    "NewPartitions",
    "NewTopic",
    "NewTopics",
    "PartitionCounts",
    "check_name",
    "creatable",
    "growth",
    "listed",
]

T = TypeVar("T")

NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


class NewTopic:
    """A topic to be made.

    `num_partitions` and `replication_factor` are -1 (the default) for the broker's own defaults, and must both be
    -1 with `replica_assignments`: partition -> broker ids, first the preferred leader. `topic_configs` are Kafka's
    topic settings (`{"retention.ms": "60000"}`).
    """

    __slots__ = ("name", "num_partitions", "replica_assignments", "replication_factor", "topic_configs")

    def __init__(
        self,
        name: str,
        num_partitions: int = -1,
        replication_factor: int = -1,
        replica_assignments: Mapping[int, Sequence[int]] | None = None,
        topic_configs: Mapping[str, object] | None = None,
    ) -> None:
        self.name = name
        self.num_partitions = num_partitions
        self.replication_factor = replication_factor
        self.replica_assignments = dict(replica_assignments or {})
        self.topic_configs = dict(topic_configs or {})

    def __repr__(self) -> str:
        return (
            f"NewTopic({self.name!r}, num_partitions={self.num_partitions}, "
            f"replication_factor={self.replication_factor})"
        )


class NewPartitions:
    """How many partitions a topic shall have in all, and, if wished, the brokers of each added one."""

    __slots__ = ("new_assignments", "total_count")

    def __init__(self, total_count: int, new_assignments: Sequence[Sequence[int]] | None = None) -> None:
        self.total_count = total_count
        self.new_assignments = new_assignments

    def __repr__(self) -> str:
        return f"NewPartitions({self.total_count})"


NewTopics = Iterable[NewTopic | str] | Mapping[str, Mapping[str, object]]
PartitionCounts = Mapping[str, int | NewPartitions | Mapping[str, object]]


def check_name(name: str) -> None:
    """Raise TypeError or ValueError for what cannot be a topic's name."""
    if not isinstance(name, str):
        raise TypeError(f"a topic's name is a str, not {type(name).__name__}: {name!r}")
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise ValueError(
            f"{name!r} cannot be a topic's name: 1 to 249 characters out of a-z, A-Z, 0-9, '.', '_' and '-', "
            "and not '.' or '..'"
        )


def listed(items: Iterable[T], what: str) -> list[T]:
    """The items as a list. Raises TypeError for a single string, ValueError for an entry that comes twice."""
    if isinstance(items, (str, bytes)):
        raise TypeError(f"{what} must be a list, not the single {type(items).__name__} {items!r}")
    found = list(items)
    if len(set(found)) < len(found):
        raise ValueError(f"{what} has the same entry twice: {found}")
    return found


def creatable(new_topics: NewTopics) -> list[CreatableTopic]:
    """The topics to make as the request has them. Raises TypeError or ValueError for what no broker would take."""
    if isinstance(new_topics, (str, bytes, NewTopic)):
        raise TypeError(f"new_topics must be a list of topics, not the single {new_topics!r}")
    wishes: list[NewTopic] = []
    if isinstance(new_topics, Mapping):
        wishes.extend(_from_options(name, options) for name, options in new_topics.items())
    else:
        wishes.extend(t if isinstance(t, NewTopic) else NewTopic(t) for t in new_topics)
    listed([wish.name for wish in wishes], "new_topics")
    if not wishes:
        raise ValueError("new_topics is empty: there is no topic to create")
    return [_creatable_topic(wish) for wish in wishes]


def _from_options(name: str, options: Mapping[str, object]) -> NewTopic:
    known = {"num_partitions", "replication_factor", "assignments", "configs"}
    if unknown := set(options) - known:
        raise ValueError(f"topic {name!r}: unknown {sorted(unknown)}; known are {sorted(known)}")
    return NewTopic(
        name,
        options.get("num_partitions", -1),  # type: ignore[arg-type]
        options.get("replication_factor", -1),  # type: ignore[arg-type]
        options.get("assignments"),  # type: ignore[arg-type]
        options.get("configs"),  # type: ignore[arg-type]
    )


def _creatable_topic(wish: NewTopic) -> CreatableTopic:
    check_name(wish.name)
    assignments = wish.replica_assignments
    for what, number in (
        ("num_partitions", wish.num_partitions),
        ("replication_factor", wish.replication_factor),
    ):
        if not isinstance(number, int) or isinstance(number, bool):
            raise TypeError(f"topic {wish.name!r}: {what} is an int, not {number!r}")
        if number != -1 and number < 1:
            raise ValueError(
                f"topic {wish.name!r}: {what} is {number}; use 1 or more, or -1 for the broker's default"
            )
        if number != -1 and assignments:
            raise ValueError(f"topic {wish.name!r}: give either {what} or replica_assignments, not both")
    if assignments and sorted(assignments) != list(range(len(assignments))):
        raise ValueError(
            f"topic {wish.name!r}: replica_assignments must name partitions 0 to {len(assignments) - 1}, "
            f"not {sorted(assignments)}"
        )
    return CreatableTopic(
        name=wish.name,
        num_partitions=wish.num_partitions,
        replication_factor=wish.replication_factor,
        assignments=[
            CreatableReplicaAssignment(partition_index=partition, broker_ids=list(brokers))
            for partition, brokers in sorted(assignments.items())
        ],
        configs=[
            CreatableTopicConfig(name=name, value=_config_text(value))
            for name, value in wish.topic_configs.items()
        ],
    )


def _config_text(value: object) -> str | None:
    """Kafka's settings travel as text; its booleans are lower case."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def growth(topic_partitions: PartitionCounts) -> list[CreatePartitionsTopic]:
    """The new totals as the request has them. Raises TypeError or ValueError for what makes no sense."""
    if not isinstance(topic_partitions, Mapping):
        raise TypeError("topic_partitions must map each topic to its new number of partitions")
    if not topic_partitions:
        raise ValueError("topic_partitions is empty: there is no topic to grow")
    topics = []
    for name, wish in topic_partitions.items():
        check_name(name)
        if isinstance(wish, Mapping):
            wish = NewPartitions(wish["count"], wish.get("assignments"))  # type: ignore[arg-type]
        elif not isinstance(wish, NewPartitions):
            wish = NewPartitions(wish)
        if not isinstance(wish.total_count, int) or wish.total_count < 1:
            raise ValueError(f"topic {name!r}: the number of partitions must be 1 or more, not {wish!r}")
        assignments = wish.new_assignments
        topics.append(
            CreatePartitionsTopic(
                name=name,
                count=wish.total_count,
                assignments=None
                if assignments is None
                else [CreatePartitionsAssignment(broker_ids=list(brokers)) for brokers in assignments],
            )
        )
    return topics
