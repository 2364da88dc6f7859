"""Heartbeat."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest

from .asking import Asking
from .members import stable


@pytest.mark.parametrize("version", range(5))
async def test_in_every_version(version: int) -> None:
    asking = Asking()
    me = await stable(asking)
    answer = asking.ask(HeartbeatRequest(group_id="g", generation_id=1, member_id=me), version)
    assert answer.error_code == ErrorCode.NONE
    answer = asking.ask(HeartbeatRequest(group_id="g", generation_id=2, member_id=me), version)
    assert answer.error_code == ErrorCode.ILLEGAL_GENERATION


def test_refusals() -> None:
    asking = Asking(nodes=2)
    node = asking.coordinator("g")
    assert asking.ask(HeartbeatRequest()).error_code == ErrorCode.INVALID_GROUP_ID
    assert asking.ask(HeartbeatRequest(group_id="g"), node=3 - node).error_code == ErrorCode.NOT_COORDINATOR
    assert asking.ask(HeartbeatRequest(group_id="g"), node=node).error_code == ErrorCode.UNKNOWN_MEMBER_ID
