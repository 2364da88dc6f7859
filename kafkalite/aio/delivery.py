"""What `AsyncKafkaProducer.send` returns: a delivery that can be awaited, and asked like an asyncio future.

Thread: loop (the user's, which is the engine's).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Self, cast

from kafkalite.errors import IllegalStateError, KafkaError
from kafkalite.producer.delivery import Delivery, R

__all__ = ["AsyncDelivery"]


class AsyncDelivery(Delivery[R]):
    """The outcome of one `send` or `send_many`: `await` it for the RecordMetadata (or BulkMetadata), as often as wanted.

    It works wherever asyncio takes something to wait for (`gather`, `wait`, `wait_for`, `shield`, `as_completed`).
    Giving up waiting does not call the record back: it is on its way.
    """

    # Only those that have callbacks pay for a place to keep them in.
    __slots__ = ("_calls",)

    _calls: list[_Call]

    def __await__(self) -> Generator[Any, None, R]:
        if not self.is_done:
            waiter = asyncio.get_running_loop().create_future()

            def wake() -> None:
                if not waiter.done():  # nobody gave up
                    waiter.set_result(None)

            self.batch.on_settled(wake)
            yield from waiter
        return self.result()

    def done(self) -> bool:
        """Whether the outcome is known."""
        return self.is_done

    def result(self) -> R:
        """Where the record went. Raises what it failed with; asyncio.InvalidStateError while it is on its way."""
        outcome = self.batch.outcome(self.index)
        if outcome is None:
            raise asyncio.InvalidStateError(f"the outcome is not known yet: {self!r}")
        if isinstance(outcome, KafkaError):
            # Many records share one error: without this, each of them would make its traceback longer.
            raise outcome.with_traceback(None)
        return cast(R, outcome)

    def exception(self) -> KafkaError | None:
        """What the record failed with, None if it was written. asyncio.InvalidStateError while it is on its way."""
        outcome = self.batch.outcome(self.index)
        if outcome is None:
            raise asyncio.InvalidStateError(f"the outcome is not known yet: {self!r}")
        return outcome if isinstance(outcome, KafkaError) else None

    def cancel(self, msg: object = None) -> bool:
        """Always False: a record that was handed over is on its way and cannot be called back."""
        return False

    def cancelled(self) -> bool:
        """Always False."""
        return False

    def get(self, timeout: float | None = None) -> R:
        """The outcome, if it is known. Raises IllegalStateError otherwise: waiting here would stop the loop that
        delivers."""
        if not self.is_done:
            raise IllegalStateError(f"get() would stop the event loop; await the delivery instead: {self!r}")
        return self.result()

    def add_done_callback(self, fn: Callable[[Self], object], /, *, context: Context | None = None) -> None:
        """Have the loop call `fn(delivery)` once the outcome is known, soon if it is."""
        call = _Call(fn, self, asyncio.get_running_loop(), context)
        try:
            self._calls.append(call)
        except AttributeError:
            self._calls = [call]
        self.batch.on_settled(call.schedule)

    def remove_done_callback(self, fn: Callable[[Self], object], /) -> int:
        """Call `fn` no more; returns how often it had been added."""
        calls = getattr(self, "_calls", [])
        gone = [call for call in calls if call.fn == fn]
        for call in gone:
            call.cancelled = True
            calls.remove(call)
        return len(gone)


class _Call:
    """One callback that was added."""

    __slots__ = ("cancelled", "context", "delivery", "fn", "loop")

    def __init__(
        self,
        fn: Callable[[Any], object],
        delivery: AsyncDelivery[Any],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self.fn = fn
        self.delivery = delivery
        self.loop = loop
        self.context = context
        self.cancelled = False

    def schedule(self) -> None:
        # Through the loop, as asyncio's futures do: what the user's function raises is then reported by the loop.
        self.loop.call_soon(self.run, context=self.context)

    def run(self) -> None:
        if not self.cancelled:
            self.delivery._calls.remove(self)
            self.fn(self.delivery)
