"""Clients of others on the embedded broker.

A client that is not to be had is skipped; KAFKALITE_REQUIRE_CLIENTS=1 makes its tests fail instead.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kafkalite import KafkaAdminClient, NewTopic
from tests import cache

from . import foreign

PARTITIONS = 4


def get(name: str) -> foreign.Client:
    """A client by name, or the end of the test."""
    try:
        return foreign.CLIENTS[name]()
    except cache.Missing as missing:
        cache.skip_or_fail(missing, "KAFKALITE_REQUIRE_CLIENTS")


@pytest.fixture(params=foreign.CLIENTS)
def client(request: pytest.FixtureRequest) -> foreign.Client:
    return get(request.param)


@pytest.fixture
def topic(bootstrap: str) -> str:
    """A new topic of four partitions."""
    name = f"clients-{uuid.uuid4().hex[:12]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        admin.wait_for_topics([name])
    return name


StartMember = Callable[[foreign.Client], foreign.Member]


@pytest.fixture
def start_member(bootstrap: str, topic: str, tmp_path: Path) -> Iterator[StartMember]:
    """Starts members of one group, and ends those that are left over."""
    started: list[foreign.Member] = []

    def start(client: foreign.Client) -> foreign.Member:
        log = tmp_path / f"member-{len(started)}.txt"
        started.append(foreign.Member(client, bootstrap, topic, f"{topic}-group", log))
        return started[-1]

    yield start
    for member in started:
        member.close()
