"""The broker's time: the real one, or one that a test moves by hand.

Whatever in the broker waits (a fetch for data, a group for members, a fault for its delay) waits on its clock, so that
a test with a `SteppedClock` sees thirty seconds pass at once. Thread: loop, but `SteppedClock.advance` any.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "RealClock", "SteppedClock", "Timer"]


class Timer(Protocol):
    """A call that will be made."""

    def cancel(self) -> object:
        """Do not make it. Harmless once it was made."""


class Clock(ABC):
    """What time it is, and calls that are made later."""

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:  # noqa: B027
        """The broker that uses this clock runs on that loop."""

    def detach(self) -> None:  # noqa: B027
        """That broker has stopped."""

    @abstractmethod
    def time(self) -> float:
        """Seconds since 1970."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds since whenever; never goes back."""

    @abstractmethod
    def call_later(self, delay: float, call: Callable[[], object]) -> Timer:
        """Make a call after so many seconds, on the loop."""

    def time_ms(self) -> int:
        """Milliseconds since 1970, as Kafka writes times."""
        return int(self.time() * 1000)

    async def sleep(self, delay: float) -> None:
        """Wait so many seconds of this clock."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not done.done():
                done.set_result(None)

        timer = self.call_later(delay, wake)
        try:
            await done
        finally:
            timer.cancel()


class RealClock(Clock):
    """The system's time."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def call_later(self, delay: float, call: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(delay, call)


class _SteppedTimer:
    __slots__ = ("call", "cancelled", "order", "when")

    def __init__(self, when: float, order: int, call: Callable[[], object]) -> None:
        self.when = when
        self.order = order
        self.call = call
        self.cancelled = False

    def __lt__(self, other: _SteppedTimer) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        self.cancelled = True


class SteppedClock(Clock):
    """Time stands still until `advance` is called. It belongs to one broker at a time."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._passed = 0.0
        self._timers: list[_SteppedTimer] = []
        self._order = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            raise RuntimeError(
                "this SteppedClock belongs to a broker that is running; make one for each broker"
            )
        self._loop = loop

    def detach(self) -> None:
        self._loop = None

    def time(self) -> float:
        return self._start + self._passed

    def monotonic(self) -> float:
        return self._passed

    def call_later(self, delay: float, call: Callable[[], object]) -> Timer:
        timer = _SteppedTimer(self._passed + max(delay, 0.0), next(self._order), call)
        heapq.heappush(self._timers, timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Let so much time pass: everything that is due is called, in order, before this returns.

        From any thread but the broker's own. What a call wakes runs before the next one is made, so that it can set
        timers of its own within the time that passes.
        """
        if seconds < 0:
            raise ValueError(f"time does not go back: advance({seconds})")
        if self._loop is None:
            self._advance_now(seconds)
            return
        if asyncio._get_running_loop() is self._loop:
            raise RuntimeError("advance() waits for the broker: do not call it from a callback on its thread")
        asyncio.run_coroutine_threadsafe(self._advance(seconds), self._loop).result()

    async def _advance(self, seconds: float) -> None:
        target = self._passed + seconds
        await _settle()
        while (timer := self._next_due(target)) is not None:
            timer.call()
            await _settle()
        self._passed = target

    def _advance_now(self, seconds: float) -> None:
        target = self._passed + seconds
        while (timer := self._next_due(target)) is not None:
            timer.call()
        self._passed = target

    def _next_due(self, target: float) -> _SteppedTimer | None:
        while self._timers and self._timers[0].when <= target:
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self._passed = max(self._passed, timer.when)
                return timer
        return None


async def _settle() -> None:
    """Let what was woken run: a few turns of the loop see a task through several plain awaits."""
    for _ in range(5):
        await asyncio.sleep(0)
