"""How these conversations write and read records."""

from __future__ import annotations

from typing import Any

from kafkalite.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from kafkalite.protocol.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite.protocol.records.batch import encode_batch

from .talk import LONG_AGO, Topic


def batch(count: int = 1, *, start: int = 0, keys: bool = True, **options: Any) -> bytes:
    """A batch of `count` records, a second apart."""
    records = [
        (LONG_AGO + 1000 * n, b"k%d" % n if keys else None, b"v%d" % n, ())
        for n in range(start, start + count)
    ]
    return encode_batch(records, **options)


def produce(
    topic: Topic, records: Any, *, partition: int = 0, acks: int = -1, **options: Any
) -> ProduceRequest:
    data = TopicProduceData(
        name=topic.name,
        topic_id=topic.id,
        partition_data=[PartitionProduceData(index=partition, records=records)],
    )
    return ProduceRequest(acks=acks, timeout_ms=10_000, topic_data=[data], **options)


def fetch(
    topic: Topic,
    *offsets: int,
    max_wait_ms: int = 0,
    min_bytes: int = 0,
    max_bytes: int = 0x7FFFFFFF,
    isolation_level: int = 0,
    session: tuple[int, int] = (0, -1),
    **of_partition: Any,
) -> FetchRequest:
    """A fetch of partition 0 at the first offset, of partition 1 at the second, ..."""
    of_partition.setdefault("partition_max_bytes", 1 << 20)
    partitions = [
        FetchPartition(partition=number, fetch_offset=offset, **of_partition)
        for number, offset in enumerate(offsets)
    ]
    topics = [FetchTopic(topic=topic.name, topic_id=topic.id, partitions=partitions)]
    return FetchRequest(
        max_wait_ms=max_wait_ms,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        isolation_level=isolation_level,
        session_id=session[0],
        session_epoch=session[1],
        topics=topics if offsets else [],
    )


def list_offsets(
    name: str, timestamp: int, *, partition: int = 0, isolation_level: int = 0, **options: Any
) -> Any:
    wanted = ListOffsetsPartition(partition_index=partition, timestamp=timestamp, **options)
    return ListOffsetsRequest(
        replica_id=-1,
        isolation_level=isolation_level,
        topics=[ListOffsetsTopic(name=name, partitions=[wanted])],
        timeout_ms=5000,
    )
