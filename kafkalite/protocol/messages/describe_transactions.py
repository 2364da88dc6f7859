"""DescribeTransactions, API key 65: the state of transactions (KIP-664).

Sent to: transaction coordinator.
"""

from __future__ import annotations

from ..fields import array, int16, int32, int64, string
from ..message import Request, Response, Struct

__all__ = ["DescribeTransactionsRequest", "DescribeTransactionsResponse", "TopicData", "TransactionState"]


class TopicData(Struct):
    topic: str = string()
    partitions: list[int] = array(int32())


class TransactionState(Struct):
    error_code: int = int16()
    transactional_id: str = string()
    transaction_state: str = string()
    transaction_timeout_ms: int = int32()
    transaction_start_time_ms: int = int64()
    producer_id: int = int64()
    producer_epoch: int = int16()
    topics: list[TopicData] = array(TopicData)


class DescribeTransactionsRequest(Request["DescribeTransactionsResponse"]):
    api_key = 65
    versions = 0, 0
    flexible_since = 0

    transactional_ids: list[str] = array(string())


class DescribeTransactionsResponse(Response):
    api_key = 65
    versions = 0, 0
    flexible_since = 0

    throttle_time_ms: int = int32()
    transaction_states: list[TransactionState] = array(TransactionState)
