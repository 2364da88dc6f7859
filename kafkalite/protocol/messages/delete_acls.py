"""DeleteAcls, API key 31: remove access control entries.

Sent to: controller (Metadata.ControllerId); with KRaft any broker, which forwards.
"""

from __future__ import annotations

from ..fields import array, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = [
    "DeleteAclsFilter",
    "DeleteAclsFilterResult",
    "DeleteAclsMatchingAcl",
    "DeleteAclsRequest",
    "DeleteAclsResponse",
]


class DeleteAclsFilter(Struct):
    resource_type_filter: int = int8()
    resource_name_filter: str | None = string(nullable_since=1)
    pattern_type_filter: int = int8(default=3)
    principal_filter: str | None = string(nullable_since=1)
    host_filter: str | None = string(nullable_since=1)
    operation: int = int8()
    permission_type: int = int8()


class DeleteAclsMatchingAcl(Struct):
    error_code: int = int16()
    error_message: str | None = string(nullable_since=1)
    resource_type: int = int8()
    resource_name: str = string()
    pattern_type: int = int8(default=3)
    principal: str = string()
    host: str = string()
    operation: int = int8()
    permission_type: int = int8()


class DeleteAclsFilterResult(Struct):
    error_code: int = int16()
    error_message: str | None = string(nullable_since=1)
    matching_acls: list[DeleteAclsMatchingAcl] = array(DeleteAclsMatchingAcl)


class DeleteAclsRequest(Request["DeleteAclsResponse"]):
    api_key = 31
    versions = 1, 3
    flexible_since = 2

    filters: list[DeleteAclsFilter] = array(DeleteAclsFilter)


class DeleteAclsResponse(Response):
    api_key = 31
    versions = 1, 3
    flexible_since = 2

    throttle_time_ms: int = int32()
    filter_results: list[DeleteAclsFilterResult] = array(DeleteAclsFilterResult)
