"""AlterClientQuotas, API key 49: change quotas.

Sent to: controller (Metadata.ControllerId); with KRaft any broker, which forwards.
"""

from __future__ import annotations

from ..fields import array, boolean, float64, int16, int32, string
from ..message import Request, Response, Struct

__all__ = [
    "AlterClientQuotasRequest",
    "AlterClientQuotasResponse",
    "EntityData",
    "EntryData",
    "OpData",
    "ResponseEntryData",
]


class EntityData(Struct):
    entity_type: str = string()
    entity_name: str | None = string(nullable_since=0)


class OpData(Struct):
    key: str = string()
    value: float = float64()
    remove: bool = boolean()


class EntryData(Struct):
    entity: list[EntityData] = array(EntityData)
    ops: list[OpData] = array(OpData)


class ResponseEntryData(Struct):
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0)
    entity: list[EntityData] = array(EntityData)


class AlterClientQuotasRequest(Request["AlterClientQuotasResponse"]):
    api_key = 49
    versions = 0, 1
    flexible_since = 1

    entries: list[EntryData] = array(EntryData)
    validate_only: bool = boolean()


class AlterClientQuotasResponse(Response):
    api_key = 49
    versions = 0, 1
    flexible_since = 1

    throttle_time_ms: int = int32()
    entries: list[ResponseEntryData] = array(ResponseEntryData)
