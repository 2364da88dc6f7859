"""ListTransactions, API key 66: the transactions that a broker coordinates (KIP-664).

Sent to: every broker: each answers for the groups or transactions it coordinates.
"""

from __future__ import annotations

from ..fields import array, int16, int32, int64, string
from ..message import Request, Response, Struct

__all__ = ["ListTransactionsRequest", "ListTransactionsResponse", "TransactionState"]


class TransactionState(Struct):
    transactional_id: str = string()
    producer_id: int = int64()
    transaction_state: str = string()


class ListTransactionsRequest(Request["ListTransactionsResponse"]):
    api_key = 66
    versions = 0, 2
    flexible_since = 0

    state_filters: list[str] = array(string())
    producer_id_filters: list[int] = array(int64())
    duration_filter: int = int64(since=1, default=-1)
    transactional_id_pattern: str | None = string(since=2, nullable_since=2, default=None)


class ListTransactionsResponse(Response):
    api_key = 66
    versions = 0, 2
    flexible_since = 0

    throttle_time_ms: int = int32()
    error_code: int = int16()
    unknown_state_filters: list[str] = array(string())
    transaction_states: list[TransactionState] = array(TransactionState)
