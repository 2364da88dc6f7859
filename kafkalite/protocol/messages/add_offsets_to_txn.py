"""AddOffsetsToTxn, API key 25: make a group's offsets part of a transaction.

Sent to: transaction coordinator.
"""

from __future__ import annotations

from ..fields import int16, int32, int64, string
from ..message import Request, Response

__all__ = ["AddOffsetsToTxnRequest", "AddOffsetsToTxnResponse"]


class AddOffsetsToTxnRequest(Request["AddOffsetsToTxnResponse"]):
    api_key = 25
    versions = 0, 4
    flexible_since = 3

    transactional_id: str = string()
    producer_id: int = int64()
    producer_epoch: int = int16()
    group_id: str = string()


class AddOffsetsToTxnResponse(Response):
    api_key = 25
    versions = 0, 4
    flexible_since = 3

    throttle_time_ms: int = int32()
    error_code: int = int16()
