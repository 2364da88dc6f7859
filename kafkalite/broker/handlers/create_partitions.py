"""CreatePartitions: topics grow (KIP-195). Thread: loop."""

from __future__ import annotations

from collections import Counter

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)

from ..call import Call
from ..refusal import Refusal
from . import handles

__all__ = ["create_partitions"]


@handles(CreatePartitionsRequest)
def create_partitions(call: Call) -> CreatePartitionsResponse:
    """One answer per name. Partitions are there when the answer comes, so `timeout_ms` never matters."""
    request = call.request
    assert isinstance(request, CreatePartitionsRequest)
    named = Counter(topic.name for topic in request.topics)
    results = [
        _result(call, topic, twice=times > 1, validate_only=request.validate_only)
        for topic in request.topics
        if (times := named.pop(topic.name, 0))
    ]
    return CreatePartitionsResponse(results=results)


def _result(
    call: Call, asked: CreatePartitionsTopic, *, twice: bool, validate_only: bool
) -> CreatePartitionsTopicResult:
    try:
        if twice:
            raise Refusal(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
        assignments = asked.assignments
        call.cluster.add_partitions(
            asked.name,
            asked.count,
            assignments=None if assignments is None else [each.broker_ids for each in assignments],
            validate_only=validate_only,
        )
    except Refusal as refusal:
        return CreatePartitionsTopicResult(
            name=asked.name, error_code=refusal.code, error_message=refusal.message
        )
    return CreatePartitionsTopicResult(name=asked.name)
