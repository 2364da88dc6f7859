"""InitProducerId, API key 22: a producer id and epoch, fencing older producers of the transactional id
(KIP-98, KIP-360).

Sent to: transaction coordinator; any broker when TransactionalId is null.
"""

from __future__ import annotations

from ..fields import boolean, int16, int32, int64, string
from ..message import Request, Response

__all__ = ["InitProducerIdRequest", "InitProducerIdResponse"]


class InitProducerIdRequest(Request["InitProducerIdResponse"]):
    api_key = 22
    versions = 0, 6
    flexible_since = 2
    latest_unstable = True

    transactional_id: str | None = string(nullable_since=0)
    transaction_timeout_ms: int = int32()
    producer_id: int = int64(since=3, default=-1)
    producer_epoch: int = int16(since=3, default=-1)
    enable2_pc: bool = boolean(since=6)
    keep_prepared_txn: bool = boolean(since=6)


class InitProducerIdResponse(Response):
    api_key = 22
    versions = 0, 6
    flexible_since = 2

    throttle_time_ms: int = int32(ignorable=True)
    error_code: int = int16()
    producer_id: int = int64(default=-1)
    producer_epoch: int = int16()
    ongoing_txn_producer_id: int = int64(since=6, default=-1)
    ongoing_txn_producer_epoch: int = int16(since=6, default=-1)
