import pytest

from kafkalite.consumer.listener import ConsumerRebalanceListener
from kafkalite.types import TopicPartition


def test_lost_partitions_are_revoked_unless_told_otherwise():
    told = []

    class Listener(ConsumerRebalanceListener):
        def on_partitions_revoked(self, revoked):
            told.append(revoked)

        def on_partitions_assigned(self, assigned):
            pass

    Listener().on_partitions_lost([TopicPartition("t", 0)])
    assert told == [[TopicPartition("t", 0)]]


def test_both_methods_are_needed():
    class Half(ConsumerRebalanceListener):
        def on_partitions_assigned(self, assigned):
            pass

    with pytest.raises(TypeError):
        Half()
