"""DescribeGroups."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.describe_groups import DescribeGroupsRequest

from .asking import Asking
from .members import stable


@pytest.mark.parametrize("version", range(7))
async def test_in_every_version(version: int) -> None:
    asking = Asking()
    me = await stable(asking, {"range": b"meta"})
    request = DescribeGroupsRequest(groups=["g", "nobody"], include_authorized_operations=version >= 3)
    known, dead = asking.ask(request, version).groups
    assert (known.error_code, known.group_state, known.protocol_type, known.protocol_data) == (
        ErrorCode.NONE,
        "Stable",
        "consumer",
        "range",
    )
    [member] = known.members
    assert (member.member_id, member.member_metadata, member.member_assignment) == (me, b"meta", b"given")
    assert known.authorized_operations == (3400 if version >= 3 else -2147483648)
    operations = {
        0: -2147483648,
        3: 3400,
        6: -2147483648,
    }  # not for what does not exist, once that can be said
    assert dead.authorized_operations == operations[max(each for each in operations if each <= version)]
    assert (dead.group_id, dead.group_state, dead.members) == ("nobody", "Dead", [])
    assert dead.error_code == (ErrorCode.GROUP_ID_NOT_FOUND if version >= 6 else ErrorCode.NONE)


async def test_operations_only_if_asked_for() -> None:
    asking = Asking()
    await stable(asking)
    [group] = asking.ask(DescribeGroupsRequest(groups=["g"])).groups
    assert group.authorized_operations == -2147483648


def test_only_the_coordinator_describes() -> None:
    asking = Asking(nodes=2)
    node = 3 - asking.coordinator("g")
    [group] = asking.ask(DescribeGroupsRequest(groups=["g"]), node=node).groups
    assert (group.group_id, group.error_code) == ("g", ErrorCode.NOT_COORDINATOR)
