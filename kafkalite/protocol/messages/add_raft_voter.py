"""AddRaftVoter, API key 80: add a controller to the quorum (KIP-853).

Sent to: controller quorum.
"""

from __future__ import annotations

from uuid import UUID

from ..fields import array, boolean, int16, int32, string, uint16, uuid
from ..message import Request, Response, Struct

__all__ = ["AddRaftVoterRequest", "AddRaftVoterResponse", "Listener"]


class Listener(Struct):
    name: str = string()
    host: str = string()
    port: int = uint16()


class AddRaftVoterRequest(Request["AddRaftVoterResponse"]):
    api_key = 80
    versions = 0, 1
    flexible_since = 0

    cluster_id: str | None = string(nullable_since=0)
    timeout_ms: int = int32()
    voter_id: int = int32()
    voter_directory_id: UUID = uuid()
    listeners: list[Listener] = array(Listener)
    ack_when_committed: bool = boolean(since=1, default=True)


class AddRaftVoterResponse(Response):
    api_key = 80
    versions = 0, 1
    flexible_since = 0

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0, ignorable=True)
