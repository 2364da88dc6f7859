"""UnregisterBroker, API key 64: forget a broker that is gone.

Sent to: controller (Metadata.ControllerId); with KRaft any broker, which forwards.
"""

from __future__ import annotations

from ..fields import int16, int32, string
from ..message import Request, Response

__all__ = ["UnregisterBrokerRequest", "UnregisterBrokerResponse"]


class UnregisterBrokerRequest(Request["UnregisterBrokerResponse"]):
    api_key = 64
    versions = 0, 0
    flexible_since = 0

    broker_id: int = int32()


class UnregisterBrokerResponse(Response):
    api_key = 64
    versions = 0, 0
    flexible_since = 0

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0)
