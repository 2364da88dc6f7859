"""AlterConfigs, API key 33: replace all settings of a resource.

Sent to: as CreateTopics, except that resource types broker and broker logger go to the broker itself.
"""

from __future__ import annotations

from ..fields import array, boolean, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = [
    "AlterConfigsRequest",
    "AlterConfigsResource",
    "AlterConfigsResourceResponse",
    "AlterConfigsResponse",
    "AlterableConfig",
]


class AlterableConfig(Struct):
    name: str = string()
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


class AlterConfigsRequest(Request["AlterConfigsResponse"]):
    api_key = 33
    versions = 0, 2
    flexible_since = 2

    resources: list[AlterConfigsResource] = array(AlterConfigsResource)
    validate_only: bool = boolean()


class AlterConfigsResponse(Response):
    api_key = 33
    versions = 0, 2
    flexible_since = 2

    throttle_time_ms: int = int32()
    responses: list[AlterConfigsResourceResponse] = array(AlterConfigsResourceResponse)
