"""The first words on a connection: ApiVersions, then SASL where it is asked for; after that it is ready. Thread: loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from kafkalite.errors import KafkaConnectionError, SaslAuthenticationFailedError, error_for
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.framing import pick_version
from kafkalite.protocol.message import Request
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from kafkalite.protocol.messages.sasl_handshake import SaslHandshakeRequest

from .connection import Connection
from .sasl import Mechanism

__all__ = ["SOFTWARE", "Versions", "handshake"]

SOFTWARE = "kafkalite"
"""What brokers are told this client is (KIP-511)."""


class Versions(NamedTuple):
    """What the broker at the other end speaks."""

    ranges: Mapping[int, tuple[int, int]]
    """API key -> (lowest, highest) version."""
    features: Mapping[str, int]
    """Finalized feature -> level (KIP-584)."""
    features_epoch: int

    def pick(
        self,
        request: type[Request[Any]],
        *,
        min_version: int | None = None,
        max_version: int | None = None,
    ) -> int | None:
        """The highest version of an API that both sides speak, or None."""
        known = self.ranges.get(request.api_key)
        if known is None:
            return None
        return pick_version(request, *known, min_version=min_version, max_version=max_version)


async def handshake(
    connection: Connection, *, version: str, timeout: float, mechanism: Mechanism | None = None
) -> Versions:
    """Make a new connection ready. `version` is this library's. Raises what the caller should report as the cause."""
    async with asyncio.timeout(timeout):
        versions = await _api_versions(connection, version, timeout)
        if mechanism is not None:
            await _authenticate(connection, versions, mechanism, timeout)
    return versions


async def _api_versions(connection: Connection, software_version: str, timeout: float) -> Versions:
    request = ApiVersionsRequest(client_software_name=SOFTWARE, client_software_version=software_version)
    version = ApiVersionsRequest.max_version
    response = await connection.request(request, version, timeout)
    if response.error_code == ErrorCode.UNSUPPORTED_VERSION:
        offered = {key.api_key: (key.min_version, key.max_version) for key in response.api_keys}
        low, high = offered.get(ApiVersionsRequest.api_key, (0, 0))
        again = pick_version(ApiVersionsRequest, low, high)
        if again is None:
            raise KafkaConnectionError(f"{connection.where} and this client share no version of ApiVersions")
        response = await connection.request(request, again, timeout)
    if response.error_code:
        raise error_for(response.error_code, f"version negotiation with {connection.where}")
    return _versions(response)


def _versions(response: ApiVersionsResponse) -> Versions:
    return Versions(
        {key.api_key: (key.min_version, key.max_version) for key in response.api_keys},
        {feature.name: feature.max_version_level for feature in response.finalized_features},
        response.finalized_features_epoch,
    )


async def _authenticate(
    connection: Connection, versions: Versions, mechanism: Mechanism, timeout: float
) -> None:
    version = versions.pick(SaslHandshakeRequest, min_version=1)
    if version is None:
        raise KafkaConnectionError(f"{connection.where} does not speak SASL")
    hello = await connection.request(SaslHandshakeRequest(mechanism=mechanism.name), version, timeout)
    if hello.error_code:
        offered = ", ".join(hello.mechanisms) or "none"
        raise error_for(hello.error_code, connection.where, f"mechanisms enabled: {offered}")
    version = versions.pick(SaslAuthenticateRequest)
    if version is None:
        raise KafkaConnectionError(f"{connection.where} does not speak SaslAuthenticate")
    token: bytes | None = mechanism.first()
    while token is not None:
        reply = await connection.request(SaslAuthenticateRequest(auth_bytes=token), version, timeout)
        if reply.error_code:
            raise error_for(reply.error_code, connection.where, reply.error_message)
        try:
            token = mechanism.answer(reply.auth_bytes)
        except DecodeError as error:
            raise SaslAuthenticationFailedError(f"{connection.where}: {error}") from error
