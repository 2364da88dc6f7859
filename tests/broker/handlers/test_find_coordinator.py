"""FindCoordinator."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import CoordinatorKeyType, ErrorCode
from kafkalite.protocol.messages.find_coordinator import FindCoordinatorRequest

from .asking import Asking


@pytest.mark.parametrize("version", range(4))
def test_one_key(version: int) -> None:
    asking = Asking(nodes=3)
    answer = asking.ask(FindCoordinatorRequest(key="g"), version)
    assert answer.error_code == ErrorCode.NONE
    assert answer.node_id == asking.coordinator("g")
    assert answer.error_message == ("NONE" if version >= 1 else "")
    assert (answer.host, answer.port) == ("127.0.0.1", 9091 + answer.node_id)


@pytest.mark.parametrize("version", range(4, 7))
def test_several_keys(version: int) -> None:
    asking = Asking(nodes=3)
    answer = asking.ask(FindCoordinatorRequest(coordinator_keys=["g", "h"]), version)
    found = {each.key: (each.error_code, each.node_id) for each in answer.coordinators}
    assert found == {key: (ErrorCode.NONE, asking.coordinator(key)) for key in ("g", "h")}


def test_every_node_knows() -> None:
    asking = Asking(nodes=3)
    answers = [asking.ask(FindCoordinatorRequest(key="g"), 3, node=node) for node in (1, 2, 3)]
    assert len({answer.node_id for answer in answers}) == 1


@pytest.mark.parametrize("kind", [CoordinatorKeyType.TRANSACTION, CoordinatorKeyType.SHARE, 9])
def test_only_groups_have_coordinators(kind: int) -> None:
    asking = Asking()
    [found] = asking.ask(FindCoordinatorRequest(coordinator_keys=["x"], key_type=kind)).coordinators
    assert (found.error_code, found.node_id, found.host, found.port) == (
        ErrorCode.INVALID_REQUEST,
        -1,
        "",
        -1,
    )
    answer = asking.ask(FindCoordinatorRequest(key="x", key_type=kind), 3)
    assert (answer.error_code, answer.node_id) == (ErrorCode.INVALID_REQUEST, -1)


def test_a_group_without_a_living_coordinator() -> None:
    asking = Asking(nodes=2, config={"offsets.topic.replication.factor": 1})
    asking.cluster.node_stopped(asking.coordinator("g"))
    [node] = asking.cluster.running_nodes
    [found] = asking.ask(FindCoordinatorRequest(coordinator_keys=["g"]), node=node.id).coordinators
    assert found.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert found.error_message
