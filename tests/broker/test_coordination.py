"""Which node may answer for a group."""

from __future__ import annotations

import pytest

from kafkalite.broker.call import Call
from kafkalite.broker.coordination import require_coordinator, require_group_id
from kafkalite.broker.refusal import Refusal
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest

from .handlers.asking import Asking


def test_the_empty_group_id_has_no_members() -> None:
    require_group_id("g")
    with pytest.raises(Refusal) as refused:
        require_group_id("")
    assert refused.value.code == ErrorCode.INVALID_GROUP_ID


def test_only_the_coordinator_answers() -> None:
    asking = Asking(nodes=3)
    right = asking.coordinator("g")
    for node in asking.cluster.nodes.values():
        call = Call(HeartbeatRequest(), 4, node=node, cluster=asking.cluster)
        if node.id == right:
            require_coordinator(call, "g")
            continue
        with pytest.raises(Refusal, match=f"node {right}") as refused:
            require_coordinator(call, "g")
        assert refused.value.code == ErrorCode.NOT_COORDINATOR


def test_a_group_moves_when_its_coordinator_stops() -> None:
    asking = Asking(nodes=2)
    first = asking.coordinator("g")
    asking.cluster.node_stopped(first)
    second = asking.coordinator("g")
    assert second != first
    asking.cluster.node_stopped(second)
    with pytest.raises(Refusal) as refused:
        asking.coordinator("g")
    assert refused.value.code == ErrorCode.COORDINATOR_NOT_AVAILABLE
