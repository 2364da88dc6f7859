"""DeleteGroups: empty groups go, and their offsets with them. Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)

from ..call import Call
from ..coordination import require_coordinator
from ..refusal import Refusal
from . import handles

__all__ = ["delete_groups"]


@handles(DeleteGroupsRequest)
def delete_groups(call: Call) -> DeleteGroupsResponse:
    """One answer for each group, however often it is named."""
    request = call.request
    assert isinstance(request, DeleteGroupsRequest)
    return DeleteGroupsResponse(
        results=[
            DeletableGroupResult(group_id=group_id, error_code=_delete(call, group_id))
            for group_id in dict.fromkeys(request.groups_names)
        ]
    )


def _delete(call: Call, group_id: str) -> ErrorCode:
    try:
        require_coordinator(call, group_id)
        call.cluster.groups.delete(group_id)
    except Refusal as refusal:
        return refusal.code
    return ErrorCode.NONE
