from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

import pytest

from kafkalite.net.backoff import Backoff
from kafkalite.net.metadata import Cluster, Metadata, Node
from kafkalite.protocol.messages.metadata import (
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)

from .peer import topic

ONE, TWO = UUID(int=1), UUID(int=2)


class Sure(Random):
    def uniform(self, a: float, b: float) -> float:
        return 1.0


def make(**options: Any) -> Metadata:
    options = {"max_age": 300.0, "backoff": Backoff(0.1, 1.0, Sure()), **options}
    return Metadata(**options)


def answer(
    *topics: MetadataResponseTopic, nodes: tuple[int, ...] = (1, 2), **fields: Any
) -> MetadataResponse:
    brokers = [MetadataResponseBroker(node_id=n, host=f"h{n}", port=9092, rack=f"r{n}") for n in nodes]
    fields = {"cluster_id": "c", "controller_id": 1, **fields}
    return MetadataResponse(brokers=brokers, topics=list(topics), **fields)


def learn(metadata: Metadata, *topics: MetadataResponseTopic, now: float = 0.0, **fields: Any) -> Cluster:
    """Ask, and get this answer."""
    metadata.next_request(now)
    return metadata.on_response(answer(*topics, **fields), now)


def names(metadata: Metadata, now: float = 0.0) -> list[str | None] | None:
    """What the next request asks for."""
    topics = metadata.next_request(now).topics
    return None if topics is None else [t.name for t in topics]


# The picture.


def test_a_first_answer() -> None:
    metadata = make()
    assert metadata.snapshot == Cluster()
    metadata.add_topics(["t"])
    cluster = learn(metadata, topic("t", 1, 2, epoch=5, topic_id=ONE, is_internal=True))
    assert cluster is metadata.snapshot
    assert cluster.generation == 1
    assert (cluster.cluster_id, cluster.controller_id) == ("c", 1)
    assert cluster.nodes == {1: Node(1, "h1", 9092, "r1"), 2: Node(2, "h2", 9092, "r2")}
    assert cluster.nodes[1].address == ("h1", 9092)
    assert [p.leader for p in cluster.partitions_of("t") or ()] == [1, 2]
    assert cluster.leader_of("t", 1) == 2
    assert cluster.leader_epoch_of("t", 1) == 5
    assert cluster.topic_id("t") == ONE
    assert cluster.topic_name(ONE) == "t"
    assert cluster.topics["t"].with_leader == (0, 1)
    assert cluster.topics["t"].is_internal


def test_what_is_not_known() -> None:
    cluster = learn(make())
    assert cluster.partitions_of("t") is None
    assert cluster.leader_of("t", 0) is None
    assert cluster.leader_epoch_of("t", 0) == -1
    assert cluster.topic_id("t") == UUID(int=0)
    assert cluster.topic_name(ONE) is None
    metadata = make()
    metadata.add_topics(["t"])
    cluster = learn(metadata, topic("t", 1, 7))
    assert cluster.leader_of("t", 1) is None  # a leader that is no node of the cluster
    assert cluster.leader_of("t", 2) is None
    assert cluster.leader_of("t", -1) is None
    assert cluster.leader_epoch_of("t", -1) == -1


def test_partitions_are_dense_whatever_the_order_of_the_answer() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    answered = MetadataResponseTopic(
        name="t", partitions=[MetadataResponsePartition(partition_index=i, leader_id=i) for i in (3, 1)]
    )
    cluster = learn(metadata, answered, nodes=(1, 3))
    assert [(p.partition, p.leader) for p in cluster.partitions_of("t") or ()] == [
        (0, -1),
        (1, 1),
        (2, -1),
        (3, 3),
    ]
    assert cluster.topics["t"].with_leader == (1, 3)


@pytest.mark.parametrize("index", [-1, -(2**31), 2**31 - 1])
def test_partition_numbers_that_no_broker_gives(index: int) -> None:
    metadata = make()
    metadata.add_topics(["t"])
    answered = MetadataResponseTopic(
        name="t", partitions=[MetadataResponsePartition(partition_index=index, leader_id=1)]
    )
    assert learn(metadata, answered).partitions_of("t") is None


def test_a_picture_never_changes() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    before = learn(metadata, topic("t", 1))
    after = learn(metadata, topic("t", 2, epoch=1))
    assert before.leader_of("t", 0) == 1
    assert after.leader_of("t", 0) == 2
    assert after.generation == before.generation + 1


def test_listeners_are_told() -> None:
    metadata, seen = make(), []
    metadata.listeners.append(seen.append)
    assert seen == []
    cluster = learn(metadata)
    assert seen == [cluster]


def test_another_cluster_is_worth_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    metadata = make()
    learn(metadata)
    assert not caplog.records
    assert learn(metadata, cluster_id=None).cluster_id == "c"
    assert learn(metadata, cluster_id="d").cluster_id == "d"
    assert "this was cluster c, now it is cluster d" in caplog.text


# Merging.


def test_an_older_leader_epoch_is_not_believed() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    learn(metadata, topic("t", 1, 1, epoch=5, topic_id=ONE))
    cluster = learn(metadata, topic("t", 2, 2, epoch=4, topic_id=ONE))
    assert [(p.leader, p.leader_epoch) for p in cluster.partitions_of("t") or ()] == [(1, 5), (1, 5)]
    cluster = learn(metadata, topic("t", 2, 2, epoch=5, topic_id=ONE))
    assert cluster.leader_of("t", 0) == 2
    cluster = learn(metadata, topic("t", 1, epoch=6, topic_id=ONE))
    assert cluster.leader_epoch_of("t", 0) == 6


def test_brokers_that_do_not_know_epochs_are_believed() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    learn(metadata, topic("t", 1, epoch=5))
    assert learn(metadata, topic("t", 2, epoch=-1)).leader_of("t", 0) == 2


def test_a_topic_that_was_created_again_begins_anew() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    learn(metadata, topic("t", 1, 1, 1, epoch=5, topic_id=ONE))
    cluster = learn(metadata, topic("t", 2, epoch=0, topic_id=TWO))
    assert [(p.leader, p.leader_epoch) for p in cluster.partitions_of("t") or ()] == [(2, 0)]
    assert cluster.topic_name(TWO) == "t"
    assert cluster.topic_name(ONE) is None


def test_an_answer_without_ids_is_about_the_same_topic() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    learn(metadata, topic("t", 1, epoch=5, topic_id=ONE))
    assert learn(metadata, topic("t", 2, epoch=4)).leader_of("t", 0) == 1


def test_an_answer_replaces_only_the_topics_that_were_asked_for() -> None:
    metadata = make()
    metadata.add_topics(["a"])
    learn(metadata, topic("a", 1))
    metadata.add_topics(["b"])
    metadata.next_request(0)
    metadata.add_topics(["c"])
    cluster = metadata.on_response(answer(topic("b", 2)), 0)
    assert set(cluster.topics) == {"a", "b"}
    assert metadata.next_update(1.0) == 1.0  # c is still missing
    assert names(metadata) == ["a", "b", "c"]


def test_topics_that_nobody_wants_any_more_go_with_the_next_answer() -> None:
    metadata = make()
    metadata.set_topics(["a", "b"])
    learn(metadata, topic("a", 1), topic("b", 1))
    metadata.set_topics(["b"])
    assert not metadata.wants("a")
    assert set(learn(metadata, topic("b", 1)).topics) == {"b"}


def test_an_answer_about_all_topics_replaces_all() -> None:
    metadata = make()
    metadata.set_topics(None)
    learn(metadata, topic("a", 1), topic("b", 1))
    assert metadata.wants("anything")
    assert set(learn(metadata, topic("b", 1)).topics) == {"b"}


def test_a_partial_answer_does_not_count_for_a_wish_for_all() -> None:
    metadata = make()
    metadata.add_topics(["a"])
    learn(metadata, topic("a", 1))
    metadata.next_request(0)
    metadata.set_topics(None)
    cluster = metadata.on_response(answer(), 0)
    assert set(cluster.topics) == {"a"}
    assert metadata.next_update(50.0) == 50.0
    assert names(metadata) is None


def test_a_topic_with_an_error_has_no_partitions_but_is_known() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    cluster = learn(metadata, topic("t", error_code=3))
    assert cluster.topics["t"].error_code == 3
    assert cluster.partitions_of("t") is None


def test_starting_again_keeps_topics_but_not_where_leaders_live() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    before = learn(metadata, topic("t", 1, epoch=5))
    metadata.forget_nodes()
    cluster = metadata.snapshot
    metadata.forget_nodes()
    assert metadata.snapshot is cluster
    assert cluster.generation == before.generation + 1
    assert metadata.answered == before.generation
    assert cluster.nodes == {}
    assert cluster.leader_of("t", 0) is None
    assert len(cluster.partitions_of("t") or ()) == 1
    assert names(metadata) == ["t"]
    assert learn(metadata, topic("t", 2, epoch=4)).leader_epoch_of("t", 0) == 5


# Hints (KIP-951).


def test_a_newer_leader_is_believed() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    learn(metadata, topic("t", 1, -1, epoch=5), nodes=(1,))
    assert metadata.update_leader("t", 1, 3, 6, [Node(3, "h3", 9)])
    cluster = metadata.snapshot
    assert cluster.leader_of("t", 1) == 3
    assert cluster.nodes[3].address == ("h3", 9)
    assert cluster.topics["t"].with_leader == (0, 1)
    assert cluster.topics["t"].partitions[1].error_code == 0
    assert cluster.leader_of("t", 0) == 1


@pytest.mark.parametrize(
    ("name", "partition", "leader", "epoch"),
    [("u", 0, 2, 9), ("t", 1, 2, 9), ("t", -1, 2, 9), ("t", 0, 9, 9), ("t", 0, 2, 5), ("t", 0, 2, 4)],
)
def test_a_hint_that_is_no_news_or_makes_no_sense(name: str, partition: int, leader: int, epoch: int) -> None:
    metadata = make()
    metadata.add_topics(["t"])
    before = learn(metadata, topic("t", 1, epoch=5))
    assert not metadata.update_leader(name, partition, leader, epoch)
    assert metadata.snapshot is before


# When to ask.


def test_the_first_time_is_at_once_and_then_by_age() -> None:
    metadata = make()
    assert metadata.next_update(7.0) == 7.0
    assert metadata.age(7.0) == float("inf")
    learn(metadata, now=10.0)
    assert metadata.next_update(11.0) == 310.0
    assert metadata.age(11.0) == 1.0
    assert not metadata.pending


def test_asking_for_an_update_wakes_who_sends_it() -> None:
    metadata, woken = make(), []
    metadata.wake = lambda: woken.append(True)
    learn(metadata, now=0.0)
    assert not woken
    assert metadata.request_update() == 1
    assert woken == [True]
    assert metadata.next_update(50.0) == 50.0
    assert metadata.pending


def test_an_update_is_never_sooner_than_the_back_off_after_the_last() -> None:
    metadata = make()
    learn(metadata, now=10.0)
    metadata.request_update()
    assert metadata.next_update(10.0) == pytest.approx(10.1)


def test_the_back_off_grows_while_answers_bring_nothing_new() -> None:
    metadata, now, waits = make(), 0.0, []
    for _ in range(7):
        learn(metadata, now=now)
        metadata.request_update()
        waits.append(round(metadata.next_update(now) - now, 3))
        now = metadata.next_update(now)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    learn(metadata, now=now, nodes=(1, 2, 3))
    metadata.request_update()
    assert metadata.next_update(now) == pytest.approx(now + 0.1)  # there was news


def test_the_back_off_is_forgotten_after_a_while() -> None:
    metadata, now = make(), 0.0
    for _ in range(7):
        learn(metadata, now=now)
        now += 1.0
    now += 100
    learn(metadata, now=now)
    metadata.request_update()
    assert metadata.next_update(now) == pytest.approx(now + 0.2)


def test_failures_have_a_back_off_that_grows() -> None:
    metadata, now, waits = make(), 0.0, []
    for _ in range(5):
        metadata.next_request(now)
        metadata.on_failure(now)
        waits.append(round(metadata.next_update(now) - now, 3))
        now = metadata.next_update(now)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert metadata.failures == 5
    learn(metadata, now=now)
    assert metadata.failures == 0


def test_how_long_it_has_been_failing() -> None:
    metadata = make()
    learn(metadata, now=0.0)
    assert metadata.failing_for(290.0) == 0.0
    for now in (300.0, 310.0, 320.0):
        metadata.next_request(now)
        metadata.on_failure(now + 1)
    assert metadata.failing_for(330.0) == 30.0
    learn(metadata, now=340.0)
    assert metadata.failing_for(350.0) == 0.0


def test_a_topic_that_was_never_asked_for_does_not_wait_for_the_back_off() -> None:
    metadata = make()
    learn(metadata, now=10.0)
    assert metadata.add_topics(["t"], 10.0)
    assert metadata.next_update(10.0) == 10.0
    metadata.next_request(10.0)
    assert metadata.add_topics(["u"], 10.0)
    metadata.on_response(answer(topic("t", 1)), 10.0)
    assert metadata.next_update(10.0) == 10.0  # u came after the request had gone out
    metadata = make()
    learn(metadata, now=10.0)
    metadata.set_topics(["t"], 10.0)
    assert metadata.next_update(10.0) == 10.0


def test_but_failures_are_backed_off_from_all_the_same() -> None:
    metadata = make()
    metadata.next_request(10.0)
    metadata.on_failure(10.0)
    metadata.add_topics(["t"], 10.0)
    assert metadata.next_update(10.0) == pytest.approx(10.1)


def test_wanting_what_is_known_asks_for_nothing() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    learn(metadata, topic("t", 1))
    assert not metadata.add_topics(["t"])
    metadata.set_topics(["t"])
    assert not metadata.pending
    assert make(max_age=1.0).add_topics([]) is False


def test_wanting_all_again_asks_for_nothing() -> None:
    metadata = make()
    metadata.set_topics(None)
    learn(metadata)
    metadata.set_topics(None)
    assert not metadata.pending
    metadata.set_topics([])
    assert metadata.pending
    assert names(metadata) == []


@pytest.mark.parametrize("code", [3, 5, 100])
def test_a_topic_that_does_not_exist_yet_is_asked_for_again_with_growing_waits(code: int) -> None:
    metadata = make()
    metadata.add_topics(["t"], 0.0)
    waits, now = [], 0.0
    for _ in range(6):
        learn(metadata, topic("t", error_code=code), now=now)
        metadata.add_topics(["t"], now)  # somebody goes on wanting it
        waits.append(round(metadata.next_update(now) - now, 3))
        now = metadata.next_update(now)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_topic_that_the_broker_does_not_mention_is_no_busy_loop() -> None:
    metadata = make()
    metadata.add_topics(["t"], 0.0)
    learn(metadata, now=0.0)
    assert metadata.add_topics(["t"], 0.0)
    assert metadata.next_update(0.0) == pytest.approx(0.1)


@pytest.mark.parametrize("code", [17, 29])
def test_a_topic_that_will_not_do_is_not_asked_for_again(code: int) -> None:
    metadata = make()
    metadata.add_topics(["t"])
    learn(metadata, topic("t", error_code=code))
    assert not metadata.pending


def test_a_partition_without_leader_is_asked_for_again() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    learn(metadata, topic("t", 1, -1))
    assert metadata.pending
    learn(metadata, topic("t", 1, 2))
    assert not metadata.pending


def test_what_nobody_wants_may_be_unsettled() -> None:
    metadata = make()
    metadata.add_topics(["t"])
    learn(metadata, topic("t", 1), topic("other", -1))
    assert not metadata.pending


def test_topics_not_used_for_long_are_forgotten() -> None:
    metadata = make(max_idle=60.0)
    metadata.add_topics(["old", "new"], 0.0)
    learn(metadata, topic("old", error_code=3), topic("new", 1), now=0.0)
    metadata.add_topics(["new"], 50.0)
    assert names(metadata, 59.0) == ["old", "new"]
    metadata.on_response(answer(topic("old", error_code=3), topic("new", 1)), 59.0)
    assert names(metadata, 60.0) == ["new"]
    cluster = metadata.on_response(answer(topic("new", 1)), 60.0)
    assert set(cluster.topics) == {"new"}
    assert not metadata.pending  # and so a topic that does not exist is not asked for for ever


def test_consumers_forget_nothing() -> None:
    metadata = make()
    metadata.add_topics(["t"], 0.0)
    assert names(metadata, 1e9) == ["t"]


def test_creation_is_allowed_as_configured() -> None:
    assert make(allow_auto_create=True).next_request(0.0).allow_auto_topic_creation
    assert not make().next_request(0.0).allow_auto_topic_creation


def test_an_update_asked_for_during_a_request_is_one_more() -> None:
    metadata = make()
    learn(metadata, now=0.0)
    metadata.next_request(1.0)
    after = metadata.request_update()
    metadata.on_response(answer(), 1.0)
    assert metadata.snapshot.generation == after  # that answer may be older than the question
    assert metadata.next_update(50.0) == 50.0
    assert learn(metadata, now=50.0).generation == after + 1
    assert metadata.next_update(60.0) == 350.0


def test_without_a_back_off_there_is_no_wait() -> None:
    metadata = Metadata(max_age=300.0)
    learn(metadata, now=10.0)
    metadata.request_update()
    assert metadata.next_update(10.0) == 10.0


def test_a_back_off_of_zero_is_no_busy_loop() -> None:
    metadata = make(backoff=Backoff(0.0, 0.0, Sure()))
    metadata.next_request(10.0)
    metadata.on_failure(10.0)
    assert metadata.next_update(10.0) > 10.0
