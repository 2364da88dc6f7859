"""How much of `buffer_memory` is left, and who waits for it: first come, first served.

A brain. Whoever calls holds the accumulator's lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["Memory", "Waiter"]


class Waiter:
    """Somebody who needs that many bytes; `wake` is called when they are there."""

    __slots__ = ("size", "wake")

    def __init__(self, size: int, wake: Callable[[], None]) -> None:
        self.size = size
        self.wake = wake


class Memory:
    """Bytes for records, bounded."""

    __slots__ = ("_permits", "_queue", "exhausted", "free", "total")

    def __init__(self, total: int) -> None:
        self.total = self.free = total
        self.exhausted = 0
        """How often somebody had to wait."""
        self._queue: deque[Waiter] = deque()
        self._permits = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def take(self, least: int, wish: int) -> int:
        """From `least` to `wish` bytes; 0 if there are fewer, or if others have waited longer."""
        if self._queue and not self._permits:
            return 0
        if least > self.free:
            return 0
        if self._permits:
            self._permits -= 1
        amount = min(max(least, wish), self.free)
        self.free -= amount
        return amount

    def give(self, amount: int) -> None:
        """Bytes that are not needed any more; whoever waits longest is woken if they suffice."""
        self.free += amount
        if self._queue:
            self.serve()

    def wait(self, size: int, wake: Callable[[], None]) -> Waiter | None:
        """Stand in line; None if `size` bytes are there for the taking."""
        if not self._queue:
            # Permits of those who never came back are void.
            self._permits = 0
            if size <= self.free:
                return None
        self.exhausted += 1
        waiter = Waiter(size, wake)
        self._queue.append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Give up waiting; the next one may be content with less."""
        if waiter in self._queue:
            self._queue.remove(waiter)
            self.serve()

    def serve(self) -> None:
        """Wake those for whom there is room now."""
        # Being woken gives the right to try, not the bytes: whoever vanishes meanwhile takes nothing along.
        budget = self.free
        while self._queue and self._queue[0].size <= budget:
            waiter = self._queue.popleft()
            budget -= waiter.size
            self._permits += 1
            waiter.wake()
