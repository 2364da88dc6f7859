"""The fixture `kafka_broker` for pytest: an embedded broker for one test. Thread: caller.

pytest loads this in every project where kafkalite is installed, so it imports the broker only when a test asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .broker import EmbeddedBroker


@pytest.fixture
def kafka_broker() -> Iterator[EmbeddedBroker]:
    """A running broker with one node, no topics and no delays; its `bootstrap_servers` is what clients need."""
    from .broker import EmbeddedBroker

    with EmbeddedBroker() as broker:
        yield broker
