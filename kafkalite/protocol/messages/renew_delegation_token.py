"""RenewDelegationToken, API key 39: extend a delegation token.

Sent to: any broker.
"""

from __future__ import annotations

from ..fields import bytes_, int16, int32, int64
from ..message import Request, Response

__all__ = ["RenewDelegationTokenRequest", "RenewDelegationTokenResponse"]


class RenewDelegationTokenRequest(Request["RenewDelegationTokenResponse"]):
    api_key = 39
    versions = 1, 2
    flexible_since = 2

    hmac: bytes = bytes_(secret=True)
    renew_period_ms: int = int64()


class RenewDelegationTokenResponse(Response):
    api_key = 39
    versions = 1, 2
    flexible_since = 2

    error_code: int = int16()
    expiry_timestamp_ms: int = int64()
    throttle_time_ms: int = int32()
