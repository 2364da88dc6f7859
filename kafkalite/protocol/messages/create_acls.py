"""CreateAcls, API key 30: add access control entries.

Sent to: controller (Metadata.ControllerId); with KRaft any broker, which forwards.
"""

from __future__ import annotations

from ..fields import array, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = ["AclCreation", "AclCreationResult", "CreateAclsRequest", "CreateAclsResponse"]


class AclCreation(Struct):
    resource_type: int = int8()
    resource_name: str = string()
    resource_pattern_type: int = int8(default=3)
    principal: str = string()
    host: str = string()
    operation: int = int8()
    permission_type: int = int8()


class AclCreationResult(Struct):
    error_code: int = int16()
    error_message: str | None = string(nullable_since=1)


class CreateAclsRequest(Request["CreateAclsResponse"]):
    api_key = 30
    versions = 1, 3
    flexible_since = 2

    creations: list[AclCreation] = array(AclCreation)


class CreateAclsResponse(Response):
    api_key = 30
    versions = 1, 3
    flexible_since = 2

    throttle_time_ms: int = int32()
    results: list[AclCreationResult] = array(AclCreationResult)
