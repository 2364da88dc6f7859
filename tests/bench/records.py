"""What encoding and decoding record batches costs, per record: `python -m tests.bench.records [--rounds N]`.

Batches of 590 records of 100 bytes, about 64 KiB, as in busy traffic. Each figure is the best of several rounds, so
that other load on the machine counts little; figures of different machines say nothing about each other.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from kafkalite.protocol.records import compression
from kafkalite.protocol.records.batch import RecordColumns, RecordTuple, encode_batch, read_batches
from kafkalite.protocol.records.encode import encode_records

COUNT = 590
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def batches() -> dict[str, list[RecordTuple]]:
    """Name -> records."""
    shared = (("trace", b"0123456789abcdef"), ("kind", b"x"))
    value = b"v" * 100
    return {
        "equal sizes": [(1000, None, value, ()) for _ in range(COUNT)],
        "equal sizes, over 3 ms": [(1000 + n // 200, None, value, ()) for n in range(COUNT)],
        "variable sizes": [(1000, None, b"v" * (60 + n * 7 % 81), ()) for n in range(COUNT)],
        "16-byte key and value": [(1000, b"k%015d" % n, value, ()) for n in range(COUNT)],
        "key and two headers, shared": [(1000, b"k%015d" % n, value, shared) for n in range(COUNT)],
        "key and two headers": [
            (1000, b"k%015d" % n, value, (("trace", b"%016d" % n), ("kind", b"x"))) for n in range(COUNT)
        ],
    }


def as_columns(records: list[RecordTuple]) -> RecordColumns:
    """The same records as the producer collects them."""
    times: list[tuple[int, int]] = []
    for index, (timestamp, *_) in enumerate(records):
        if not times or times[-1][1] != timestamp:
            times.append((index, timestamp))
    values = [value for _, _, value, _ in records]
    keys = [key for _, key, _, _ in records]
    headers = {index: found for index, (_, _, _, found) in enumerate(records) if found}
    return RecordColumns(
        values,
        times,
        keys=None if keys.count(None) == len(keys) else keys,
        headers=headers or None,
        sizes=[len(value or b"") for value in values],
    )


def nanoseconds(work: Callable[[], Any], rounds: int) -> float:
    """Per record."""
    work()
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(20):
            work()
        best = min(best, time.perf_counter() - began)
    return best / 20 / COUNT * 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    print(f"{'ns per record':30}{'from tuples':>13}{'from columns':>14}{'to columns':>12}{'to rows':>9}")
    for name, records in batches().items():
        columns = as_columns(records)
        (batch,) = read_batches(encode_batch(records))
        figures = [
            nanoseconds(lambda r=records: encode_records(r), rounds),  # type: ignore[misc]
            nanoseconds(lambda c=columns: encode_records(c), rounds),  # type: ignore[misc]
            nanoseconds(lambda b=batch: b.columns(), rounds),  # type: ignore[misc]
            nanoseconds(lambda b=batch: list(b.columns()), rounds),  # type: ignore[misc]
        ]
        print(f"{name:30}{figures[0]:13.0f}{figures[1]:14.0f}{figures[2]:12.0f}{figures[3]:9.0f}")
    text = b"".join(b'{"id": %d, "name": "somebody", "amount": %d}' % (n, n * n % 9973) for n in range(1500))
    block = text[: COUNT * 110]
    print(f"\n{'ns per 110 bytes':30}{'in':>13}{'out':>14}")
    for name, codec in CODECS.items():
        packed = compression.compress(codec, block)
        into = nanoseconds(lambda c=codec: compression.compress(c, block), rounds)  # type: ignore[misc]
        out = nanoseconds(lambda c=codec, p=packed: compression.decompress(c, p), rounds)  # type: ignore[misc]
        print(f"{name:30}{into:13.0f}{out:14.0f}")


if __name__ == "__main__":
    main()
