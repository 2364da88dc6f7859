"""From a host and port to a connection that has shaken hands: DNS, TCP, TLS, ApiVersions, SASL. Thread: loop.

Every failure names its cause: a name that does not resolve, a refused or reset connection, silence, or an answer that
is not Kafka's. All addresses of a name are tried in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from kafkalite.config import ConnectionConfig
from kafkalite.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaProtocolError,
    KafkaTimeoutError,
    RequestTimedOutError,
)

from .connection import Connection
from .handshake import Versions, handshake
from .pool import Address, Ready
from .tls import ssl_context

__all__ = ["Dialer", "resolve"]

Place = tuple[socket.AddressFamily, Address]


class Dialer:
    """Opens connections as the options say. `software_version` is told to brokers (KIP-511)."""

    def __init__(self, config: ConnectionConfig, software_version: str) -> None:
        self._config = config
        self._software_version = software_version

    async def open(self, name: str, address: Address, limit: float) -> Ready:
        """A ready connection. `name` names the broker in messages.

        `limit` is for looking the name up, and again for each of its addresses: TCP, TLS and SASL (KIP-601).
        """
        causes: list[KafkaError] = []
        for place in await resolve(address, limit):
            try:
                return await self._open_one(name, address[0], place, limit)
            except KafkaError as error:
                if error.fatal:
                    raise
                causes.append(error)
        if len(causes) == 1:
            raise causes[0]
        hope = any(error.retriable for error in causes)
        failure = KafkaConnectionError if hope else KafkaProtocolError
        raise failure(f"{name}: no address works: {'; '.join(map(str, causes))}") from causes[-1]

    async def _open_one(self, name: str, host: str, place: Place, limit: float) -> Ready:
        config = self._config
        shown = name if place[1][0] in name else f"{name} ({place[1][0]})"
        deadline = asyncio.get_running_loop().time() + limit
        connection = Connection(shown, client_id=config.client_id, max_frame=config.receive_message_max_bytes)
        try:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._connect(connection, host, place)
            except TimeoutError as error:
                if error.errno is not None:  # the system's own limit, reached before ours
                    raise KafkaConnectionError(f"{shown}: {_cause(error)}") from error
                raise KafkaTimeoutError(
                    f"{shown} did not accept a connection within {limit:.3g} s"
                    " (socket_connection_setup_timeout_ms). Is there a firewall between?"
                ) from error
            except OSError as error:
                raise KafkaConnectionError(f"{shown}: {_cause(error)}") from error
            return Ready(connection, await self._handshake(connection, deadline, limit))
        except KafkaError:
            await connection.close()
            raise
        except BaseException:
            connection.break_off(KafkaConnectionError(f"connecting to {shown} was given up"))
            raise

    async def _handshake(self, connection: Connection, deadline: float, limit: float) -> Versions:
        try:
            return await handshake(connection, version=self._software_version, deadline=deadline)
        except RequestTimedOutError as error:
            raise KafkaTimeoutError(
                f"{connection.where} accepted the connection but sent no answer within {limit:.3g} s"
                " (socket_connection_setup_timeout_ms). Is it a Kafka listener, and is security_protocol right?"
            ) from error

    async def _connect(self, connection: Connection, host: str, place: Place) -> None:
        """TCP, and TLS where it is asked for."""
        sock = await self._tcp(*place)
        context = ssl_context(self._config)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection, sock=sock, ssl=context, server_hostname=None if context is None else host
            )
        except BaseException:
            sock.close()
            raise

    async def _tcp(self, family: socket.AddressFamily, where: Address) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            for option in self._config.socket_options:
                sock.setsockopt(*option)
            if self._config.send_buffer_bytes is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._config.send_buffer_bytes)
            if self._config.receive_buffer_bytes is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._config.receive_buffer_bytes)
            await asyncio.get_running_loop().sock_connect(sock, where)
        except BaseException:
            with contextlib.suppress(OSError):
                sock.close()
            raise
        return sock


def _cause(error: OSError) -> str:
    """An operating system's error, with a word about what it usually means."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nothing listens there"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "connection reset while it was set up"
    return error.strerror or str(error)


async def resolve(address: Address, limit: float) -> list[Place]:
    """All addresses of a host name, in the system's order. Raises an error naming the host, after `limit` seconds."""
    host, port = address
    try:
        async with asyncio.timeout(limit):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise KafkaTimeoutError(
            f"the host name {host!r} could not be resolved within {limit:.3g} s: DNS is silent"
        ) from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a label too long for DNS
        cause = getattr(error, "strerror", None) or error
        raise KafkaConnectionError(
            f"the host name {host!r} cannot be resolved: {cause}. Check bootstrap_servers and DNS"
        ) from error
    return list(dict.fromkeys((family, (str(where[0]), port)) for family, _, _, _, where in found))
