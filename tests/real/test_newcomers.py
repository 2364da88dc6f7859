"""The two programs of every tutorial, exactly as they stand, on a real Kafka at localhost:9092."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import running
from .kafka import PATIENCE, Cluster

EXAMPLES = Path(__file__).parents[2] / "examples"
MESSAGE = "Received message: This is a test message"


@pytest.fixture
def kafka_at_9092(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kafka of its own, at the address that the programs name. Not to be had while the port is taken."""
    yield from running(1, tmp_path_factory, port=9092)


@pytest.mark.usefixtures("kafka_at_9092")
def test_the_first_two_programs() -> None:
    consumer = subprocess.Popen(
        [sys.executable, "-u", "-W", "error", str(EXAMPLES / "hello_consumer.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert consumer.stdout
    first: list[str] = []
    reader = threading.Thread(target=lambda: first.append(consumer.stdout.readline()), daemon=True)  # type: ignore[union-attr]
    reader.start()
    try:
        # A consumer without a group reads what comes from now on; when that is, only a message that comes can tell.
        for _ in range(int(PATIENCE)):
            subprocess.run(
                [sys.executable, "-W", "error", str(EXAMPLES / "hello_producer.py")], check=True, timeout=60
            )
            reader.join(timeout=1)
            if first:
                break
    finally:
        consumer.kill()
        _, err = consumer.communicate()
    assert [line.strip() for line in first] == [MESSAGE], err
