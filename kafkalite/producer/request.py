"""Batches as a Produce request, and its answer as answers for batches. A brain. Thread: loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from kafkalite.net.metadata import Cluster, Node
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from kafkalite.types import TopicPartition

from .batch import Batch

__all__ = ["Answers", "Prepared", "answers_of", "prepare"]

_INT32_MAX: Final = 2**31 - 1
_NAMES_TOPICS: Final = 12
"""The last version of Produce that names topics; later ones give their ids, which have to be known."""


class Prepared(NamedTuple):
    """A request, and the highest version that can carry it (None: any)."""

    request: ProduceRequest
    max_version: int | None


class Answers(NamedTuple):
    """What the broker said of each partition, and where it says that brokers are."""

    by_partition: Mapping[TopicPartition, PartitionProduceResponse]
    nodes: list[Node]


def prepare(batches: Iterable[Batch], cluster: Cluster, *, acks: int, timeout: float) -> Prepared:
    """A request with these batches, which have been encoded."""
    topics: dict[str, TopicProduceData] = {}
    max_version = None
    for batch in batches:
        topic, partition = batch.partition
        data = topics.get(topic)
        if data is None:
            data = topics[topic] = TopicProduceData(name=topic, topic_id=cluster.topic_id(topic))
            if data.topic_id == ZERO_UUID:
                max_version = _NAMES_TOPICS
        data.partition_data.append(PartitionProduceData(index=partition, records=batch.encoded))
    request = ProduceRequest(
        transactional_id=None,
        acks=acks,
        timeout_ms=min(_INT32_MAX, int(timeout * 1000)),
        topic_data=list(topics.values()),
    )
    return Prepared(request, max_version)


def answers_of(request: ProduceRequest, response: ProduceResponse | None) -> Answers:
    """The answer, by partition; None is the answer to acks=0: nobody will ever say more."""
    if response is None:
        sent = [TopicPartition(t.name, p.index) for t in request.topic_data for p in t.partition_data]
        return Answers({p: PartitionProduceResponse(index=p.partition, base_offset=-1) for p in sent}, [])
    names = {data.topic_id: data.name for data in request.topic_data}
    answers = {
        TopicPartition(topic.name or names.get(topic.topic_id, ""), answer.index): answer
        for topic in response.responses
        for answer in topic.partition_responses
    }
    return Answers(answers, [Node(e.node_id, e.host, e.port, e.rack) for e in response.node_endpoints])
