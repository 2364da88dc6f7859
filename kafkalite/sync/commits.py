"""Commits that the program does not wait for: what `commit_async` returns, and when its callbacks run.

As in kafka-python, a commit's own callback runs on the thread that polls, in its next call, so that it may
make any call of the consumer; what is added to the `Commit` runs at once, on the I/O thread. Commits reach the
broker in the order in which they were asked for: an older one that is retried must not undo a newer one.

Thread: as each says.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, Self, TypeAlias

from kafkalite.errors import Cancelled, KafkaError, KafkaTimeoutError
from kafkalite.types import OffsetAndMetadata, TopicPartition

__all__ = ["Commit", "Commits", "Offsets"]

Offsets: TypeAlias = Mapping[TopicPartition, OffsetAndMetadata]


class Commit:
    """A commit under way, in the shape of kafka-python's futures. Thread: any."""

    __slots__ = ("_outcome", "offsets")

    def __init__(self, offsets: Offsets) -> None:
        self.offsets = offsets
        """What is committed."""
        self._outcome: Future[Offsets] = Future()

    def __repr__(self) -> str:
        state = (
            "under way" if not self.is_done else "done" if self.succeeded() else f"failed: {self.exception}"
        )
        return f"<Commit of {len(self.offsets)} partitions, {state}>"

    def get(self, timeout: float | None = None) -> Offsets:
        """Wait for it, at most `timeout` seconds; returns what was committed. Raises what it failed with,
        KafkaTimeoutError. Not for callbacks that run on the I/O thread."""
        try:
            return self._outcome.result(timeout)
        except TimeoutError:
            raise KafkaTimeoutError(f"the commit was not answered within {timeout} s") from None

    @property
    def is_done(self) -> bool:
        """Whether the outcome is known."""
        return self._outcome.done()

    @property
    def value(self) -> Offsets | None:
        """What was committed; None while that is open, or if it failed."""
        return self._outcome.result() if self.succeeded() else None

    @property
    def exception(self) -> BaseException | None:
        """What it failed with; None while the outcome is open, or if it succeeded."""
        return self._outcome.exception() if self.is_done else None

    def succeeded(self) -> bool:
        """Whether it is done, and well."""
        return self.is_done and self._outcome.exception() is None

    def failed(self) -> bool:
        """Whether it is done, and not well."""
        return self.is_done and self._outcome.exception() is not None

    def retriable(self) -> bool:
        """Whether it failed with something that may go better next time."""
        return isinstance(self.exception, KafkaError) and self.exception.retriable

    def add_callback(self, f: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Have `f(*args, offsets, **kwargs)` called once it succeeded: on the I/O thread, or at once."""
        function = partial(f, *args, **kwargs)
        self._outcome.add_done_callback(
            lambda outcome: function(outcome.result()) if outcome.exception() is None else None
        )
        return self

    def add_errback(self, f: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Have `f(*args, exception, **kwargs)` called once it failed: on the I/O thread, or at once."""
        function = partial(f, *args, **kwargs)
        self._outcome.add_done_callback(
            lambda outcome: function(error) if (error := outcome.exception()) is not None else None
        )
        return self

    def add_both(self, f: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Have `f` called with whatever the outcome is."""
        return self.add_callback(f, *args, **kwargs).add_errback(f, *args, **kwargs)

    def on_done(self, task: asyncio.Task[object]) -> None:
        """The request has ended. Thread: loop."""
        if task.cancelled():
            self._outcome.set_exception(Cancelled("the consumer was closed before the commit was answered"))
        elif (error := task.exception()) is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(self.offsets)


class Commits:
    """The commits of one consumer that nobody waits for."""

    def __init__(self) -> None:
        self._last: asyncio.Task[object] | None = None
        self._told: deque[Callable[[], object]] = deque()

    # Thread: loop.

    def start(self, commit: Commit, request: Callable[[], Awaitable[object]]) -> None:
        """Make the request once those before it are done; the commit is told."""
        self._last = asyncio.create_task(self._run(self._last, request))
        self._last.add_done_callback(commit.on_done)

    async def _run(
        self, before: asyncio.Task[object] | None, request: Callable[[], Awaitable[object]]
    ) -> object:
        if before is not None:
            await asyncio.wait([before])
            del before  # or each would keep all those before it
        return await request()

    async def all_done(self) -> None:
        """Wait for those under way: a commit that is waited for must not be overtaken by an older one."""
        if self._last is not None:
            await asyncio.wait([self._last])

    # Thread: any.

    def tell(self, callback: Callable[..., object], offsets: Offsets, outcome: object) -> None:
        """Have `callback(offsets, outcome)` called on the thread that polls."""
        self._told.append(partial(callback, offsets, outcome))

    # Thread: caller.

    def run_callbacks(self) -> None:
        """Call those whose commits are done. What one raises is the caller's; the others come next time."""
        while self._told:
            self._told.popleft()()
