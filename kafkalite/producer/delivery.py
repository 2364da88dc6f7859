"""What `send` returns: a record's place in its batch, from which the outcome follows once the batch has one; and what
`send_many` returns, where the `Bulk` of all its records takes the batch's place.

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
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from kafkalite.errors import ForkedError, IllegalStateError, KafkaError, KafkaTimeoutError
from kafkalite.types import RecordMetadata

from .batch import Batch
from .bulk import Bulk

if TYPE_CHECKING:
    import typing_extensions

    R = typing_extensions.TypeVar("R", default=RecordMetadata)
else:
    R = TypeVar("R")

__all__ = ["Delivery", "R"]

# A lock that is waited for on Windows does not notice Ctrl-C until the wait ends.
_WAIT_SLICE = 0.2 if sys.platform == "win32" else threading.TIMEOUT_MAX


class Delivery(Generic[R]):
    """The outcome of one `send` (a RecordMetadata) or `send_many` (a BulkMetadata), now or later."""

    __slots__ = ("batch", "index")

    batch: Batch | Bulk
    index: int

    def get(self, timeout: float | None = None) -> R:
        """Wait for the outcome, at most `timeout` seconds (None: as long as `delivery_timeout_ms` lets it take).

        Raises what the record failed with, for `send_many` BulkSendError if any of them did; KafkaTimeoutError when
        time is up (the record is still on its way then); IllegalStateError in a callback, whose thread does the very
        work that is waited for; ForkedError.
        """
        if not self.is_done:
            self._wait(timeout)
        outcome = self.batch.outcome(self.index)
        if isinstance(outcome, KafkaError):
            # Many records share one error: without this, each `get` would make its traceback longer.
            raise outcome.with_traceback(None)
        return cast(R, outcome)

    def _wait(self, timeout: float | None) -> None:
        owner, where = self.batch.owner, self.batch.where
        if owner.pid != os.getpid():
            raise ForkedError(
                f"the record for {where} was sent in process {owner.pid}; its child {os.getpid()} cannot wait for it"
            )
        if owner.loop_thread == threading.get_ident():
            raise IllegalStateError(
                f"waiting for the record for {where} in a callback, on the thread that has to deliver it,"
                " would never end: use add_callback, or wait on another thread"
            )
        deadline = None if timeout is None else time.monotonic() + timeout
        while (batch := self.batch.unsettled(self.index)) is not None:
            gate = batch.gate()
            if gate is not None and not _passed(gate, deadline):
                batch.drop_gate(gate)
                if not self.is_done:  # its part of a batch that was split might be
                    raise KafkaTimeoutError(f"the record for {where} was not acknowledged within {timeout} s")

    @property
    def is_done(self) -> bool:
        """Whether the outcome is known."""
        batch, _ = self.batch.locate(self.index)
        return batch.done

    @property
    def value(self) -> R | None:
        """Where the record went; None while that is open, or if it failed."""
        outcome = self.batch.outcome(self.index)
        return None if isinstance(outcome, KafkaError) else cast(R, outcome)

    # A name that classes on top may give to a method, as asyncio's futures do.
    @property
    def exception(self) -> Any:
        """What the record failed with; None while the outcome is open, or if it was written."""
        outcome = self.batch.outcome(self.index)
        return outcome if isinstance(outcome, KafkaError) else None

    def succeeded(self) -> bool:
        """Whether the record was written."""
        batch = self.batch
        if batch.parts is not None:  # split since; programs ask this of every record, so no call without need
            batch, _ = batch.locate(self.index)
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
        outcome = self.batch.outcome(self.index)
        if outcome is None:
            told = "on its way"
        else:
            told = f"offset {outcome.offset}" if isinstance(outcome, RecordMetadata) else str(outcome)
        return f"<{type(self).__name__} to {self.batch.where}: {told}>"


def _passed(gate: threading.Lock, deadline: float | None) -> bool:
    """Wait until a gate opens; False: it did not until the deadline."""
    while True:
        left = _WAIT_SLICE if deadline is None else min(_WAIT_SLICE, deadline - time.monotonic())
        if gate.acquire(timeout=max(0.0, left)):
            return True
        if deadline is not None and time.monotonic() >= deadline:
            return False
