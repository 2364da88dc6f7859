"""Members of a group on a cluster without a network, by their requests."""

from __future__ import annotations

from collections.abc import Mapping

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.join_group import JoinGroupResponse
from kafkalite.protocol.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

from ..group_driver import join_request
from .asking import Asking


async def joined(asking: Asking, protocols: Mapping[str, bytes] | str = "range") -> JoinGroupResponse:
    """The first and only member of group "g", which has not asked for its assignment."""
    node = asking.coordinator("g")
    asked = asking.ask(join_request(protocols=protocols), node=node)
    assert asked.error_code == ErrorCode.MEMBER_ID_REQUIRED
    return asking.ask(join_request(asked.member_id, protocols), node=node)


async def stable(asking: Asking, protocols: Mapping[str, bytes] | str = "range") -> str:
    """The id of the only member of group "g", which is stable."""
    answer = await joined(asking, protocols)
    given = [SyncGroupRequestAssignment(member_id=answer.member_id, assignment=b"given")]
    synced = asking.ask(
        SyncGroupRequest(
            group_id="g",
            generation_id=answer.generation_id,
            member_id=answer.member_id,
            protocol_type="consumer",
            protocol_name=answer.protocol_name,
            assignments=given,
        ),
        node=asking.coordinator("g"),
    )
    assert (synced.error_code, synced.assignment) == (ErrorCode.NONE, b"given")
    return answer.member_id
