"""What `send` returns: a record's place in its batch, from which the outcome follows once the batch has one.

Shaped like kafka-python's FutureRecordMetadata. Two slots and no state of its own: one is made for every record that is
sent, and most are thrown away unread. Made by the engine's fast path without a constructor.

Thread: any. `get` is the only thing here that waits, and refuses to where it would wait for ever.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from kafkalite.errors import ForkedError, IllegalStateError, KafkaError, KafkaTimeoutError
from kafkalite.types import RecordMetadata

from .batch import Batch

__all__ = ["Delivery"]

# A lock that is waited for on Windows does not notice Ctrl-C until the wait ends.
_WAIT_SLICE = 0.2 if sys.platform == "win32" else threading.TIMEOUT_MAX


class Delivery:
    """The outcome of one `send`, now or later."""

    __slots__ = ("batch", "index")

    batch: Batch
    index: int

    def get(self, timeout: float | None = None) -> RecordMetadata:
        """Wait for the outcome, at most `timeout` seconds (None: as long as `delivery_timeout_ms` lets it take).

        Raises what the record failed with; KafkaTimeoutError when time is up (the record is still on its way then);
        IllegalStateError in a callback, whose thread does the very work that is waited for; ForkedError.
        """
        if not self.is_done:
            self._wait(timeout)
        outcome = self.batch.outcome(self.index)
        if isinstance(outcome, RecordMetadata):
            return outcome
        assert outcome is not None
        # Many records share one error: without this, each `get` would make its traceback longer.
        raise outcome.with_traceback(None)

    def _wait(self, timeout: float | None) -> None:
        batch, _ = self.batch.locate(self.index)
        owner = batch.owner
        where = f"{batch.partition.topic}-{batch.partition.partition}"
        if owner.pid != os.getpid():
            raise ForkedError(
                f"the record for {where} was sent in process {owner.pid}; its child {os.getpid()} cannot wait for it"
            )
        if owner.loop_thread == threading.get_ident():
            raise IllegalStateError(
                f"waiting for the record for {where} in a callback, on the thread that has to deliver it,"
                " would never end: use add_callback, or wait on another thread"
            )
        gate = batch.gate()
        if gate is None:
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _WAIT_SLICE if deadline is None else min(_WAIT_SLICE, deadline - time.monotonic())
            if gate.acquire(timeout=max(0.0, left)):
                return
            if deadline is not None and time.monotonic() >= deadline:
                batch.drop_gate(gate)
                if self.is_done:  # its part of a batch that was split
                    return
                raise KafkaTimeoutError(f"the record for {where} was not acknowledged within {timeout} s")

    @property
    def is_done(self) -> bool:
        """Whether the outcome is known."""
        batch, _ = self.batch.locate(self.index)
        return batch.done

    @property
    def value(self) -> RecordMetadata | None:
        """Where the record went; None while that is open, or if it failed."""
        outcome = self.batch.outcome(self.index)
        return outcome if isinstance(outcome, RecordMetadata) else None

    # A name that classes on top may give to a method, as asyncio's futures do.
    @property
    def exception(self) -> Any:
        """What the record failed with; None while the outcome is open, or if it was written."""
        outcome = self.batch.outcome(self.index)
        return outcome if isinstance(outcome, KafkaError) else None

    def succeeded(self) -> bool:
        """Whether the record was written."""
        batch, _ = self.batch.locate(self.index)
        return batch.done and batch.error is None

    def failed(self) -> bool:
        """Whether the record failed."""
        return isinstance(self.batch.outcome(self.index), KafkaError)

    def retriable(self) -> bool:
        """Whether the record failed with something that may go better when it is sent again."""
        outcome = self.batch.outcome(self.index)
        return isinstance(outcome, KafkaError) and outcome.retriable

    def add_callback(self, f: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Have `f(*args, metadata, **kwargs)` called if the record is written: on the I/O thread, so be brief there;
        or at once if it is written already."""
        self.batch.on_outcome(self.index, True, partial(f, *args, **kwargs) if args or kwargs else f)
        return self

    def add_errback(self, f: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Have `f(*args, exception, **kwargs)` called if the record fails: like `add_callback`."""
        self.batch.on_outcome(self.index, False, partial(f, *args, **kwargs) if args or kwargs else f)
        return self

    def add_both(self, f: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Have `f` called with whatever the outcome is."""
        return self.add_callback(f, *args, **kwargs).add_errback(f, *args, **kwargs)

    def __repr__(self) -> str:
        where = f"{self.batch.partition.topic}-{self.batch.partition.partition}"
        outcome = self.batch.outcome(self.index)
        if outcome is None:
            return f"<{type(self).__name__} to {where}: on its way>"
        if isinstance(outcome, RecordMetadata):
            return f"<{type(self).__name__} to {where}: offset {outcome.offset}>"
        return f"<{type(self).__name__} to {where}: {outcome}>"
