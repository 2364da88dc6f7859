"""Batches to a Produce request and back."""

from uuid import UUID

from kafkalite.net.metadata import Node
from kafkalite.producer.request import answers_of, prepare
from kafkalite.protocol.messages.produce import (
    NodeEndpoint,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceResponse,
)
from kafkalite.types import TopicPartition

from .stand_ins import batch, cluster, topic_id


def batches():
    made = [batch(where=("a", 0)), batch(where=("b", 1)), batch(where=("a", 2))]
    for one in made:
        one.encode(0, None)
    return made


def test_topics_are_named_both_ways():
    made = batches()
    request, max_version = prepare(made, cluster({"a": 3, "b": 3}), acks=-1, timeout=30.0)
    assert max_version is None
    assert (request.acks, request.timeout_ms, request.transactional_id) == (-1, 30_000, None)
    found = [(t.name, t.topic_id, [p.index for p in t.partition_data]) for t in request.topic_data]
    assert found == [("a", topic_id("a"), [0, 2]), ("b", topic_id("b"), [1])]
    assert request.topic_data[0].partition_data[1].records is made[2].encoded
    assert ProduceRequest.decode(request.encode(13), 13).topic_data[1].topic_id == topic_id("b")


def test_a_topic_without_id_needs_an_older_version():
    assert prepare(batches(), cluster({"a": 3, "b": 3}, ids=False), acks=1, timeout=1.0).max_version == 12
    assert prepare(batches(), cluster({"a": 3}), acks=1, timeout=1.0).max_version == 12


def test_a_time_limit_has_an_end():
    assert prepare([], cluster({}), acks=1, timeout=1e9).request.timeout_ms == 2**31 - 1


def test_answers_by_name_or_id():
    request = prepare(batches(), cluster({"a": 3, "b": 3}), acks=-1, timeout=1.0).request

    def answered(index):
        return [PartitionProduceResponse(index=index, base_offset=index * 10)]

    response = ProduceResponse(
        responses=[
            TopicProduceResponse(name="a", partition_responses=answered(2)),
            TopicProduceResponse(topic_id=topic_id("b"), partition_responses=answered(1)),
            TopicProduceResponse(topic_id=UUID(int=9), partition_responses=answered(5)),
        ],
        node_endpoints=[NodeEndpoint(node_id=3, host="h", port=1, rack="r")],
    )
    found = answers_of(request, response)
    assert found.by_partition[TopicPartition("a", 2)].base_offset == 20
    assert found.by_partition[TopicPartition("b", 1)].base_offset == 10
    assert TopicPartition("a", 0) not in found.by_partition
    assert found.nodes == [Node(3, "h", 1, "r")]


def test_acks_0_is_answered_by_silence():
    request = prepare(batches(), cluster({"a": 3, "b": 3}), acks=0, timeout=1.0).request
    found = answers_of(request, None)
    assert set(found.by_partition) == {("a", 0), ("b", 1), ("a", 2)}
    assert {(a.error_code, a.base_offset) for a in found.by_partition.values()} == {(0, -1)}
    assert found.nodes == []
