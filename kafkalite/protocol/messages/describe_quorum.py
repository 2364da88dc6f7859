"""DescribeQuorum, API key 55: the state of the controller quorum (KIP-836).

Sent to: any broker.
"""

from __future__ import annotations

from uuid import UUID

from ..fields import array, int16, int32, int64, string, uint16, uuid
from ..message import Request, Response, Struct

__all__ = [
    "DescribeQuorumRequest",
    "DescribeQuorumResponse",
    "Listener",
    "Node",
    "PartitionData",
    "ReplicaState",
    "ResponsePartitionData",
    "ResponseTopicData",
    "TopicData",
]


class PartitionData(Struct):
    partition_index: int = int32()


class TopicData(Struct):
    topic_name: str = string()
    partitions: list[PartitionData] = array(PartitionData)


class ReplicaState(Struct):
    replica_id: int = int32()
    replica_directory_id: UUID = uuid(since=2)
    log_end_offset: int = int64()
    last_fetch_timestamp: int = int64(since=1, default=-1, ignorable=True)
    last_caught_up_timestamp: int = int64(since=1, default=-1, ignorable=True)


class ResponsePartitionData(Struct):
    partition_index: int = int32()
    error_code: int = int16()
    error_message: str | None = string(since=2, nullable_since=2, ignorable=True)
    leader_id: int = int32()
    leader_epoch: int = int32()
    high_watermark: int = int64()
    current_voters: list[ReplicaState] = array(ReplicaState)
    observers: list[ReplicaState] = array(ReplicaState)


class ResponseTopicData(Struct):
    topic_name: str = string()
    partitions: list[ResponsePartitionData] = array(ResponsePartitionData)


class Listener(Struct):
    name: str = string(since=2)
    host: str = string(since=2)
    port: int = uint16(since=2)


class Node(Struct):
    node_id: int = int32(since=2)
    listeners: list[Listener] = array(Listener, since=2)


class DescribeQuorumRequest(Request["DescribeQuorumResponse"]):
    api_key = 55
    versions = 0, 2
    flexible_since = 0

    topics: list[TopicData] = array(TopicData)


class DescribeQuorumResponse(Response):
    api_key = 55
    versions = 0, 2
    flexible_since = 0

    error_code: int = int16()
    error_message: str | None = string(since=2, nullable_since=2, ignorable=True)
    topics: list[ResponseTopicData] = array(ResponseTopicData)
    nodes: list[Node] = array(Node, since=2)
