"""ListGroups."""

from __future__ import annotations

import pytest

from kafkalite.protocol.messages.list_groups import ListGroupsRequest

from .asking import Asking
from .members import stable
from .test_offset_commit import at, commit


@pytest.mark.parametrize("version", range(6))
async def test_in_every_version(version: int) -> None:
    asking = Asking()
    await stable(asking)
    [group] = asking.ask(ListGroupsRequest(), version).groups
    assert (group.group_id, group.protocol_type) == ("g", "consumer")
    assert group.group_state == ("Stable" if version >= 4 else "")
    assert group.group_type == ("classic" if version >= 5 else "")


async def test_filters() -> None:
    asking = Asking()
    await stable(asking)
    assert asking.ask(ListGroupsRequest(states_filter=["Empty"])).groups == []
    assert asking.ask(ListGroupsRequest(types_filter=["consumer"])).groups == []
    assert len(asking.ask(ListGroupsRequest(states_filter=["Stable"], types_filter=["classic"])).groups) == 1


def test_each_node_lists_its_own() -> None:
    asking = Asking(nodes=3)
    asking.cluster.create_topic("t", 1)
    names = [f"group-{number}" for number in range(9)]
    for name in names:
        commit(asking, 9, at(0), group_id=name)
    listed = [
        [group.group_id for group in asking.ask(ListGroupsRequest(), node=node).groups] for node in (1, 2, 3)
    ]
    assert sorted(name for some in listed for name in some) == names
    assert all(listed)


def test_a_group_without_a_coordinator_is_not_listed() -> None:
    asking = Asking(nodes=2, config={"offsets.topic.replication.factor": 1})
    asking.cluster.create_topic("t", 1, 2)
    commit(asking, 9, at(0))
    home = asking.coordinator("g")
    asking.cluster.node_stopped(home)
    assert asking.ask(ListGroupsRequest(), node=3 - home).groups == []
