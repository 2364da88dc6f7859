"""ApiVersions: what this broker speaks (KIP-35, KIP-511, KIP-584). Called by the server. Thread: loop."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)
from kafkalite.protocol.messages.produce import ProduceRequest

from ..call import Call
from . import HANDLERS, Handler, handles

__all__ = ["api_versions", "unknown_version"]

_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")
_EMPTY_FEATURES_SINCE: Final = 4
"""Before this version, a feature that may be switched off altogether is left out of the answer."""


class Feature(NamedTuple):
    """A feature of the cluster: the levels there are, and the one that is switched on."""

    name: str
    lowest: int
    highest: int
    level: int


FEATURES: Final = (Feature("metadata.version", 7, 30, 30),)
"""Kafka 4.3's metadata. Features that change what clients do are listed once this broker does what they say."""


@handles(ApiVersionsRequest)
def api_versions(call: Call) -> ApiVersionsResponse:
    """The list of APIs, for a client that says its name properly."""
    request: ApiVersionsRequest = call.request
    if call.version >= 3 and not (
        _NAME.fullmatch(request.client_software_name) and _NAME.fullmatch(request.client_software_version)
    ):
        return ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST)
    features = [f for f in FEATURES if f.lowest > 0 or call.version >= _EMPTY_FEATURES_SINCE]
    return ApiVersionsResponse(
        api_keys=[_range(handler) for _, handler in sorted(HANDLERS.items())],
        supported_features=[
            SupportedFeatureKey(name=f.name, min_version=f.lowest, max_version=f.highest) for f in features
        ],
        finalized_features_epoch=0,
        finalized_features=[
            FinalizedFeatureKey(name=f.name, max_version_level=f.level, min_version_level=f.level)
            for f in FEATURES
            if f.level > 0
        ],
    )


def unknown_version(handler: Handler) -> ApiVersionsResponse:
    """What a client gets, in version 0, that asked in a version we do not know: enough to ask again."""
    return ApiVersionsResponse(error_code=ErrorCode.UNSUPPORTED_VERSION, api_keys=[_range(handler)])


def _range(handler: Handler) -> ApiVersion:
    key = handler.request_type.api_key
    # Kafka claims Produce 0 although it ended with 4.0: librdkafka takes a broker without it for one that knows no
    # compression (KAFKA-18659).
    lowest = 0 if key == ProduceRequest.api_key else handler.min_version
    return ApiVersion(api_key=key, min_version=lowest, max_version=handler.max_version)
