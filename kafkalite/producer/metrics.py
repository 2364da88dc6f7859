"""What a producer counts, under the names of Java's `producer-metrics`. Written once per batch or request. Thread: loop;
any thread may read: each number is right, if not all of the same moment."""

from __future__ import annotations

from .batch import Batch

__all__ = ["ProducerMetrics"]


class Spread:
    """Average and maximum of something."""

    __slots__ = ("count", "most", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.most = 0.0

    def add(self, value: float) -> None:
        """One more value."""
        self.count += 1
        self.total += value
        if value > self.most:
            self.most = value

    @property
    def average(self) -> float:
        """The mean; 0 of nothing."""
        return self.total / self.count if self.count else 0.0


class ProducerMetrics:
    """The counters of one producer. Times are told in milliseconds, as Java does."""

    def __init__(self) -> None:
        self.records_sent = 0
        self.records_retried = 0
        self.records_failed = 0
        self.batches_split = 0
        self.requests = 0
        self.requests_in_flight = 0
        self.octets = 0
        self.batch_size = Spread()
        self.compression = Spread()
        self.records_per_request = Spread()
        self.queue_time = Spread()
        self.request_latency = Spread()
        self.throttle_time = Spread()

    def on_request(self, batches: list[Batch], now: float) -> None:
        """A request with these batches, encoded, goes out."""
        self.requests += 1
        self.requests_in_flight += 1
        records = 0
        for batch in batches:
            size = len(batch.encoded or b"")
            records += batch.count
            self.octets += size
            self.batch_size.add(size)
            if batch.size:
                self.compression.add(size / batch.size)
            if not batch.attempts:
                self.queue_time.add(now - batch.created)
        self.records_sent += records
        self.records_per_request.add(records)

    def on_answer(self, latency: float, throttle_ms: int = 0) -> None:
        """A request came to its end."""
        self.requests_in_flight -= 1
        self.request_latency.add(latency)
        self.throttle_time.add(throttle_ms)

    def numbers(self) -> dict[str, float]:
        """All of them by Java's names."""
        return {
            "record-send-total": self.records_sent,
            "record-retry-total": self.records_retried,
            "record-error-total": self.records_failed,
            "batch-split-total": self.batches_split,
            "request-total": self.requests,
            "requests-in-flight": self.requests_in_flight,
            "outgoing-byte-total": self.octets,
            "batch-size-avg": self.batch_size.average,
            "batch-size-max": self.batch_size.most,
            "compression-rate-avg": self.compression.average,
            "records-per-request-avg": self.records_per_request.average,
            "record-queue-time-avg": self.queue_time.average * 1000,
            "record-queue-time-max": self.queue_time.most * 1000,
            "request-latency-avg": self.request_latency.average * 1000,
            "request-latency-max": self.request_latency.most * 1000,
            "produce-throttle-time-avg": self.throttle_time.average,
            "produce-throttle-time-max": self.throttle_time.most,
        }
