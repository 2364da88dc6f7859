"""JoinGroup: becoming a member, and coming to a new round. Thread: loop."""

from __future__ import annotations

import asyncio
from typing import Final

from kafkalite.protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse

from ..call import Call
from ..coordination import require_coordinator, require_group_id
from ..error_answers import answers_errors
from . import handles

__all__ = ["join_group"]

PROTOCOL_MAY_BE_NULL: Final = 7
"""The version whose answer can say that no protocol was chosen."""


@handles(JoinGroupRequest)
async def join_group(call: Call) -> JoinGroupResponse:
    """Waits until the round is complete. A client that hangs up meanwhile stays a member until its time is up."""
    request = call.request
    assert isinstance(request, JoinGroupRequest)
    groups = call.cluster.groups
    require_group_id(request.group_id)
    groups.check_join(request)
    require_coordinator(call, request.group_id)
    answer: asyncio.Future[JoinGroupResponse] = asyncio.get_running_loop().create_future()

    def reply(response: JoinGroupResponse) -> None:
        if not answer.done():
            answer.set_result(response)

    groups.join(request, call.version, call.client_id or "", f"/{call.client_host}", reply)
    return _fitting(await answer, call.version)


@answers_errors(JoinGroupRequest)
def join_group_error(call: Call, code: int, message: str | None) -> JoinGroupResponse:
    """A refusal names the member, as it named itself, and no protocol. There is no room for a message."""
    request = call.request
    assert isinstance(request, JoinGroupRequest)
    refusal = JoinGroupResponse(error_code=code, member_id=request.member_id, protocol_name=None)
    return _fitting(refusal, call.version)


def _fitting(response: JoinGroupResponse, version: int) -> JoinGroupResponse:
    if response.protocol_name is None and version < PROTOCOL_MAY_BE_NULL:
        response.protocol_name = ""
    return response
