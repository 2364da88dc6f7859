"""One broker socket: requests out, answers back in the same order. Alive or poisoned, with nothing between.

Poison is one exception, shared by everyone who waits on this connection and met by everyone who comes later; whether to
try again is decided one floor up. Small answers are cut out of a staging buffer; the rest of a large one is received
straight into its own frame, which its records keep as views. Thread: loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, NamedTuple, TypeVar

from kafkalite.errors import (
    Cancelled,
    CorrelationIdError,
    InvalidReceiveError,
    KafkaConnectionError,
    KafkaError,
    KafkaProtocolError,
    RequestTimedOutError,
)
from kafkalite.protocol import framing
from kafkalite.protocol.errors import ProtocolError
from kafkalite.protocol.message import Request, Response

__all__ = ["Connection"]

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Response)

STAGING = 64 * 1024
_HTTP_OR_TLS = (b"HTTP", b"\x15\x03", b"\x16\x03")


class Pending(NamedTuple):
    """A request whose answer has not come yet."""

    correlation_id: int
    response_type: type[Response]
    version: int
    answer: asyncio.Future[Any]


class Connection(asyncio.BufferedProtocol):
    """A connection to one address. `where` names it in messages: "node 2 at kafka:9092"."""

    def __init__(self, where: str, *, client_id: str | None, max_frame: int) -> None:
        self.where = where
        self.poison: KafkaError | None = None
        self.last_used = 0.0
        self.muted_until = 0.0
        """Loop time before which the broker wants to hear nothing (KIP-219)."""
        self._loop = asyncio.get_running_loop()
        self._client_id = client_id
        self._max_frame = max_frame
        self._transport: asyncio.Transport | None = None
        self._pending: deque[Pending] = deque()
        self._next_id = 0
        self._staging = bytearray(STAGING)
        self._staged = 0
        self._frame: bytearray | None = None
        self._filled = 0
        self._writable = asyncio.Event()
        self._writable.set()
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
        """Requests without an answer."""
        return len(self._pending)

    async def request(self, request: Request[R], version: int, timeout: float) -> R:
        """Send a request and wait for its answer, `timeout` seconds at most: silence poisons the connection.

        Raises the poison, or EncodeError for a request that cannot be written (then nothing was sent).
        """
        began = self._loop.time()
        try:
            async with asyncio.timeout(timeout):
                await self._until_writable()
                answer = self._send(request, version)
                response: R = await answer
        except TimeoutError:
            name = type(request).__name__.removesuffix("Request")
            silent = self._loop.time() - max(began, self.last_used)
            error = RequestTimedOutError(
                f"{self.where} did not answer {name} within {timeout:.3g} s (silent for {silent:.3g} s,"
                f" {self.in_flight} requests waiting). The connection is given up."
            )
            self.break_off(error)
            raise error from None
        return response

    async def send_oneway(self, request: Request[Any], version: int, timeout: float) -> None:
        """Send a request that has no answer (Produce with acks=0)."""
        async with asyncio.timeout(timeout):
            await self._until_writable()
        self._write(request, version)

    async def _until_writable(self) -> None:
        if (pause := self.muted_until - self._loop.time()) > 0:
            await asyncio.sleep(pause)
        await self._writable.wait()

    def _write(self, request: Request[Any], version: int) -> int:
        if self.poison is not None:
            raise self.poison
        assert self._transport is not None, "requests are sent after the connection was made"
        correlation_id = self._next_id
        frame = framing.encode_request(request, version, correlation_id, self._client_id)
        self._next_id = (correlation_id + 1) & 0x7FFFFFFF
        self.last_used = self._loop.time()
        self._transport.write(frame)
        return correlation_id

    def _send(self, request: Request[R], version: int) -> asyncio.Future[R]:
        correlation_id = self._write(request, version)
        answer: asyncio.Future[R] = self._loop.create_future()
        self._pending.append(Pending(correlation_id, type(request).response_type, version, answer))
        return answer

    async def close(self) -> None:
        """Close in good order; whoever still waits gets `Cancelled`. Idempotent."""
        self.break_off(Cancelled(f"the connection to {self.where} was closed by this client"), abort=False)
        if self._transport is not None:
            await asyncio.wait([self._lost], timeout=1.0)

    def break_off(self, error: KafkaError, *, abort: bool = True) -> None:
        """Poison the connection. The first poison stays."""
        if self.poison is None:
            self.poison = error
            log.debug("connection to %s is given up: %s", self.where, error)
        pending, self._pending = self._pending, deque()
        for waiting in pending:
            if not waiting.answer.done():
                waiting.answer.set_exception(self.poison)
                waiting.answer.exception()  # seen: one poison for many waiters must not be reported for each
        self._writable.set()
        if self._transport is not None:
            self._transport.abort() if abort else self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.last_used = self._loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)
        if self.poison is None:
            how = f"was lost: {exc}" if exc else "was closed by the broker"
            waiting = f" with {self.in_flight} requests waiting" if self._pending else ""
            self.break_off(KafkaConnectionError(f"the connection to {self.where} {how}{waiting}"))

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._frame is not None:
            return memoryview(self._frame)[self._filled :]
        return memoryview(self._staging)[self._staged :]

    def buffer_updated(self, nbytes: int) -> None:
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
        while staged - start >= 4 and self.poison is None:
            size = int.from_bytes(staging[start : start + 4], "big", signed=True)
            if not 4 <= size <= self._max_frame:
                raise self._not_kafka(bytes(staging[start : start + 4]), size)
            stop = start + 4 + size
            if stop <= staged:
                self._deliver(staging[start + 4 : stop])
            else:
                self._frame = bytearray(size)
                self._filled = staged - start - 4
                self._frame[: self._filled] = staging[start + 4 : staged]
                stop = staged
            start = stop
        if start:
            rest = staging[start:staged]
            staging[: len(rest)] = rest
        self._staged = staged - start

    def _not_kafka(self, first: bytes, size: int) -> KafkaError:
        if first.startswith(_HTTP_OR_TLS):
            other = "an HTTP server" if first == b"HTTP" else "a TLS listener"
            return InvalidReceiveError(f"{self.where} is {other}, not a Kafka listener in plain text")
        return InvalidReceiveError(
            f"{self.where} announced an answer of {size} bytes; at most {self._max_frame} are accepted"
            " (receive_message_max_bytes). Is it a Kafka broker?"
        )

    def _deliver(self, frame: bytearray) -> None:
        self.last_used = self._loop.time()
        try:
            correlation_id = framing.correlation_id_of(frame)
            if not self._pending or self._pending[0].correlation_id != correlation_id:
                awaited = self._pending[0].correlation_id if self._pending else "none"
                raise CorrelationIdError(
                    f"{self.where} answered request {correlation_id}, but the oldest one waiting is {awaited}"
                )
            waiting = self._pending.popleft()
            try:
                _, response = framing.decode_response(waiting.response_type, waiting.version, frame)
            except ProtocolError:
                self._pending.appendleft(waiting)
                raise
        except ProtocolError as error:
            raise KafkaProtocolError(f"{self.where} sent an answer that cannot be read: {error}") from error
        throttled: int = getattr(response, "throttle_time_ms", 0)
        if throttled > 0:
            self.muted_until = max(self.muted_until, self._loop.time() + throttled / 1000)
            log.info("%s asks for a pause of %d ms (a quota was exceeded)", self.where, throttled)
        if not waiting.answer.done():
            waiting.answer.set_result(response)

    def __repr__(self) -> str:
        state = "poisoned" if self.poison else "alive" if self._transport else "new"
        return f"<Connection to {self.where}: {state}, {self.in_flight} in flight>"
