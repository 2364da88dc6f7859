"""What is measured: each scenario by name, what the programs are told, and how much each client gets to do.

Slow clients get fewer records, so that a round takes about as long for each; every figure is per second or per record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["CLIENTS", "SCENARIOS", "Scenario"]

CLIENTS = {
    "kafkalite": "kafkalite_sync.py",
    "kafkalite.aio": "kafkalite_aio.py",
    "confluent-kafka": "confluent.py",
    "aiokafka": "aiokafka_client.py",
    "kafka-python": "kafka_python.py",
}
"""Name -> its program."""


@dataclass(frozen=True)
class Scenario:
    """One thing that clients do. `spec` goes to every program, `each` overrides it for one client."""

    name: str
    says: str
    spec: dict[str, Any]
    counts: dict[str, int]
    """Client -> records. A client that is not named does not take part."""
    each: dict[str, dict[str, Any]] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    """What the server serves to consumers."""
    broker: bool = False
    """Whether it needs a broker that keeps records: the embedded one."""

    def for_client(self, client: str) -> dict[str, Any]:
        partitions = self.spec.get("partitions", 1)
        return {
            "partitions": partitions,
            "topic": f"bench-{partitions}",
            "size": 100,
            "count": self.counts[client],
            **self.spec,
            **self.each.get(client, {}),
        }


def _all(ours: int, confluent: int, aiokafka: int = 0, kafka_python: int = 0, aio: int = 0) -> dict[str, int]:
    counts = {
        "kafkalite": ours,
        "kafkalite.aio": aio,
        "confluent-kafka": confluent,
        "aiokafka": aiokafka,
        "kafka-python": kafka_python,
    }
    return {client: count for client, count in counts.items() if count}


SEND = _all(600_000, 1_000_000, 120_000, 50_000, 400_000)
FASTER = _all(600_000, 1_000_000, 120_000)


def _produce(name: str, says: str, counts: dict[str, int], **spec: Any) -> Scenario:
    return Scenario(name, says, {"what": "produce", "api": "send", **spec}, counts)


def _consume(name: str, says: str, counts: dict[str, int], source: dict[str, Any], **spec: Any) -> Scenario:
    return Scenario(name, says, {"what": "consume", **spec}, counts, source=source)


SCENARIOS = [
    _produce("produce-100", "produce 100 B, one partition", SEND),
    _produce("produce-100-6", "produce 100 B, six partitions", SEND, partitions=6),
    _produce("produce-outcomes", "produce 100 B, every outcome looked at", SEND, api="outcomes"),
    _produce(
        "produce-keyed", "produce 100 B, 1,024 keys, six partitions", SEND, partitions=6, keys="recurring"
    ),
    _produce(
        "produce-new-keys", "produce 100 B, every key new, six partitions", FASTER, partitions=6, keys="new"
    ),
    _produce("produce-1k", "produce 1 KiB", _all(300_000, 500_000, 80_000, 40_000, 200_000), size=1024),
    _produce("produce-lz4", "produce 100 B, lz4", SEND, codec="lz4"),
    _produce("produce-zstd", "produce 100 B, zstd", FASTER, codec="zstd"),
    _produce("produce-snappy", "produce 100 B, snappy", FASTER, codec="snappy"),
    _produce("produce-gzip", "produce 100 B, gzip", _all(100_000, 200_000, 60_000), codec="gzip"),
    _produce("produce-variable", "produce 50 to 150 B", FASTER, sizes="variable"),
    _produce("produce-headers", "produce 100 B with two headers", FASTER, headers=True),
    _produce("produce-acks-1", "produce 100 B, acks=1", FASTER, acks=1),
    _produce("produce-threads", "produce 100 B from four threads", {"kafkalite": 600_000}, api="threads"),
    Scenario(
        "produce-many",
        "produce 100 B in lists or batches",
        {"what": "produce", "api": "send_many"},
        _all(3_000_000, 1_000_000, 1_000_000, 0, 3_000_000),
        each={"confluent-kafka": {"api": "send"}},
    ),
    _consume(
        "iterate-100",
        "iterate over 100 B",
        _all(3_000_000, 1_500_000, 300_000, 150_000, 1_500_000),
        {},
        api="iterate",
    ),
    _consume(
        "iterate-variable",
        "iterate over 50 to 150 B",
        _all(1_500_000, 1_500_000, 300_000, 100_000, 800_000),
        {"sizes": "variable"},
        api="iterate",
    ),
    _consume(
        "iterate-keyed",
        "iterate over 100 B with 16 B keys and two headers",
        _all(800_000, 1_000_000, 200_000, 80_000, 500_000),
        {"keys": True, "headers": True},
        api="iterate",
    ),
    _consume(
        "poll-100", "poll 100 B", _all(1_500_000, 1_500_000, 600_000, 150_000, 1_000_000), {}, api="poll"
    ),
    _consume(
        "poll-variable",
        "poll 50 to 150 B",
        _all(1_000_000, 1_500_000, 600_000, 150_000, 1_000_000),
        {"sizes": "variable"},
        api="poll",
    ),
    _consume(
        "poll-1k",
        "poll 1 KiB",
        _all(600_000, 600_000, 250_000, 80_000, 500_000),
        {"size": 1024, "records": 60},
        api="poll",
        size=1024,
    ),
    _consume(
        "poll-lz4", "poll 100 B, lz4", _all(1_500_000, 1_500_000, 600_000, 150_000), {"codec": 3}, api="poll"
    ),
    _consume(
        "poll-zstd",
        "poll 100 B, zstd",
        _all(1_500_000, 1_500_000, 600_000, 150_000),
        {"codec": 4},
        api="poll",
    ),
    Scenario(
        "columns-100",
        "poll 100 B as columns",
        {"what": "consume", "api": "columns"},
        _all(4_000_000, 1_500_000),
        each={"confluent-kafka": {"api": "poll"}},
    ),
    Scenario(
        "columns-variable",
        "poll 50 to 150 B as columns",
        {"what": "consume", "api": "columns"},
        _all(2_500_000, 1_500_000),
        each={"confluent-kafka": {"api": "poll"}},
        source={"sizes": "variable"},
    ),
    Scenario(
        "latency",
        "one acknowledged send",
        {"what": "latency"},
        _all(1500, 1500, 1500, 1000, 1500),
        broker=True,
    ),
    Scenario(
        "end-to-end",
        "from send to poll",
        {"what": "end_to_end"},
        _all(1500, 1500, 1500, 1000, 1500),
        broker=True,
    ),
    *(
        _produce(f"scale-records-{count}", f"produce {count:,} records", {"kafkalite": count})
        for count in (10_000, 100_000, 1_000_000, 10_000_000)
    ),
    *(
        _produce(
            f"scale-partitions-{count}",
            f"produce to {count} partitions",
            {"kafkalite": 1_500_000},
            partitions=count,
        )
        for count in (1, 10, 100)
    ),
    *(
        _produce(
            f"scale-topics-{count}",
            f"produce to {count} topics in turn",
            {"kafkalite": 1_500_000},
            api="topics",
            topics=count,
        )
        for count in (1, 10, 100)
    ),
    *(
        _consume(
            f"scale-read-{count}",
            f"poll from {count} partitions",
            {"kafkalite": 1_500_000},
            {},
            api="poll",
            partitions=count,
        )
        for count in (1, 10, 100)
    ),
    Scenario(
        "idle",
        "seconds of doing nothing",
        {"what": "idle"},
        {"kafkalite": 20, "kafka-python": 20},
        broker=True,
    ),
]
