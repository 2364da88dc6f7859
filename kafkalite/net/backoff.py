"""How long to wait before trying again: exponential, with jitter (KIP-580). A brain. Thread: any."""

from __future__ import annotations

from random import Random

__all__ = ["Backoff"]


class Backoff:
    """`initial * 2 ** attempts` seconds, at most `maximum`, times 0.8 to 1.2, and never above `maximum`."""

    __slots__ = ("_rng", "initial", "maximum")

    def __init__(self, initial: float, maximum: float, rng: Random) -> None:
        self.initial = initial
        self.maximum = max(initial, maximum)
        self._rng = rng

    def delay(self, attempts: int) -> float:
        """Seconds to wait after that many failures in a row, the first being 0."""
        grown = self.initial * 2.0 ** min(attempts, 40)
        return min(min(grown, self.maximum) * self._rng.uniform(0.8, 1.2), self.maximum)
