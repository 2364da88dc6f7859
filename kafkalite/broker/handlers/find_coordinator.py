"""FindCoordinator: which node looks after a group. Thread: loop."""

from __future__ import annotations

from typing import Final

from kafkalite.protocol.codes import CoordinatorKeyType, ErrorCode
from kafkalite.protocol.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

from ..call import Call
from ..refusal import Refusal
from . import handles

__all__ = ["find_coordinator"]

KEYS_IN_A_LIST: Final = 4
"""The version that asks for several keys at once (KIP-699)."""


@handles(FindCoordinatorRequest)
def find_coordinator(call: Call) -> FindCoordinatorResponse:
    """One entry per key, or the flat fields of old versions. Only groups have coordinators here."""
    request = call.request
    assert isinstance(request, FindCoordinatorRequest)
    if call.version >= KEYS_IN_A_LIST:
        found = [_coordinator(call, key, request.key_type) for key in request.coordinator_keys]
        return FindCoordinatorResponse(coordinators=found)
    one = _coordinator(call, request.key, request.key_type)
    return FindCoordinatorResponse(
        error_code=one.error_code,
        error_message=one.error_message or "NONE",  # so does Kafka
        node_id=one.node_id,
        host=one.host,
        port=one.port,
    )


def _coordinator(call: Call, key: str, key_type: int) -> Coordinator:
    try:
        if key_type != CoordinatorKeyType.GROUP:
            raise Refusal(ErrorCode.INVALID_REQUEST, f"there are no coordinators of key type {key_type}")
        node = call.cluster.coordinator_of(key)
    except Refusal as refusal:
        return Coordinator(
            key=key, node_id=-1, port=-1, error_code=refusal.code, error_message=refusal.message
        )
    return Coordinator(key=key, node_id=node.id, host=call.host_of(node), port=node.port)
