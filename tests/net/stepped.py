"""Tests in made-up time: a loop whose clock jumps to the next timer as soon as nothing else is left to do.

    @stepped
    async def test_an_hour_passes(): ...

Hours pass in no time, always in the same order. A test that waits for what nothing will bring fails at once. Only for
tests without sockets and threads.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class SteppedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: SteppedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("nothing will ever happen: everything waits, and no timer is set")
        self._loop.now += max(0.0, timeout)
        return super().select(0)


def stepped(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **options: Any) -> None:
        with asyncio.Runner(loop_factory=SteppedLoop) as runner:
            runner.run(test(*args, **options))

    return run
