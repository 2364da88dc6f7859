"""SaslHandshake, API key 17: choose a SASL mechanism.

Sent to: any broker.
"""

from __future__ import annotations

from ..fields import array, int16, string
from ..message import Request, Response

__all__ = ["SaslHandshakeRequest", "SaslHandshakeResponse"]


class SaslHandshakeRequest(Request["SaslHandshakeResponse"]):
    api_key = 17
    versions = 0, 1

    mechanism: str = string()


class SaslHandshakeResponse(Response):
    api_key = 17
    versions = 0, 1

    error_code: int = int16()
    mechanisms: list[str] = array(string())
