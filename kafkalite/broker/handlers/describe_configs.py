"""DescribeConfigs: the settings of topics and nodes (KIP-133, KIP-226, KIP-569). Thread: loop.

Settings of groups, client metrics and loggers are not emulated: they are refused.
"""

from __future__ import annotations

from kafkalite.protocol.codes import ConfigResourceType, ConfigSource, ErrorCode
from kafkalite.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)

from ..call import Call
from ..config_changes import check_node_name, existing_topic
from ..config_entries import Entry, broker_entries, topic_entries
from ..refusal import Refusal
from . import handles

__all__ = ["describe_configs"]


@handles(DescribeConfigsRequest)
def describe_configs(call: Call) -> DescribeConfigsResponse:
    """One answer for each resource."""
    request = call.request
    assert isinstance(request, DescribeConfigsRequest)
    return DescribeConfigsResponse(results=[_result(call, request, each) for each in request.resources])


def _result(
    call: Call, request: DescribeConfigsRequest, resource: DescribeConfigsResource
) -> DescribeConfigsResult:
    result = DescribeConfigsResult(
        error_message=None, resource_type=resource.resource_type, resource_name=resource.resource_name
    )
    try:
        entries = _entries(call, resource)
    except Refusal as refusal:
        result.error_code, result.error_message = refusal.code, refusal.message
        return result
    keys = resource.configuration_keys
    result.configs = [
        DescribeConfigsResourceResult(
            name=entry.name,
            value=entry.value,
            read_only=entry.read_only,
            config_source=entry.source,
            synonyms=[
                DescribeConfigsSynonym(name=each.name, value=each.value, source=each.source)
                for each in (entry.synonyms if request.include_synonyms else ())
            ],
            config_type=entry.type,
            documentation=entry.documentation if request.include_documentation else None,
        )
        for entry in entries
        if not keys or entry.name in keys
    ]
    return result


def _entries(call: Call, resource: DescribeConfigsResource) -> list[Entry]:
    config = call.cluster.config
    if resource.resource_type == ConfigResourceType.TOPIC:
        return topic_entries(config, existing_topic(call.cluster, resource.resource_name).settings)
    if resource.resource_type == ConfigResourceType.BROKER:
        check_node_name(call.node, resource.resource_name)
        entries = broker_entries(config)
        if resource.resource_name:
            return entries
        return [each for each in entries if each.source == ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG]
    raise Refusal(
        ErrorCode.INVALID_REQUEST, f"settings of resource type {resource.resource_type} are not emulated"
    )
