"""Changing settings: what may be changed, and that a refusal changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kafkalite.broker.config_changes import Change, alter, check_node_name, existing_topic
from kafkalite.broker.refusal import Refusal
from kafkalite.protocol.codes import AlterConfigOp as Op
from kafkalite.protocol.codes import ConfigResourceType as Kind
from kafkalite.protocol.codes import ConfigSource, ErrorCode

from .handlers.asking import Asking


def made() -> Asking:
    asking = Asking(nodes=2)
    asking.cluster.create_topic("t", 1, 1, configs={"retention.ms": "5000"})
    return asking


def change(
    asking: Asking, kind: int, name: str, *changes: tuple[str, int, str | None], **flags: bool
) -> None:
    options: dict[str, Any] = {"replace": False, "validate_only": False, **flags}
    alter(asking.cluster, asking.cluster.nodes[1], kind, name, [Change(*each) for each in changes], **options)


def refusal(
    asking: Asking, kind: int, name: str, *changes: tuple[str, int, str | None], **flags: bool
) -> ErrorCode:
    with pytest.raises(Refusal) as refused:
        change(asking, kind, name, *changes, **flags)
    return refused.value.code


def own(asking: Asking) -> dict[str, str]:
    return asking.cluster.topics["t"].settings.explicit


def test_key_by_key() -> None:
    asking = made()
    change(asking, Kind.TOPIC, "t", ("cleanup.policy", Op.SET, "compact"), ("retention.ms", Op.DELETE, None))
    assert own(asking) == {"cleanup.policy": "compact"}
    assert asking.cluster.topics["t"].settings.compacted


def test_replacing_drops_what_is_not_mentioned() -> None:
    asking = made()
    change(asking, Kind.TOPIC, "t", ("max.message.bytes", Op.SET, "100"), replace=True)
    assert own(asking) == {"max.message.bytes": "100"}
    assert asking.cluster.topics["t"].settings.max_message_bytes == 100


def test_lists_grow_and_shrink() -> None:
    asking = made()
    change(asking, Kind.TOPIC, "t", ("cleanup.policy", Op.APPEND, "compact,delete"))
    assert own(asking)["cleanup.policy"] == "delete,compact"
    change(asking, Kind.TOPIC, "t", ("cleanup.policy", Op.SUBTRACT, "delete"))
    assert own(asking)["cleanup.policy"] == "compact"


def test_validating_changes_nothing() -> None:
    asking = made()
    change(asking, Kind.TOPIC, "t", ("retention.ms", Op.SET, "1"), validate_only=True)
    change(asking, Kind.BROKER, "1", ("message.max.bytes", Op.SET, "1"), validate_only=True)
    assert own(asking) == {"retention.ms": "5000"}
    assert asking.cluster.config.dynamic == {}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ([("retention.ms", Op.SET, "soon")], ErrorCode.INVALID_CONFIG),
        ([("no.such", Op.SET, "1")], ErrorCode.INVALID_CONFIG),
        ([("retention.ms", Op.SET, None)], ErrorCode.INVALID_REQUEST),
        ([("retention.ms", 9, "1")], ErrorCode.INVALID_REQUEST),
        ([("retention.ms", Op.APPEND, "1")], ErrorCode.INVALID_CONFIG),
        ([("no.such", Op.SUBTRACT, "1")], ErrorCode.INVALID_CONFIG),
        ([("retention.ms", Op.SET, "1"), ("retention.ms", Op.DELETE, None)], ErrorCode.INVALID_REQUEST),
        ([("flush.ms", Op.SET, "1"), ("retention.ms", Op.SET, "soon")], ErrorCode.INVALID_CONFIG),
    ],
)
def test_a_refusal_changes_nothing(changes: list[tuple[str, int, str | None]], error: ErrorCode) -> None:
    asking = made()
    assert refusal(asking, Kind.TOPIC, "t", *changes) is error
    assert own(asking) == {"retention.ms": "5000"}


def test_topics_that_are_not_there() -> None:
    asking = made()
    assert refusal(asking, Kind.TOPIC, "u") is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert refusal(asking, Kind.TOPIC, "u!") is ErrorCode.INVALID_TOPIC_EXCEPTION
    assert refusal(asking, Kind.TOPIC, "") is ErrorCode.INVALID_REQUEST
    assert existing_topic(asking.cluster, "t").name == "t"


@pytest.mark.parametrize("name", ["2", "x", "-1", "²"])
def test_another_nodes_settings_are_refused(name: str) -> None:
    asking = made()
    check_node_name(asking.cluster.nodes[1], "1")
    check_node_name(asking.cluster.nodes[1], "")
    assert refusal(asking, Kind.BROKER, name) is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("kind", [Kind.GROUP, Kind.CLIENT_METRICS, Kind.BROKER_LOGGER, Kind.UNKNOWN, 99])
def test_what_has_no_settings_here_is_refused(kind: int) -> None:
    assert refusal(made(), kind, "x") is ErrorCode.INVALID_REQUEST


def test_a_nodes_setting_holds_for_topics_at_once() -> None:
    asking = made()
    change(asking, Kind.BROKER, "1", ("message.max.bytes", Op.SET, "100"))
    assert asking.cluster.topics["t"].settings.max_message_bytes == 100
    assert asking.cluster.config.dynamic == {"message.max.bytes": ConfigSource.DYNAMIC_BROKER_CONFIG}
    change(asking, Kind.BROKER, "1", ("message.max.bytes", Op.DELETE, None))
    assert asking.cluster.topics["t"].settings.max_message_bytes == 1048588


def test_replacing_a_nodes_settings_leaves_the_clusters_alone() -> None:
    asking = made()
    change(asking, Kind.BROKER, "", ("log.retention.ms", Op.SET, "7"))
    change(asking, Kind.BROKER, "1", ("message.max.bytes", Op.SET, "100"))
    change(asking, Kind.BROKER, "1", ("min.insync.replicas", Op.SET, "2"), replace=True)
    assert asking.cluster.config.dynamic == {
        "log.retention.ms": ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG,
        "min.insync.replicas": ConfigSource.DYNAMIC_BROKER_CONFIG,
    }


def test_a_nodes_refusals() -> None:
    asking = made()
    assert refusal(asking, Kind.BROKER, "1", ("num.partitions", Op.SET, "3")) is ErrorCode.INVALID_REQUEST
    assert refusal(asking, Kind.BROKER, "1", ("no.such", Op.SET, "3")) is ErrorCode.INVALID_CONFIG
    assert refusal(asking, Kind.BROKER, "1", ("no.such", Op.DELETE, None)) is ErrorCode.INVALID_CONFIG
    assert refusal(asking, Kind.BROKER, "1", ("message.max.bytes", Op.SET, "x")) is ErrorCode.INVALID_REQUEST
    assert asking.cluster.config.dynamic == {}
