"""LeaderChangeMessage: a control record of the metadata log: a new leader."""

from __future__ import annotations

from uuid import UUID

from ..fields import array, int16, int32, uuid
from ..message import Message, Struct

__all__ = ["LeaderChangeMessage", "Voter"]


class Voter(Struct):
    voter_id: int = int32()
    voter_directory_id: UUID = uuid(since=1)


class LeaderChangeMessage(Message):
    versions = 0, 1
    flexible_since = 0

    version: int = int16()
    leader_id: int = int32()
    voters: list[Voter] = array(Voter)
    granting_voters: list[Voter] = array(Voter)
