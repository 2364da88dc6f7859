"""DescribeConfigs."""

from __future__ import annotations

import pytest

from kafkalite.broker.config import BROKER_CONFIGS
from kafkalite.broker.config_entries import INTERNAL
from kafkalite.broker.topic_configs import TOPIC_CONFIGS
from kafkalite.protocol.codes import ConfigResourceType as Kind
from kafkalite.protocol.codes import ConfigSource, ConfigType, ErrorCode
from kafkalite.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResult,
)

from .asking import Asking


def made() -> Asking:
    asking = Asking(nodes=2, config={"num.partitions": 3})
    asking.cluster.create_topic("t", 1, configs={"retention.ms": "5000"})
    return asking


def describe(
    asking: Asking,
    kind: int,
    name: str,
    *keys: str,
    version: int = 4,
    synonyms: bool = False,
    documentation: bool = False,
) -> DescribeConfigsResult:
    resource = DescribeConfigsResource(
        resource_type=kind, resource_name=name, configuration_keys=list(keys) or None
    )
    request = DescribeConfigsRequest(
        resources=[resource], include_synonyms=synonyms, include_documentation=documentation
    )
    [result] = asking.ask(request, version).results
    assert (result.resource_type, result.resource_name) == (kind, name)
    return result


@pytest.mark.parametrize("version", range(1, 5))
def test_a_topic_in_every_version(version: int) -> None:
    result = describe(made(), Kind.TOPIC, "t", version=version, synonyms=True, documentation=version >= 3)
    assert (result.error_code, result.error_message) == (ErrorCode.NONE, None)
    assert [each.name for each in result.configs] == list(TOPIC_CONFIGS)
    configs = {each.name: each for each in result.configs}
    own = configs["retention.ms"]
    assert (own.value, own.config_source, own.read_only, own.is_sensitive) == (
        "5000",
        ConfigSource.TOPIC_CONFIG,
        False,
        False,
    )
    assert [(each.name, each.value, each.source) for each in own.synonyms] == [
        ("retention.ms", "5000", ConfigSource.TOPIC_CONFIG)
    ]
    assert own.config_type == (ConfigType.LONG if version >= 3 else ConfigType.UNKNOWN)
    assert bool(own.documentation) is (version >= 3)
    default = configs["max.message.bytes"]
    assert (default.value, default.config_source) == ("1048588", ConfigSource.DEFAULT_CONFIG)
    assert [(each.name, each.source) for each in default.synonyms] == [
        ("message.max.bytes", ConfigSource.DEFAULT_CONFIG)
    ]


def test_only_what_is_asked_for() -> None:
    asking = made()
    result = describe(asking, Kind.TOPIC, "t", "retention.ms", "no.such")
    [config] = result.configs
    assert (config.name, config.synonyms, config.documentation) == ("retention.ms", [], None)
    resource = DescribeConfigsResource(resource_type=Kind.TOPIC, resource_name="t", configuration_keys=[])
    [everything] = asking.ask(DescribeConfigsRequest(resources=[resource])).results
    assert len(everything.configs) == len(TOPIC_CONFIGS)


def test_a_node() -> None:
    result = describe(made(), Kind.BROKER, "1", synonyms=True)
    assert {each.name for each in result.configs} == set(BROKER_CONFIGS) - INTERNAL
    configs = {each.name: each for each in result.configs}
    own = configs["num.partitions"]
    assert (own.value, own.config_source, own.read_only) == ("3", ConfigSource.STATIC_BROKER_CONFIG, True)
    assert [(each.value, each.source) for each in own.synonyms] == [
        ("3", ConfigSource.STATIC_BROKER_CONFIG),
        ("1", ConfigSource.DEFAULT_CONFIG),
    ]
    assert configs["message.max.bytes"].read_only is False


def test_what_was_changed_for_the_whole_cluster() -> None:
    asking = made()
    assert describe(asking, Kind.BROKER, "").configs == []
    asking.cluster.config.change("message.max.bytes", "5", ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG)
    [config] = describe(asking, Kind.BROKER, "").configs
    assert (config.name, config.value) == ("message.max.bytes", "5")


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        (Kind.TOPIC, "x", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (Kind.TOPIC, "x!", ErrorCode.INVALID_TOPIC_EXCEPTION),
        (Kind.BROKER, "2", ErrorCode.INVALID_REQUEST),
        (Kind.BROKER, "x", ErrorCode.INVALID_REQUEST),
        (Kind.GROUP, "g", ErrorCode.INVALID_REQUEST),
        (Kind.UNKNOWN, "", ErrorCode.INVALID_REQUEST),
    ],
)
def test_refusals(kind: int, name: str, error: ErrorCode) -> None:
    result = describe(made(), kind, name)
    assert (result.error_code, result.configs) == (error, [])
    assert result.error_message
