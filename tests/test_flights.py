"""examples/flights.py: nothing lost, nothing doubled, each carrier on one partition."""

from __future__ import annotations

from .flights import archive, flights

CHECKS = (
    "per-carrier counts equal the CSV's",
    "no record lost",
    "no record doubled",
    "each carrier on one partition",
    "read where it was written",
)


def test_every_flight_goes_out_and_comes_back(bootstrap: str) -> None:
    out = flights("--bootstrap", bootstrap, "--data", str(archive()))
    assert "336,776/336,776" in out
    for check in CHECKS:
        assert f"ok  {check}" in out
    assert "BAD" not in out


def test_a_few_on_a_broker_of_its_own() -> None:
    out = flights("--limit", "2000", "--data", str(archive()))
    assert "2,000/2,000" in out
    assert "BAD" not in out
