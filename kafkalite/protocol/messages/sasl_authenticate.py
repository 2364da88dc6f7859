"""SaslAuthenticate, API key 36: carry the tokens of a SASL mechanism (KIP-152).

Sent to: any broker.
"""

from __future__ import annotations

from ..fields import bytes_, int16, int64, string
from ..message import Request, Response

__all__ = ["SaslAuthenticateRequest", "SaslAuthenticateResponse"]


class SaslAuthenticateRequest(Request["SaslAuthenticateResponse"]):
    api_key = 36
    versions = 0, 2
    flexible_since = 2

    auth_bytes: bytes = bytes_(secret=True)


class SaslAuthenticateResponse(Response):
    api_key = 36
    versions = 0, 2
    flexible_since = 2

    error_code: int = int16()
    error_message: str | None = string(nullable_since=0)
    auth_bytes: bytes = bytes_(secret=True)
    session_lifetime_ms: int = int64(since=1, ignorable=True)
