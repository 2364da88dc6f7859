"""The newcomer's two programs, each in a process of its own, on a broker that this one brings along.

    python examples/quickstart.py

Starts the embedded broker on port 9092, then examples/hello_consumer.py, then examples/hello_producer.py, both
exactly as they stand; shows what the consumer prints, and ends. `--port` puts all three on another port.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from kafkalite.broker import EmbeddedBroker
from kafkalite.protocol.messages.fetch import FetchRequest

HERE = Path(__file__).parent
DEADLINE = 30.0
"""Seconds that each step may take."""


def program(name: str, port: int) -> list[str]:
    """The command that runs one of the two programs, with its port changed if need be."""
    text = (HERE / name).read_text(encoding="utf-8")
    return [sys.executable, "-u", "-c", text.replace("localhost:9092", f"localhost:{port}")]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kafka's two first programs, on the embedded broker.")
    parser.add_argument("--port", type=int, default=9092, help="port of the broker (default: 9092)")
    port = parser.parse_args().port
    with EmbeddedBroker(port=port) as broker:
        print(f"the embedded broker listens on {broker.bootstrap_servers}")
        first_fetch = broker.on(FetchRequest)  # watches only: it answers nothing in the broker's place
        consumer = subprocess.Popen(program("hello_consumer.py", port), stdout=subprocess.PIPE, text=True)
        try:
            first_fetch.wait(1, timeout=DEADLINE)  # from here on the consumer sees every new message
            subprocess.run(program("hello_producer.py", port), check=True, timeout=DEADLINE)
            assert consumer.stdout is not None
            print(consumer.stdout.readline(), end="")
        finally:
            consumer.terminate()
            consumer.communicate(timeout=DEADLINE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
