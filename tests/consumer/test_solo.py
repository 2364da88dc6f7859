import pytest

from kafkalite.consumer.fetch_buffer import FetchBuffer
from kafkalite.consumer.listener import ConsumerRebalanceListener
from kafkalite.consumer.solo import Solo
from kafkalite.consumer.subscription import Subscription
from kafkalite.errors import IllegalStateError
from kafkalite.types import TopicPartition

from .test_subscription import cluster_of

T0, T1, T2 = (TopicPartition("t", n) for n in range(3))


class Listener(ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        pass


@pytest.fixture
def subscription():
    return Subscription(FetchBuffer())


@pytest.fixture
def solo(subscription):
    return Solo(subscription)


def test_every_partition_of_the_topics_is_ours(solo, subscription):
    subscription.subscribe(topics=["t", "missing"])
    solo.on_cluster(cluster_of(t=2, other=1))
    assert subscription.assigned() == {T0, T1}
    assert solo.listener_call is None
    assert not any(state.held for state in subscription.states())


def test_new_partitions_are_picked_up_and_old_ones_stay(solo, subscription):
    subscription.subscribe(topics=["t"])
    solo.on_cluster(cluster_of(t=2))
    before = subscription.state(T0)
    told = []
    subscription.on_assignment = lambda: told.append(1)
    solo.on_cluster(cluster_of(t=2))
    assert told == []
    solo.on_cluster(cluster_of(t=3))
    assert subscription.assigned() == {T0, T1, T2}
    assert subscription.state(T0) is before


def test_a_topic_that_cannot_be_seen_stays_ours(solo, subscription):
    subscription.subscribe(topics=["t", "u"])
    solo.on_cluster(cluster_of(t=1, u=1))
    solo.on_cluster(cluster_of(u=1))
    assert T0 in subscription.assigned()


def test_assigned_partitions_are_the_users_own(solo, subscription):
    subscription.assign([T1])
    solo.on_cluster(cluster_of(t=2))
    assert subscription.assigned() == {T1}


def test_a_listener_is_told_before_anything_is_read(solo, subscription):
    listener = Listener()
    subscription.subscribe(topics=["t"], listener=listener)
    solo.on_cluster(cluster_of(t=2))
    assert solo.listener_call == ("assigned", {T0, T1}, listener)
    assert all(state.held for state in subscription.states())
    solo.on_cluster(cluster_of(t=3))
    assert solo.listener_call.partitions == {T0, T1, T2}
    solo.listener_done(None)
    assert solo.listener_call is None
    assert not any(state.held for state in subscription.states())
    solo.on_cluster(cluster_of(t=3))
    assert solo.listener_call is None


def test_another_subscription_takes_the_call_back(solo, subscription):
    subscription.subscribe(topics=["t"], listener=Listener())
    solo.on_cluster(cluster_of(t=1))
    subscription.unsubscribe()
    solo.on_subscription_changed()
    assert solo.listener_call is None
    solo.on_cluster(cluster_of(t=1))
    assert solo.listener_call is None


@pytest.mark.parametrize("listener", [None, Listener()])
def test_a_call_that_was_not_made_passes_to_the_next_subscription(solo, subscription, listener):
    subscription.subscribe(topics=["t"], listener=Listener())
    solo.on_cluster(cluster_of(t=1))
    subscription.subscribe(topics=["t"], listener=listener)
    solo.on_subscription_changed()
    solo.on_cluster(cluster_of(t=1))
    if listener is not None:
        assert solo.listener_call == ("assigned", {T0}, listener)
        solo.listener_done(None)
    assert solo.listener_call is None
    assert not subscription.state(T0).held
    solo.on_cluster(cluster_of(t=1))
    assert solo.listener_call is None


def test_there_is_no_group(solo):
    assert not solo.gate_waiting
    solo.on_poll(5.0)
    assert solo.last_poll == 5.0
    assert solo.take_error() is None
    with pytest.raises(IllegalStateError, match="group_id"):
        solo.metadata()
