"""ElectLeaders: leaders go back to the preferred replica, or to any that is left (KIP-460). Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.codes import ElectionType, ErrorCode
from kafkalite.protocol.messages.elect_leaders import (
    ElectLeadersRequest,
    ElectLeadersResponse,
    PartitionResult,
    ReplicaElectionResult,
)

from ..call import Call
from ..partition import NO_LEADER, Partition
from ..refusal import Refusal
from . import handles

__all__ = ["elect_leaders"]


@handles(ElectLeadersRequest)
def elect_leaders(call: Call) -> ElectLeadersResponse:
    """If all partitions are meant, those that needed nothing are left out of the answer."""
    request = call.request
    assert isinstance(request, ElectLeadersRequest)
    if request.election_type not in (ElectionType.PREFERRED, ElectionType.UNCLEAN):
        raise Refusal(ErrorCode.INVALID_REQUEST, f"Unknown election type {request.election_type}")
    kind = ElectionType(request.election_type)
    if request.topic_partitions is None:
        wanted = [(topic.name, list(range(len(topic.partitions)))) for topic in call.cluster.topics.values()]
    else:
        wanted = [(topic.topic, topic.partitions) for topic in request.topic_partitions]
    results = []
    for name, indexes in wanted:
        verdicts = [_verdict(call, name, index, kind) for index in indexes]
        if request.topic_partitions is None:
            verdicts = [each for each in verdicts if each.error_code != ErrorCode.ELECTION_NOT_NEEDED]
        results.append(ReplicaElectionResult(topic=name, partition_result=verdicts))
    return ElectLeadersResponse(replica_election_results=results)


def _verdict(call: Call, topic: str, index: int, kind: ElectionType) -> PartitionResult:
    try:
        partition = call.cluster.partition(topic, index)
        if partition is None:
            raise Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"There is no partition {topic}-{index}.")
        if kind is ElectionType.PREFERRED:
            _elect_preferred(call, partition)
        else:
            _elect_any(call, partition)
    except Refusal as refusal:
        return PartitionResult(partition_id=index, error_code=refusal.code, error_message=refusal.message)
    return PartitionResult(partition_id=index, error_message=None)


def _elect_preferred(call: Call, partition: Partition) -> None:
    preferred = partition.replicas[0]
    if partition.leader == preferred:
        raise Refusal(ErrorCode.ELECTION_NOT_NEEDED, f"{partition} is led by its preferred replica.")
    if preferred not in partition.isr or not call.cluster.is_running(preferred):
        raise Refusal(
            ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE, f"Node {preferred} cannot lead {partition} now."
        )
    partition.lead(preferred)


def _elect_any(call: Call, partition: Partition) -> None:
    """A replica that was not in sync may lead then. As all share one log, nothing is lost by it here."""
    if partition.leader != NO_LEADER:
        raise Refusal(ErrorCode.ELECTION_NOT_NEEDED, f"{partition} has a leader.")
    alive = [node for node in partition.replicas if call.cluster.is_running(node)]
    if not alive:
        raise Refusal(ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE, f"No replica of {partition} runs.")
    partition.isr = alive
    partition.lead(alive[0])
