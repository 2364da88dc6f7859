"""How the handshake carries the tokens of a mechanism."""

from __future__ import annotations

import asyncio

import pytest

from kafkalite.errors import (
    KafkaConnectionError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafkalite.net.connection import Connection
from kafkalite.net.handshake import handshake
from kafkalite.net.sasl import Mechanism
from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest
from kafkalite.protocol.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from kafkalite.protocol.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse

from ..peer import Peer, soon


class Countdown:
    """A mechanism that says its numbers down to zero, and wants each one confirmed."""

    name = "COUNTDOWN"

    def __init__(self, start: int) -> None:
        self.left = start

    def first(self) -> bytes:
        return b"%d" % self.left

    def answer(self, challenge: bytes) -> bytes | None:
        if challenge != b"heard %d" % self.left:
            raise DecodeError(f"the broker should have heard {self.left}")
        self.left -= 1
        return b"%d" % self.left if self.left >= 0 else None


async def authenticate(peer: Peer, mechanism: Mechanism) -> None:
    connection = Connection("a peer", client_id="me", max_frame=1_000_000)
    await asyncio.get_running_loop().create_connection(lambda: connection, *peer.address)
    try:
        await handshake(connection, version="1", deadline=soon(), mechanism=mechanism)
    finally:
        await connection.close()


def confirm(request: SaslAuthenticateRequest) -> SaslAuthenticateResponse:
    return SaslAuthenticateResponse(auth_bytes=b"heard " + request.auth_bytes)


async def test_tokens_go_back_and_forth_until_the_mechanism_is_done() -> None:
    async with Peer() as peer:
        peer.always(SaslAuthenticateRequest, confirm)
        await authenticate(peer, Countdown(2))
        assert [type(request) for request in peer.requests[:2]] == [ApiVersionsRequest, SaslHandshakeRequest]
        assert peer.requests[1].mechanism == "COUNTDOWN"
        assert peer.received[1].api_version == 1
        assert [request.auth_bytes for request in peer.sent(SaslAuthenticateRequest)] == [b"2", b"1", b"0"]


async def test_a_mechanism_that_is_not_enabled_names_those_that_are() -> None:
    async with Peer() as peer:
        peer.on(SaslHandshakeRequest, SaslHandshakeResponse(error_code=33, mechanisms=["PLAIN", "GSSAPI"]))
        with pytest.raises(UnsupportedSaslMechanismError, match="mechanisms enabled: PLAIN, GSSAPI"):
            await authenticate(peer, Countdown(1))


async def test_a_refusal_is_fatal_and_carries_the_brokers_words() -> None:
    async with Peer() as peer:
        peer.on(
            SaslAuthenticateRequest, SaslAuthenticateResponse(error_code=58, error_message="wrong password")
        )
        with pytest.raises(SaslAuthenticationFailedError, match="wrong password") as caught:
            await authenticate(peer, Countdown(1))
        assert caught.value.fatal


async def test_a_broker_that_cannot_prove_itself() -> None:
    async with Peer() as peer:
        peer.on(SaslAuthenticateRequest, SaslAuthenticateResponse(auth_bytes=b"heard nothing"))
        with pytest.raises(SaslAuthenticationFailedError, match="should have heard 1"):
            await authenticate(peer, Countdown(1))


@pytest.mark.parametrize("kind", [SaslHandshakeRequest, SaslAuthenticateRequest])
async def test_a_broker_without_sasl(kind: type) -> None:
    async with Peer(versions={kind: None}) as peer:
        with pytest.raises(KafkaConnectionError, match="does not speak"):
            await authenticate(peer, Countdown(1))
