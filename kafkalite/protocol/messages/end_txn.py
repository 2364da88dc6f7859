"""EndTxn, API key 26: commit or abort a transaction.

Sent to: transaction coordinator.
"""

from __future__ import annotations

from ..fields import boolean, int16, int32, int64, string
from ..message import Request, Response

__all__ = ["EndTxnRequest", "EndTxnResponse"]


class EndTxnRequest(Request["EndTxnResponse"]):
    api_key = 26
    versions = 0, 5
    flexible_since = 3

    transactional_id: str = string()
    producer_id: int = int64()
    producer_epoch: int = int16()
    committed: bool = boolean()


class EndTxnResponse(Response):
    api_key = 26
    versions = 0, 5
    flexible_since = 3

    throttle_time_ms: int = int32()
    error_code: int = int16()
    producer_id: int = int64(since=5, default=-1, ignorable=True)
    producer_epoch: int = int16(since=5, default=-1, ignorable=True)
