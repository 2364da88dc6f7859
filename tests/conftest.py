"""Fixtures of the whole suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def bootstrap() -> Iterator[str]:
    """The address of the cluster that a scenario runs on: an embedded broker of its own. tests/real has another one."""
    from kafkalite.broker import EmbeddedBroker  # the many tests that need no broker do not load it

    with EmbeddedBroker() as broker:
        yield broker.bootstrap_servers
