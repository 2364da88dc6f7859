"""What the consumer counts, under the names of Java's consumer-fetch-manager-metrics. A brain.

Counted per batch of records and per answer, never per record. `on_consumed` is called by the thread that polls, under
the fetch buffer's lock; everything else belongs to the loop. Thread: see above; `snapshot` any.
"""

from __future__ import annotations

from kafkalite.types import TopicPartition

__all__ = ["FetchMetrics"]


class FetchMetrics:
    """Counters of one consumer."""

    def __init__(self) -> None:
        self._records = 0
        self._bytes = 0
        self._by_topic: dict[str, list[int]] = {}
        self._fetches = 0
        self._fetched_bytes = 0
        self._largest = 0
        self._latency = 0.0
        self._longest = 0.0
        self._throttled = 0
        self._most_throttled = 0

    def on_consumed(self, tp: TopicPartition, records: int, size: int) -> None:
        """Records were returned to the user; `size` bytes of batches were opened for them."""
        self._records += records
        self._bytes += size
        counts = self._by_topic.setdefault(tp.topic, [0, 0])
        counts[0] += records
        counts[1] += size

    def on_answer(self, size: int, latency: float, throttle_ms: int) -> None:
        """A broker answered a fetch, after `latency` seconds."""
        self._fetches += 1
        self._fetched_bytes += size
        self._largest = max(self._largest, size)
        self._latency += latency
        self._longest = max(self._longest, latency)
        self._throttled += throttle_ms
        self._most_throttled = max(self._most_throttled, throttle_ms)

    def snapshot(self, lag: int | None = None) -> dict[str, float]:
        """All of it now. `lag`: how far the reader is behind, at most, over all partitions."""
        fetches = max(1, self._fetches)
        values: dict[str, float] = {
            "bytes-consumed-total": self._bytes,
            "records-consumed-total": self._records,
            "fetch-total": self._fetches,
            "fetch-size-avg": self._fetched_bytes / fetches,
            "fetch-size-max": self._largest,
            "fetch-latency-avg": self._latency * 1000 / fetches,
            "fetch-latency-max": self._longest * 1000,
            "fetch-throttle-time-avg": self._throttled / fetches,
            "fetch-throttle-time-max": self._most_throttled,
            "records-per-request-avg": self._records / fetches,
        }
        if lag is not None:
            values["records-lag-max"] = lag
        for topic, (records, size) in list(self._by_topic.items()):
            values[f"topic.{topic}.records-consumed-total"] = records
            values[f"topic.{topic}.bytes-consumed-total"] = size
        return values
