"""ListConfigResources."""

from __future__ import annotations

from kafkalite.protocol.codes import ConfigResourceType as Kind
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.list_config_resources import ListConfigResourcesRequest

from .asking import Asking


def made() -> Asking:
    asking = Asking(nodes=2)
    asking.cluster.create_topic("t", 1)
    return asking


def listed(asking: Asking, *kinds: int) -> list[tuple[int, str]]:
    answer = asking.ask(ListConfigResourcesRequest(resource_types=list(kinds)))
    assert answer.error_code == ErrorCode.NONE
    return [(each.resource_type, each.resource_name) for each in answer.config_resources]


def test_version_0_lists_client_metrics_of_which_there_are_none() -> None:
    answer = made().ask(ListConfigResourcesRequest(), 0)
    assert (answer.error_code, answer.config_resources) == (ErrorCode.NONE, [])


def test_everything_or_some_kinds() -> None:
    asking = made()
    nodes = [(Kind.BROKER, "1"), (Kind.BROKER, "2")]
    loggers = [(Kind.BROKER_LOGGER, "1"), (Kind.BROKER_LOGGER, "2")]
    assert listed(asking) == [(Kind.TOPIC, "t"), *nodes, *loggers]
    assert listed(asking, Kind.BROKER, Kind.GROUP, Kind.CLIENT_METRICS) == nodes


def test_an_unknown_kind_is_refused() -> None:
    answer = made().ask(ListConfigResourcesRequest(resource_types=[3]))
    assert answer.error_code == ErrorCode.UNSUPPORTED_VERSION
