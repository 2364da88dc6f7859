"""Run the benchmarks: every client in a process of its own, in turn, several rounds, medians and ratios.

    python -m tests.bench --peers /path/to/venv/bin/python              # everything
    python -m tests.bench produce-100 poll-100 --rounds 5 --peers ...   # some
    python -m tests.bench --bootstrap localhost:9092 latency            # on a Kafka of yours

`--peers` names a Python that has kafka-python, aiokafka and confluent-kafka; without it only kafkalite is measured.
Ratios compare rates of the same round, pair by pair; the figure shown is their median. Figures of different runs,
or of different machines, say little.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .report import Measurements, table
from .scenarios import CLIENTS, SCENARIOS, Scenario

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]


class Served:
    """The server's side of a scenario, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], bootstrap: str) -> None:
        self.process, self.bootstrap = process, bootstrap

    def report(self) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))


@contextlib.contextmanager
def sink_and_source(spec: dict[str, Any]) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.server", json.dumps(spec)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        yield Served(process, f"127.0.0.1:{process.stdout.readline().strip()}")
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@contextlib.contextmanager
def embedded_broker() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "kafkalite.broker", "--port", "0", "--topic", "bench-1:1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def measure(python: str, client: str, spec: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-W", "ignore", str(PROGRAMS / CLIENTS[client]), json.dumps(spec)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT) if client.startswith("kafkalite") else ""},
    )
    if done.returncode:
        raise RuntimeError(f"{client} failed in {spec}:\n{done.stdout}{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(scenario: Scenario, options: argparse.Namespace, found: Measurements) -> None:
    clients = [c for c in scenario.counts if c in options.clients]
    for number in range(options.rounds):
        for client in clients:
            spec = scenario.for_client(client)
            python = sys.executable if client.startswith("kafkalite") else options.peers
            if options.bootstrap:
                result = measure(python, client, {**spec, "bootstrap": options.bootstrap})
            elif scenario.broker:
                with embedded_broker() as bootstrap:
                    result = measure(python, client, {**spec, "bootstrap": bootstrap})
            else:
                with sink_and_source(scenario.source) as served:
                    before = served.report()
                    result = measure(python, client, {**spec, "bootstrap": served.bootstrap})
                    result["server_cpu"] = served.report()["cpu"] - before["cpu"]
            found.add(scenario.name, client, number, result)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument(
        "scenario", nargs="*", help=f"of {', '.join(s.name for s in SCENARIOS)}; default: all"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds, alternating between clients (default: 5)"
    )
    parser.add_argument(
        "--peers", help="a Python that has kafka-python, aiokafka and confluent-kafka installed"
    )
    parser.add_argument("--clients", help="only these, by comma")
    parser.add_argument("--bootstrap", help="a running Kafka, instead of the benchmark's own server")
    parser.add_argument("--json", type=Path, help="also write every measurement to this file")
    parser.add_argument("--plot", type=Path, help="also draw the comparison (PNG; needs the extra 'bench')")
    options = parser.parse_args()
    wanted = options.clients.split(",") if options.clients else list(CLIENTS)
    options.clients = [c for c in wanted if options.peers or c.startswith("kafkalite")]
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if unknown := [name for name in options.scenario if name not in known]:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    found = Measurements()
    for name in options.scenario or known:
        run(known[name], options, found)
        print(table(known[name], found), flush=True)
    if options.json:
        options.json.write_text(found.to_json(), encoding="utf-8")
    if options.plot:
        from .plot import draw

        draw(found, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
