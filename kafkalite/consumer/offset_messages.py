"""Requests to store and to read a group's offsets, in every form that brokers speak, and what is in the answers.

A brain, used by the committer. Topics go by name up to version 9 and by id from version 10 on; groups are asked about
in a list since version 8 of OffsetFetch, and one at a time before. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from kafkalite.net.metadata import Cluster
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.message import Request
from kafkalite.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from kafkalite.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
)
from kafkalite.types import ConsumerGroupMetadata, OffsetAndMetadata, TopicPartition

__all__ = ["Fetched", "Form", "commit_form", "commit_verdicts", "fetch_forms", "fetched"]

_LAST_BY_NAME = 9


class Form(NamedTuple):
    """A request, and the versions that can carry it."""

    request: Request[Any]
    min_version: int
    max_version: int


class Fetched(NamedTuple):
    """What an answer says of one partition."""

    error_code: int
    committed: OffsetAndMetadata | None


def _by_topic(partitions: Collection[TopicPartition]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for topic, partition in partitions:
        found.setdefault(topic, []).append(partition)
    return found


def _last_version(cluster: Cluster, topics: Collection[str], newest: int) -> int:
    """By id if all ids are known, else by name."""
    return newest if all(cluster.topic_id(topic) != ZERO_UUID for topic in topics) else _LAST_BY_NAME


def commit_form(
    who: ConsumerGroupMetadata, offsets: Mapping[TopicPartition, OffsetAndMetadata], cluster: Cluster
) -> Form:
    """Store these offsets in the name of a member, or (generation -1) of nobody."""
    by_topic = _by_topic(offsets)
    topics = []
    for topic, numbers in by_topic.items():
        partitions = []
        for number in numbers:
            offset, metadata, leader_epoch = offsets[TopicPartition(topic, number)]
            partitions.append(
                OffsetCommitRequestPartition(
                    partition_index=number,
                    committed_offset=offset,
                    committed_leader_epoch=leader_epoch,
                    committed_metadata=metadata,
                )
            )
        topics.append(
            OffsetCommitRequestTopic(name=topic, topic_id=cluster.topic_id(topic), partitions=partitions)
        )
    request = OffsetCommitRequest(
        group_id=who.group_id or "",
        generation_id_or_member_epoch=who.generation_id,
        member_id=who.member_id,
        group_instance_id=who.group_instance_id,
        topics=topics,
    )
    last = _last_version(cluster, by_topic, OffsetCommitRequest.max_version)
    return Form(request, OffsetCommitRequest.min_version, last)


def _named(names: Mapping[UUID, str], name: str, topic_id: UUID) -> str:
    return name or names.get(topic_id, "")


def _names(request_topics: Collection[Any]) -> dict[UUID, str]:
    return {topic.topic_id: topic.name for topic in request_topics if topic.topic_id != ZERO_UUID}


def commit_verdicts(
    request: OffsetCommitRequest, response: OffsetCommitResponse
) -> Iterator[tuple[TopicPartition, int]]:
    """(partition, error code) for each partition in the answer."""
    names = _names(request.topics)
    for topic in response.topics:
        name = _named(names, topic.name, topic.topic_id)
        for partition in topic.partitions:
            yield TopicPartition(name, partition.partition_index), partition.error_code


def fetch_forms(group_id: str, partitions: Collection[TopicPartition], cluster: Cluster) -> list[Form]:
    """Read the offsets of these partitions: the forms to try, the newest first.

    Only stable offsets are wanted, whatever the isolation level: those of open transactions may yet change. Brokers
    before Kafka 2.5 cannot be asked for that.
    """
    by_topic = _by_topic(partitions)
    topics = [
        OffsetFetchRequestTopics(name=topic, topic_id=cluster.topic_id(topic), partition_indexes=numbers)
        for topic, numbers in by_topic.items()
    ]
    grouped = OffsetFetchRequest(
        groups=[OffsetFetchRequestGroup(group_id=group_id, topics=topics)], require_stable=True
    )
    flat = [
        OffsetFetchRequest(
            group_id=group_id,
            topics=[
                OffsetFetchRequestTopic(name=topic, partition_indexes=numbers)
                for topic, numbers in by_topic.items()
            ],
            require_stable=stable,
        )
        for stable in (True, False)
    ]
    return [
        Form(grouped, 8, _last_version(cluster, by_topic, OffsetFetchRequest.max_version)),
        Form(flat[0], 7, 7),
        Form(flat[1], OffsetFetchRequest.min_version, 6),
    ]


def fetched(
    request: OffsetFetchRequest, response: OffsetFetchResponse
) -> tuple[int, dict[TopicPartition, Fetched]]:
    """The group's error code, and what each partition's answer says."""
    found: dict[TopicPartition, Fetched] = {}
    if not request.groups:
        for flat in response.topics:
            for partition in flat.partitions:
                found[TopicPartition(flat.name, partition.partition_index)] = _fetched(partition)
        return response.error_code, found
    asked = request.groups[0]
    names = _names(asked.topics or ())
    for group in response.groups:
        if group.group_id != asked.group_id:
            continue
        for topic in group.topics:
            name = _named(names, topic.name, topic.topic_id)
            for part in topic.partitions:
                found[TopicPartition(name, part.partition_index)] = _fetched(part)
        return group.error_code, found
    return 0, found


def _fetched(partition: Any) -> Fetched:
    if partition.error_code or partition.committed_offset < 0:
        return Fetched(partition.error_code, None)
    epoch = partition.committed_leader_epoch
    return Fetched(0, OffsetAndMetadata(partition.committed_offset, partition.metadata or "", epoch))
