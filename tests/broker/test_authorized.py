"""What everybody may do. The numbers are what Kafka 4 without an authorizer answers."""

from __future__ import annotations

from kafkalite.broker.authorized import CLUSTER_OPERATIONS, GROUP_OPERATIONS, TOPIC_OPERATIONS


def test_the_bits_are_kafkas() -> None:
    assert (TOPIC_OPERATIONS, GROUP_OPERATIONS, CLUSTER_OPERATIONS) == (3576, 3400, 8096)
