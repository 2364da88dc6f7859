"""AlterConfigs and IncrementalAlterConfigs."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import AlterConfigOp as Op
from kafkalite.protocol.codes import ConfigResourceType as Kind
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages import alter_configs as old
from kafkalite.protocol.messages import incremental_alter_configs as new

from .asking import Asking


def made() -> Asking:
    asking = Asking()
    for name in ("t", "u"):
        asking.cluster.create_topic(name, 1, configs={"retention.ms": "5000"})
    return asking


def own(asking: Asking, topic: str = "t") -> dict[str, str]:
    return asking.cluster.topics[topic].settings.explicit


def replacing(topic: str, **values: str | None) -> old.AlterConfigsResource:
    configs = [
        old.AlterableConfig(name=name.replace("_", "."), value=value) for name, value in values.items()
    ]
    return old.AlterConfigsResource(resource_type=Kind.TOPIC, resource_name=topic, configs=configs)


def setting(topic: str, **values: str | None) -> new.AlterConfigsResource:
    configs = [
        new.AlterableConfig(
            name=name.replace("_", "."),
            config_operation=Op.DELETE if value is None else Op.SET,
            value=value,
        )
        for name, value in values.items()
    ]
    return new.AlterConfigsResource(resource_type=Kind.TOPIC, resource_name=topic, configs=configs)


@pytest.mark.parametrize("version", range(3))
def test_the_old_way_replaces_everything(version: int) -> None:
    asking = made()
    request = old.AlterConfigsRequest(resources=[replacing("t", flush_ms="1"), replacing("x", flush_ms="1")])
    first, second = asking.ask(request, version).responses
    assert (first.resource_type, first.resource_name, first.error_code, first.error_message) == (
        Kind.TOPIC,
        "t",
        ErrorCode.NONE,
        None,
    )
    assert second.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert second.error_message
    assert own(asking) == {"flush.ms": "1"}


@pytest.mark.parametrize("version", range(2))
def test_the_new_way_goes_key_by_key(version: int) -> None:
    asking = made()
    request = new.IncrementalAlterConfigsRequest(
        resources=[setting("t", flush_ms="1"), setting("u", retention_ms=None), setting("x", flush_ms="1")]
    )
    first, second, third = asking.ask(request, version).responses
    assert (first.resource_type, first.resource_name, first.error_code, first.error_message) == (
        Kind.TOPIC,
        "t",
        ErrorCode.NONE,
        None,
    )
    assert (second.error_code, third.error_code) == (ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert own(asking) == {"retention.ms": "5000", "flush.ms": "1"}
    assert own(asking, "u") == {}


def test_validating_changes_nothing() -> None:
    asking = made()
    asking.ask(old.AlterConfigsRequest(resources=[replacing("t", flush_ms="1")], validate_only=True))
    asking.ask(new.IncrementalAlterConfigsRequest(resources=[setting("t", flush_ms="1")], validate_only=True))
    assert own(asking) == {"retention.ms": "5000"}


def test_a_resource_that_is_doubled_is_refused() -> None:
    asking = made()
    answers = [
        asking.ask(old.AlterConfigsRequest(resources=[replacing("t", flush_ms="1")] * 2)).responses,
        asking.ask(new.IncrementalAlterConfigsRequest(resources=[setting("t", flush_ms="1")] * 2)).responses,
    ]
    for answer in answers:
        assert {each.error_code for each in answer} == {ErrorCode.INVALID_REQUEST}
    assert own(asking) == {"retention.ms": "5000"}


def test_null_is_no_value() -> None:
    asking = made()
    [answer] = asking.ask(old.AlterConfigsRequest(resources=[replacing("t", flush_ms=None)])).responses
    assert answer.error_code == ErrorCode.INVALID_REQUEST
    assert own(asking) == {"retention.ms": "5000"}
