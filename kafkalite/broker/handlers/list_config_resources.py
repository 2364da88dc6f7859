"""ListConfigResources: what has settings (KIP-1142). Thread: loop."""

from __future__ import annotations

from typing import Final

from kafkalite.protocol.codes import ConfigResourceType, ErrorCode
from kafkalite.protocol.messages.list_config_resources import (
    ConfigResource,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
)

from ..call import Call
from ..refusal import Refusal
from . import handles

__all__ = ["list_config_resources"]

ALL_TYPES: Final = 1
"""The version that lists other things than client metrics, of which there are none here."""


@handles(ListConfigResourcesRequest)
def list_config_resources(call: Call) -> ListConfigResourcesResponse:
    """Topics and nodes. Groups and client metrics have no settings here."""
    request = call.request
    assert isinstance(request, ListConfigResourcesRequest)
    if call.version < ALL_TYPES:
        return ListConfigResourcesResponse()
    known = {kind for kind in ConfigResourceType if kind is not ConfigResourceType.UNKNOWN}
    wanted = set(request.resource_types) or known
    if unknown := wanted - known:
        raise Refusal(ErrorCode.UNSUPPORTED_VERSION, f"unknown resource types {sorted(unknown)}")
    nodes = [str(node.id) for node in call.cluster.running_nodes]
    names: dict[ConfigResourceType, list[str]] = {
        ConfigResourceType.TOPIC: list(call.cluster.topics),
        ConfigResourceType.BROKER: nodes,
        ConfigResourceType.BROKER_LOGGER: nodes,
    }
    return ListConfigResourcesResponse(
        config_resources=[
            ConfigResource(resource_name=name, resource_type=kind)
            for kind, those in names.items()
            if kind in wanted
            for name in those
        ]
    )
