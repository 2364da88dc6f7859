import pytest

from kafkalite.consumer.cluster_watch import ClusterWatch
from kafkalite.consumer.fetch_buffer import FetchBuffer
from kafkalite.consumer.positions import Need, Position
from kafkalite.consumer.solo import Solo
from kafkalite.consumer.subscription import Subscription
from kafkalite.errors import InvalidTopicError, LogTruncationError, TopicAuthorizationFailedError
from kafkalite.net.metadata import Cluster, TopicInfo
from kafkalite.types import TopicPartition

from .scripted import config
from .test_subscription import cluster_of

T0 = TopicPartition("t", 0)


class Room:
    def __init__(self, membership=None, **options):
        self.buffer = FetchBuffer()
        self.subscription = Subscription(self.buffer)
        self.membership = membership or Solo(self.subscription)
        self.watch = ClusterWatch(config(**options), self.subscription, self.buffer, self.membership)


def test_without_a_group_partitions_follow_the_picture():
    room = Room()
    room.subscription.subscribe(pattern="t")
    room.watch.look(cluster_of(t=1, u=1))
    assert room.subscription.assigned() == {T0}


def test_with_a_group_only_the_subscription_does():
    class Group:
        told = 0

        def on_subscription_changed(self):
            self.told += 1

    group = Group()
    room = Room(group)
    room.subscription.subscribe(pattern="t")
    room.watch.look(cluster_of(t=1, u=1))
    room.watch.look(cluster_of(t=1, u=2))
    assert group.told == 1
    assert room.subscription.topics == {"t"}
    assert room.subscription.assigned() == frozenset()


def test_a_topic_made_again_is_read_as_the_policy_says():
    room = Room(auto_offset_reset="earliest")
    room.subscription.assign([T0])
    state = room.subscription.state(T0)
    room.watch.look(cluster_of(topic_id=1))
    room.subscription.seek(state, Position(50))
    room.watch.look(cluster_of(topic_id=2))
    assert (state.need, state.position) == (Need.RESET, None)


def test_a_topic_made_again_is_an_error_without_policy():
    room = Room(auto_offset_reset="none")
    room.subscription.assign([T0])
    state = room.subscription.state(T0)
    room.watch.look(cluster_of(topic_id=1))
    room.subscription.seek(state, Position(50))
    room.watch.look(cluster_of(topic_id=2))
    with pytest.raises(LogTruncationError, match="created again"):
        room.buffer.take(10)
    assert state.position == Position(50)


@pytest.mark.parametrize(("code", "error"), [(17, InvalidTopicError), (29, TopicAuthorizationFailedError)])
def test_a_topic_that_must_not_be_read_is_told_to_the_user(code, error):
    room = Room()
    room.subscription.subscribe(topics=["t"])
    room.watch.look(
        Cluster(topics={"t": TopicInfo("t", error_code=code), "u": TopicInfo("u", error_code=29)})
    )
    with pytest.raises(error, match="'t'"):
        room.buffer.take(10)
    assert room.buffer.take(10) == {}


def test_a_topic_that_is_being_made_is_waited_for():
    room = Room()
    room.subscription.subscribe(topics=["t"])
    room.watch.look(Cluster(topics={"t": TopicInfo("t", error_code=3)}))
    assert room.buffer.take(10) == {}
