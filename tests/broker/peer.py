"""A client with no wits: it encodes a request, writes it to a socket, and reads the answer. Blocking, one at a time.

with Peer(broker) as peer:
    answer = peer.ask(MetadataRequest(topics=None), 13)
"""

from __future__ import annotations

import socket
from typing import Any, TypeVar

from kafkalite.broker import EmbeddedBroker
from kafkalite.protocol import framing
from kafkalite.protocol.message import Request, Response

R = TypeVar("R", bound=Response)

PATIENCE = 10.0


class Peer:
    """One connection to one node. Requests may be pipelined: `send` several, then `receive` each."""

    def __init__(self, broker: EmbeddedBroker, node_id: int = 1, *, client_id: str | None = "peer") -> None:
        node = next(node for node in broker.nodes if node.id == node_id)
        self._socket = socket.create_connection((node.host, node.port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client_id = client_id
        self._next_id = 1
        self._sent: list[tuple[int, type[Response], int]] = []

    def ask(self, request: Request[R], version: int) -> R:
        """Send a request and return its answer."""
        self.send(request, version)
        return self.receive()

    def send(self, request: Request[Any], version: int, *, answered: bool = True) -> None:
        """Write a request. `answered` is false for those that get no answer."""
        correlation_id = self._next_id
        self._next_id += 1
        self.write(framing.encode_request(request, version, correlation_id, self._client_id))
        if answered:
            self._sent.append((correlation_id, type(request).response_type, version))

    def write(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._socket.sendall(data)

    def receive(self) -> Any:
        """The answer to the oldest request that has none yet."""
        correlation_id, response_type, version = self._sent.pop(0)
        found, response = framing.decode_response(response_type, version, self.read_frame())
        assert found == correlation_id, f"answer {found} to request {correlation_id}"
        return response

    def read_frame(self) -> bytes:
        """One frame without its size. Raises EOFError if the broker hung up."""
        return self._read(int.from_bytes(self._read(4), "big"))

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self._socket.recv(size - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                raise EOFError("the broker hung up")
            data += more
        return data

    def is_hung_up_on(self) -> bool:
        """Wait for the end of the connection; False if the broker says something instead, or goes on waiting."""
        try:
            return self._socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def has_answer(self, within: float) -> bool:
        """Whether something arrives within so many seconds."""
        self._socket.settimeout(within)
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(PATIENCE)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
