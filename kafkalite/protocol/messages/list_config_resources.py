"""ListConfigResources, API key 74: which resources have settings (KIP-1142).

Sent to: any broker.
"""

from __future__ import annotations

from ..fields import array, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = ["ConfigResource", "ListConfigResourcesRequest", "ListConfigResourcesResponse"]


class ConfigResource(Struct):
    resource_name: str = string()
    resource_type: int = int8(since=1, default=16, ignorable=True)


class ListConfigResourcesRequest(Request["ListConfigResourcesResponse"]):
    api_key = 74
    versions = 0, 1
    flexible_since = 0

    resource_types: list[int] = array(int8(), since=1)


class ListConfigResourcesResponse(Response):
    api_key = 74
    versions = 0, 1
    flexible_since = 0

    throttle_time_ms: int = int32()
    error_code: int = int16()
    config_resources: list[ConfigResource] = array(ConfigResource)
