"""Topics: make, delete, grow, list and describe them. Called by the admin doors. Thread: loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, TypedDict, TypeVar
from uuid import UUID

from kafkalite.errors import KafkaError, KafkaTimeoutError, UnsupportedVersionError, error_class, error_for
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.create_partitions import CreatePartitionsRequest
from kafkalite.protocol.messages.create_topics import CreateTopicsRequest
from kafkalite.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponseTopic,
)

from .new_topics import NewTopics, PartitionCounts, check_name, creatable, growth, listed

if TYPE_CHECKING:
    from kafkalite.net.client import Client

T = TypeVar("T")
V = TypeVar("V")

VISIBILITY_CHECK = 0.05  # seconds between two looks for a new topic's leaders


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
    pending = {topic.name: topic for topic in creatable(new_topics)}
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
    pending: dict[str | UUID, str | UUID] = {topic: topic for topic in listed(topics, "topics")}
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
        except UnsupportedVersionError:  # a broker before 2.8 takes names only
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
    pending = {topic.name: topic for topic in growth(topic_partitions)}
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
    wanted = None if topics is None else listed(topics, "topics")
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
