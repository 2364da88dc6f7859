from uuid import UUID

import pytest

from kafkalite.consumer.fetch_buffer import FetchBuffer
from kafkalite.consumer.positions import Need, Position, Watermarks
from kafkalite.consumer.subscription import Subscription
from kafkalite.consumer.unpacking import Part
from kafkalite.errors import IllegalStateError
from kafkalite.net.metadata import Cluster, Node, PartitionInfo, TopicInfo
from kafkalite.protocol.records.batch import encode_batch
from kafkalite.types import OffsetAndMetadata, TopicPartition

T0, T1, U0 = TopicPartition("t", 0), TopicPartition("t", 1), TopicPartition("u", 0)


@pytest.fixture
def buffer():
    return FetchBuffer()


@pytest.fixture
def subscription(buffer):
    return Subscription(buffer)


def cluster_of(epoch=1, topic_id=1, generation=1, **topics):
    topics = topics or {"t": 2}
    return Cluster(
        generation=generation,
        nodes={1: Node(1, "h", 9092)},
        topics={
            name: TopicInfo(
                name,
                UUID(int=topic_id),
                is_internal=name.startswith("__"),
                partitions=tuple(PartitionInfo(name, n, 1, epoch) for n in range(count)),
            )
            for name, count in topics.items()
        },
    )


# What is subscribed.


def test_subscribe_to_topics(subscription):
    assert not subscription.uses_group_assignment
    subscription.subscribe(topics=["a", "b", "a"])
    assert subscription.topics == {"a", "b"}
    assert subscription.wanted_topics() == {"a", "b"}
    assert subscription.uses_group_assignment
    assert subscription.version == 1
    subscription.subscribe(topics=("c",))
    assert subscription.topics == {"c"}
    assert subscription.version == 2


def test_subscribe_to_nothing_unsubscribes(subscription):
    subscription.subscribe(topics=["a"])
    subscription.set_assignment([TopicPartition("a", 0)])
    subscription.subscribe(topics=[])
    assert not subscription.topics
    assert not subscription.assigned()
    assert not subscription.uses_group_assignment


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({}, ValueError),
        ({"topics": ["a"], "pattern": "a"}, ValueError),
        ({"topics": "abc"}, TypeError),
        ({"topics": [1]}, TypeError),
        ({"topics": ["no spaces"]}, ValueError),
        ({"topics": [".."]}, ValueError),
        ({"pattern": "("}, ValueError),
        ({"topics": ["a"], "listener": print}, TypeError),
    ],
)
def test_what_cannot_be_subscribed_to_changes_nothing(subscription, wrong, error):
    with pytest.raises(error):
        subscription.subscribe(**wrong)
    assert subscription.version == 0
    assert not subscription.uses_group_assignment


def test_ways_to_subscribe_exclude_each_other(subscription):
    subscription.subscribe(topics=["a"])
    with pytest.raises(IllegalStateError):
        subscription.subscribe(pattern="a")
    with pytest.raises(IllegalStateError):
        subscription.assign([T0])
    subscription.unsubscribe()
    subscription.subscribe(pattern="a")
    with pytest.raises(IllegalStateError):
        subscription.subscribe(topics=["a"])
    subscription.unsubscribe()
    subscription.assign([T0])
    with pytest.raises(IllegalStateError):
        subscription.subscribe(topics=["a"])
    subscription.assign([])
    subscription.subscribe(topics=["a"])


def test_a_pattern_matches_from_the_start_and_leaves_internal_topics_out(subscription):
    subscription.subscribe(pattern="(__)?or")
    assert subscription.wanted_topics() is None
    assert subscription.on_cluster(cluster_of(orders=1, orbit=1, fedora=1, __or=1))
    assert subscription.topics == {"orders", "orbit"}
    version = subscription.version
    assert not subscription.on_cluster(cluster_of(orders=2, orbit=1))
    assert subscription.version == version
    assert subscription.on_cluster(cluster_of(orders=1))
    assert subscription.topics == {"orders"}
    assert subscription.version == version + 1


def test_a_pattern_waits_for_a_picture_of_all_topics(subscription):
    subscription.on_cluster(cluster_of(t=1, generation=5))
    subscription.subscribe(pattern="t")
    assert not subscription.on_cluster(cluster_of(t=1, generation=5))
    assert subscription.topics == frozenset()
    assert subscription.on_cluster(cluster_of(t=1, tt=1, generation=6))
    assert subscription.topics == {"t", "tt"}


def test_internal_topics_match_if_asked_for(buffer):
    subscription = Subscription(buffer, exclude_internal_topics=False)
    subscription.subscribe(pattern="__")
    subscription.on_cluster(cluster_of(__consumer_offsets=1))
    assert subscription.topics == {"__consumer_offsets"}


def test_topics_are_no_pattern(subscription):
    subscription.subscribe(topics=["t"])
    assert not subscription.on_cluster(cluster_of(t=1, tt=1))


# What is ours.


def test_assign(subscription):
    told = []
    subscription.on_assignment = lambda: told.append(subscription.assigned())
    subscription.assign([T0, U0])
    assert subscription.assigned() == {T0, U0}
    assert subscription.wanted_topics() == {"t", "u"}
    assert told == [{T0, U0}]
    assert not subscription.uses_group_assignment
    assert subscription.get(T1) is None
    with pytest.raises(IllegalStateError, match="t-1"):
        subscription.state(T1)


def test_a_new_partition_needs_the_committed_offset_or_a_reset(buffer, subscription):
    subscription.assign([T0])
    assert subscription.state(T0).need is Need.RESET
    with_group = Subscription(buffer, starts_from_committed=True)
    with_group.assign([T0])
    assert with_group.state(T0).need is Need.COMMITTED


def test_partitions_that_are_kept_keep_their_state(subscription):
    subscription.assign([T0, T1])
    kept, lost = subscription.state(T0), subscription.state(T1)
    subscription.seek(kept, Position(5))
    epoch = lost.epoch
    subscription.set_assignment([T0, U0])
    assert subscription.state(T0) is kept
    assert kept.position == Position(5)
    assert lost.epoch > epoch
    subscription.set_assignment([T1])
    assert subscription.state(T1) is not lost


def test_held_partitions_are_released_together(subscription):
    told = []
    subscription.set_assignment([T0, T1], held=True)
    assert all(state.held for state in subscription.states())
    subscription.on_assignment = lambda: told.append(1)
    subscription.release()
    assert not any(state.held for state in subscription.states())
    assert told


# Where we are.


def deliver(buffer, state, count, take):
    data = encode_batch([(1, None, b"v", ())] * count, base_offset=state.fetched.offset, leader_epoch=4)
    fetched = Position(state.fetched.offset + count, 4)
    marks = Watermarks(100, 50, 0)
    assert buffer.put(state, state.epoch, state.fetched, marks, Part(memoryview(data), "n"), fetched)
    return buffer.take(take)


def test_positions_to_commit(buffer, subscription):
    subscription.assign([T0, T1])
    assert subscription.consumed_positions() == subscription.finished_positions() == {}
    state = subscription.state(T0)
    subscription.seek(state, Position(10))
    deliver(buffer, state, 5, 3)
    assert subscription.consumed_positions() == {T0: OffsetAndMetadata(13, "", 4)}
    assert subscription.finished_positions() == {T0: OffsetAndMetadata(10, "", -1)}
    buffer.take(1)
    assert subscription.consumed_positions() == {T0: OffsetAndMetadata(14, "", 4)}
    assert subscription.finished_positions() == {T0: OffsetAndMetadata(13, "", 4)}
    assert subscription.consumed_positions({T0: 12, U0: 3}) == {T0: OffsetAndMetadata(12, "", 4)}
    assert subscription.consumed_positions({T0: 99}) == {T0: OffsetAndMetadata(14, "", 4)}


def test_lag(buffer, subscription):
    subscription.assign([T0, T1])
    assert subscription.lag(committed_only=False) is None
    state = subscription.state(T0)
    subscription.seek(state, Position(10))
    deliver(buffer, state, 5, 3)
    assert subscription.lag(committed_only=False) == 87
    assert subscription.lag(committed_only=True) == 37


def test_a_seek_without_epoch_is_not_validated(subscription):
    subscription.assign([T0])
    state = subscription.state(T0)
    subscription.seek(state, Position(5))
    assert (state.need, state.position) == (Need.NOTHING, Position(5))
    subscription.check_leaders(cluster_of())
    assert state.need is Need.NOTHING


def test_a_seek_with_epoch_is_validated_first(subscription):
    subscription.assign([T0])
    state = subscription.state(T0)
    subscription.seek(state, Position(5, 2))
    assert (state.need, state.position) == (Need.VALIDATE, Position(5, 2))


def test_found_and_reset(subscription):
    subscription.assign([T0])
    state = subscription.state(T0)
    state.retry_at, state.retries, state.drain_first, state.wanted = 5.0, 3, True, True
    subscription.found(state, Position(5, 2), leader_epoch=9)
    assert (state.need, state.position, state.validated_epoch) == (Need.NOTHING, Position(5, 2), 9)
    assert (state.retry_at, state.retries, state.drain_first, state.wanted) == (0.0, 0, False, False)
    subscription.reset(state, -2)
    assert (state.need, state.position, state.reset_to) == (Need.RESET, None, -2)


def test_another_leader_must_confirm_a_position(subscription):
    subscription.assign([T0])
    state = subscription.state(T0)
    subscription.found(state, Position(5, 1), leader_epoch=1)
    state.replica = 3
    assert subscription.check_leaders(cluster_of(epoch=1)) == []
    assert (state.need, state.replica) == (Need.NOTHING, 3)
    subscription.check_leaders(cluster_of(epoch=2))
    assert (state.need, state.replica) == (Need.VALIDATE, None)


def test_a_position_without_epoch_has_nothing_to_confirm(subscription):
    subscription.assign([T0])
    state = subscription.state(T0)
    subscription.found(state, Position(5), leader_epoch=1)
    subscription.check_leaders(cluster_of(epoch=2))
    assert (state.need, state.validated_epoch) == (Need.NOTHING, 2)


def test_a_topic_made_again_is_noticed_by_its_id(subscription):
    subscription.assign([T0])
    state = subscription.state(T0)
    assert subscription.check_leaders(cluster_of(topic_id=1)) == []
    assert subscription.check_leaders(cluster_of(topic_id=0)) == []  # an old broker tells no ids
    assert subscription.check_leaders(cluster_of(topic_id=2)) == [state]
    assert subscription.check_leaders(cluster_of(topic_id=2)) == []


def test_repr(subscription):
    assert repr(subscription) == "<Subscription to nothing: no partitions>"
    subscription.subscribe(topics=["b", "a"])
    subscription.set_assignment([T0])
    assert repr(subscription) == "<Subscription to a, b: t-0 at ? (reset)>"
    subscription.unsubscribe()
    subscription.subscribe(pattern="x.*")
    assert repr(subscription) == "<Subscription to pattern 'x.*': no partitions>"
