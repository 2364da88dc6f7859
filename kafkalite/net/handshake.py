"""The first words on a connection: ApiVersions, then SASL where it is asked for; after that it is ready. Thread: loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

from kafkalite.errors import KafkaConnectionError, SaslAuthenticationFailedError, error_for
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.framing import pick_version
from kafkalite.protocol.message import Request, Response
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from kafkalite.protocol.messages.sasl_handshake import SaslHandshakeRequest

from .connection import Connection
from .sasl import Mechanism

__all__ = ["SOFTWARE", "Versions", "handshake"]

R = TypeVar("R", bound=Response)

SOFTWARE: Final = "kafkalite"
"""What brokers are told this client is (KIP-511)."""

_NOT_IN_A_VERSION = re.compile(r"[^a-zA-Z0-9.-]+")


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
    connection: Connection, *, version: str, deadline: float, mechanism: Mechanism | None = None
) -> Versions:
    """Make a new connection ready, until `deadline` (loop time). `version` is this library's.

    Raises what the caller should report as the cause.
    """
    conversation = _Conversation(connection, deadline)
    versions = await _api_versions(conversation, version)
    if mechanism is not None:
        await _authenticate(conversation, versions, mechanism)
    return versions


class _Conversation:
    """Requests that share one deadline."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline
        self.where = connection.where

    async def ask(self, request: Request[R], version: int) -> R:
        left = self._deadline - asyncio.get_running_loop().time()
        return await self._connection.request(request, version, max(0.001, left))


async def _api_versions(conversation: _Conversation, software_version: str) -> Versions:
    where = conversation.where
    told = _NOT_IN_A_VERSION.sub("-", software_version).strip(".-") or "0"  # brokers refuse anything else
    request = ApiVersionsRequest(client_software_name=SOFTWARE, client_software_version=told)
    try:
        response = await conversation.ask(request, ApiVersionsRequest.max_version)
    except KafkaConnectionError as error:
        raise KafkaConnectionError(
            f"{where} hung up when asked for its versions ({error}). It may want TLS or SASL (see security_protocol),"
            " be older than Kafka 2.1, or limit its connections."
        ) from error
    if response.error_code == ErrorCode.UNSUPPORTED_VERSION:
        offered = {key.api_key: (key.min_version, key.max_version) for key in response.api_keys}
        low, high = offered.get(ApiVersionsRequest.api_key, (0, 0))
        again = pick_version(ApiVersionsRequest, low, high)
        if again is None:
            raise KafkaConnectionError(
                f"{where} and this client share no version of ApiVersions: it speaks {low} to {high}"
            )
        response = await conversation.ask(request, again)
    if response.error_code:
        raise error_for(response.error_code, f"version negotiation with {where}")
    return _versions(response)


def _versions(response: ApiVersionsResponse) -> Versions:
    return Versions(
        {key.api_key: (key.min_version, key.max_version) for key in response.api_keys},
        {feature.name: feature.max_version_level for feature in response.finalized_features},
        response.finalized_features_epoch,
    )


async def _authenticate(conversation: _Conversation, versions: Versions, mechanism: Mechanism) -> None:
    where = conversation.where
    version = versions.pick(SaslHandshakeRequest, min_version=1)
    if version is None:
        raise KafkaConnectionError(f"{where} does not speak SASL. Is security_protocol right?")
    hello = await conversation.ask(SaslHandshakeRequest(mechanism=mechanism.name), version)
    if hello.error_code:
        offered = ", ".join(hello.mechanisms) or "none"
        raise error_for(hello.error_code, where, f"mechanisms enabled: {offered}")
    version = versions.pick(SaslAuthenticateRequest)
    if version is None:
        raise KafkaConnectionError(f"{where} does not speak SaslAuthenticate")
    token: bytes | None = mechanism.first()
    while token is not None:
        reply = await conversation.ask(SaslAuthenticateRequest(auth_bytes=token), version)
        if reply.error_code:
            raise error_for(reply.error_code, where, reply.error_message)
        try:
            token = mechanism.answer(reply.auth_bytes)
        except DecodeError as error:
            raise SaslAuthenticationFailedError(f"{where}: {error}") from error
