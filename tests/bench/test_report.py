"""Medians and ratios are those of the same rounds."""

from __future__ import annotations

import pytest

from .report import Measurements, table
from .scenarios import CLIENTS, SCENARIOS, Scenario

TWO = Scenario("x", "what it does", {"what": "produce"}, {"kafkalite": 10, "confluent-kafka": 10})


def result(seconds: float, **more: float) -> dict[str, float]:
    return {"seconds": seconds, "cpu": seconds / 2, "messages": 1000, "bytes": 100_000, "memory": 5e7, **more}


def test_a_ratio_pairs_rounds() -> None:
    found = Measurements()
    for number, (ours, theirs) in enumerate([(1, 2), (2, 2), (4, 2)]):
        found.add("x", "kafkalite", number, result(ours))
        found.add("x", "confluent-kafka", number, result(theirs))
    assert found.ratio("x", "kafkalite", "confluent-kafka", "rate") == pytest.approx(1.0)
    assert found.median("x", "kafkalite", "rate") == pytest.approx(500)
    assert found.median("x", "kafkalite", "cpu") == pytest.approx(1000)
    assert found.ratio("x", "kafkalite", "aiokafka", "rate") is None


def test_a_table_names_everyone() -> None:
    found = Measurements()
    found.add("x", "kafkalite", 0, result(1))
    found.add("x", "confluent-kafka", 0, result(2))
    text = table(TWO, found)
    assert "what it does" in text
    line = next(line for line in text.splitlines() if line.strip().startswith("kafkalite"))
    assert line.split()[-1] == "2.00"


def test_latencies_are_compared_by_their_medians() -> None:
    found = Measurements()
    found.add("x", "kafkalite", 0, result(1, p50=0.0002, p99=0.001))
    found.add("x", "confluent-kafka", 0, result(1, p50=0.0001, p99=0.001))
    assert found.ratio("x", "kafkalite", "confluent-kafka", "p50") == pytest.approx(2.0)
    assert "p50" in table(TWO, found)


def test_every_scenario_has_programs() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    for scenario in SCENARIOS:
        assert set(scenario.counts) <= set(CLIENTS)
        for client in scenario.counts:
            assert scenario.for_client(client)["topic"].endswith(
                f"-{scenario.for_client(client)['partitions']}"
            )
