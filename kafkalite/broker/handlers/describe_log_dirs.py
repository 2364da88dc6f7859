"""DescribeLogDirs: how much a node stores (KIP-113). Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.messages.describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)

from ..call import Call
from . import handles

__all__ = ["describe_log_dirs"]


@handles(DescribeLogDirsRequest)
def describe_log_dirs(call: Call) -> DescribeLogDirsResponse:
    """The one place where a node keeps its replicas: memory, so that nothing is known about the volume."""
    request = call.request
    assert isinstance(request, DescribeLogDirsRequest)
    wanted = None if request.topics is None else {each.topic: set(each.partitions) for each in request.topics}
    topics = []
    for topic in call.cluster.topics.values():
        partitions = [
            DescribeLogDirsPartition(partition_index=partition.index, partition_size=partition.log.size)
            for partition in topic.partitions
            if call.node.id in partition.replicas
            and (wanted is None or partition.index in wanted.get(topic.name, ()))
        ]
        if partitions:
            topics.append(DescribeLogDirsTopic(name=topic.name, partitions=partitions))
    return DescribeLogDirsResponse(
        results=[DescribeLogDirsResult(log_dir=f"/memory/node-{call.node.id}", topics=topics)]
    )
