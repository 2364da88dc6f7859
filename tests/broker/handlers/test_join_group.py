"""JoinGroup."""

from __future__ import annotations

import asyncio

import pytest

from kafkalite.protocol.codes import ErrorCode

from ..group_driver import join_request
from .asking import Asking
from .members import joined, stable


@pytest.mark.parametrize("version", range(10))
async def test_in_every_version(version: int) -> None:
    asking = Asking()
    answer = asking.ask(join_request(), version)
    if version >= 4:
        assert answer.error_code == ErrorCode.MEMBER_ID_REQUIRED
        assert answer.protocol_name == (None if version >= 7 else "")
        assert answer.member_id.startswith("client-")
        answer = asking.ask(join_request(answer.member_id), version)
    assert answer.error_code == ErrorCode.NONE
    assert answer.leader == answer.member_id
    assert (answer.generation_id, answer.protocol_name) == (1, "range")
    assert answer.protocol_type == ("consumer" if version >= 7 else None)
    assert [each.member_id for each in answer.members] == [answer.member_id]


@pytest.mark.parametrize("version", [0, 9])
async def test_refusals_before_the_group_is_asked(version: int) -> None:
    asking = Asking(nodes=2)
    node = asking.coordinator("g")
    answer = asking.ask(join_request(group_id=""), version)
    assert answer.error_code == ErrorCode.INVALID_GROUP_ID
    assert answer.protocol_name == (None if version >= 7 else "")
    answer = asking.ask(join_request(session=1.0), version, node=3 - node)
    assert answer.error_code == ErrorCode.INVALID_SESSION_TIMEOUT
    answer = asking.ask(join_request("me"), version, node=3 - node)
    assert (answer.error_code, answer.generation_id, answer.member_id) == (
        ErrorCode.NOT_COORDINATOR,
        -1,
        "me",
    )


async def test_an_answer_waits_for_the_round() -> None:
    asking = Asking()
    one = await stable(asking)
    asked = asking.ask(join_request())
    waiting = asking.begin(join_request(asked.member_id))
    await asyncio.sleep(0)
    assert not waiting.done()
    again = asking.ask(join_request(one))
    assert (await waiting).generation_id == again.generation_id == 2
    assert (await waiting).members == []


async def test_who_hangs_up_while_waiting_stays_a_member() -> None:
    asking = Asking()
    one = await stable(asking)
    asked = asking.ask(join_request())
    waiting = asking.begin(join_request(asked.member_id))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert len(asking.ask(join_request(one)).members) == 2


async def test_the_clients_address_is_known() -> None:
    asking = Asking()
    answer = await joined(asking)
    member = asking.cluster.groups.views()["g"].members[answer.member_id]
    assert (member.client_id, member.client_host) == ("client", "/127.0.0.1")
