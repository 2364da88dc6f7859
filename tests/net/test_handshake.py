from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kafkalite.errors import (
    InvalidRequestError,
    KafkaConnectionError,
    KafkaError,
    RequestTimedOutError,
    UnsupportedVersionError,
)
from kafkalite.net.connection import Connection
from kafkalite.net.handshake import SOFTWARE, Versions, handshake
from kafkalite.protocol.messages.api_versions import ApiVersion, ApiVersionsRequest, ApiVersionsResponse
from kafkalite.protocol.messages.fetch import FetchRequest
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.init_producer_id import InitProducerIdRequest

from .peer import HANG_UP, Peer, soon


async def shaken(
    peer: Peer, version: str = "1.2.3", deadline: float | None = None
) -> tuple[Connection, Versions]:
    connection = Connection("a peer", client_id="me", max_frame=1_000_000)
    await asyncio.get_running_loop().create_connection(lambda: connection, *peer.address)
    try:
        return connection, await handshake(connection, version=version, deadline=deadline or soon())
    except BaseException:
        await connection.close()
        raise


async def test_ranges_and_features_are_learnt() -> None:
    async with Peer(
        versions={FetchRequest: (4, 12), HeartbeatRequest: None},
        features={"transaction.version": 2},
        features_epoch=7,
    ) as peer:
        connection, versions = await shaken(peer)
        assert versions.ranges[FetchRequest.api_key] == (4, 12)
        assert HeartbeatRequest.api_key not in versions.ranges
        assert versions.features == {"transaction.version": 2}
        assert versions.features_epoch == 7
        (request,) = peer.requests
        assert request.client_software_name == SOFTWARE == "kafkalite"
        assert request.client_software_version == "1.2.3"
        assert peer.received[0].api_version == ApiVersionsRequest.max_version
        await connection.close()


def test_the_version_for_a_request_is_the_highest_of_both() -> None:
    versions = Versions({1: (4, 12), 22: (0, 99)}, {}, -1)
    assert versions.pick(FetchRequest) == 12
    assert versions.pick(FetchRequest, max_version=11) == 11
    assert versions.pick(FetchRequest, min_version=13) is None
    assert versions.pick(HeartbeatRequest) is None
    assert (
        versions.pick(InitProducerIdRequest) == InitProducerIdRequest.max_version - 1
    )  # the last one is unstable


@pytest.mark.parametrize(
    ("version", "told"),
    [("0.1.0", "0.1.0"), ("0.1.0+local", "0.1.0-local"), ("1.0.dev1_x", "1.0.dev1-x"), ("+", "0"), ("", "0")],
)
async def test_brokers_are_told_a_version_that_they_accept(version: str, told: str) -> None:
    async with Peer() as peer:
        connection, _ = await shaken(peer, version)
        assert peer.requests[0].client_software_version == told
        await connection.close()


def refusal(*ranges: tuple[int, int, int]) -> ApiVersionsResponse:
    keys = [ApiVersion(api_key=key, min_version=low, max_version=high) for key, low, high in ranges]
    return ApiVersionsResponse(error_code=35, api_keys=keys)


@pytest.mark.parametrize(
    ("offer", "again"),
    [(refusal((18, 0, 2)), 2), (refusal((18, 0, 0)), 0), (refusal(), 0), (refusal((1, 0, 9)), 0)],
)
async def test_a_broker_that_does_not_know_the_version_is_asked_again(
    offer: ApiVersionsResponse, again: int
) -> None:
    async with Peer() as peer:
        peer.on(ApiVersionsRequest, offer)
        connection, versions = await shaken(peer)
        assert [received.api_version for received in peer.received] == [4, again]
        assert versions.pick(FetchRequest) == FetchRequest.max_version
        assert versions.features_epoch == -1
        await connection.close()


async def test_no_common_version_of_the_question_itself() -> None:
    async with Peer() as peer:
        peer.on(ApiVersionsRequest, refusal((18, 90, 99)))
        with pytest.raises(KafkaConnectionError, match="share no version of ApiVersions: it speaks 90 to 99"):
            await shaken(peer)


async def test_a_broker_that_refuses_twice_is_not_asked_a_third_time() -> None:
    async with Peer() as peer:
        peer.always(ApiVersionsRequest, refusal())
        with pytest.raises(UnsupportedVersionError, match="version negotiation with a peer"):
            await shaken(peer)
        assert len(peer.requests) == 2


async def test_any_other_error_ends_it() -> None:
    async with Peer() as peer:
        peer.on(ApiVersionsRequest, ApiVersionsResponse(error_code=42))
        with pytest.raises(InvalidRequestError, match="version negotiation with a peer"):
            await shaken(peer)


async def test_a_broker_that_hangs_up_gives_a_hint() -> None:
    async with Peer() as peer:
        peer.on(ApiVersionsRequest, HANG_UP)
        with pytest.raises(
            KafkaConnectionError, match="a peer hung up when asked for its versions"
        ) as caught:
            await shaken(peer)
        assert "security_protocol" in str(caught.value)
        assert "older than Kafka 2.1" in str(caught.value)


async def test_a_broker_that_does_not_answer() -> None:
    async with Peer() as peer:
        peer.always(ApiVersionsRequest, None)
        with pytest.raises(RequestTimedOutError, match="did not answer ApiVersions"):
            await shaken(peer, deadline=asyncio.get_running_loop().time() + 0.05)


async def test_a_deadline_that_has_passed_still_gives_an_error_and_no_hang() -> None:
    async with Peer() as peer:
        answers: list[Any] = [None]
        peer.on(ApiVersionsRequest, *answers)
        with pytest.raises(KafkaError):
            await shaken(peer, deadline=asyncio.get_running_loop().time() - 1)
