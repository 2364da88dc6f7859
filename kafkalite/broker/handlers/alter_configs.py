"""AlterConfigs, which replaces all settings, and IncrementalAlterConfigs, which goes key by key. Thread: loop."""

from __future__ import annotations

from collections import Counter

from kafkalite.protocol.codes import AlterConfigOp, ErrorCode
from kafkalite.protocol.messages import alter_configs as old
from kafkalite.protocol.messages import incremental_alter_configs as incremental

from ..call import Call
from ..config_changes import Change, alter
from ..refusal import Refusal
from . import handles

__all__ = ["alter_configs", "incremental_alter_configs"]


@handles(old.AlterConfigsRequest)
def alter_configs(call: Call) -> old.AlterConfigsResponse:
    """What is not mentioned goes back to its default."""
    request = call.request
    assert isinstance(request, old.AlterConfigsRequest)
    named = Counter((each.resource_type, each.resource_name) for each in request.resources)
    responses = []
    for resource in request.resources:
        key = (resource.resource_type, resource.resource_name)
        changes = [Change(each.name, AlterConfigOp.SET, each.value) for each in resource.configs]
        refusal = _alter(
            call, key, changes, replace=True, twice=named[key] > 1, validate_only=request.validate_only
        )
        responses.append(
            old.AlterConfigsResourceResponse(
                error_code=ErrorCode.NONE if refusal is None else refusal.code,
                error_message=None if refusal is None else refusal.message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    return old.AlterConfigsResponse(responses=responses)


@handles(incremental.IncrementalAlterConfigsRequest)
def incremental_alter_configs(call: Call) -> incremental.IncrementalAlterConfigsResponse:
    """What is not mentioned stays (KIP-339)."""
    request = call.request
    assert isinstance(request, incremental.IncrementalAlterConfigsRequest)
    named = Counter((each.resource_type, each.resource_name) for each in request.resources)
    responses = []
    for resource in request.resources:
        key = (resource.resource_type, resource.resource_name)
        changes = [Change(each.name, each.config_operation, each.value) for each in resource.configs]
        refusal = _alter(
            call, key, changes, replace=False, twice=named[key] > 1, validate_only=request.validate_only
        )
        responses.append(
            incremental.AlterConfigsResourceResponse(
                error_code=ErrorCode.NONE if refusal is None else refusal.code,
                error_message=None if refusal is None else refusal.message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    return incremental.IncrementalAlterConfigsResponse(responses=responses)


def _alter(
    call: Call,
    resource: tuple[int, str],
    changes: list[Change],
    *,
    replace: bool,
    twice: bool,
    validate_only: bool,
) -> Refusal | None:
    if twice:
        return Refusal(ErrorCode.INVALID_REQUEST, "Each resource must appear at most once.")
    try:
        alter(call.cluster, call.node, *resource, changes, replace=replace, validate_only=validate_only)
    except Refusal as refusal:
        return refusal
    return None
