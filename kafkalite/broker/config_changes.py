"""Changing settings of topics and nodes: what may be changed, and what comes of it. Called by `handlers.alter_configs`.

A change is checked whole before any of it is made, so that `validate_only` is the same thing without the last step.
Settings of groups, client metrics and loggers are not emulated: they are refused. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from kafkalite.protocol.codes import AlterConfigOp, ConfigResourceType, ConfigSource, ConfigType, ErrorCode

from .cluster import Cluster
from .config import BROKER_CONFIGS, BrokerConfig
from .config_entries import is_dynamic
from .node import Node
from .refusal import Refusal
from .topic import Topic, problem_with_name
from .topic_configs import TOPIC_CONFIGS, problem_with_all

__all__ = ["Change", "alter", "check_node_name", "existing_topic"]


class Change(NamedTuple):
    """What shall happen to one setting."""

    name: str
    operation: int
    value: str | None


def alter(
    cluster: Cluster,
    node: Node,
    resource_type: int,
    resource_name: str,
    changes: Iterable[Change],
    *,
    replace: bool,
    validate_only: bool,
) -> None:
    """Change a resource's settings. `replace` drops what is not mentioned. Raises Refusal, and then changes nothing."""
    listed = list(changes)
    if len({change.name for change in listed}) < len(listed):
        raise Refusal(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys")
    if resource_type == ConfigResourceType.TOPIC:
        if not resource_name:
            raise Refusal(ErrorCode.INVALID_REQUEST, "There are no settings for all topics: name one.")
        apply = _topic_change(existing_topic(cluster, resource_name), listed, replace)
    elif resource_type == ConfigResourceType.BROKER:
        check_node_name(node, resource_name)
        apply = _broker_change(cluster, listed, replace, for_all=not resource_name)
    else:
        raise Refusal(
            ErrorCode.INVALID_REQUEST, f"settings of resource type {resource_type} are not emulated"
        )
    if not validate_only:
        apply()


def existing_topic(cluster: Cluster, name: str) -> Topic:
    """The topic. Raises Refusal if there is none, or cannot be."""
    topic = cluster.topics.get(name)
    if topic is not None:
        return topic
    if (problem := problem_with_name(name)) is not None:
        raise Refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
    raise Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{name}' does not exist.")


def check_node_name(node: Node, name: str) -> None:
    """Raise Refusal unless that is the node that was asked, or the empty name of the cluster-wide settings."""
    if not name:
        return
    if not name.isascii() or not name.isdecimal():
        raise Refusal(ErrorCode.INVALID_REQUEST, f"Broker id must be an integer, but it is: {name}")
    if int(name) != node.id:
        raise Refusal(
            ErrorCode.INVALID_REQUEST,
            f"Unexpected broker id, expected {node.id} or empty string, but received {name}",
        )


def _topic_change(topic: Topic, changes: list[Change], replace: bool) -> Callable[[], None]:
    settings = topic.settings
    values = {} if replace else dict(settings.explicit)
    for change in changes:
        known = TOPIC_CONFIGS.get(change.name)
        current = None if known is None else settings[change.name]
        value = _outcome(change, None if known is None else known.type, current)
        if value is None:
            values.pop(change.name, None)
        else:
            values[change.name] = value
    if (problem := problem_with_all(values)) is not None:
        raise Refusal(ErrorCode.INVALID_CONFIG, problem)
    return lambda: settings.replace(values)


def _broker_change(
    cluster: Cluster, changes: list[Change], replace: bool, *, for_all: bool
) -> Callable[[], None]:
    config = cluster.config
    source = ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG if for_all else ConfigSource.DYNAMIC_BROKER_CONFIG
    values: dict[str, str | None] = {}
    if replace:
        values = {name: None for name, changed_by in config.dynamic.items() if changed_by == source}
    for change in changes:
        known = BROKER_CONFIGS.get(change.name)
        current = None if known is None else config[change.name]
        values[change.name] = _outcome(change, None if known is None else known.type, current)
    for name, value in values.items():
        if name in BROKER_CONFIGS and not is_dynamic(name):
            raise Refusal(ErrorCode.INVALID_REQUEST, f"Cannot update these configs dynamically: Set({name})")
        try:
            BrokerConfig({} if value is None and name in BROKER_CONFIGS else {name: value})
        except ValueError as error:
            code = ErrorCode.INVALID_REQUEST if name in BROKER_CONFIGS else ErrorCode.INVALID_CONFIG
            raise Refusal(code, str(error)) from error

    def apply() -> None:
        for name, value in values.items():
            config.change(name, value, source)
        for topic in cluster.topics.values():
            topic.settings.read()

    return apply


def _outcome(change: Change, kind: ConfigType | None, current: str | None) -> str | None:
    """The setting's value after the change; None if it is not set any more. Raises Refusal."""
    if change.operation == AlterConfigOp.DELETE:
        return None
    if change.value is None:
        raise Refusal(ErrorCode.INVALID_REQUEST, f"Null value not supported for : {change.name}")
    if change.operation == AlterConfigOp.SET:
        return change.value
    if change.operation not in (AlterConfigOp.APPEND, AlterConfigOp.SUBTRACT):
        raise Refusal(ErrorCode.INVALID_REQUEST, f"Unknown operation type {change.operation}")
    if kind != ConfigType.LIST:
        verb = "append to" if change.operation == AlterConfigOp.APPEND else "subtract from"
        raise Refusal(
            ErrorCode.INVALID_CONFIG, f"Can't {verb} key {change.name} because its type is not LIST."
        )
    have, named = _parts(current or ""), _parts(change.value)
    if change.operation == AlterConfigOp.APPEND:
        have += [part for part in named if part not in have]
    else:
        have = [part for part in have if part not in named]
    return ",".join(have)


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
