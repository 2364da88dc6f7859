"""An event loop whose clock jumps to the next timer when nothing else is left to do: hours pass in no time, and in order.

Only for tests that touch no socket and no thread. A test that would wait for ever fails at once.
"""

from __future__ import annotations

import asyncio
import functools
import selectors


class _Jumping(selectors.DefaultSelector):
    loop = None

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("the test waits for something that nobody will do")
        if timeout > 0:
            self.loop.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.now = 1000.0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self):
        return self.now


def in_virtual_time(test):
    """Run an async test on a loop of this kind."""

    @functools.wraps(test)
    def run(*arguments, **named):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*arguments, **named))

    return run


async def settle():
    """Let everything happen that needs no time to pass."""
    for _ in range(50):
        await asyncio.sleep(0)
