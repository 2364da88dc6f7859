"""Three real nodes, of which one dies: nothing that was acknowledged is lost, and nothing comes twice."""

from __future__ import annotations

import uuid

from kafkalite import KafkaAdminClient, KafkaConsumer, KafkaProducer, NewTopic

from .kafka import Cluster, ExistingCluster

COUNT = 300


def test_a_node_dies_while_records_are_sent_and_read(three_nodes: Cluster) -> None:
    topic = f"three-{uuid.uuid4().hex[:12]}"
    with KafkaAdminClient(bootstrap_servers=three_nodes.bootstrap) as admin:
        admin.create_topics([NewTopic(topic, num_partitions=6, replication_factor=3)])
        admin.wait_for_topics([topic])
        (described,) = admin.describe_topics([topic])
    victim = described["partitions"][0]["leader_id"]
    with KafkaProducer(bootstrap_servers=three_nodes.bootstrap, acks="all") as producer:
        sent = []
        for number in range(COUNT):
            if number == COUNT // 2:
                producer.flush()
                if not isinstance(three_nodes, ExistingCluster):
                    three_nodes.kill(victim)
            sent.append(producer.send(topic, b"%d" % number, partition=number % 6))
        where = [delivery.get(timeout=90) for delivery in sent]
    assert all(metadata.offset >= 0 for metadata in where)
    with KafkaConsumer(
        topic,
        bootstrap_servers=three_nodes.bootstrap,
        group_id=f"{topic}-group",
        auto_offset_reset="earliest",
        consumer_timeout_ms=60_000,
    ) as consumer:
        read = [int(next(consumer).value) for _ in range(COUNT)]
        assert sorted(read) == list(range(COUNT))
        assert consumer.poll(timeout_ms=500) == {}
    if not isinstance(three_nodes, ExistingCluster):
        three_nodes.start(victim)
        three_nodes.wait_until_ready()
