from dataclasses import replace
from uuid import UUID

import pytest

from kafkalite.consumer.fetch_buffer import FetchBuffer
from kafkalite.consumer.fetch_plan import VERDICTS, Pace, Verdict, make_plan, node_for, wanted
from kafkalite.consumer.fetch_session import Wanted
from kafkalite.consumer.positions import Need, PartitionState, Position, Watermarks
from kafkalite.consumer.unpacking import Part
from kafkalite.errors import error_class
from kafkalite.net.metadata import Cluster, Node, PartitionInfo, TopicInfo
from kafkalite.types import TopicPartition

NOW = 1000.0
ID = UUID(int=5)


def cluster_of(*leaders, nodes=(1, 2)):
    partitions = tuple(PartitionInfo("t", n, leader, leader_epoch=3) for n, leader in enumerate(leaders))
    return Cluster(
        nodes={n: Node(n, "h", 9092) for n in nodes}, topics={"t": TopicInfo("t", ID, partitions=partitions)}
    )


@pytest.fixture
def buffer():
    return FetchBuffer()


def state_of(number=0, at=0):
    state = PartitionState(TopicPartition("t", number))
    state.jump(Position(at))
    return state


def fill(buffer, state, size):
    at = state.fetched
    data = (bytes(16) + b"\2" + bytes(size))[:size]
    assert buffer.put(
        state, state.epoch, at, Watermarks(), Part(memoryview(data), "n"), Position(at.offset + 1)
    )


def plan(buffer, states, cluster=None, *, now=NOW, share=100, total=1000):
    return make_plan(states, buffer, cluster or cluster_of(1, 1, 2), now, share=share, total=total)


def asked(result):
    return {node: sorted(tp.partition for tp in fetch.asked) for node, fetch in result.nodes.items()}


def test_each_leader_is_asked_for_its_partitions(buffer):
    result = plan(buffer, [state_of(n, at=n) for n in range(3)])
    assert asked(result) == {1: [0, 1], 2: [2]}
    assert not result.leaderless
    assert result.wake_at is None
    assert wanted(result.nodes[2].asked, cluster_of(1, 1, 2)) == {TopicPartition("t", 2): Wanted(2, 3, ID)}


@pytest.mark.parametrize("need", [Need.COMMITTED, Need.RESET, Need.VALIDATE])
def test_what_needs_its_position_is_not_fetched(buffer, need):
    state = state_of()
    state.need = need
    assert asked(plan(buffer, [state])) == {}


def test_paused_and_held_partitions_are_not_fetched(buffer):
    paused, held = state_of(0), state_of(1)
    buffer.pause(paused)
    buffer.hold([held])
    assert asked(plan(buffer, [paused, held])) == {}


def test_a_partition_without_leader_asks_for_metadata(buffer):
    result = plan(buffer, [state_of(0), state_of(1)], cluster_of(-1, 1))
    assert asked(result) == {1: [1]}
    assert result.leaderless


def test_a_back_off_is_waited_out(buffer):
    first, second = state_of(0), state_of(1)
    first.retry_at, second.retry_at = NOW + 2, NOW + 1
    result = plan(buffer, [first, second])
    assert asked(result) == {}
    assert result.wake_at == NOW + 1
    assert asked(plan(buffer, [first, second], now=NOW + 1)) == {1: [1]}


def test_the_next_fetch_goes_while_undelivered_data_is_below_the_share(buffer):
    state = state_of()
    fill(buffer, state, 100)
    result = plan(buffer, [state], share=100)
    assert asked(result) == {1: [0]}
    assert not result.nodes[1].crowded


def test_a_partition_above_its_share_is_left_out_and_the_others_must_not_wait(buffer):
    full, other, elsewhere = state_of(0), state_of(1), state_of(2)
    fill(buffer, full, 101)
    result = plan(buffer, [full, other, elsewhere], share=100)
    assert asked(result) == {1: [1], 2: [2]}
    assert result.nodes[1].crowded
    assert not result.nodes[2].crowded
    assert full.full_above == 100


def test_a_broker_with_too_much_undelivered_is_left_alone(buffer):
    states = [state_of(0), state_of(1), state_of(2)]
    fill(buffer, states[0], 60)
    assert asked(plan(buffer, states, share=100, total=60)) == {2: [2]}
    assert asked(plan(buffer, states, share=100, total=61)) == {1: [0, 1], 2: [2]}


def test_what_a_paused_partition_holds_is_in_nobodys_way(buffer):
    paused, other = state_of(0), state_of(1)
    fill(buffer, paused, 500)
    buffer.pause(paused)
    result = plan(buffer, [paused, other], share=100, total=200)
    assert asked(result) == {1: [1]}
    assert not result.nodes[1].crowded


def test_drain_first(buffer):
    state = state_of()
    fill(buffer, state, 50)
    state.drain_first = True
    assert asked(plan(buffer, [state])) == {}
    assert state.drain_first
    state.parts.clear()
    assert asked(plan(buffer, [state])) == {1: [0]}
    assert not state.drain_first


def test_what_is_being_asked_for_is_not_asked_for_twice(buffer):
    states = [state_of(0), state_of(1)]
    flying = plan(buffer, states[:1]).nodes[1].asked
    assert sorted(tp.partition for tp in plan(buffer, states).nodes[1].without(flying).asked) == [1]
    buffer.jump(states[0], Position(7))
    assert len(plan(buffer, states).nodes[1].without(flying).asked) == 2


# KIP-392.


def test_the_preferred_replica_is_asked_while_that_holds():
    state = state_of()
    state.replica, state.replica_until = 2, NOW + 10
    assert node_for(state, cluster_of(1), NOW) == 2
    assert node_for(state, cluster_of(1), NOW + 10) == 1
    assert state.replica is None


def test_a_replica_that_is_gone_is_forgotten():
    state = state_of()
    state.replica, state.replica_until = 9, NOW + 10
    assert node_for(state, cluster_of(1), NOW) == 1
    assert state.replica is None


def test_a_replica_that_is_offline_is_forgotten():
    state = state_of()
    state.replica, state.replica_until = 2, NOW + 10
    cluster = cluster_of(1)
    topic = cluster.topics["t"]
    offline = replace(topic, partitions=(replace(topic.partitions[0], offline_replicas=(2,)),))
    assert node_for(state, replace(cluster, topics={"t": offline}), NOW) == 1
    assert state.replica is None


# Pace.


def answered(pace, now=NOW, **how):
    pace.on_answer(now, **{"brought": False, "waited": False, "longest": 0.5, **how})
    return pace.not_before - now if pace.not_before else 0


def test_answers_that_bring_something_or_were_waited_for_need_no_pause():
    pace = Pace()
    assert answered(pace, brought=True) == 0
    assert answered(pace, waited=True) == 0


def test_pauses_grow_while_nothing_comes():
    pace = Pace()
    assert [round(answered(pace), 3) for _ in range(8)] == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5]
    assert answered(pace, brought=True) == 0
    assert round(answered(pace), 3) == 0.01


def test_room_ends_a_pause_but_not_the_back_off_of_a_node_that_failed():
    pace = Pace()
    answered(pace)
    pace.on_room()
    assert pace.not_before == 0
    assert pace.on_failure() == 0
    assert pace.on_failure() == 1
    pace.not_before = NOW + 5
    pace.on_room()
    assert pace.not_before == NOW + 5
    answered(pace, brought=True)
    assert pace.on_failure() == 0


def test_verdicts_agree_with_the_errors_own():
    """A code that says by its class that metadata is old is refreshed for; damage is raised although retriable."""
    for code, verdict in VERDICTS.items():
        if error_class(code).refresh_metadata:
            assert verdict is Verdict.REFRESH
    assert 2 not in VERDICTS
    assert 29 not in VERDICTS
