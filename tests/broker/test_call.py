from random import Random

import pytest

from kafkalite.broker.call import Call
from kafkalite.broker.clock import SteppedClock
from kafkalite.broker.cluster import Cluster
from kafkalite.broker.config import BrokerConfig
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest


@pytest.mark.parametrize(
    ("listens_on", "told"), [("0.0.0.0", "10.0.0.7"), ("::", "10.0.0.7"), ("kafka", "kafka")]
)
def test_a_node_that_listens_everywhere_is_where_the_client_found_it(listens_on: str, told: str) -> None:
    cluster = Cluster(BrokerConfig(), SteppedClock(), Random(0), nodes=2, host=listens_on)
    request = HeartbeatRequest(group_id="g")
    call = Call(request, 4, node=cluster.nodes[1], cluster=cluster, local_host="10.0.0.7")
    assert call.host_of(cluster.nodes[2]) == told
    assert call.request is request
