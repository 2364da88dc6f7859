"""Connections without sockets, for tests in made-up time: a transport that the test holds the other end of, and a
network of scripted peers on such transports.
"""

from __future__ import annotations

import asyncio
from typing import Any

from kafkalite.errors import KafkaConnectionError, KafkaError
from kafkalite.net.connection import Connection
from kafkalite.net.handshake import handshake
from kafkalite.net.pool import Address, Ready
from kafkalite.protocol import framing
from kafkalite.protocol.message import Response

from .peer import HANG_UP, Peer


class Wire(asyncio.Transport):
    """A transport without a socket: the test is the broker."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.aborted = self.closed = False
        self.protocol: Connection | None = None
        self.stuck = False
        """Whether a close never comes to an end, as with a peer that does not read."""

    def write(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True
        self._lose()

    def close(self) -> None:
        self.closed = True
        if not self.stuck:
            self._lose()

    def _lose(self) -> None:
        assert self.protocol is not None
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def requests(self) -> list[framing.ReceivedRequest]:
        return [framing.decode_request(frame[4:]) for frame in self.sent]


def wired(**options: Any) -> tuple[Connection, Wire]:
    options = {"client_id": "me", "max_frame": 10_000_000, **options}
    connection, wire = Connection("node 1 at b:1", **options), Wire()
    wire.protocol = connection
    connection.connection_made(wire)
    return connection, wire


def feed(connection: Connection, data: bytes, step: int | None = None) -> None:
    """Bytes arrive, in pieces of `step`, or as large as the connection takes them."""
    while data:
        buffer = connection.get_buffer(-1)
        assert len(buffer) > 0
        count = min(len(buffer), step or len(data), len(data))
        buffer[:count] = data[:count]
        buffer.release()
        connection.buffer_updated(count)
        data = data[count:]


class Line(Wire):
    """A transport to a scripted peer."""

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self._peer = peer
        self._requests: asyncio.Queue[bytes] = asyncio.Queue()
        self._served = asyncio.create_task(self._serve())

    def write(self, data: Any) -> None:
        super().write(data)
        self._requests.put_nowait(bytes(data))

    def _lose(self) -> None:
        self._served.cancel()
        super()._lose()

    async def _serve(self) -> None:
        assert self.protocol is not None
        while True:
            received = self._peer.note((await self._requests.get())[4:])
            answer = await self._peer.answer(received)
            if answer is HANG_UP:
                self.protocol.connection_lost(None)
                return
            if isinstance(answer, Response):
                answer = self._peer.frame(answer, received)
            if answer is not None:
                feed(self.protocol, answer)


class Network:
    """Peers that are reached by name. `down`: addresses that refuse; `slow`: seconds until one accepts."""

    def __init__(self, *peers: Peer, client_id: str = "me") -> None:
        self.peers: dict[Address, Peer] = {}
        self.down: set[Address] = set()
        self.slow: dict[Address, float] = {}
        self.opened: list[tuple[str, Address, float, float]] = []
        """(name, address, limit, loop time) of each attempt."""
        self.lines: list[Line] = []
        for peer in peers:
            self.add(peer)

    def add(self, peer: Peer) -> Peer:
        peer.address = (f"host{peer.node_id}", 9092)
        self.peers[peer.address] = peer
        return peer

    async def open(self, name: str, address: Address, limit: float) -> Ready:
        loop = asyncio.get_running_loop()
        self.opened.append((name, address, limit, loop.time()))
        if self.slow.get(address):
            await asyncio.sleep(self.slow[address])
        peer = self.peers.get(address)
        if peer is None or address in self.down:
            raise KafkaConnectionError(f"{name}: connection refused")
        line = Line(peer)
        connection = Connection(name, client_id="me", max_frame=1_000_000)
        line.protocol = connection
        connection.connection_made(line)
        self.lines.append(line)
        peer.connections += 1
        try:
            return Ready(connection, await handshake(connection, version="1", deadline=loop.time() + limit))
        except KafkaError:
            await connection.close()
            raise
        except BaseException:
            connection.break_off(KafkaConnectionError("given up"))
            raise

    def drop(self, peer: Peer) -> None:
        """Lose every connection to a peer."""
        for line in self.lines:
            if line._peer is peer and line.protocol is not None:
                line.protocol.connection_lost(ConnectionResetError("reset"))
