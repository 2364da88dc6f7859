"""Heartbeat: staying a member. Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse

from ..call import Call
from ..coordination import require_coordinator, require_group_id
from . import handles

__all__ = ["heartbeat"]


@handles(HeartbeatRequest)
def heartbeat(call: Call) -> HeartbeatResponse:
    """Says whether the member is still one, and whether a new round has begun."""
    request = call.request
    assert isinstance(request, HeartbeatRequest)
    require_group_id(request.group_id)
    require_coordinator(call, request.group_id)
    return HeartbeatResponse(error_code=call.cluster.groups.heartbeat(request))
