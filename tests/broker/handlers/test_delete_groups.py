"""DeleteGroups."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.delete_groups import DeleteGroupsRequest

from .asking import Asking
from .members import stable
from .test_offset_commit import at, commit


@pytest.mark.parametrize("version", range(3))
async def test_in_every_version(version: int) -> None:
    asking = Asking()
    asking.cluster.create_topic("t", 1)
    commit(asking, 9, at(0), group_id="empty")
    await stable(asking)
    answer = asking.ask(DeleteGroupsRequest(groups_names=["empty", "g", "nobody", "empty"]), version)
    assert [(each.group_id, each.error_code) for each in answer.results] == [
        ("empty", ErrorCode.NONE),
        ("g", ErrorCode.NON_EMPTY_GROUP),
        ("nobody", ErrorCode.GROUP_ID_NOT_FOUND),
    ]
    assert list(asking.cluster.groups.views()) == ["g"]


def test_only_the_coordinator_deletes() -> None:
    asking = Asking(nodes=2)
    node = 3 - asking.coordinator("g")
    [result] = asking.ask(DeleteGroupsRequest(groups_names=["g"]), node=node).results
    assert result.error_code == ErrorCode.NOT_COORDINATOR
