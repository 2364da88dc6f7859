"""What a real Kafka answers is what the embedded broker has to answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafkalite.broker import EmbeddedBroker
from kafkalite.protocol.message import request_type

from .conformance import commits, fetch, groups, metadata, offsets, produce, topics
from .conformance.compare import compare
from .conformance.registry import CONVERSATIONS, Conversation
from .conformance.talk import NotServed, Talk, Versions, versions_of
from .kafka import Cluster

ROOMS = commits, fetch, groups, metadata, offsets, produce, topics


@pytest.fixture(scope="module")
def embedded() -> Iterator[str]:
    with EmbeddedBroker() as broker:
        yield broker.bootstrap_servers


@pytest.fixture(scope="module")
def both(real_kafka: Cluster, embedded: str) -> tuple[str, str, Versions]:
    """The addresses of both brokers, and the versions of each API that both speak and our messages know."""
    address = next(iter(real_kafka.nodes.values()))
    theirs, ours = versions_of(address), versions_of(embedded)
    common = {}
    for key in theirs.keys() & ours.keys():
        message = request_type(key)
        if message is not None:
            low = max(theirs[key][0], ours[key][0], message.min_version)
            common[key] = low, min(theirs[key][1], ours[key][1], message.max_version)
    return address, embedded, common


def test_what_is_served_kafka_serves_too(real_kafka: Cluster, embedded: str) -> None:
    kafka, ours = versions_of(next(iter(real_kafka.nodes.values()))), versions_of(embedded)
    for key, (low, high) in ours.items():
        assert key in kafka, f"Kafka does not offer API {key}"
        assert kafka[key][0] <= low <= high <= kafka[key][1], (
            f"API {key}: {(low, high)}, Kafka has {kafka[key]}"
        )


def minutes(conversation: Conversation, address: str, versions: Versions) -> list:
    talk = Talk(address, versions, newest=conversation.newest)
    try:
        conversation.hold(talk)
    finally:
        talk.close()
    return talk.minutes


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=str)
def test_the_embedded_broker_answers_as_kafka_does(conversation: Conversation, both) -> None:
    kafka, embedded, versions = both
    try:
        theirs = minutes(conversation, kafka, versions)
        ours = minutes(conversation, embedded, versions)
    except NotServed as missing:
        pytest.skip(str(missing))
    found = compare(theirs, ours)
    assert not found, "\n".join(found)
