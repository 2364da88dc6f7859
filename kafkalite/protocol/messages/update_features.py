"""UpdateFeatures, API key 57: move feature levels (KIP-584).

Sent to: controller (Metadata.ControllerId); with KRaft any broker, which forwards.
"""

from __future__ import annotations

from ..fields import array, boolean, int8, int16, int32, string
from ..message import Request, Response, Struct

__all__ = ["FeatureUpdateKey", "UpdatableFeatureResult", "UpdateFeaturesRequest", "UpdateFeaturesResponse"]


class FeatureUpdateKey(Struct):
    feature: str = string()
    max_version_level: int = int16()
    allow_downgrade: bool = boolean(until=0)
    upgrade_type: int = int8(since=1, default=1)


class UpdatableFeatureResult(Struct):
    feature: str = string()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0)


class UpdateFeaturesRequest(Request["UpdateFeaturesResponse"]):
    api_key = 57
    versions = 0, 2
    flexible_since = 0

    timeout_ms: int = int32(default=60000)
    feature_updates: list[FeatureUpdateKey] = array(FeatureUpdateKey)
    validate_only: bool = boolean(since=1)


class UpdateFeaturesResponse(Response):
    api_key = 57
    versions = 0, 2
    flexible_since = 0

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable_since=0)
    results: list[UpdatableFeatureResult] = array(UpdatableFeatureResult, until=1, ignorable=True)
