"""PushTelemetry, API key 72: deliver client metrics (KIP-714).

Sent to: any broker.
"""

from __future__ import annotations

from uuid import UUID

from ..fields import boolean, bytes_, int8, int16, int32, uuid
from ..message import Request, Response

__all__ = ["PushTelemetryRequest", "PushTelemetryResponse"]


class PushTelemetryRequest(Request["PushTelemetryResponse"]):
    api_key = 72
    versions = 0, 0
    flexible_since = 0

    client_instance_id: UUID = uuid()
    subscription_id: int = int32()
    terminating: bool = boolean()
    compression_type: int = int8()
    metrics: bytes = bytes_()


class PushTelemetryResponse(Response):
    api_key = 72
    versions = 0, 0
    flexible_since = 0

    throttle_time_ms: int = int32()
    error_code: int = int16()
