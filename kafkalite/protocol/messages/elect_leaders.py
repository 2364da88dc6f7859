"""ElectLeaders, API key 43: elect partition leaders (KIP-460).

Sent to: controller (Metadata.ControllerId); with KRaft any broker, which forwards.
"""

from __future__ import annotations

from ..fields import array, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = [
    "ElectLeadersRequest",
    "ElectLeadersResponse",
    "PartitionResult",
    "ReplicaElectionResult",
    "TopicPartitions",
]


class TopicPartitions(Struct):
    topic: str = string()
    partitions: list[int] = array(int32())


class PartitionResult(Struct):
    partition_id: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0)


class ReplicaElectionResult(Struct):
    topic: str = string()
    partition_result: list[PartitionResult] = array(PartitionResult)


class ElectLeadersRequest(Request["ElectLeadersResponse"]):
    api_key = 43
    versions = 0, 2
    flexible_since = 2

    election_type: int = int8(since=1)
    topic_partitions: list[TopicPartitions] | None = array(TopicPartitions, nullable_since=0)
    timeout_ms: int = int32(default=60000)


class ElectLeadersResponse(Response):
    api_key = 43
    versions = 0, 2
    flexible_since = 2

    throttle_time_ms: int = int32()
    error_code: int = int16(since=1)
    replica_election_results: list[ReplicaElectionResult] = array(ReplicaElectionResult)
