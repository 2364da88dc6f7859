"""DescribeAcls, API key 29: list access control entries.

Sent to: any broker.
"""

from __future__ import annotations

from ..fields import array, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = ["AclDescription", "DescribeAclsRequest", "DescribeAclsResource", "DescribeAclsResponse"]


class AclDescription(Struct):
    principal: str = string()
    host: str = string()
    operation: int = int8()
    permission_type: int = int8()


class DescribeAclsResource(Struct):
    resource_type: int = int8()
    resource_name: str = string()
    pattern_type: int = int8(default=3)
    acls: list[AclDescription] = array(AclDescription)


class DescribeAclsRequest(Request["DescribeAclsResponse"]):
    api_key = 29
    versions = 1, 3
    flexible_since = 2

    resource_type_filter: int = int8()
    resource_name_filter: str | None = string(nullable_since=1)
    pattern_type_filter: int = int8(default=3)
    principal_filter: str | None = string(nullable_since=1)
    host_filter: str | None = string(nullable_since=1)
    operation: int = int8()
    permission_type: int = int8()


class DescribeAclsResponse(Response):
    api_key = 29
    versions = 1, 3
    flexible_since = 2

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=1)
    resources: list[DescribeAclsResource] = array(DescribeAclsResource)
