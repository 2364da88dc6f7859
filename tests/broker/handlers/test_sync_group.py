"""SyncGroup."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

from ..group_driver import join_request
from .asking import Asking
from .members import joined


def sync_request(group_id: str = "", **rest: Any) -> SyncGroupRequest:
    return SyncGroupRequest(
        group_id=group_id, **{"protocol_type": "consumer", "protocol_name": "range", **rest}
    )


@pytest.mark.parametrize("version", range(6))
async def test_in_every_version(version: int) -> None:
    asking = Asking()
    me = (await joined(asking)).member_id
    request = sync_request(
        "g",
        generation_id=1,
        member_id=me,
        assignments=[SyncGroupRequestAssignment(member_id=me, assignment=b"mine")],
    )
    answer = asking.ask(request, version)
    assert (answer.error_code, answer.assignment) == (ErrorCode.NONE, b"mine")
    named = (answer.protocol_type, answer.protocol_name)
    assert named == (("consumer", "range") if version >= 5 else (None, None))


async def test_a_follower_waits_for_the_leader() -> None:
    asking = Asking()
    leader = (await joined(asking)).member_id
    asked = asking.ask(join_request())
    waiting = asking.begin(join_request(asked.member_id))
    await asyncio.sleep(0)
    asking.ask(join_request(leader))
    follower = (await waiting).member_id
    synced = asking.begin(sync_request(group_id="g", generation_id=2, member_id=follower))
    await asyncio.sleep(0)
    assert not synced.done()
    given = [SyncGroupRequestAssignment(member_id=follower, assignment=b"yours")]
    asking.ask(sync_request(group_id="g", generation_id=2, member_id=leader, assignments=given))
    assert (await synced).assignment == b"yours"


async def test_who_hangs_up_while_waiting_leaves_no_trouble() -> None:
    asking = Asking()
    leader = (await joined(asking)).member_id
    asked = asking.ask(join_request())
    waiting = asking.begin(join_request(asked.member_id))
    await asyncio.sleep(0)
    asking.ask(join_request(leader))
    follower = (await waiting).member_id
    synced = asking.begin(sync_request(group_id="g", generation_id=2, member_id=follower))
    await asyncio.sleep(0)
    synced.cancel()
    await asyncio.gather(synced, return_exceptions=True)
    answer = asking.ask(sync_request(group_id="g", generation_id=2, member_id=leader))
    assert answer.error_code == ErrorCode.NONE


async def test_refusals() -> None:
    asking = Asking(nodes=2)
    node = asking.coordinator("g")
    assert asking.ask(sync_request()).error_code == ErrorCode.INVALID_GROUP_ID
    assert asking.ask(sync_request(group_id="g"), node=3 - node).error_code == ErrorCode.NOT_COORDINATOR
    assert asking.ask(sync_request(group_id="g"), node=node).error_code == ErrorCode.UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("missing", ["protocol_type", "protocol_name"])
async def test_since_version_5_a_member_must_say_what_it_follows(missing: str) -> None:
    asking = Asking()
    me = (await joined(asking)).member_id
    request = sync_request("g", generation_id=1, member_id=me, **{missing: None})
    assert asking.ask(request, 5).error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert asking.ask(request, 4).error_code == ErrorCode.NONE
