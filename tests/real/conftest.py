"""The same fixture names as elsewhere, but a real Apache Kafka behind them.

Without one these tests are skipped; KAFKALITE_REQUIRE_REAL=1 makes them fail instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import cache

from .kafka import Cluster, cluster

REQUIRED_BY = "KAFKALITE_REQUIRE_REAL"


def running(count: int, folders: pytest.TempPathFactory, port: int | None = None) -> Iterator[Cluster]:
    """Start a Kafka for a fixture, or end the test that asked for it."""
    starting = cluster(count, folders.mktemp("kafka"), port)
    try:
        kafka = starting.__enter__()
    except cache.Missing as missing:
        cache.skip_or_fail(missing, REQUIRED_BY)
    try:
        yield kafka
    finally:
        starting.__exit__(None, None, None)


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kafka of one node, shared by all tests: they use names of their own."""
    yield from running(1, tmp_path_factory)


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kafka of three nodes, which tests may kill and start again."""
    yield from running(3, tmp_path_factory)


@pytest.fixture
def bootstrap(real_kafka: Cluster) -> str:
    """Where the scenarios of tests/doors find their cluster."""
    return real_kafka.bootstrap
