"""VotersRecord: a control record: the voters of the controller quorum."""

from __future__ import annotations

from uuid import UUID

from ..fields import array, int16, int32, string, struct, uint16, uuid
from ..message import Message, Struct

__all__ = ["Endpoint", "KRaftVersionFeature", "Voter", "VotersRecord"]


class Endpoint(Struct):
    name: str = string()
    host: str = string()
    port: int = uint16()


class KRaftVersionFeature(Struct):
    min_supported_version: int = int16()
    max_supported_version: int = int16()


class Voter(Struct):
    voter_id: int = int32()
    voter_directory_id: UUID = uuid()
    endpoints: list[Endpoint] = array(Endpoint)
    kraft_version_feature: KRaftVersionFeature = struct(KRaftVersionFeature)


class VotersRecord(Message):
    versions = 0, 0
    flexible_since = 0

    version: int = int16()
    voters: list[Voter] = array(Voter)
