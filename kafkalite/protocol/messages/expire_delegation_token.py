"""ExpireDelegationToken, API key 40: end a delegation token.

Sent to: any broker.
"""

from __future__ import annotations

from ..fields import bytes_, int16, int32, int64
from ..message import Request, Response

__all__ = ["ExpireDelegationTokenRequest", "ExpireDelegationTokenResponse"]


class ExpireDelegationTokenRequest(Request["ExpireDelegationTokenResponse"]):
    api_key = 40
    versions = 1, 2
    flexible_since = 2

    hmac: bytes = bytes_(secret=True)
    expiry_time_period_ms: int = int64()


class ExpireDelegationTokenResponse(Response):
    api_key = 40
    versions = 1, 2
    flexible_since = 2

    error_code: int = int16()
    expiry_timestamp_ms: int = int64()
    throttle_time_ms: int = int32()
