"""Measurements, and tables of them: rates, costs, and ratios of the same round. A brain."""

from __future__ import annotations

import json
import platform
from statistics import median
from typing import Any

from .scenarios import Scenario

__all__ = ["Measurements", "table"]


class Measurements:
    """Every result of every round."""

    def __init__(self) -> None:
        self.results: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}

    def add(self, scenario: str, client: str, number: int, result: dict[str, Any]) -> None:
        self.results.setdefault((scenario, client), {})[number] = result

    def of(self, scenario: str, client: str) -> list[dict[str, Any]]:
        rounds = self.results.get((scenario, client), {})
        return [rounds[number] for number in sorted(rounds)]

    def median(self, scenario: str, client: str, what: str) -> float:
        return median(value(result, what) for result in self.of(scenario, client))

    def ratio(self, scenario: str, client: str, peer: str, what: str) -> float | None:
        """The median over rounds of client / peer; None where one of them took no part."""
        ours, theirs = self.of(scenario, client), self.of(scenario, peer)
        if not ours or not theirs:
            return None
        return median(value(a, what) / value(b, what) for a, b in zip(ours, theirs, strict=True))

    def to_json(self) -> str:
        rows = [
            {"scenario": scenario, "client": client, "rounds": list(rounds.values())}
            for (scenario, client), rounds in self.results.items()
        ]
        return json.dumps({"python": platform.python_version(), "measured": rows}, indent=1)


def value(result: dict[str, Any], what: str) -> float:
    match what:
        case "rate":
            return float(result["messages"] / result["seconds"])
        case "MB/s":
            return float(result["bytes"] / result["seconds"] / 1e6)
        case "cpu":
            return float(result["cpu"] / result["messages"] * 1e6)
        case "MB":
            return float(result["memory"] / 1e6)
    return float(result[what])


def table(scenario: Scenario, found: Measurements) -> str:
    """One scenario as lines of text."""
    clients = [client for client in scenario.counts if found.of(scenario.name, client)]
    latency = "p50" in found.of(scenario.name, clients[0])[0]
    main = "p50" if latency else "rate"
    lines = [f"\n{scenario.name}: {scenario.says}"]
    peers = [client for client in clients if not client.startswith("kafkalite")]
    head = ("p50 us", "p99 us") if latency else ("thousand/s", "MB/s")
    lines.append(
        f"  {'':<16}{head[0]:>11}{'(min-max)':>15}{head[1]:>9}{'CPU-s/M':>9}{'peak MB':>9}{'server':>8}"
        + "".join(f"{'x ' + peer:>18}" for peer in peers)
    )
    for client in clients:
        results = found.of(scenario.name, client)
        scale = 1e6 if latency else 1e-3
        all_values = sorted(value(r, main) * scale for r in results)
        second = found.median(scenario.name, client, "p99" if latency else "MB/s") * (1e6 if latency else 1)
        busy = [r["server_cpu"] / r["seconds"] for r in results if "server_cpu" in r]
        line = (
            f"  {client:<16}{median(all_values):>11,.0f}"
            f"{f'({all_values[0]:,.0f}-{all_values[-1]:,.0f})':>15}{second:>9,.0f}"
            f"{found.median(scenario.name, client, 'cpu'):>9.2f}{found.median(scenario.name, client, 'MB'):>9,.0f}"
            f"{f'{median(busy):.0%}' if busy else '':>8}"
        )
        for peer in peers:
            ratio = found.ratio(scenario.name, client, peer, main)
            line += f"{'' if ratio is None or peer == client else f'{ratio:.2f}':>18}"
        lines.append(line)
    return "\n".join(lines)
