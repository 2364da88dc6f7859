import pytest

from kafkalite.consumer.listener import ConsumerRebalanceListener, ListenerCall
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


@pytest.mark.parametrize("kind", ["revoked", "assigned", "lost"])
def test_a_call_reaches_its_method(kind):
    told = []

    class Listener(ConsumerRebalanceListener):
        def on_partitions_revoked(self, revoked):
            told.append(("revoked", revoked))
            return "awaitable"

        def on_partitions_assigned(self, assigned):
            told.append(("assigned", assigned))
            return "awaitable"

        def on_partitions_lost(self, lost):
            told.append(("lost", lost))
            return "awaitable"

    partitions = frozenset({TopicPartition("t", 0)})
    assert ListenerCall(kind, partitions, Listener()).run() == "awaitable"
    assert told == [(kind, partitions)]
