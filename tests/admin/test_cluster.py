import pytest

from kafkalite.admin.cluster import NOT_ASKED_FOR, describe_cluster
from kafkalite.errors import ClusterAuthorizationFailedError, UnsupportedVersionError
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.describe_cluster import DescribeClusterBroker, DescribeClusterResponse
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataResponse, MetadataResponseBroker

from .answers import Answering

DESCRIBED = {
    "cluster_id": "c1",
    "controller_id": 2,
    "brokers": [
        {"broker_id": 1, "host": "a", "port": 9092, "rack": None},
        {"broker_id": 2, "host": "b", "port": 9093, "rack": "r2"},
    ],
    "cluster_authorized_operations": None,
}


async def test_the_cluster_as_any_broker_describes_it():
    client = Answering(
        DescribeClusterResponse(
            cluster_id="c1",
            controller_id=2,
            brokers=[
                DescribeClusterBroker(broker_id=2, host="b", port=9093, rack="r2"),
                DescribeClusterBroker(broker_id=1, host="a", port=9092),
            ],
        )
    )
    assert await describe_cluster(client, timeout=1) == DESCRIBED


async def test_operations_are_passed_on_if_the_broker_tells_them():
    client = Answering(DescribeClusterResponse(cluster_id="c", cluster_authorized_operations=3072))
    assert (await describe_cluster(client, timeout=1))["cluster_authorized_operations"] == 3072
    assert NOT_ASKED_FOR < 0


async def test_an_old_broker_is_asked_for_metadata():
    client = Answering(
        UnsupportedVersionError("DescribeCluster"),
        MetadataResponse(
            cluster_id="c1",
            controller_id=2,
            brokers=[
                MetadataResponseBroker(node_id=2, host="b", port=9093, rack="r2"),
                MetadataResponseBroker(node_id=1, host="a", port=9092),
            ],
        ),
    )
    assert await describe_cluster(client, timeout=1) == DESCRIBED
    assert client.asked[1] == MetadataRequest(topics=[])


async def test_a_refusal_is_raised():
    client = Answering(
        DescribeClusterResponse(
            error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED, error_message="not you", cluster_id=""
        )
    )
    with pytest.raises(ClusterAuthorizationFailedError, match="not you"):
        await describe_cluster(client, timeout=1)
