"""DescribeUserScramCredentials, API key 50: which SCRAM credentials exist (KIP-554).

Sent to: any broker.
"""

from __future__ import annotations

from ..fields import array, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = [
    "CredentialInfo",
    "DescribeUserScramCredentialsRequest",
    "DescribeUserScramCredentialsResponse",
    "DescribeUserScramCredentialsResult",
    "UserName",
]


class UserName(Struct):
    name: str = string()


class CredentialInfo(Struct):
    mechanism: int = int8()
    iterations: int = int32()


class DescribeUserScramCredentialsResult(Struct):
    user: str = string()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0)
    credential_infos: list[CredentialInfo] = array(CredentialInfo)


class DescribeUserScramCredentialsRequest(Request["DescribeUserScramCredentialsResponse"]):
    api_key = 50
    versions = 0, 0
    flexible_since = 0

    users: list[UserName] | None = array(UserName, nullable_since=0)


class DescribeUserScramCredentialsResponse(Response):
    api_key = 50
    versions = 0, 0
    flexible_since = 0

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0)
    results: list[DescribeUserScramCredentialsResult] = array(DescribeUserScramCredentialsResult)
