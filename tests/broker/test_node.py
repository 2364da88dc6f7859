from random import Random

from kafkalite.broker.fetch_session import FetchSessions
from kafkalite.broker.node import Node


def test_a_node() -> None:
    node = Node(3, "kafka", 9092, FetchSessions(1, Random(0)))
    assert repr(node) == "<Node 3 at kafka:9092, running>"
    node.running = False
    assert repr(node).endswith("stopped>")
