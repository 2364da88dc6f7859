"""CreateTopics: topics are made, or it is said whether they could be. Thread: loop."""

from __future__ import annotations

from collections import Counter

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)

from ..call import Call
from ..config_entries import topic_entries
from ..refusal import Refusal
from . import handles

__all__ = ["create_topics"]


@handles(CreateTopicsRequest)
def create_topics(call: Call) -> CreateTopicsResponse:
    """One answer per name. Topics are there when the answer comes, so `timeout_ms` never matters."""
    request = call.request
    assert isinstance(request, CreateTopicsRequest)
    named = Counter(topic.name for topic in request.topics)
    results = []
    for topic in request.topics:
        if (times := named.pop(topic.name, 0)) == 1:
            results.append(_result(call, topic, request.validate_only))
        elif times:
            results.append(_failed(topic.name, Refusal(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")))
    return CreateTopicsResponse(topics=results)


def _result(call: Call, asked: CreatableTopic, validate_only: bool) -> CreatableTopicResult:
    try:
        topic = call.cluster.create_topic(
            asked.name,
            asked.num_partitions,
            asked.replication_factor,
            configs={config.name: config.value for config in asked.configs},
            assignments=_by_partition(asked.assignments) if asked.assignments else None,
            validate_only=validate_only,
        )
    except Refusal as refusal:
        return _failed(asked.name, refusal)
    return CreatableTopicResult(
        name=topic.name,
        topic_id=topic.id,
        error_message=None,
        num_partitions=len(topic.partitions),
        replication_factor=topic.replication_factor,
        configs=[
            CreatableTopicConfigs(
                name=entry.name, value=entry.value, read_only=entry.read_only, config_source=entry.source
            )
            for entry in topic_entries(call.cluster.config, topic.settings)
        ],
    )


def _by_partition(assignments: list[CreatableReplicaAssignment]) -> list[list[int]]:
    """The nodes of partition 0, 1 and so on. Raises Refusal for numbers that are doubled or missing."""
    replicas = {assignment.partition_index: assignment.broker_ids for assignment in assignments}
    if len(replicas) < len(assignments) or sorted(replicas) != list(range(len(replicas))):
        raise Refusal(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            "The manual assignment does not name each partition from 0 upwards exactly once.",
        )
    return [replicas[index] for index in sorted(replicas)]


def _failed(name: str, refusal: Refusal) -> CreatableTopicResult:
    # `configs` may be null on the wire, but Java's client does not expect that.
    return CreatableTopicResult(name=name, error_code=refusal.code, error_message=refusal.message, configs=[])
