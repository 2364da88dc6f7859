"""The portal: how an ordinary thread asks the engine's event loop for something, and waits.

One portal per client: one event loop in one daemon thread. Called by the sync doors only.

Thread: any, locked. `_main` and everything below "on the loop" runs on the portal's own thread.

Three promises:

* A call never hangs for a reason that can be known beforehand: a call from the portal's own thread (a
  callback that waits would stop the very I/O it waits for), from a forked child (the thread did not come
  along), or on a closed portal is refused at once, with an error that says what to do.
* A call that is waiting is always answered: closing cancels what runs and wakes whoever waits for it.
* Closing, deletion and the end of the process are harmless in a forked child. The child shares the parent's
  sockets and, on Linux, its epoll set, so it must not even close its copy of the loop.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

from kafkalite.errors import ForkedError, IllegalStateError, KafkaError, KafkaTimeoutError

log = logging.getLogger(__name__)

T = TypeVar("T")

EXIT_TIMEOUT = 5.0
"""Seconds that all clients together get to flush and close when the interpreter ends."""

CANCEL_TIMEOUT = 2.0
"""Seconds that cancelled tasks get to clean up before the loop closes."""

# A lock that is waited for on Windows does not notice Ctrl-C until the wait ends.
WAIT_SLICE = 0.2 if sys.platform == "win32" else threading.TIMEOUT_MAX


class _Call(Generic[T]):
    """One coroutine on its way to the loop, and its outcome on the way back."""

    __slots__ = ("_coro", "_error", "_gate", "_loop", "_result", "_task", "_what")

    _result: T

    def __init__(self, coro: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, what: str) -> None:
        self._coro = coro
        self._loop = loop
        self._what = what
        self._error: BaseException | None = None
        self._task: asyncio.Task[T] | None = None
        # A bare lock is the cheapest thing to wait for: an Event makes a condition and a second lock.
        self._gate = threading.Lock()
        self._gate.acquire()

    # --- on the loop

    def start(self) -> None:
        self._task = task = self._loop.create_task(self._coro)
        task.add_done_callback(self._on_done)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _on_done(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._error = KafkaError(f"{self._what} was closed while a call was waiting")
        else:
            self._error = task.exception()
            if self._error is None:
                self._result = task.result()
        self._gate.release()

    # --- on the caller's thread

    def wait(self, timeout: float | None) -> T:
        try:
            done = self._wait_gate(timeout)
        except BaseException:  # Ctrl-C, or an exception thrown into this thread: the work stops too
            self._give_up()
            raise
        if not done:
            self._give_up()
            raise KafkaTimeoutError(f"{self._what} gave no answer within {timeout} s")
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # the traceback holds this frame: break the circle
        return self._result

    def _give_up(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: then the task is cancelled already
            self._loop.call_soon_threadsafe(self.cancel)

    def _wait_gate(self, timeout: float | None) -> bool:
        if timeout is None and WAIT_SLICE == threading.TIMEOUT_MAX:
            return self._gate.acquire()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = WAIT_SLICE if deadline is None else min(WAIT_SLICE, deadline - time.monotonic())
            if self._gate.acquire(timeout=max(0.0, left)):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False


class Portal:
    """An event loop in a daemon thread, and the only way into it.

    `name` is what errors and the thread are called after. `farewell` makes the coroutine that ends the client
    when nobody called `close()`: at the end of the process, or when the client was deleted. `loop_factory`
    makes the loop (`uvloop.new_event_loop`, say); the default is asyncio's own. `on_fork`, if set, runs in a
    forked child, before anything else of the child: the door puts its fast paths out of use there.
    """

    def __init__(
        self,
        name: str,
        *,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        self.name = name
        self.pid = os.getpid()
        self.forked = False
        self.farewell: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.on_fork: Callable[[], object] | None = None
        self._closed = False
        self._finishing = False
        self._lock = threading.Lock()
        self._loop = (loop_factory or asyncio.new_event_loop)()
        self._thread = threading.Thread(target=self._main, name=f"{name} I/O", daemon=True)
        self._thread.start()
        with _portals_lock:
            _portals.add(self)

    def __repr__(self) -> str:
        state = "forked" if self.forked else "closed" if self._closed else "open"
        return f"<Portal {self.name} {state} pid={self.pid}>"

    @property
    def closed(self) -> bool:
        """Whether `close()` or `abandon()` was called."""
        return self._closed

    def check(self) -> None:
        """Refuse at once what could only hang. Raises ForkedError, IllegalStateError."""
        if self.forked or os.getpid() != self.pid:
            raise self.forked_error()
        if threading.current_thread() is self._thread:  # not its number: that is given away again after close
            raise IllegalStateError(
                f"{self.name}: a call that waits was made from a callback, on the client's own I/O thread; "
                "waiting there would stop the I/O that it waits for. Hand the work to another thread."
            )
        if self._closed:
            raise IllegalStateError(f"{self.name} is closed")

    def forked_error(self) -> ForkedError:
        return ForkedError(
            f"this {self.name} was created in process {self.pid} and does not work in its child "
            f"{os.getpid()}; create it again after fork"
        )

    def run(self, coro: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run `coro` on the loop and wait for its result, at most `timeout` seconds (None: as long as it takes;
        everything the engine does has its own deadline).

        Raises whatever the coroutine raises; KafkaTimeoutError; ForkedError in a forked child;
        IllegalStateError on the portal's own thread or after close.
        """
        call = _Call(coro, self._loop, self.name)
        try:
            self.check()
            with self._lock:  # nothing is posted after the order to stop
                if self._closed:
                    raise IllegalStateError(f"{self.name} is closed")
                self._loop.call_soon_threadsafe(call.start)
        except BaseException:
            coro.close()
            raise
        return call.wait(timeout)

    def post(self, function: Callable[[], object]) -> bool:
        """Have the loop call `function` soon, without waiting. False: the portal is closed or forked."""
        if self.forked or os.getpid() != self.pid:
            return False
        with self._lock:
            if self._closed:
                return False
            self._loop.call_soon_threadsafe(function)
            return True

    def open(
        self, first: Coroutine[Any, Any, None], farewell: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Run the client's first coroutine; if it fails, say farewell, stop, and raise its error."""
        self.farewell = farewell
        try:
            self.run(first)
        except Exception:
            self.abandon()
            self.join(CANCEL_TIMEOUT)
            raise
        except BaseException:
            self.abandon()
            raise

    def finish(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run the client's last coroutine and stop. Only the first call does; later ones, and those of a forked
        child, return at once."""
        if self.forked or os.getpid() != self.pid or self._closed:
            return
        self.check()
        with self._lock:
            first, self._finishing = not self._finishing, True
        if first:
            try:
                self.run(last())
            finally:
                self.close(CANCEL_TIMEOUT * 2)

    def close(self, timeout: float | None = None) -> None:
        """Stop the loop and wait for its thread, at most `timeout` seconds. Idempotent; nothing in a child."""
        if self._stop_accepting():
            self._loop.call_soon_threadsafe(self._loop.stop)
        if not self.forked and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def abandon(self) -> None:
        """Say farewell and stop, without waiting: the client was deleted, or the process ends."""
        if self._stop_accepting():
            self._loop.call_soon_threadsafe(self._say_farewell)

    def join(self, timeout: float) -> None:
        """Wait for the thread to end, at most `timeout` seconds."""
        if not self.forked and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _stop_accepting(self) -> bool:
        if self.forked or os.getpid() != self.pid:
            return False
        with self._lock:
            first, self._closed = not self._closed, True
        return first

    # --- on the loop

    def _say_farewell(self) -> None:
        farewell, self.farewell = self.farewell, None
        if farewell is None:
            self._loop.stop()
            return
        task = self._loop.create_task(farewell())
        task.add_done_callback(self._on_farewell)

    def _on_farewell(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("%s did not close in order: %s", self.name, error)
        self._loop.stop()

    def _main(self) -> None:
        loop = self._loop
        try:
            while True:
                try:
                    loop.run_forever()
                    break
                except (
                    KeyboardInterrupt,
                    SystemExit,
                ):  # raised by a callback; only the user's thread may end
                    log.exception("%s: a callback tried to end the process", self.name)
        finally:
            try:
                loop.run_until_complete(_cancel_everything())
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()
                with _portals_lock:
                    _portals.discard(self)

    # --- in a forked child

    def _after_fork(self) -> None:
        self.forked = True
        self._closed = True
        if self.on_fork is not None:
            self.on_fork()


class Turn:
    """One thread at a time; that thread again inside its own turn. Refuses instead of waiting."""

    __slots__ = ("_holder", "_lock", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.RLock()
        self._holder = ""

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise IllegalStateError(
                f"{self._name} is for one thread at a time, and thread {self._holder!r} is using it now; "
                f"give each thread a {self._name} of its own"
            )
        self._holder = threading.current_thread().name

    def __exit__(self, *_: object) -> None:
        self._lock.release()


async def _cancel_everything() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CANCEL_TIMEOUT)


_portals: weakref.WeakSet[Portal] = weakref.WeakSet()
_portals_lock = threading.Lock()
_left_behind: list[Portal] = []
"""Portals that a fork left without their thread. Kept for ever: collecting a loop would close it, which on
Linux takes the parent's sockets out of the epoll set that both processes share."""


def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT
    with _portals_lock:
        portals = list(_portals)
    for portal in portals:
        portal.abandon()
    for portal in portals:
        portal.join(max(0.0, deadline - time.monotonic()))


def _in_child() -> None:
    global _portals_lock
    _portals_lock = threading.Lock()  # another thread may have held it at the moment of the fork
    portals = list(_portals)
    _portals.clear()
    _left_behind.extend(portals)
    for portal in portals:
        portal._after_fork()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
