"""SyncGroup: a member asks for its assignment, and the leader brings everybody's. Thread: loop."""

from __future__ import annotations

import asyncio
from typing import Final

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse

from ..call import Call
from ..coordination import require_coordinator, require_group_id
from ..refusal import Refusal
from . import handles

__all__ = ["sync_group"]

NAMES_PROTOCOL: Final = 5
"""The version in which a member must name the protocol that was chosen (KIP-559)."""


@handles(SyncGroupRequest)
async def sync_group(call: Call) -> SyncGroupResponse:
    """Waits until the leader has assigned."""
    request = call.request
    assert isinstance(request, SyncGroupRequest)
    if call.version >= NAMES_PROTOCOL and None in (request.protocol_type, request.protocol_name):
        raise Refusal(
            ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "the member does not say what protocol it follows"
        )
    require_group_id(request.group_id)
    require_coordinator(call, request.group_id)
    answer: asyncio.Future[SyncGroupResponse] = asyncio.get_running_loop().create_future()

    def reply(response: SyncGroupResponse) -> None:
        if not answer.done():
            answer.set_result(response)

    call.cluster.groups.sync(request, reply)
    return await answer
