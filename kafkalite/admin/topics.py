"""Topics: make, delete, grow, list and describe them. Called by the admin doors. Thread: loop."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, TypedDict, TypeVar
from uuid import UUID

from kafkalite.errors import KafkaError, KafkaTimeoutError, error_class, error_for
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.errors import EncodeError
from kafkalite.protocol.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from kafkalite.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kafkalite.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponseTopic,
)

if TYPE_CHECKING:
    from kafkalite.net.client import Client

T = TypeVar("T")
V = TypeVar("V")

NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
VISIBILITY_CHECK = 0.05  # seconds between two looks for a new topic's leaders


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


class CreatedTopic(TypedDict):
    name: str
    topic_id: UUID
    error_code: int
    error_message: str | None
    num_partitions: int
    replication_factor: int
    configs: dict[str, str | None]


class CreatedTopics(TypedDict):
    topics: list[CreatedTopic]


class DeletedTopic(TypedDict):
    name: str | None
    topic_id: UUID
    error_code: int
    error_message: str | None


class DeletedTopics(TypedDict):
    topics: list[DeletedTopic]


class GrownTopic(TypedDict):
    name: str
    error_code: int
    error_message: str | None


class GrownTopics(TypedDict):
    results: list[GrownTopic]


class PartitionDescription(TypedDict):
    error_code: int
    partition_index: int
    leader_id: int
    leader_epoch: int
    replica_nodes: list[int]
    isr_nodes: list[int]
    offline_replicas: list[int]


class TopicDescription(TypedDict):
    error_code: int
    name: str | None
    topic_id: UUID
    is_internal: bool
    partitions: list[PartitionDescription]


async def create_topics(
    client: Client,
    new_topics: NewTopics,
    *,
    timeout: float,
    validate_only: bool = False,
    raise_errors: bool = True,
    wait_for_metadata: bool = False,
) -> CreatedTopics:
    """Make topics; the answer has one entry per topic. `timeout` is in seconds.

    With `raise_errors` the first topic that failed raises its error (TopicAlreadyExistsError, ...), which names
    them all. `wait_for_metadata` returns only once every partition has a leader.
    Raises ValueError before anything is sent for a request that no broker would take.
    """
    if validate_only and wait_for_metadata:
        raise ValueError("validate_only makes no topics: there is nothing for wait_for_metadata to wait for")
    pending = {topic.name: topic for topic in _creatable(new_topics)}
    deadline = time.monotonic() + timeout
    done: dict[str, CreatedTopic] = {}

    async def attempt() -> None:
        answer = await client.send_to_controller(
            CreateTopicsRequest(
                topics=list(pending.values()), timeout_ms=_left_ms(deadline), validate_only=validate_only
            ),
            deadline=deadline,
        )
        for topic in answer.topics:
            done[topic.name] = CreatedTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                error_code=topic.error_code,
                error_message=topic.error_message or None,
                num_partitions=topic.num_partitions,
                replication_factor=topic.replication_factor,
                configs={c.name: c.value for c in topic.configs or ()},
            )
        _again(((t.name, t.error_code, t.error_message) for t in answer.topics), pending)

    await _until_settled(client, attempt, pending, done, deadline, "creating topics")
    entries = list(done.values())
    if raise_errors:
        _raise_first("creating", ((e["name"], e["error_code"], e["error_message"]) for e in entries))
    if wait_for_metadata:
        made = [e["name"] for e in entries if not e["error_code"]]
        await wait_for_topics(client, made, timeout=max(0.0, deadline - time.monotonic()))
    return CreatedTopics(topics=entries)


async def delete_topics(
    client: Client, topics: Iterable[str | UUID], *, timeout: float, raise_errors: bool = True
) -> DeletedTopics:
    """Delete topics by name, or by id (KIP-516). Deletion itself finishes a little later. `timeout` in seconds."""
    pending: dict[str | UUID, str | UUID] = {topic: topic for topic in _listed(topics, "topics")}
    for topic in pending:
        if not isinstance(topic, UUID):
            check_name(topic)
    deadline = time.monotonic() + timeout
    done: dict[str | UUID, DeletedTopic] = {}

    async def attempt() -> None:
        states = [
            DeleteTopicState(topic_id=t) if isinstance(t, UUID) else DeleteTopicState(name=t) for t in pending
        ]
        left = _left_ms(deadline)
        try:
            answer = await client.send_to_controller(
                DeleteTopicsRequest(topics=states, timeout_ms=left), deadline=deadline
            )
        except EncodeError:  # a broker before 2.8 takes names only
            names = [t for t in pending if isinstance(t, str)]
            if len(names) < len(pending):
                raise
            answer = await client.send_to_controller(
                DeleteTopicsRequest(topic_names=names, timeout_ms=left), deadline=deadline
            )
        for entry in answer.responses:
            asked: str | UUID = entry.topic_id if entry.topic_id in pending else str(entry.name)
            done[asked] = DeletedTopic(
                name=entry.name,
                topic_id=entry.topic_id,
                error_code=entry.error_code,
                error_message=entry.error_message or None,
            )
        _again(((t, d["error_code"], d["error_message"]) for t, d in done.items()), pending)

    await _until_settled(client, attempt, pending, done, deadline, "deleting topics")
    if raise_errors:
        _raise_first("deleting", ((t, d["error_code"], d["error_message"]) for t, d in done.items()))
    return DeletedTopics(topics=list(done.values()))


async def create_partitions(
    client: Client,
    topic_partitions: PartitionCounts,
    *,
    timeout: float,
    validate_only: bool = False,
    raise_errors: bool = True,
) -> GrownTopics:
    """Give topics more partitions: topic -> the new total, or `NewPartitions`. `timeout` in seconds."""
    pending = {topic.name: topic for topic in _growth(topic_partitions)}
    deadline = time.monotonic() + timeout
    done: dict[str, GrownTopic] = {}

    async def attempt() -> None:
        answer = await client.send_to_controller(
            CreatePartitionsRequest(
                topics=list(pending.values()), timeout_ms=_left_ms(deadline), validate_only=validate_only
            ),
            deadline=deadline,
        )
        for entry in answer.results:
            done[entry.name] = GrownTopic(
                name=entry.name, error_code=entry.error_code, error_message=entry.error_message or None
            )
        _again(((t.name, t.error_code, t.error_message) for t in answer.results), pending)

    await _until_settled(client, attempt, pending, done, deadline, "adding partitions")
    entries = list(done.values())
    if raise_errors:
        _raise_first("growing", ((e["name"], e["error_code"], e["error_message"]) for e in entries))
    return GrownTopics(results=entries)


async def list_topics(client: Client, *, timeout: float) -> list[str]:
    """The names of all topics that this client may see, in alphabetical order. `timeout` in seconds."""
    topics = await _metadata(client, None, time.monotonic() + timeout)
    return sorted(topic.name for topic in topics if topic.name is not None)


async def describe_topics(
    client: Client, topics: Iterable[str | UUID] | None = None, *, timeout: float
) -> list[TopicDescription]:
    """What the cluster knows of these topics (None: of all): partitions, leaders, replicas. `timeout` in seconds.

    A topic that does not exist has a nonzero `error_code` in its entry; nothing is raised for it.
    """
    wanted = None if topics is None else _listed(topics, "topics")
    return [_described(topic) for topic in await _metadata(client, wanted, time.monotonic() + timeout)]


async def wait_for_topics(client: Client, topic_names: Iterable[str], *, timeout: float) -> None:
    """Wait until each of these topics is known and every partition of it has a leader. `timeout` in seconds.

    Raises KafkaTimeoutError, which says what was missing last.
    """
    names = list(topic_names)
    deadline = time.monotonic() + timeout
    while names:
        described = {topic.name: topic for topic in await _metadata(client, names, deadline)}
        missing = {name: why for name in names if (why := _not_ready(described.get(name)))}
        if not missing:
            return
        if time.monotonic() + VISIBILITY_CHECK > deadline:
            raise KafkaTimeoutError(f"topics not ready within {timeout:g} s: {missing}")
        await asyncio.sleep(VISIBILITY_CHECK)


def check_name(name: str) -> None:
    """Raise TypeError or ValueError for what cannot be a topic's name."""
    if not isinstance(name, str):
        raise TypeError(f"a topic's name is a str, not {type(name).__name__}: {name!r}")
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise ValueError(
            f"{name!r} cannot be a topic's name: 1 to 249 characters out of a-z, A-Z, 0-9, '.', '_' and '-', "
            "and not '.' or '..'"
        )


# --- what is asked for, checked


def _listed(items: Iterable[T], what: str) -> list[T]:
    if isinstance(items, (str, bytes)):
        raise TypeError(f"{what} must be a list, not the single {type(items).__name__} {items!r}")
    listed = list(items)
    if len(set(listed)) < len(listed):
        raise ValueError(f"{what} has the same entry twice: {listed}")
    return listed


def _creatable(new_topics: NewTopics) -> list[CreatableTopic]:
    if isinstance(new_topics, (str, bytes, NewTopic)):
        raise TypeError(f"new_topics must be a list of topics, not the single {new_topics!r}")
    wishes: list[NewTopic] = []
    if isinstance(new_topics, Mapping):
        wishes.extend(_from_options(name, options) for name, options in new_topics.items())
    else:
        wishes.extend(t if isinstance(t, NewTopic) else NewTopic(t) for t in new_topics)
    _listed([wish.name for wish in wishes], "new_topics")
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


def _growth(topic_partitions: PartitionCounts) -> list[CreatePartitionsTopic]:
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


# --- asking, and what the answers mean


async def _metadata(
    client: Client, topics: Iterable[str | UUID] | None, deadline: float
) -> list[MetadataResponseTopic]:
    asked = None
    if topics is not None:
        asked = [
            MetadataRequestTopic(topic_id=t, name=None)
            if isinstance(t, UUID)
            else MetadataRequestTopic(name=t)
            for t in topics
        ]
    answer = await client.send_to_any(
        MetadataRequest(topics=asked, allow_auto_topic_creation=False), deadline=deadline
    )
    return answer.topics


def _described(topic: MetadataResponseTopic) -> TopicDescription:
    return TopicDescription(
        error_code=topic.error_code,
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partitions=[
            PartitionDescription(
                error_code=p.error_code,
                partition_index=p.partition_index,
                leader_id=p.leader_id,
                leader_epoch=p.leader_epoch,
                replica_nodes=list(p.replica_nodes),
                isr_nodes=list(p.isr_nodes),
                offline_replicas=list(p.offline_replicas),
            )
            for p in sorted(topic.partitions, key=lambda p: p.partition_index)
        ],
    )


def _not_ready(topic: MetadataResponseTopic | None) -> str:
    if topic is None:
        return "not in the answer"
    if topic.error_code:
        return error_class(topic.error_code).__name__
    without = [p.partition_index for p in topic.partitions if p.leader_id < 0]
    if without:
        return f"no leader for partitions {without}"
    return "" if topic.partitions else "no partitions"


def _left_ms(deadline: float) -> int:
    return max(1, int((deadline - time.monotonic()) * 1000))


def _again(outcomes: Iterable[tuple[T, int, str | None]], pending: MutableMapping[T, V]) -> None:
    """Take what is settled out of `pending`; raise a retriable error if something is left."""
    retry: KafkaError | None = None
    for topic, code, message in outcomes:
        if topic not in pending:
            continue
        if _worth_another_try(code):
            retry = error_for(code, f"topic {topic!r}", message)
        else:
            del pending[topic]
    if retry is not None:
        raise retry


def _worth_another_try(code: int) -> bool:
    # Answers that say "not done, ask again". REQUEST_TIMED_OUT is not one: the controller may still do it, and
    # asking again would report its own work as TOPIC_ALREADY_EXISTS. UNKNOWN_TOPIC is retriable elsewhere; here
    # it is the answer.
    return code in (ErrorCode.NOT_CONTROLLER, ErrorCode.THROTTLING_QUOTA_EXCEEDED)


async def _until_settled(
    client: Client,
    attempt: Callable[[], Awaitable[None]],
    pending: Mapping[T, V],
    done: Mapping[T, object],
    deadline: float,
    what: str,
) -> None:
    """Repeat `attempt` while it raises something retriable. When time is up, the answers that there are count."""
    try:
        await client.retrying(attempt, deadline=deadline, what=what)
    except KafkaTimeoutError:
        if any(topic not in done for topic in pending):
            raise


def _raise_first(verb: str, outcomes: Iterable[tuple[object, int, str | None]]) -> None:
    failed = [(topic, code, message) for topic, code, message in outcomes if code]
    if not failed:
        return
    topic, code, message = failed[0]
    more = ", ".join(f"{t!r}: {error_class(c).__name__}" for t, c, _ in failed[1:])
    detail = "; ".join(part for part in (message, f"and also {more}" if more else None) if part)
    raise error_for(code, f"{verb} topic {topic!r}", detail or None)
