"""DescribeLogDirs."""

from __future__ import annotations

import pytest

from kafkalite.protocol.messages.describe_log_dirs import DescribableLogDirTopic, DescribeLogDirsRequest

from .asking import Asking
from .test_delete_records import made


@pytest.mark.parametrize("version", range(1, 6))
def test_in_every_version(version: int) -> None:
    asking = made()
    answer = asking.ask(DescribeLogDirsRequest(topics=None), version)
    assert answer.error_code == 0
    [place] = answer.results
    assert (place.error_code, place.log_dir) == (0, "/memory/node-1")
    assert (place.total_bytes, place.usable_bytes, place.is_cordoned) == (-1, -1, False)
    [topic] = place.topics
    [partition] = topic.partitions
    assert (topic.name, partition.partition_index) == ("t", 0)
    assert partition.partition_size == asking.cluster.topics["t"].partitions[0].log.size > 0
    assert (partition.offset_lag, partition.is_future_key) == (0, False)


def test_only_what_the_node_has_and_what_was_asked_for() -> None:
    asking = Asking(nodes=2)
    asking.cluster.create_topic("t", 4, 1)
    asking.cluster.create_topic("u", 1, 2)
    asked = [
        DescribableLogDirTopic(topic="t", partitions=[0, 1, 2, 9]),
        DescribableLogDirTopic(topic="x", partitions=[0]),
    ]
    [place] = asking.ask(DescribeLogDirsRequest(topics=asked), node=2).results
    assert [(topic.name, [each.partition_index for each in topic.partitions]) for topic in place.topics] == [
        ("t", [1])
    ]
