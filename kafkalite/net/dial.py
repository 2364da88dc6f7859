"""From a host and port to a connection that has shaken hands: DNS, TCP, TLS, ApiVersions, SASL. Thread: loop.

Every failure names its cause: a name that does not resolve, a refused or reset connection, silence, or an answer that
is not Kafka's. All addresses of a name are tried in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from kafkalite.config import ConnectionConfig
from kafkalite.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, RequestTimedOutError

from .connection import Connection
from .handshake import handshake
from .pool import Address, Ready, resolve
from .tls import ssl_context

__all__ = ["Dialer"]


class Dialer:
    """Opens connections as the options say. `software_version` is told to brokers (KIP-511)."""

    def __init__(self, config: ConnectionConfig, software_version: str) -> None:
        self._config = config
        self._software_version = software_version

    async def open(self, name: str, address: Address, limit: float) -> Ready:
        """A ready connection. `name` names the broker in messages; `limit` covers TCP, TLS and SASL (KIP-601)."""
        causes: list[str] = []
        last: KafkaError | None = None
        for family, where in await resolve(address):
            try:
                return await self._open_one(name, family, where, limit)
            except KafkaError as error:
                last = error
                causes.append(str(error))
                if error.fatal:
                    raise
        if last is not None and len(causes) == 1:
            raise last
        raise KafkaConnectionError(f"{name}: no address works: {'; '.join(causes)}") from last

    async def _open_one(
        self, name: str, family: socket.AddressFamily, where: tuple[str, int], limit: float
    ) -> Ready:
        config = self._config
        loop = asyncio.get_running_loop()
        shown = f"{name} ({where[0]})" if where[0] not in name else name
        connection = Connection(shown, client_id=config.client_id, max_frame=config.receive_message_max_bytes)
        try:
            async with asyncio.timeout(limit):
                sock = await self._tcp(family, where)
                try:
                    await loop.create_connection(lambda: connection, sock=sock, ssl=ssl_context(config))
                except BaseException:
                    sock.close()
                    raise
                versions = await handshake(connection, version=self._software_version, timeout=limit)
        except TimeoutError as error:
            await connection.close()
            stage = "accepted the connection but sent no answer" if connection.connected else "did not accept"
            raise KafkaTimeoutError(
                f"{shown} {stage} within {limit:.3g} s (socket_connection_setup_timeout_ms)."
                " Is it a Kafka listener, and is security_protocol right?"
            ) from error
        except RequestTimedOutError as error:
            raise KafkaTimeoutError(str(error)) from error
        except OSError as error:
            raise KafkaConnectionError(f"{shown}: {_cause(error)}") from error
        except KafkaError:
            await connection.close()
            raise
        except BaseException:
            connection.break_off(KafkaConnectionError(f"connecting to {shown} was given up"))
            raise
        return Ready(connection, versions)

    async def _tcp(self, family: socket.AddressFamily, where: tuple[str, int]) -> socket.socket:
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
