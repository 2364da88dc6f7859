"""DescribeGroups: classic groups and their members. Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.messages.describe_groups import (
    DescribedGroup,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)

from ..authorized import GROUP_OPERATIONS
from ..call import Call
from ..coordination import require_coordinator
from ..refusal import Refusal
from . import handles

__all__ = ["describe_groups"]


@handles(DescribeGroupsRequest)
def describe_groups(call: Call) -> DescribeGroupsResponse:
    """A group that does not exist is "Dead"; version 6 says so with an error as well (KIP-1043)."""
    request = call.request
    assert isinstance(request, DescribeGroupsRequest)
    return DescribeGroupsResponse(
        groups=[
            _describe(call, group_id, request.include_authorized_operations) for group_id in request.groups
        ]
    )


def _describe(call: Call, group_id: str, include_operations: bool) -> DescribedGroup:
    try:
        require_coordinator(call, group_id)
    except Refusal as refusal:
        return DescribedGroup(group_id=group_id, error_code=refusal.code)
    described = call.cluster.groups.described(group_id, call.version)
    if include_operations and not described.error_code:
        described.authorized_operations = GROUP_OPERATIONS
    return described
