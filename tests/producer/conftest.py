"""Most of these tests begin where the leader knows the producer already, so that five batches may be in flight at once."""

import pytest

from kafkalite.producer.idempotence import Idempotence


@pytest.fixture(autouse=True)
def known_producer(monkeypatch):
    monkeypatch.setattr(Idempotence, "waits_for_first", False)
