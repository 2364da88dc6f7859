"""The sockets of one node: accept, frame, dispatch by API key, answer in order. Called by `broker`. Thread: loop.

A connection handles one request at a time, as Kafka does: while a handler waits, later requests of that connection wait
behind it, and those of other connections do not. What is malformed, unknown or too large ends the connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Mapping
from struct import Struct as Packer
from types import CoroutineType
from typing import Any, Final

from kafkalite.protocol import framing
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.errors import DecodeError, ProtocolError
from kafkalite.protocol.message import Response
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest

from .call import Call
from .clock import Timer
from .cluster import Cluster
from .error_answers import error_answer
from .faults import Faults, Rule
from .handlers import Handler
from .handlers.api_versions import unknown_version
from .node import Node
from .refusal import HangUp, Refusal

__all__ = ["NodeServer"]

log = logging.getLogger(__name__)

STAGING: Final = 64 * 1024
WAITING_AT_MOST: Final = 32
"""Requests that are read ahead while one is handled; then the socket is left alone."""

_START = Packer(">hhi")


class NodeServer:
    """One listening socket and its connections."""

    def __init__(self, node: Node, cluster: Cluster, faults: Faults, handlers: Mapping[int, Handler]) -> None:
        self.node = node
        self.cluster = cluster
        self.faults = faults
        self.handlers = handlers
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. With port 0 the system chooses one, which the node keeps. Raises OSError that names the address."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Connection(self), self.node.host, self.node.port)
        except OSError as error:
            raise OSError(
                error.errno,
                f"node {self.node.id} of the embedded broker cannot listen on {self.node.host} port"
                f" {self.node.port}: {error.strerror or error}. Is a broker running there already?",
            ) from error
        self.node.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the socket and cut all connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.drop_connections()

    async def drop_connections(self) -> None:
        """Cut all connections, and wait until nothing of theirs runs any more."""
        tasks = [connection.task for connection in self.connections if connection.task is not None]
        for connection in list(self.connections):
            connection.cut()
        if tasks:
            await asyncio.wait(tasks)


class Connection(asyncio.BufferedProtocol):
    """One client's socket."""

    def __init__(self, server: NodeServer) -> None:
        self.task: asyncio.Task[None] | None = None
        """The handler that this connection waits for."""
        self._server = server
        self._cluster = server.cluster
        self._transport: asyncio.Transport | None = None
        self._max_frame = server.cluster.config.number("socket.request.max.bytes")
        self._staging = bytearray(STAGING)
        self._staged = 0
        self._frame: bytearray | None = None
        self._filled = 0
        self._waiting: deque[bytearray] = deque()
        self._reading = True
        self._writable = True
        self._gone = False
        self._client_host = self._local_host = ""
        self._last_used = 0.0
        self._idle: Timer | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer, here = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self._client_host = str(peer[0]) if peer else ""
        self._local_host = str(here[0]) if here else ""
        self._server.connections.add(self)
        self._last_used = self._cluster.clock.monotonic()
        self._watch_idleness()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._waiting.clear()
        self._server.connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._go_on()

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._frame is not None:
            return memoryview(self._frame)[self._filled :]
        return memoryview(self._staging)[self._staged :]

    def buffer_updated(self, nbytes: int) -> None:
        self._last_used = self._cluster.clock.monotonic()
        if self._frame is None:
            self._staged += nbytes
            self._cut_frames()
            return
        self._filled += nbytes
        if self._filled == len(self._frame):
            frame, self._frame = self._frame, None
            self._arrived(frame)

    def _cut_frames(self) -> None:
        """Take every whole frame out of the staging buffer; begin a buffer of its own for one that goes on."""
        staging, start, staged = self._staging, 0, self._staged
        while staged - start >= 4 and not self._gone:
            size = int.from_bytes(staging[start : start + 4], "big", signed=True)
            if not 0 < size <= self._max_frame:
                self._hang_up(f"it announced a request of {size} bytes, allowed are {self._max_frame}")
                return
            stop = start + 4 + size
            if stop > staged:
                if stop - start > STAGING:
                    self._frame = bytearray(size)
                    self._filled = staged - start - 4
                    self._frame[: self._filled] = staging[start + 4 : staged]
                    start = staged
                break
            frame = staging[start + 4 : stop]
            start = stop
            self._arrived(frame)
        if start:
            rest = staging[start:staged]
            staging[: len(rest)] = rest
        self._staged = staged - start

    # One request after the other.

    def _arrived(self, frame: bytearray) -> None:
        if self._gone:
            return
        if self.task is not None or not self._writable or self._waiting:
            self._waiting.append(frame)
            if len(self._waiting) >= WAITING_AT_MOST and self._reading and self._transport is not None:
                self._reading = False
                self._transport.pause_reading()
            return
        self._handle(frame)

    def _go_on(self) -> None:
        while self._waiting and self.task is None and self._writable and not self._gone:
            self._handle(self._waiting.popleft())
        if not self._reading and len(self._waiting) < WAITING_AT_MOST // 2 and self._transport is not None:
            self._reading = True
            if not self._gone:
                self._transport.resume_reading()

    def _handle(self, frame: bytearray) -> None:
        """Answer a request now, or begin to."""
        try:
            if len(frame) < _START.size:
                raise DecodeError(f"a request of {len(frame)} bytes")
            api_key, version, correlation_id = _START.unpack_from(frame)
            handler = self._server.handlers.get(api_key)
            if handler is None or not handler.min_version <= version <= handler.max_version:
                if handler is None or api_key != ApiVersionsRequest.api_key:
                    raise DecodeError(f"API key {api_key} version {version} is not supported")
                self._send(unknown_version(handler), 0, correlation_id)
                return
            header, position = framing.decode_request_header(frame)
            request, position = handler.request_type.decode_from(frame, position, version)
            if position != len(frame):
                raise DecodeError(f"{type(request).__name__} version {version} is followed by something")
        except ProtocolError as error:
            self._hang_up(str(error))
            return
        call = Call(
            request,
            version,
            node=self._server.node,
            cluster=self._cluster,
            client_id=header.client_id,
            client_host=self._client_host,
            local_host=self._local_host,
            connection=self,
        )
        rule = self._server.faults.match(request, call.node.id) if self._server.faults.watches else None
        if rule is not None:
            self._begin(self._misbehave(rule, call, handler, correlation_id))
            return
        outcome = self._ask(handler, call)
        if isinstance(outcome, CoroutineType):
            self._begin(self._finish(outcome, call, correlation_id))
        else:
            self._answer(outcome, call, correlation_id)

    def _ask(self, handler: Handler, call: Call) -> Any:
        """What the handler returns, or the answer that stands for what it raised."""
        try:
            return handler.function(call)
        except Exception as error:
            return self._instead(call, error)

    def _instead(self, call: Call, error: Exception) -> Response | None:
        if isinstance(error, Refusal):
            return error_answer(call, error.code, error.message)
        if isinstance(error, HangUp):
            self._hang_up(str(error))
            return None
        log.error("the embedded broker failed to answer %r", call.request, exc_info=error)
        return error_answer(call, ErrorCode.UNKNOWN_SERVER_ERROR, f"{type(error).__name__}: {error}")

    async def _outcome(self, waiting: Coroutine[Any, Any, Response | None], call: Call) -> Response | None:
        try:
            return await waiting
        except Exception as error:
            return self._instead(call, error)

    async def _finish(
        self, waiting: Coroutine[Any, Any, Response | None], call: Call, correlation_id: int
    ) -> None:
        self._answer(await self._outcome(waiting, call), call, correlation_id)

    async def _misbehave(self, rule: Rule, call: Call, handler: Handler, correlation_id: int) -> None:
        if rule.delay:
            await self._cluster.clock.sleep(rule.delay)
        if rule.disconnect == "before":
            self.cut()
            return
        if rule.drop:
            await (
                asyncio.get_running_loop().create_future()
            )  # until the client gives up and the task is cancelled
        answer: Response | None
        if rule.error is not None:
            answer = error_answer(call, rule.error)
        elif rule.answer is not None:
            answer = rule.answer if isinstance(rule.answer, Response) else rule.answer(call.request)
        else:
            outcome = self._ask(handler, call)
            answer = await self._outcome(outcome, call) if isinstance(outcome, CoroutineType) else outcome
        if rule.disconnect == "after":
            self.cut()
        else:
            self._answer(answer, call, correlation_id)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self.task = asyncio.get_running_loop().create_task(work)
        self.task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the embedded broker failed on a connection", exc_info=error)
            self.cut()
        self._go_on()

    def _answer(self, response: Response | None, call: Call, correlation_id: int) -> None:
        if response is None or self._gone:
            return
        version = call.version
        if (
            response.api_key == ApiVersionsRequest.api_key
            and getattr(response, "error_code", 0) == ErrorCode.UNSUPPORTED_VERSION
        ):
            version = 0  # as a broker does that does not know the version asked for
        self._send(response, version, correlation_id)

    def _send(self, response: Response, version: int, correlation_id: int) -> None:
        if self._transport is None or self._gone:
            return
        try:
            frame = framing.encode_response(response, version, correlation_id)
        except ProtocolError as error:
            log.error("the embedded broker cannot write its answer %r", response, exc_info=error)
            self.cut()
            return
        self._transport.write(frame)

    # The end.

    def cut(self) -> None:
        """End the connection at once."""
        self._gone = True
        if self._transport is not None:
            self._transport.abort()

    def _hang_up(self, reason: str) -> None:
        """End the connection once what was answered is sent."""
        log.debug("node %d hangs up on %s: %s", self._server.node.id, self._client_host, reason)
        self._gone = True
        self._staged = 0
        self._waiting.clear()
        if self._transport is not None:
            self._transport.close()

    def _watch_idleness(self) -> None:
        clock = self._cluster.clock
        limit = self._cluster.config.seconds("connections.max.idle.ms")
        left = limit - (clock.monotonic() - self._last_used)
        if left <= 0 and self.task is None:
            self._hang_up(f"nothing came for {limit:.3g} s")
        else:
            self._idle = clock.call_later(left if left > 0 else limit, self._watch_idleness)
