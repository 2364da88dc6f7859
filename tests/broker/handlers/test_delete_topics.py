"""DeleteTopics."""

from __future__ import annotations

from uuid import UUID

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState

from .asking import Asking


def made(**config: object) -> Asking:
    asking = Asking(config={name.replace("_", "."): value for name, value in config.items()})
    for name in ("t", "u"):
        asking.cluster.create_topic(name, 1)
    return asking


@pytest.mark.parametrize("version", range(1, 6))
def test_by_name(version: int) -> None:
    asking = made()
    answer = asking.ask(DeleteTopicsRequest(topic_names=["t", "x"]), version)
    assert [(each.name, each.error_code) for each in answer.responses] == [
        ("t", ErrorCode.NONE),
        ("x", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    ]
    assert set(asking.cluster.topics) == {"u"}


def test_by_name_and_by_id() -> None:
    asking = made()
    by_name, by_id = asking.cluster.topics["t"], asking.cluster.topics["u"]
    topics = [
        DeleteTopicState(name="t"),
        DeleteTopicState(name=None, topic_id=by_id.id),
        DeleteTopicState(name=None, topic_id=UUID(int=5)),
        DeleteTopicState(name="x"),
        DeleteTopicState(name=None),
        DeleteTopicState(name="t", topic_id=by_name.id),
    ]
    answer = asking.ask(DeleteTopicsRequest(topics=topics))
    assert [(each.name, each.error_code) for each in answer.responses] == [
        ("t", ErrorCode.NONE),
        ("u", ErrorCode.NONE),
        (None, ErrorCode.UNKNOWN_TOPIC_ID),
        ("x", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (None, ErrorCode.INVALID_REQUEST),
        ("t", ErrorCode.INVALID_REQUEST),
    ]
    assert [each.topic_id for each in answer.responses[:3]] == [by_name.id, by_id.id, UUID(int=5)]
    assert asking.cluster.topics == {}


@pytest.mark.parametrize("by_id", [False, True])
def test_a_topic_that_is_meant_twice_stays(by_id: bool) -> None:
    asking = made()
    there = asking.cluster.topics["t"].id
    second = DeleteTopicState(name=None, topic_id=there) if by_id else DeleteTopicState(name="t")
    answer = asking.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name="t"), second]))
    assert [(each.name, each.error_code) for each in answer.responses] == [("t", ErrorCode.INVALID_REQUEST)]
    assert answer.responses[0].topic_id == (there if by_id else ZERO_UUID)
    assert "t" in asking.cluster.topics


def test_a_doubled_name_is_refused_even_if_there_is_no_such_topic() -> None:
    answer = made().ask(DeleteTopicsRequest(topic_names=["x", "x"]), 5)
    assert [(each.name, each.error_code) for each in answer.responses] == [("x", ErrorCode.INVALID_REQUEST)]


@pytest.mark.parametrize(
    ("version", "error"), [(2, ErrorCode.INVALID_REQUEST), (6, ErrorCode.TOPIC_DELETION_DISABLED)]
)
def test_deletion_can_be_switched_off(version: int, error: ErrorCode) -> None:
    asking = made(delete_topic_enable=False)
    request = DeleteTopicsRequest(topic_names=["t"])
    if version >= 6:
        request = DeleteTopicsRequest(topics=[DeleteTopicState(name="t")])
    assert asking.ask(request, version).responses[0].error_code == error
    assert "t" in asking.cluster.topics
