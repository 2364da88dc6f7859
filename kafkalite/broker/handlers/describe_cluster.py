"""DescribeCluster: the nodes and their controller (KIP-700). Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.codes import EndpointType, ErrorCode
from kafkalite.protocol.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
)

from ..authorized import CLUSTER_OPERATIONS
from ..call import Call
from ..refusal import Refusal
from . import handles

__all__ = ["describe_cluster"]


@handles(DescribeClusterRequest)
def describe_cluster(call: Call) -> DescribeClusterResponse:
    """Nodes that run; those that do not are listed as fenced if asked for (KIP-1073)."""
    request = call.request
    assert isinstance(request, DescribeClusterRequest)
    if request.endpoint_type == EndpointType.CONTROLLER:
        raise Refusal(
            ErrorCode.MISMATCHED_ENDPOINT_TYPE,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
        )
    if request.endpoint_type != EndpointType.BROKER:
        raise Refusal(
            ErrorCode.UNSUPPORTED_ENDPOINT_TYPE, f"Unsupported endpoint type {request.endpoint_type}"
        )
    cluster = call.cluster
    controller = cluster.controller
    response = DescribeClusterResponse(
        cluster_id=cluster.id,
        controller_id=-1 if controller is None else controller.id,
        brokers=[
            DescribeClusterBroker(
                broker_id=node.id, host=call.host_of(node), port=node.port, is_fenced=not node.running
            )
            for node in cluster.nodes.values()
            if node.running or request.include_fenced_brokers
        ],
    )
    if request.include_cluster_authorized_operations:
        response.cluster_authorized_operations = CLUSTER_OPERATIONS
    return response
