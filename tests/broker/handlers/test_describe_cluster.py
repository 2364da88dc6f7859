"""DescribeCluster."""

from __future__ import annotations

import pytest

from kafkalite.protocol.codes import EndpointType, ErrorCode
from kafkalite.protocol.messages.describe_cluster import DescribeClusterRequest

from .asking import Asking


@pytest.mark.parametrize("version", range(3))
def test_in_every_version(version: int) -> None:
    asking = Asking(nodes=3)
    request = DescribeClusterRequest(include_cluster_authorized_operations=True)
    answer = asking.ask(request, version, node=2)
    assert answer.error_code == ErrorCode.NONE
    assert answer.cluster_id == asking.cluster.id
    assert [(each.broker_id, each.host, each.port, each.rack) for each in answer.brokers] == [
        (number, "127.0.0.1", 9091 + number, None) for number in (1, 2, 3)
    ]
    assert answer.controller_id == 1
    assert answer.cluster_authorized_operations == 8096


def test_operations_only_if_asked_for() -> None:
    assert Asking().ask(DescribeClusterRequest()).cluster_authorized_operations == -2147483648


def test_nodes_that_do_not_run_are_fenced() -> None:
    asking = Asking(nodes=2)
    asking.cluster.node_stopped(1)
    answer = asking.ask(DescribeClusterRequest(), node=2)
    assert ([each.broker_id for each in answer.brokers], answer.controller_id) == ([2], 2)
    answer = asking.ask(DescribeClusterRequest(include_fenced_brokers=True), node=2)
    assert [(each.broker_id, each.is_fenced) for each in answer.brokers] == [(1, True), (2, False)]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (EndpointType.CONTROLLER, ErrorCode.MISMATCHED_ENDPOINT_TYPE),
        (7, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE),
    ],
)
def test_only_brokers_have_endpoints_here(kind: int, error: ErrorCode) -> None:
    answer = Asking().ask(DescribeClusterRequest(endpoint_type=kind))
    assert answer.error_code == error
    assert answer.error_message
    assert answer.brokers == []
