from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

import kafkalite
from kafkalite.errors import (
    InvalidReceiveError,
    KafkaConnectionError,
    KafkaProtocolError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
)
from kafkalite.net.dial import Dialer, resolve
from kafkalite.net.pool import Ready
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest

from .peer import HANG_UP, PATIENCE, Peer, config

LOCAL = (socket.AddressFamily.AF_INET, "127.0.0.1")


def dialer(**options: Any) -> Dialer:
    return Dialer(config(**options), "1.0")


async def refusing() -> int:
    """A port where nothing listens."""
    async with Peer() as peer:
        return peer.address[1]


@pytest.fixture
def names(
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, list[tuple[socket.AddressFamily, str]] | OSError | None]:
    """What DNS says, by host name; None: it never answers."""
    known: dict[str, Any] = {}

    async def getaddrinfo(loop: Any, host: str, port: int, **_: Any) -> list[Any]:
        found = known[host]
        if found is None:
            await asyncio.Event().wait()
        if isinstance(found, OSError):
            raise found
        return [(family, socket.SOCK_STREAM, 6, "", (ip, port)) for family, ip in found]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return known


async def test_a_connection_that_is_ready_to_use() -> None:
    async with Peer() as peer:
        ready = await dialer(client_id="me").open("node 1 at h:1", peer.address, PATIENCE)
        assert isinstance(ready, Ready)
        assert ready.connection.alive
        assert ready.versions.pick(HeartbeatRequest) == HeartbeatRequest.max_version
        await ready.connection.request(HeartbeatRequest(), 4, PATIENCE)
        assert peer.received[-1].client_id == "me"
        assert peer.requests[0].client_software_version == "1.0"
        await ready.connection.close()


async def test_the_version_of_this_library_is_one_that_brokers_accept() -> None:
    async with Peer() as peer:
        ready = await Dialer(config(), kafkalite.__version__).open("b", peer.address, PATIENCE)
        assert peer.requests[0].client_software_version == kafkalite.__version__
        await ready.connection.close()


async def test_socket_options_are_set() -> None:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    async with Peer() as peer:
        opener = dialer(socket_options=options, send_buffer_bytes=65536, receive_buffer_bytes=65536)
        ready = await opener.open("b", peer.address, PATIENCE)
        transport = ready.connection._transport
        assert transport is not None
        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= 65536
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 65536
        await ready.connection.close()


async def test_a_socket_option_that_the_system_refuses() -> None:
    async with Peer() as peer:
        with pytest.raises(KafkaConnectionError, match="b:1"):
            await dialer(socket_options=[(9999, 9999, 1)]).open("b:1", peer.address, PATIENCE)


async def test_a_port_where_nothing_listens() -> None:
    with pytest.raises(
        KafkaConnectionError, match=r"node 3 at 127.0.0.1:1: connection refused: nothing listens there"
    ):
        await dialer().open("node 3 at 127.0.0.1:1", ("127.0.0.1", await refusing()), PATIENCE)


async def test_a_name_that_does_not_resolve(names: dict[str, Any]) -> None:
    names["nohost"] = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    with pytest.raises(
        KafkaConnectionError, match=r"'nohost' cannot be resolved: Name or service not known. Check"
    ):
        await dialer().open("node 1", ("nohost", 9092), PATIENCE)


async def test_a_name_that_is_too_long_for_dns() -> None:
    with pytest.raises(KafkaConnectionError, match="cannot be resolved"):
        await dialer().open("node 1", ("x" * 300, 9092), PATIENCE)


async def test_dns_that_does_not_answer(names: dict[str, Any]) -> None:
    names["slow"] = None
    with pytest.raises(KafkaTimeoutError, match=r"'slow' could not be resolved within 0.02 s: DNS is silent"):
        await dialer().open("node 1", ("slow", 9092), 0.02)


async def test_all_addresses_of_a_name_are_tried(names: dict[str, Any]) -> None:
    async with Peer() as peer:
        names["several"] = [(socket.AddressFamily.AF_INET, "127.0.0.2"), LOCAL]
        ready = await dialer().open("node 1 at several", ("several", peer.address[1]), PATIENCE)
        assert ready.connection.where == "node 1 at several (127.0.0.1)"
        await ready.connection.close()


async def test_when_no_address_works_each_is_named(names: dict[str, Any]) -> None:
    names["several"] = [(socket.AddressFamily.AF_INET, "127.0.0.2"), LOCAL]
    with pytest.raises(KafkaConnectionError, match="node 1: no address works") as caught:
        await dialer().open("node 1", ("several", await refusing()), PATIENCE)
    assert "node 1 (127.0.0.2): connection refused" in str(caught.value)
    assert "node 1 (127.0.0.1): connection refused" in str(caught.value)


async def test_resolving_names_each_address_once(names: dict[str, Any]) -> None:
    names["twice"] = [LOCAL, LOCAL, (socket.AddressFamily.AF_INET6, "::1")]
    assert await resolve(("twice", 9), 1) == [
        (socket.AddressFamily.AF_INET, ("127.0.0.1", 9)),
        (socket.AddressFamily.AF_INET6, ("::1", 9)),
    ]


async def test_a_broker_that_accepts_and_says_nothing(names: dict[str, Any]) -> None:
    async with Peer() as peer:
        names["silent"] = [LOCAL]
        peer.always(ApiVersionsRequest, None)
        with pytest.raises(
            KafkaTimeoutError, match=r"accepted the connection but sent no answer within 0.5 s"
        ) as e:
            await dialer().open("node 1", ("silent", peer.address[1]), 0.5)
        assert "socket_connection_setup_timeout_ms" in str(e.value)


def stall(monkeypatch: pytest.MonkeyPatch, how: Callable[[], Any]) -> None:
    async def sock_connect(loop: Any, sock: socket.socket, address: Any) -> None:
        await how()

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", sock_connect)


async def test_an_address_that_does_not_accept(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, Any]
) -> None:
    names["far"] = [LOCAL]
    stall(monkeypatch, asyncio.Event().wait)
    with pytest.raises(KafkaTimeoutError, match=r"node 1 .* did not accept a connection within 0.02 s"):
        await dialer().open("node 1", ("far", 9), 0.02)


async def test_the_systems_own_limit_is_told_apart_from_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    async def timed_out() -> None:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    stall(monkeypatch, timed_out)
    with pytest.raises(KafkaConnectionError, match="Connection timed out"):
        await dialer().open("node 1", ("127.0.0.1", 9), PATIENCE)


async def test_a_broker_that_hangs_up_at_once() -> None:
    async with Peer() as peer:
        peer.on(ApiVersionsRequest, HANG_UP)
        with pytest.raises(KafkaConnectionError, match="hung up when asked for its versions"):
            await dialer().open("node 1", peer.address, PATIENCE)


async def test_something_that_is_not_kafka() -> None:
    async with Peer() as peer:
        peer.on(ApiVersionsRequest, b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(InvalidReceiveError, match=r"node 1 \(127.0.0.1\) is an HTTP server"):
            await dialer().open("node 1", peer.address, PATIENCE)


async def test_not_kafka_at_any_address_is_an_error_that_waiting_does_not_mend(names: dict[str, Any]) -> None:
    async with Peer() as peer:
        names["several"] = [LOCAL, LOCAL, (socket.AddressFamily.AF_INET, "127.0.0.1")]
        names["several"][1] = (socket.AddressFamily.AF_INET, "localhost")
        names["localhost"] = [LOCAL]
        peer.always(ApiVersionsRequest, b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(KafkaProtocolError, match="no address works") as caught:
            await dialer().open("node 1", ("several", peer.address[1]), PATIENCE)
        assert not caught.value.retriable


async def test_what_is_fatal_is_not_tried_at_the_next_address(
    names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise SaslAuthenticationFailedError("wrong password")

    monkeypatch.setattr("kafkalite.net.dial.handshake", refuse)
    async with Peer() as peer:
        names["several"] = [LOCAL, (socket.AddressFamily.AF_INET, "127.0.0.2")]
        with pytest.raises(SaslAuthenticationFailedError, match="wrong password"):
            await dialer().open("node 1", ("several", peer.address[1]), PATIENCE)


@pytest.mark.parametrize("turns", range(12))
async def test_giving_up_at_any_moment_leaves_no_socket(turns: int) -> None:
    """An unclosed socket or transport is a ResourceWarning, which fails the test."""
    async with Peer() as peer:
        peer.always(ApiVersionsRequest, None)
        task = asyncio.create_task(dialer().open("node 1", peer.address, PATIENCE))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_every_attempt_to_give_up_is_quick() -> None:
    began = time.monotonic()
    async with Peer() as peer:
        peer.always(ApiVersionsRequest, None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await dialer().open("node 1", peer.address, PATIENCE)
    assert time.monotonic() - began < PATIENCE / 2
