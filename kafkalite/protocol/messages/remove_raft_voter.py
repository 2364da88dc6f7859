"""RemoveRaftVoter, API key 81: remove a controller from the quorum (KIP-853).

Sent to: controller quorum.
"""

from __future__ import annotations

from uuid import UUID

from ..fields import int16, int32, string, uuid
from ..message import Request, Response

__all__ = ["RemoveRaftVoterRequest", "RemoveRaftVoterResponse"]


class RemoveRaftVoterRequest(Request["RemoveRaftVoterResponse"]):
    api_key = 81
    versions = 0, 0
    flexible_since = 0

    cluster_id: str | None = string(nullable_since=0)
    voter_id: int = int32()
    voter_directory_id: UUID = uuid()


class RemoveRaftVoterResponse(Response):
    api_key = 81
    versions = 0, 0
    flexible_since = 0

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0, ignorable=True)
