"""ListGroups: the groups that this node coordinates. Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse

from ..call import Call
from ..coordination import require_coordinator
from ..refusal import Refusal
from . import handles

__all__ = ["list_groups"]


@handles(ListGroupsRequest)
def list_groups(call: Call) -> ListGroupsResponse:
    """All of them, or those in some states (KIP-518) and of some types (KIP-848)."""
    request = call.request
    assert isinstance(request, ListGroupsRequest)
    groups = call.cluster.groups.listed(request.states_filter, request.types_filter)
    return ListGroupsResponse(groups=[group for group in groups if _is_ours(call, group.group_id)])


def _is_ours(call: Call, group_id: str) -> bool:
    try:
        require_coordinator(call, group_id)
    except Refusal:
        return False
    return True
