"""What stands in for the group where there is none: every partition of the subscribed topics is ours. A brain.

It has the group coordinator's face, as far as the engine looks at it, and like it tells a rebalance listener of what
comes and goes: partitions that are new since the last picture of the cluster are held until the listener ran.
Thread: loop; `listener_call` and `gate_waiting` any.
"""

from __future__ import annotations

from kafkalite.errors import IllegalStateError, KafkaError
from kafkalite.net.metadata import Cluster
from kafkalite.types import ConsumerGroupMetadata, TopicPartition

from .listener import ListenerCall
from .subscription import Subscription

__all__ = ["Solo"]


class Solo:
    """A consumer without a group."""

    gate_waiting = False
    """Nobody else wants our partitions, so no rebalance ever waits."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self.last_poll = 0.0
        self.listener_call: ListenerCall | None = None
        self._untold: frozenset[TopicPartition] = frozenset()
        """Partitions that are held, while no listener is to be told of them."""

    def on_cluster(self, cluster: Cluster) -> None:
        """Take every partition of the topics. Those of a topic that cannot be seen at the moment stay ours."""
        subscription = self._subscription
        if not subscription.uses_group_assignment:
            self.listener_call = None
            return
        before = subscription.assigned()
        now: set[TopicPartition] = set()
        for topic in subscription.topics:
            known = cluster.partitions_of(topic)
            if known is None:
                now |= {tp for tp in before if tp.topic == topic}
            else:
                now |= {TopicPartition(topic, p.partition) for p in known}
        untold = self._untold & now
        if now == before and not untold:
            return
        news = frozenset(now - before) | untold
        if self.listener_call is not None:
            news |= self.listener_call.partitions & now
        self._untold = frozenset()
        if subscription.listener is None or not news:
            self.listener_call = None
            subscription.set_assignment(now)
            subscription.release()
        else:
            self.listener_call = ListenerCall("assigned", news, subscription.listener)
            subscription.set_assignment(now, held=True)

    def on_subscription_changed(self) -> None:
        """A call that was not made yet may be another listener's now, or nobody's."""
        if self.listener_call is not None:
            self._untold = self.listener_call.partitions
            self.listener_call = None

    def on_poll(self, now: float) -> None:
        """The user polls."""
        self.last_poll = now

    def listener_done(self, error: BaseException | None) -> None:
        """The door ran the listener; what it raised is the door's to raise, and the partitions are ours anyway."""
        self.listener_call = None
        self._subscription.release()

    def take_error(self) -> KafkaError | None:
        """There is no group that could fail."""
        return None

    def metadata(self) -> ConsumerGroupMetadata:
        """Raises IllegalStateError: nobody is a member."""
        raise IllegalStateError("this consumer has no group_id, so it is no member of any group")
