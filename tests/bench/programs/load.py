"""What every client's program shares: the records to send, the clock around the measured part, the result as JSON.

Imports nothing but the standard library, since each program runs where its client is installed.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

TOUCHED = 4096
"""Different values that are sent in turn."""


def scenario() -> dict[str, Any]:
    return dict(json.loads(sys.argv[1]))


def values(spec: dict[str, Any]) -> list[bytes]:
    dice = random.Random(2)
    size = spec["size"]
    made = []
    for _ in range(TOUCHED):
        length = dice.randrange(size // 2, size * 3 // 2 + 1) if spec.get("sizes") == "variable" else size
        made.append(dice.randbytes(length // 4) * 4 + bytes(length % 4))
    return made


def all_values(spec: dict[str, Any]) -> list[bytes]:
    """As many as are to be sent."""
    return list(islice(cycle(values(spec)), spec["count"]))


def all_keys(spec: dict[str, Any]) -> list[bytes] | None:
    """None without keys; 1,024 recurring ones; or one for each record."""
    match spec.get("keys"):
        case "recurring":
            return list(islice(cycle([b"key-%012d" % n for n in range(1024)]), spec["count"]))
        case "new":
            return [b"key-%012d" % n for n in range(spec["count"])]
    return None


def headers(spec: dict[str, Any]) -> list[tuple[str, bytes]] | None:
    return [("trace", b"0123456789abcdef"), ("source", b"bench")] if spec.get("headers") else None


class Measured:
    """Wall clock, CPU and memory of the part that counts."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> Measured:
        times = os.times()
        self._cpu = times.user + times.system
        self._wall = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self.wall = time.perf_counter() - self._wall
        times = os.times()
        self.cpu = times.user + times.system - self._cpu


def peak_memory() -> int:
    """Bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def tell(measured: Measured, messages: int, octets: int, **more: Any) -> None:
    result = {
        "seconds": measured.wall,
        "cpu": measured.cpu,
        "messages": messages,
        "bytes": octets,
        "memory": peak_memory(),
        **more,
    }
    print(json.dumps(result))


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100]}


def chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
