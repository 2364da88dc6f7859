from uuid import uuid4

import pytest

from kafkalite.broker.config import BrokerConfig, TopicSettings
from kafkalite.broker.partition import Partition
from kafkalite.broker.topic import Topic, problem_with_name


@pytest.mark.parametrize("name", ["a", "A-z_0.9", "x" * 249, "...", "__consumer_offsets"])
def test_legal_names(name: str) -> None:
    assert problem_with_name(name) is None


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 250, "a b", "a/b", "ä", "a\n"])
def test_illegal_names(name: str) -> None:
    assert problem_with_name(name)


def test_a_topic() -> None:
    settings = TopicSettings(BrokerConfig())
    topic = Topic("t", uuid4(), [Partition("t", 0, [1, 2]), Partition("t", 1, [2, 1])], settings)
    assert topic.replication_factor == 2
    assert not topic.is_internal
    assert repr(topic) == "<Topic t, 2 partitions>"
    assert Topic("__consumer_offsets", uuid4(), [], settings).is_internal
