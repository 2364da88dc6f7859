"""What two minutes of the same conversation do not agree on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LEFT_OUT = {
    # The real Kafka of these tests has another default (tests/real/kafka.py).
    "retention.ms",
    # Eligible leader replicas (KIP-966), which the embedded broker has not, make it a setting of the cluster.
    "min.insync.replicas",
}
"""Topic settings that are not compared."""


def differences(kafka: Any, ours: Any, where: str = "") -> Iterator[str]:
    """One line for each difference. Of topic settings the embedded broker may know fewer, but not others."""
    if isinstance(kafka, dict) and isinstance(ours, dict):
        names = kafka.keys() | ours.keys()
        if where.endswith(".configs"):
            names = ours.keys() - LEFT_OUT
        for name in sorted(names):
            place = f"{where}.{name}"
            if name not in ours:
                yield f"{place}: only Kafka says {kafka[name]!r}"
            elif name.endswith("error_message") and kafka.get(name) is None:
                continue  # saying more than Kafka about an error harms nobody
            elif name not in kafka:
                yield f"{place}: only the embedded broker says {ours[name]!r}"
            else:
                yield from differences(kafka[name], ours[name], place)
    elif isinstance(kafka, list) and isinstance(ours, list) and len(kafka) == len(ours):
        for number, (one, other) in enumerate(zip(kafka, ours, strict=True)):
            yield from differences(one, other, f"{where}[{number}]")
    elif kafka != ours:
        yield f"{where}: Kafka says {kafka!r}, the embedded broker {ours!r}"


def compare(kafka: list[tuple[str, Any]], ours: list[tuple[str, Any]]) -> list[str]:
    """All differences of two minutes."""
    found: list[str] = []
    for (what, theirs), (same, answer) in zip(kafka, ours, strict=False):
        assert what == same, f"the conversations went apart: {what!r}, {same!r}"
        found += differences(theirs, answer, what)
    if len(kafka) != len(ours):
        found.append(f"Kafka answered {len(kafka)} questions, the embedded broker {len(ours)}")
    return found
