"""Where records wait: batches open, grow, close, leave in turn, come back in order, expire."""

from math import inf
from random import Random

import pytest

from kafkalite.errors import KafkaError, ProducerClosed
from kafkalite.producer.accumulator import FIRST_GRANT, Accumulator
from kafkalite.producer.partitioner import StickyPartitioner
from kafkalite.producer.records import checked_records
from kafkalite.types import TopicPartition

from .stand_ins import topic

SIZE = 100
"""What a test's record takes, headers of the batch not included."""


class Bench:
    """An accumulator with topics led by node 1, unless `leaders` says otherwise; partitions in `blocked` may not go."""

    def __init__(self, *, batch_size=1000, linger=0.0, memory=1_000_000, request=10_000, timeout=120.0):
        self.accumulator = Accumulator(
            batch_size=batch_size,
            linger=linger,
            buffer_memory=memory,
            max_request_size=request,
            delivery_timeout=timeout,
            sticky=StickyPartitioner(batch_size=batch_size, rng=Random(3)),
        )
        self.woken = 0
        self.accumulator.wake = self.wake
        self.leaders = {}
        self.full = set()
        self.blocked = set()

    def wake(self):
        self.woken += 1

    def put(self, partition=0, *, name="t", partitions=3, size=SIZE, now=0.0, value=b"v"):
        found = self.accumulator.append(
            topic(name, partitions), partition, size, value, None, (), None, now=now, wall=1.0
        )
        return None if found is None else found[0]

    def drain(self, now=0.0):
        return self.accumulator.drain(
            now,
            place_of=lambda p: self.leaders.get(p, (1, 0)),
            has_room=lambda node: node not in self.full,
            may_leave=lambda batch: batch.partition not in self.blocked,
        )

    def taken(self, now=0.0):
        """Partitions that leave now, by node."""
        return {node: [b.partition.partition for b in batches] for node, batches in self.drain(now).requests}


class TestAppending:
    def test_records_of_a_partition_share_a_batch_until_it_is_full(self):
        bench = Bench(batch_size=61 + 3 * SIZE)
        first = bench.put()
        assert bench.put() is first
        assert bench.put() is first
        second = bench.put()
        assert second is not first
        assert first.left < 0
        assert (first.count, second.left >= 0) == (3, True)

    def test_the_sender_is_woken_once_per_batch(self):
        bench = Bench(batch_size=61 + 3 * SIZE)
        for _ in range(3):
            bench.put()
        assert bench.woken == 1
        bench.put()
        assert bench.woken == 2

    def test_a_record_above_the_batch_size_gets_a_batch_of_its_own(self):
        bench = Bench(batch_size=100)
        first, large, after = bench.put(size=30), bench.put(size=500), bench.put(size=30)
        assert len({first, large, after}) == 3
        bench = Bench(batch_size=0)
        assert bench.put() is not bench.put()

    def test_what_is_drained_takes_no_more(self):
        bench = Bench()
        first = bench.put()
        bench.drain()
        assert bench.put() is not first

    def test_batches_show_in_the_lane_while_they_are_open(self):
        bench = Bench()
        batch = bench.put(2)
        lane = bench.accumulator.lanes["t"]
        assert lane.open[2] is batch
        assert lane.count == 3
        bench.drain()
        assert lane.open[2].left < 0

    def test_another_number_of_partitions_closes_the_lane(self):
        bench = Bench()
        batch = bench.put(0, partitions=3)
        later = bench.put(0, partitions=5)
        assert batch.left < 0
        assert later is not batch
        assert bench.accumulator.lanes["t"].count == 5
        bench.accumulator.on_topics({"t": topic("t", 5)}.get)
        assert later.left >= 0
        bench.accumulator.on_topics({"t": topic("t", 6)}.get)
        assert later.left < 0
        gone = bench.put(0, partitions=6)
        bench.accumulator.on_topics({}.get)
        assert gone.left < 0
        assert bench.accumulator.lanes == {}

    def test_without_a_partition_batches_go_round(self):
        bench = Bench(batch_size=61 + 2 * SIZE)
        batches = [bench.put(None) for _ in range(200)]
        pairs = list(zip(batches[::2], batches[1::2], strict=True))
        assert all(a is b for a, b in pairs)
        assert {a.partition.partition for a, _ in pairs} == {0, 1, 2}

    def test_without_a_partition_a_drained_batch_is_followed_by_one_of_the_same(self):
        bench = Bench(batch_size=10_000)
        seen = set()
        for _ in range(50):
            seen.add(bench.put(None).partition)
            bench.drain()
        assert len(seen) == 1
        for _ in range(200):
            seen.add(bench.put(None).partition)
            bench.drain()
        assert len(seen) > 1

    def test_the_sticky_batch_shows_in_the_lane(self):
        bench = Bench()
        batch = bench.put(None)
        assert bench.accumulator.lanes["t"].sticky is batch

    def test_a_sticky_record_joins_an_open_batch_of_its_partition(self):
        bench = Bench()
        opened = bench.put(0, partitions=1)
        assert bench.put(None, partitions=1) is opened


class TestMemory:
    def test_batches_take_what_they_need_and_give_the_rest_back(self):
        bench = Bench(batch_size=100_000)
        bench.put()
        memory = bench.accumulator.memory
        assert memory.total - memory.free == FIRST_GRANT
        for _ in range(300):
            bench.put()
        assert memory.total - memory.free == 2 * FIRST_GRANT
        ((_, (batch,)),) = bench.drain().requests
        assert memory.total - memory.free == batch.size == 61 + 301 * SIZE
        batch.settle(0)
        bench.accumulator.release(batch)
        assert memory.free == memory.total

    def test_a_batch_never_takes_more_than_it_may_hold(self):
        bench = Bench(batch_size=20_000)
        while bench.put().used < 19_900:
            pass
        assert bench.accumulator.memory.total - bench.accumulator.memory.free == 20_000

    def test_full_memory_refuses_and_settling_makes_room(self):
        bench = Bench(memory=1000, batch_size=400)
        batches = []
        while (batch := bench.put()) is not None:
            batches.append(batch)
        assert len(batches) == 8  # 3 + 3 + 2
        woken = []
        assert bench.accumulator.wait_for_memory(SIZE, lambda: woken.append(1)) is not None
        while requests := bench.drain().requests:
            for _, drained in requests:
                for batch in drained:
                    batch.settle(0)
                    bench.accumulator.release(batch)
        assert woken == [1]
        assert bench.accumulator.wait_for_memory(SIZE, lambda: None) is None
        assert bench.put() is not None

    def test_an_open_batch_that_cannot_grow_refuses(self):
        bench = Bench(memory=1000, batch_size=5000)
        count = 0
        while bench.put() is not None:
            count += 1
        assert count == 9
        assert bench.accumulator.memory.free == 0

    def test_who_waits_is_woken_when_another_leaves_the_line(self):
        bench, woken = Bench(memory=400, batch_size=0), []
        bench.put()
        bench.put()
        large = bench.accumulator.wait_for_memory(300, lambda: None)
        small = bench.accumulator.wait_for_memory(10, lambda: woken.append(1))
        assert small is not None
        bench.accumulator.stop_waiting(large)
        assert woken == [1]
        bench.accumulator.serve_waiting()

    def test_those_who_wait_make_everything_ready(self):
        bench = Bench(linger=5.0, memory=400)
        bench.put()
        assert bench.taken(1.0) == {}
        assert bench.accumulator.wait_for_memory(300, lambda: None) is not None
        assert bench.taken(1.0) == {1: [0]}


class TestDraining:
    def test_one_batch_per_partition_and_request(self):
        bench = Bench(batch_size=61 + SIZE)
        for partition in (0, 0, 1):
            bench.put(partition)
        assert bench.taken() == {1: [0, 1]}
        assert bench.taken() == {1: [0]}
        assert bench.taken() == {}

    def test_a_request_per_leader(self):
        bench = Bench()
        bench.leaders[TopicPartition("t", 1)] = (2, 0)
        for partition in range(3):
            bench.put(partition)
        assert bench.taken() == {1: [0, 2], 2: [1]}

    def test_requests_are_bounded_and_partitions_take_turns(self):
        bench = Bench(batch_size=61 + SIZE, request=2 * (61 + SIZE))
        for partition in (0, 0, 0, 1, 1, 2):
            bench.put(partition)
        assert [bench.taken().get(1) for _ in range(4)] == [[0, 1], [2, 0], [1, 0], None]

    def test_a_batch_above_the_request_size_still_goes(self):
        bench = Bench(request=100)
        bench.put()
        assert bench.taken() == {1: [0]}

    def test_linger(self):
        bench = Bench(linger=5.0, batch_size=61 + 2 * SIZE)
        bench.put(now=10.0)
        found = bench.drain(12.0)
        assert (found.requests, found.next_at) == ([], 15.0)
        assert bench.taken(15.0) == {1: [0]}
        bench.put(now=20.0)
        bench.put(now=20.0)
        bench.put(now=20.0)  # the first batch is full, and the second cannot go before it
        assert bench.taken(20.0) == {1: [0]}
        assert bench.taken(20.0) == {}

    def test_what_is_not_ready_rides_along(self):
        bench = Bench(linger=5.0)
        bench.put(0, now=0.0)
        bench.put(1, now=4.0)
        assert bench.taken(5.0) == {1: [0, 1]}

    def test_no_leader_no_request(self):
        bench = Bench()
        bench.leaders[TopicPartition("t", 0)] = None
        bench.put(0)
        found = bench.drain()
        assert (found.requests, found.leaderless, found.next_at) == ([], {"t"}, inf)

    def test_a_node_without_room_is_named_and_gets_nothing(self):
        bench = Bench()
        bench.full = {1}
        batch = bench.put()
        found = bench.drain()
        assert (found.requests, found.held) == ([], {1})
        assert batch.left >= 0  # it goes on filling

    def test_what_may_not_leave_stays(self):
        bench = Bench()
        bench.put(0)
        bench.put(1)
        bench.blocked = {TopicPartition("t", 0)}
        assert bench.taken() == {1: [1]}

    def test_nodes_that_take_nothing_are_noticed(self):
        bench = Bench()
        seen = []
        bench.accumulator._sticky.on_node = lambda node, now, *, drained: seen.append((node, now, drained))
        bench.put()
        bench.full = {1}
        bench.drain(1.0)
        bench.full = set()
        bench.drain(2.0)
        assert seen == [(1, 1.0, False), (1, 2.0, True)]


class TestComingBack:
    def retry(self, bench, count=3):
        """`count` batches of one partition that were drained before, and one that was not."""
        batches = []
        for number in range(count):
            bench.put()
            ((_, (batch,)),) = bench.drain().requests
            batch.order = (number,)
            batches.append(batch)
        bench.put()
        return batches

    def test_in_their_order_before_the_new_ones(self):
        bench = Bench()
        first, second, third = self.retry(bench)
        bench.accumulator.put_back([third])
        bench.accumulator.put_back([first])
        bench.accumulator.put_back([second])
        seen = [bench.drain().requests[0][1][0] for _ in range(4)]
        assert seen[:3] == [first, second, third]

    def test_pieces_take_the_place_of_the_whole(self):
        bench = Bench()
        first, second, third = self.retry(bench)
        bench.accumulator.put_back([third, first])
        second.order = (1,)
        bench.put(value=b"x")
        pieces = second.split(0)
        bench.accumulator.put_back(pieces)
        seen = [bench.drain().requests[0][1][0] for _ in range(3)]
        assert seen == [first, *pieces, third]

    def test_back_off_is_for_the_node_that_failed(self):
        bench = Bench()
        (batch,) = self.retry(bench, 1)
        batch.retry_at, batch.sent_to = 10.0, (1, 0)
        bench.accumulator.put_back([batch])
        found = bench.drain(5.0)
        assert (found.requests, found.next_at) == ([], 10.0)
        bench.leaders[TopicPartition("t", 0)] = (1, 1)  # led by the same node again, but newly elected
        assert bench.taken(5.0) == {1: [0]}
        bench.accumulator.put_back([batch])
        del bench.leaders[TopicPartition("t", 0)]
        assert bench.taken(10.0) == {1: [0]}

    def test_smaller_batches_for_a_topic_that_wants_them(self):
        bench = Bench(batch_size=61 + 4 * SIZE)
        bench.accumulator.limit_batches("t", 61 + 2 * SIZE)
        bench.accumulator.limit_batches("t", 61 + 3 * SIZE)  # never larger again
        first = bench.put()
        assert bench.put() is first
        assert bench.put() is not first
        other = bench.put(name="u")
        assert all(bench.put(name="u") is other for _ in range(3))


class TestEnding:
    def test_expired_batches_leave_their_queues(self):
        bench = Bench(timeout=10.0)
        early = bench.put(0, now=0.0)
        late = bench.put(1, now=5.0)
        assert bench.accumulator.next_deadline() == 10.0
        assert bench.accumulator.expire(9.9) == []
        assert bench.accumulator.expire(10.0) == [early]
        assert early.left < 0
        early.fail(KafkaError("late"))
        bench.accumulator.release(early)
        assert bench.accumulator.next_deadline() == 15.0
        assert bench.drain(6.0).requests == [(1, [late])]
        assert bench.accumulator.expire(20.0) == [late]  # on the wire, too

    def test_of_a_split_batch_the_pieces_expire_that_are_not_done(self):
        bench = Bench(timeout=10.0)
        bench.put()
        bench.put()
        ((_, (whole,)),) = bench.drain().requests
        left, right = whole.split(0)
        bench.accumulator.put_back([left, right])
        left.settle(0)
        bench.accumulator.release(left)
        assert bench.accumulator.expire(10.0) == [right]
        right.fail(KafkaError("late"))
        bench.accumulator.release(right)
        assert bench.accumulator.unsettled == 0
        assert bench.accumulator.memory.free == bench.accumulator.memory.total
        assert bench.accumulator.next_deadline() == inf

    def test_flushing_closes_what_is_open_and_does_not_linger(self):
        bench = Bench(linger=100.0)
        batch = bench.put()
        assert bench.accumulator.begin_flush() == [batch]
        assert batch.left < 0
        later = bench.put(1)
        assert bench.taken() == {1: [0, 1]}
        bench.accumulator.end_flush()
        later = bench.put(1)
        assert bench.taken() == {}
        assert later.left >= 0

    def test_refusing(self):
        bench = Bench(linger=100.0)
        batch = bench.put()
        bench.accumulator.refuse(ProducerClosed("first"))
        bench.accumulator.refuse(KafkaError("second"))
        assert batch.left < 0
        with pytest.raises(ProducerClosed, match="first"):
            bench.put()
        with pytest.raises(ProducerClosed):
            bench.accumulator.wait_for_memory(10, lambda: None)
        assert bench.taken() == {1: [0]}  # what is there need not linger

    def test_abandoning_takes_everything(self):
        bench = Bench()
        on_wire = bench.put(0)
        bench.drain()
        queued = bench.put(1)
        assert bench.accumulator.oldest() is on_wire
        assert set(bench.accumulator.abandon()) == {on_wire, queued}
        assert bench.drain().requests == []

    def test_oldest_of_nothing(self):
        assert Bench().accumulator.oldest() is None


class TestAdopting:
    def adopt(self, bench, size=300):
        def fill(batch):
            batch.values, batch.times = [b"1", b"2"], [(0, 5)]

        return bench.accumulator.adopt(fill, topic("t", 3), 0, size, 1.0)

    def test_a_finished_batch_stands_behind_what_was_sent_before(self):
        bench = Bench(linger=100.0)
        before = bench.put(0)
        batch = self.adopt(bench)
        assert before.left < 0
        assert (batch.count, batch.size, batch.left) == (2, 300, -1)
        after = bench.put(0)
        assert [bench.drain().requests[0][1][0] for _ in range(2)] == [before, batch]
        assert after.left >= 0
        assert bench.woken == 3

    def test_it_needs_memory_like_any_other(self):
        bench = Bench(memory=299)
        assert self.adopt(bench) is None
        assert bench.accumulator.unsettled == 0


def test_repr():
    bench = Bench(batch_size=0)
    bench.put(0)
    bench.put(1)
    bench.drain()
    bench.put(1)
    assert (
        repr(bench.accumulator)
        == "<Accumulator: 1 batches of 1 partitions wait, 3 unsettled, 483 of 1000000 bytes used>"
    )


class TestExtending:
    def many(self, count, **more):
        values = [b"v" * (SIZE - 25)] * count
        return checked_records("t", values, None, None, None, **more)

    def put(self, bench, records, start=0, partition=0):
        return bench.accumulator.extend(topic("t", 3), partition, records, start, now=0.0, wall=1.0)

    def test_a_batch_takes_what_fits(self):
        bench, records = Bench(batch_size=61 + 4 * SIZE), self.many(6)
        first = bench.put()
        assert self.put(bench, records) == (first, 1, 3)
        second, place, count = self.put(bench, records, 3)
        assert second is not first
        assert (place, count, first.left) == (0, 3, -1)
        assert bench.put() is second
        assert bench.woken == 2

    def test_memory_is_taken_at_one_go_and_given_back(self):
        bench = Bench(batch_size=10 * FIRST_GRANT)
        _, _, count = self.put(bench, self.many(500))
        assert count == 500
        assert bench.accumulator.memory.total - bench.accumulator.memory.free == 61 + 500 * SIZE
        assert self.put(bench, self.many(500))[1:] == (500, 500)

    def test_what_memory_there_is_will_do(self):
        bench = Bench(memory=61 + 3 * SIZE)
        assert self.put(bench, self.many(10))[1:] == (0, 3)
        assert self.put(bench, self.many(10), 3) is None
        assert bench.accumulator.unsettled == 1

    def test_to_the_sticky_partition(self):
        bench = Bench(batch_size=61 + 4 * SIZE)
        batch, _, count = self.put(bench, self.many(3), partition=None)
        assert count == 3
        assert bench.put(None) is batch
        assert self.put(bench, self.many(3), partition=None)[0] is not batch

    def test_not_after_the_end(self):
        bench = Bench()
        bench.accumulator.refuse(ProducerClosed("closed"))
        with pytest.raises(ProducerClosed):
            self.put(bench, self.many(1))
