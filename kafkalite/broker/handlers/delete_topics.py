"""DeleteTopics: topics go, by name or by id (KIP-516). Thread: loop."""

from __future__ import annotations

from collections import Counter
from typing import Final

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)

from ..call import Call
from ..refusal import Refusal
from ..topic import Topic
from . import handles

__all__ = ["delete_topics"]

BY_ID: Final = 6
"""The version that can name topics by their ids."""

SAYS_DISABLED: Final = 3
"""The version that has an error code for deletion that is switched off."""


@handles(DeleteTopicsRequest)
def delete_topics(call: Call) -> DeleteTopicsResponse:
    """One answer for each topic, even if it is named twice.

    Topics are gone when the answer comes, so `timeout_ms` never matters.
    """
    request = call.request
    assert isinstance(request, DeleteTopicsRequest)
    if call.version >= BY_ID:
        asked = request.topics
    else:
        asked = [DeleteTopicState(name=name) for name in request.topic_names]
    if not call.cluster.config.flag("delete.topic.enable"):
        code = (
            ErrorCode.TOPIC_DELETION_DISABLED if call.version >= SAYS_DISABLED else ErrorCode.INVALID_REQUEST
        )
        refusal = Refusal(code, "Topic deletion is disabled.")
        return DeleteTopicsResponse(responses=[_failed(state, refusal) for state in asked])
    # What is meant is settled before anything is deleted: a topic may be named twice, by its name and by its id.
    named = Counter(state.name for state in asked if _by_name(state))
    found = [(state, _found(call, state)) for state in asked]
    meant = Counter(topic.name for _, topic in found if isinstance(topic, Topic))
    twice = Refusal(ErrorCode.INVALID_REQUEST, "The topic is named more than once, by its name or its id.")
    results = []
    answered: set[str | None] = set()
    for state, topic in found:
        if _by_name(state) and named[state.name] > 1:
            if state.name not in answered:
                results.append(_failed(state, twice))
            answered.add(state.name)
        elif isinstance(topic, Refusal):
            results.append(_failed(state, topic))
        elif meant[topic.name] > 1:
            if topic.name not in answered:
                results.append(_failed(DeleteTopicState(name=topic.name, topic_id=topic.id), twice))
            answered.add(topic.name)
        else:
            call.cluster.delete_topic(topic.name)
            results.append(DeletableTopicResult(name=topic.name, topic_id=topic.id))
    return DeleteTopicsResponse(responses=results)


def _by_name(state: DeleteTopicState) -> bool:
    return state.name is not None and state.topic_id == ZERO_UUID


def _found(call: Call, state: DeleteTopicState) -> Topic | Refusal:
    by_id = state.topic_id != ZERO_UUID
    if (state.name is None) is not by_id:
        return Refusal(ErrorCode.INVALID_REQUEST, "Name the topic by its name or its id: one, and not both.")
    if by_id:
        topic = call.cluster.topic_by_id(state.topic_id)
        return topic or Refusal(ErrorCode.UNKNOWN_TOPIC_ID, "This server does not host this topic ID.")
    topic = call.cluster.topics.get(state.name or "")
    return topic or Refusal(
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."
    )


def _failed(state: DeleteTopicState, refusal: Refusal) -> DeletableTopicResult:
    return DeletableTopicResult(
        name=state.name, topic_id=state.topic_id, error_code=refusal.code, error_message=refusal.message
    )
