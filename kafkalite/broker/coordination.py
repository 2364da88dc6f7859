"""Which node may answer for a group. Called by the group handlers, before they ask the group. Thread: loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.protocol.codes import ErrorCode

from .refusal import Refusal

if TYPE_CHECKING:
    from .call import Call

__all__ = ["require_coordinator", "require_group_id"]


def require_group_id(group_id: str) -> None:
    """Raise Refusal for the empty group id: it can hold offsets, for old clients' sake, but no members."""
    if not group_id:
        raise Refusal(ErrorCode.INVALID_GROUP_ID, "the group id is empty")


def require_coordinator(call: Call, group_id: str) -> None:
    """Raise Refusal unless the node that was asked coordinates this group."""
    coordinator = call.cluster.coordinator_of(group_id)
    if coordinator is not call.node:
        raise Refusal(
            ErrorCode.NOT_COORDINATOR,
            f"the group {group_id!r} is coordinated by node {coordinator.id}, not {call.node.id}",
        )
