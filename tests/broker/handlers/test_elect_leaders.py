"""ElectLeaders."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import ElectionType, ErrorCode
from kafkalite.protocol.messages.elect_leaders import ElectLeadersRequest, TopicPartitions

from .asking import Asking


def made(factor: int = 2) -> Asking:
    asking = Asking(nodes=2)
    asking.cluster.create_topic("t", 2, factor)
    return asking


def elect(
    asking: Asking,
    kind: int,
    topics: dict[str, list[int]] | None,
    *,
    version: int = 2,
) -> dict[str, dict[int, int]]:
    asked = (
        None
        if topics is None
        else [TopicPartitions(topic=name, partitions=indexes) for name, indexes in topics.items()]
    )
    request = ElectLeadersRequest(election_type=kind, topic_partitions=asked)
    answer = asking.ask(request, version, node=asking.cluster.running_nodes[0].id)
    for topic in answer.replica_election_results:
        for each in topic.partition_result:
            assert bool(each.error_message) is bool(each.error_code)
    return {
        topic.topic: {each.partition_id: each.error_code for each in topic.partition_result}
        for topic in answer.replica_election_results
    }


@pytest.mark.parametrize("version", range(3))
def test_the_preferred_replica_leads_again(version: int) -> None:
    asking = made()
    asking.cluster.move_leader("t", 0, 2)
    result = elect(asking, ElectionType.PREFERRED, {"t": [0, 1, 5]}, version=version)
    assert result == {
        "t": {0: ErrorCode.NONE, 1: ErrorCode.ELECTION_NOT_NEEDED, 5: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    }
    assert asking.cluster.topics["t"].partitions[0].leader == 1


def test_all_partitions_leaves_out_what_needed_nothing() -> None:
    asking = made()
    assert elect(asking, ElectionType.PREFERRED, None) == {"t": {}}
    asking.cluster.move_leader("t", 0, 2)
    assert elect(asking, ElectionType.PREFERRED, None) == {"t": {0: ErrorCode.NONE}}


def test_a_preferred_replica_that_does_not_run() -> None:
    asking = made()
    asking.cluster.node_stopped(1)
    assert elect(asking, ElectionType.PREFERRED, {"t": [0]}) == {
        "t": {0: ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE}
    }


def test_any_replica_leads_where_nobody_does() -> None:
    asking = made()
    partition = asking.cluster.topics["t"].partitions[0]
    asking.cluster.node_stopped(1)
    partition.isr = [1]
    partition.lead(-1)
    assert elect(asking, ElectionType.UNCLEAN, {"t": [0, 1]}) == {
        "t": {0: ErrorCode.NONE, 1: ErrorCode.ELECTION_NOT_NEEDED}
    }
    assert (partition.leader, partition.isr) == (2, [2])


def test_nobody_is_left_to_lead() -> None:
    asking = made(factor=1)
    asking.cluster.node_stopped(2)
    assert elect(asking, ElectionType.UNCLEAN, {"t": [1]}) == {
        "t": {1: ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE}
    }


def test_an_unknown_kind_of_election() -> None:
    answer = made().ask(ElectLeadersRequest(election_type=7, topic_partitions=None))
    assert answer.error_code == ErrorCode.INVALID_REQUEST
