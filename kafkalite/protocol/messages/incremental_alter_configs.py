"""IncrementalAlterConfigs, API key 44: change settings one by one (KIP-339).

Sent to: as CreateTopics, except that resource types broker and broker logger go to the broker itself.
"""

from __future__ import annotations

from ..fields import array, boolean, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = [
    "AlterConfigsResource",
    "AlterConfigsResourceResponse",
    "AlterableConfig",
    "IncrementalAlterConfigsRequest",
    "IncrementalAlterConfigsResponse",
]


class AlterableConfig(Struct):
    name: str = string()
    config_operation: int = int8()
    value: str | None = string(nullable_since=0, secret=True)


class AlterConfigsResource(Struct):
    resource_type: int = int8()
    resource_name: str = string()
    configs: list[AlterableConfig] = array(AlterableConfig)


class AlterConfigsResourceResponse(Struct):
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0)
    resource_type: int = int8()
    resource_name: str = string()


class IncrementalAlterConfigsRequest(Request["IncrementalAlterConfigsResponse"]):
    api_key = 44
    versions = 0, 1
    flexible_since = 1

    resources: list[AlterConfigsResource] = array(AlterConfigsResource)
    validate_only: bool = boolean()


class IncrementalAlterConfigsResponse(Response):
    api_key = 44
    versions = 0, 1
    flexible_since = 1

    throttle_time_ms: int = int32()
    responses: list[AlterConfigsResourceResponse] = array(AlterConfigsResourceResponse)
