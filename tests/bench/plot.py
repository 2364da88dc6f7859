"""The comparison as a picture: rates of every client in every scenario. Needs matplotlib (the extra 'bench')."""

from __future__ import annotations

from pathlib import Path

from .report import Measurements
from .scenarios import CLIENTS, SCENARIOS

__all__ = ["draw"]

COLOURS = {
    "kafkalite": "#d1495b",
    "kafkalite.aio": "#edae49",
    "confluent-kafka": "#30638e",
    "aiokafka": "#00798c",
    "kafka-python": "#9aa5b1",
}


def draw(found: Measurements, path: Path) -> None:
    """One group of bars per scenario that was measured, thousand messages a second; latencies are left out."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [
        s
        for s in SCENARIOS
        if any(found.of(s.name, c) and "p50" not in found.of(s.name, c)[0] for c in s.counts)
    ]
    figure, axes = pyplot.subplots(figsize=(11, 1.2 + 0.85 * len(shown)))
    height = 0.8 / len(CLIENTS)
    for row, scenario in enumerate(shown):
        for place, client in enumerate(CLIENTS):
            results = found.of(scenario.name, client)
            if not results:
                continue
            rates = sorted(r["messages"] / r["seconds"] / 1000 for r in results)
            middle = found.median(scenario.name, client, "rate") / 1000
            axes.barh(
                row + (place - 2) * height,
                middle,
                height=height * 0.92,
                color=COLOURS[client],
                label=client if row == 0 else None,
                xerr=[[middle - rates[0]], [rates[-1] - middle]],
                error_kw={"elinewidth": 0.8, "ecolor": "#444444"},
            )
    axes.set_yticks(range(len(shown)), [s.says for s in shown])
    axes.invert_yaxis()
    axes.set_xlabel("thousand messages a second; bars are medians, whiskers the slowest and fastest round")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
