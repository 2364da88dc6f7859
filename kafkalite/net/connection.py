"""One broker socket: requests out, answers back in the same order. Alive or poisoned, with nothing between.

Poison is one exception, shared by everyone who waits on this connection and met by everyone who comes later; whether to
try again is decided one floor up. Requests reach the wire in the order of the calls, also when some had to wait because
the broker asked for a pause (KIP-219) or does not read. Small answers are cut out of a staging buffer; the rest of a
large one is received straight into its own frame, which its records keep as views. Thread: loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

from kafkalite.errors import (
    Cancelled,
    CorrelationIdError,
    InvalidReceiveError,
    KafkaConnectionError,
    KafkaError,
    KafkaProtocolError,
    KafkaTimeoutError,
    RequestTimedOutError,
)
from kafkalite.protocol import framing
from kafkalite.protocol.errors import ProtocolError
from kafkalite.protocol.message import Buffer, Request, Response

from .frames import Frames

__all__ = ["Connection"]

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Response)

STAGING = 64 * 1024
_HTTP_OR_TLS = (b"HTTP", b"\x15\x03", b"\x16\x03")


class _Told:
    """Stands where a future would, for somebody who is told at once instead of woken a turn of the loop later."""

    __slots__ = ("_tell",)

    def __init__(self, tell: Callable[[Any], None]) -> None:
        self._tell: Callable[[Any], None] | None = tell

    def done(self) -> bool:
        return self._tell is None

    def set_result(self, outcome: object) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(outcome)

    set_exception = set_result

    def exception(self) -> None:
        """Nobody has to look at it: it was told."""


class Pending:
    """A request that has no answer yet. `frame` is None once it was written."""

    __slots__ = ("answer", "correlation_id", "frame", "name", "response_type", "timeout", "timer", "version")

    def __init__(
        self,
        request: Request[Any],
        version: int,
        correlation_id: int,
        frame: bytes,
        answer: asyncio.Future[Any] | _Told,
        timeout: float,
        *,
        oneway: bool,
    ) -> None:
        self.name = type(request).__name__.removesuffix("Request")
        self.response_type: type[Response] | None = None if oneway else type(request).response_type
        self.version = version
        self.correlation_id = correlation_id
        self.frame: bytes | None = frame
        self.answer = answer
        self.timeout = timeout
        self.timer: asyncio.TimerHandle | None = None

    def end(self, error: KafkaError | None = None) -> None:
        """Nothing more is expected of it."""
        if self.timer is not None:
            self.timer.cancel()
        if error is not None and not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # seen: one poison for many waiters must not be reported for each


class Connection(asyncio.BufferedProtocol):
    """A connection to one address. `where` names it in messages: "node 2 at kafka:9092"."""

    def __init__(self, where: str, *, client_id: str | None, max_frame: int) -> None:
        self.where = where
        self.poison: KafkaError | None = None
        self.last_used = 0.0
        """Loop time of the last request or answer."""
        self.muted_until = 0.0
        """Loop time before which the broker wants to hear nothing (KIP-219)."""
        self._loop = asyncio.get_running_loop()
        self._client_id = client_id
        self._max_frame = max_frame
        self._transport: asyncio.Transport | None = None
        self._pending: deque[Pending] = deque()
        self._unsent: deque[Pending] = deque()
        self._blocked = False
        self._unmute: asyncio.TimerHandle | None = None
        self._next_id = 0
        self._staging = bytearray(STAGING)
        self._staged = 0
        self._frames = Frames()
        self._frame: memoryview | None = None
        self._filled = 0
        self._heard: float | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()

    @property
    def alive(self) -> bool:
        """Whether requests may be sent."""
        return self.poison is None and self._transport is not None

    @property
    def connected(self) -> bool:
        """Whether the connection was ever made."""
        return self._transport is not None

    @property
    def in_flight(self) -> int:
        """Requests without an answer, those that wait to be written included."""
        return len(self._pending) + len(self._unsent)

    async def request(self, request: Request[R], version: int, timeout: float) -> R:
        """Send a request and wait for its answer. Without one `timeout` seconds later the connection is poisoned.

        Whoever has less patience cancels: the connection stays as it is, and the late answer is dropped. Raises the
        poison; EncodeError for a request that cannot be written (then nothing was sent); KafkaTimeoutError without
        poison if the broker asked for a pause that outlasts `timeout`.
        """
        answer: asyncio.Future[R] = self._loop.create_future()
        self._submit(request, version, timeout, answer)
        return await answer

    def post(
        self, request: Request[R], version: int, timeout: float, tell: Callable[[R | KafkaError], None]
    ) -> None:
        """Like `request`, for whoever does not wait: `tell` is called with the answer, or with what went wrong.

        It must not raise. Raises the poison and EncodeError, and then tells nothing.
        """
        self._submit(request, version, timeout, _Told(tell))

    async def send_oneway(self, request: Request[Any], version: int, timeout: float) -> None:
        """Send a request that has no answer (Produce with acks=0): done when it was handed to the socket."""
        handed_over: asyncio.Future[None] = self._loop.create_future()
        self._submit(request, version, timeout, handed_over, oneway=True)
        await handed_over

    def _submit(
        self,
        request: Request[Any],
        version: int,
        timeout: float,
        answer: asyncio.Future[Any] | _Told,
        *,
        oneway: bool = False,
    ) -> None:
        if self.poison is not None:
            raise self.poison.with_traceback(None)
        assert self._transport is not None, "requests are sent after the connection was made"
        correlation_id = self._next_id
        frame = framing.encode_request(request, version, correlation_id, self._client_id)
        self._next_id = (correlation_id + 1) & 0x7FFFFFFF
        entry = Pending(request, version, correlation_id, frame, answer, timeout, oneway=oneway)
        if self._unsent or self._held_back():
            entry.timer = self._loop.call_later(timeout, self._overdue, entry)
            self._unsent.append(entry)
        else:
            self._write(entry)

    def _held_back(self) -> bool:
        """Whether nothing may be written now."""
        if self._blocked:
            return True
        if self.muted_until <= self._loop.time():
            return False
        if self._unmute is None:
            self._unmute = self._loop.call_at(self.muted_until, self._on_unmute)
        return True

    def _on_unmute(self) -> None:
        self._unmute = None
        self._flush()

    def _flush(self) -> None:
        while self._unsent and self.poison is None:
            if self._unsent[0].answer.done():  # given up by whoever asked
                self._unsent.popleft().end()
            elif self._held_back():
                return
            else:
                self._write(self._unsent.popleft())

    def _write(self, entry: Pending) -> None:
        assert self._transport is not None
        assert entry.frame is not None
        frame, entry.frame = entry.frame, None
        self.last_used = self._loop.time()
        if entry.timer is not None:
            entry.timer.cancel()  # the broker has all the time that it would have had without the pause
        if entry.response_type is None:
            entry.answer.set_result(None)
        else:
            entry.timer = self._loop.call_later(entry.timeout, self._overdue, entry)
            self._pending.append(entry)
        self._transport.write(frame)

    def _overdue(self, entry: Pending) -> None:
        now, timeout = self._loop.time(), entry.timeout
        if entry.frame is not None and (entry.answer.done() or not self._blocked):
            # Nothing was sent and the broker has said so itself: no reason to distrust the connection.
            self._unsent.remove(entry)
            entry.end(
                KafkaTimeoutError(
                    f"{entry.name} was not sent to {self.where} within {timeout:.3g} s: the broker asked for a pause"
                    f" because a quota was exceeded, {max(0.0, self.muted_until - now):.3g} s of it are left"
                )
            )
            return
        heard = "nothing was heard yet"
        if self._heard is not None:
            heard = f"the last answer came {now - self._heard:.3g} s ago"
        verb = "answer" if entry.frame is None else "take"
        self.break_off(
            RequestTimedOutError(
                f"{self.where} did not {verb} {entry.name} within {timeout:.3g} s ({heard}, {self.in_flight} requests"
                " wait). The connection is given up."
            )
        )

    async def close(self) -> None:
        """Close in good order; whoever still waits gets `Cancelled`. Idempotent."""
        self.break_off(Cancelled(f"the connection to {self.where} was closed by this client"), abort=False)
        if self._transport is None:
            return
        await asyncio.wait([self._lost], timeout=1.0)
        if not self._lost.done():  # what was written last is not being read
            self._transport.abort()
            await asyncio.wait([self._lost], timeout=1.0)

    def break_off(self, error: KafkaError, *, abort: bool = True) -> None:
        """Poison the connection. The first poison stays."""
        if self.poison is None:
            self.poison = error
            log.debug("connection to %s is given up: %s", self.where, error)
        waiting = [*self._pending, *self._unsent]
        self._pending.clear()
        self._unsent.clear()
        for entry in waiting:
            entry.end(self.poison)
        if self._unmute is not None:
            self._unmute.cancel()
        if self._transport is not None:
            self._transport.abort() if abort else self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.last_used = self._loop.time()
        if self.poison is not None:  # given up while it was being made
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)
        self._gone(f"was lost: {exc}" if exc else "was closed by the broker")

    def eof_received(self) -> bool:
        self._gone("was closed by the broker")
        return False

    def _gone(self, how: str) -> None:
        if self.poison is None:
            waiting = f" with {self.in_flight} requests waiting" if self.in_flight else ""
            self.break_off(KafkaConnectionError(f"the connection to {self.where} {how}{waiting}"))

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        if self.poison is not None:
            return memoryview(self._staging)  # what still comes is dropped
        if self._frame is not None:
            return self._frame[self._filled :]
        return memoryview(self._staging)[self._staged :]

    def buffer_updated(self, nbytes: int) -> None:
        if self.poison is not None:
            return
        try:
            if self._frame is None:
                self._staged += nbytes
                self._cut_frames()
            else:
                self._filled += nbytes
                if self._filled == len(self._frame):
                    frame, self._frame = self._frame, None
                    self._deliver(frame)
        except KafkaError as error:
            self.break_off(error)

    def _cut_frames(self) -> None:
        """Hand out every whole frame in the staging buffer; begin a frame of its own for one that goes on."""
        staging, start, staged = self._staging, 0, self._staged
        while staged - start >= 4:
            first = bytes(staging[start : start + 4])
            size = int.from_bytes(first, "big", signed=True)
            if not 4 <= size <= self._max_frame or (self._heard is None and first.startswith(_HTTP_OR_TLS)):
                raise self._not_kafka(first, size)
            stop = start + 4 + size
            if stop <= staged:
                self._deliver(staging[start + 4 : stop])
            else:
                self._frame = self._frames.lend(size)
                self._filled = staged - start - 4
                self._frame[: self._filled] = staging[start + 4 : staged]
                stop = staged
            start = stop
        if start:
            rest = staging[start:staged]
            staging[: len(rest)] = rest
        self._staged = staged - start

    def _not_kafka(self, first: bytes, size: int) -> KafkaError:
        if self._heard is None and first.startswith(_HTTP_OR_TLS):
            other = "an HTTP server" if first == b"HTTP" else "a TLS listener"
            return InvalidReceiveError(f"{self.where} is {other}, not a Kafka listener in plain text")
        return InvalidReceiveError(
            f"{self.where} announced an answer of {size} bytes; at most {self._max_frame} are accepted"
            " (receive_message_max_bytes). Is it a Kafka broker?"
        )

    def _deliver(self, frame: Buffer) -> None:
        self.last_used = self._heard = self._loop.time()
        correlation_id = framing.correlation_id_of(frame)
        if not self._pending or self._pending[0].correlation_id != correlation_id:
            awaited = self._pending[0].correlation_id if self._pending else "none"
            raise CorrelationIdError(
                f"{self.where} answered request {correlation_id}, but the oldest one waiting is {awaited}"
            )
        entry = self._pending[0]
        assert entry.response_type is not None
        try:
            _, response = framing.decode_response(entry.response_type, entry.version, frame)
        except ProtocolError as error:
            raise KafkaProtocolError(f"{self.where} sent an answer that cannot be read: {error}") from error
        self._pending.popleft().end()
        throttled: int = getattr(response, "throttle_time_ms", 0)
        if throttled > 0:
            self.muted_until = max(self.muted_until, self._loop.time() + throttled / 1000)
            log.info("%s asks for a pause of %d ms (a quota was exceeded)", self.where, throttled)
        if not entry.answer.done():
            entry.answer.set_result(response)

    def __repr__(self) -> str:
        state = "poisoned" if self.poison else "alive" if self._transport else "new"
        return f"<Connection to {self.where}: {state}, {self.in_flight} in flight>"
