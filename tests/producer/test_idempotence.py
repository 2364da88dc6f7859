"""Sequences: given once, kept over retries, started again where a hole cannot be filled."""

import pytest

from kafkalite.producer.idempotence import Idempotence
from kafkalite.protocol.codes import ErrorCode
from kafkalite.types import TopicPartition

from .stand_ins import batch

OUT_OF_ORDER = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
UNKNOWN_ID = ErrorCode.UNKNOWN_PRODUCER_ID
T0 = TopicPartition("t", 0)


class Bench:
    """An idempotent producer whose answers the test gives."""

    def __init__(self, epoch=0):
        self.brain = Idempotence()
        self.brain.on_id(7, epoch)

    def leave(self, records=1, where=("t", 0)):
        made = batch([b"v"] * records, where=where)
        assert self.brain.may_leave(made)
        self.brain.on_leave(made)
        return made

    def again(self, made):
        assert self.brain.may_leave(made)
        self.brain.on_leave(made)

    def written(self, made):
        self.brain.on_back(made)
        self.brain.on_written(made)
        self.brain.resolve(made.partition)

    def refused(self, made, code, log_start_offset=-1):
        self.brain.on_back(made)
        wants = self.brain.wants_retry(made, code, log_start_offset)
        self.brain.resolve(made.partition)
        return wants

    def lost(self, made):
        """Something retriable: it comes back."""
        self.brain.on_back(made)
        self.brain.resolve(made.partition)

    def fails(self, made, *, written):
        self.brain.on_back(made)
        self.brain.on_failed(made, written=written)
        self.brain.resolve(made.partition)

    def expires(self, made):
        """While it is on the wire."""
        self.brain.on_failed(made, written=None)
        self.brain.resolve(made.partition)


def numbers(made):
    return made.producer_id, made.producer_epoch, made.base_sequence


def test_nothing_leaves_without_an_id():
    brain = Idempotence()
    assert brain.needs_id
    assert not brain.may_leave(batch())
    brain.on_id(7, 3)
    assert not brain.needs_id
    assert brain.may_leave(batch())
    assert repr(brain) == "<Idempotence: producer 7, epoch 3>"


def test_sequences_count_records_per_partition():
    bench = Bench()
    assert numbers(bench.leave(3)) == (7, 0, 0)
    assert numbers(bench.leave(2)) == (7, 0, 3)
    assert numbers(bench.leave(2, where=("t", 1))) == (7, 0, 0)
    assert numbers(bench.leave(1)) == (7, 0, 5)


def test_after_the_last_sequence_comes_0():
    bench = Bench()
    made = bench.leave(2)
    bench.brain._numbers[T0].expected = 5000
    bench.written(made)  # an old acknowledgement does not turn the clock back
    assert bench.brain._numbers[T0].expected == 5000
    bench.brain._numbers[T0].next = bench.brain._numbers[T0].expected = 2**31 - 2
    first, second = bench.leave(3), bench.leave(1)
    assert (first.base_sequence, second.base_sequence) == (2**31 - 2, 1)
    bench.written(first)
    assert bench.brain._numbers[T0].expected == 1


def test_a_retry_keeps_its_numbers():
    bench = Bench()
    made = bench.leave(3)
    bench.lost(made)
    bench.again(made)
    assert numbers(made) == (7, 0, 0)
    bench.written(made)
    assert numbers(bench.leave()) == (7, 0, 3)


def test_retries_go_one_by_one_in_their_order():
    bench = Bench()
    first, second, third = bench.leave(), bench.leave(), bench.leave()
    for made in (third, first, second):
        bench.lost(made)
    assert [bench.brain.may_leave(made) for made in (first, second, third)] == [True, False, False]
    bench.again(first)
    assert not bench.brain.may_leave(second)
    bench.written(first)
    bench.again(second)
    bench.written(second)
    bench.again(third)


def test_at_most_five_at_once():
    bench = Bench()
    made = [bench.leave() for _ in range(5)]
    assert not bench.brain.may_leave(batch())
    assert bench.brain.may_leave(batch(where=("t", 1)))
    bench.written(made[0])
    bench.leave()


class TestOutOfOrder:
    def test_an_earlier_one_is_still_on_its_way(self):
        bench = Bench()
        first, second = bench.leave(2), bench.leave(2)
        bench.lost(first)
        assert bench.refused(second, OUT_OF_ORDER)
        bench.again(first)
        bench.written(first)
        bench.again(second)
        assert numbers(second) == (7, 0, 2)

    def test_the_next_one_is_refused_so_there_is_a_hole(self):
        bench = Bench()
        bench.written(bench.leave(5))
        first, second = bench.leave(2), bench.leave(3)
        assert bench.refused(first, OUT_OF_ORDER)
        assert not bench.brain.may_leave(first)  # the second is still on the wire, in the old epoch
        assert numbers(first) == (7, 0, 5)
        assert bench.refused(second, OUT_OF_ORDER)
        assert (numbers(first), numbers(second)) == ((7, 1, 0), (7, 1, 2))
        assert first.renumbered
        bench.again(first)
        bench.written(first)
        bench.again(second)
        bench.written(second)
        assert numbers(bench.leave()) == (7, 1, 5)

    def test_other_partitions_change_the_epoch_when_nothing_is_in_flight(self):
        bench = Bench()
        other = bench.leave(4, where=("t", 1))
        made = bench.leave()
        assert bench.refused(made, OUT_OF_ORDER)
        assert bench.brain.producer_epoch == 1
        fresh = batch(where=("t", 1))
        assert not bench.brain.may_leave(fresh)
        bench.lost(other)
        bench.again(other)
        assert numbers(other) == (7, 0, 0)  # an earlier attempt may have been written
        bench.written(other)
        bench.again(fresh)
        assert numbers(fresh) == (7, 1, 0)

    def test_two_partitions_share_one_new_epoch(self):
        bench = Bench()
        one, other = bench.leave(), bench.leave(where=("t", 1))
        assert bench.refused(one, OUT_OF_ORDER)
        assert bench.refused(other, OUT_OF_ORDER)
        assert (one.producer_epoch, other.producer_epoch) == (1, 1)


class TestUnknownProducer:
    def test_without_the_logs_start_it_is_just_tried_again(self):
        bench = Bench()
        made = bench.leave()
        assert bench.refused(made, UNKNOWN_ID, -1)
        assert numbers(made) == (7, 0, 0)

    def test_with_it_a_new_epoch_begins(self):
        bench = Bench()
        bench.written(bench.leave(5))
        made = bench.leave()
        assert bench.refused(made, UNKNOWN_ID, 100)
        assert numbers(made) == (7, 1, 0)
        bench.again(made)
        assert bench.refused(made, UNKNOWN_ID, 100)  # once is enough
        assert numbers(made) == (7, 1, 0)


def test_other_errors_are_not_its_business():
    bench = Bench()
    assert not bench.refused(bench.leave(), ErrorCode.INVALID_RECORD)


class TestFailing:
    def test_a_refused_batch_leaves_a_hole_that_a_new_epoch_closes(self):
        bench = Bench()
        first, second = bench.leave(2), bench.leave(3)
        bench.fails(first, written=False)
        assert numbers(second) == (7, 0, 2)
        bench.refused(second, OUT_OF_ORDER)
        assert numbers(second) == (7, 1, 0)
        bench.again(second)

    def test_a_batch_that_never_left_leaves_no_hole(self):
        bench = Bench()
        bench.brain.on_failed(batch(), written=None)
        made = bench.leave(2)
        bench.brain.on_failed(batch(), written=None)
        bench.written(made)
        assert numbers(bench.leave()) == (7, 0, 2)

    def test_expired_and_nothing_after_it_means_a_new_epoch(self):
        bench = Bench()
        made = bench.leave(2)
        bench.expires(made)
        assert not bench.brain.may_leave(batch())  # the answer may still come
        bench.lost(made)
        assert numbers(bench.leave()) == (7, 1, 0)

    def test_expired_but_written_as_a_late_answer_tells(self):
        bench = Bench()
        made = bench.leave(2)
        bench.expires(made)
        bench.written(made)
        assert numbers(bench.leave()) == (7, 0, 2)

    def test_expired_but_written_as_its_successor_shows(self):
        bench = Bench()
        first, second = bench.leave(2), bench.leave(3)
        bench.expires(first)
        bench.lost(first)
        assert not bench.brain.may_leave(batch())
        bench.written(second)
        assert numbers(bench.leave()) == (7, 0, 5)

    def test_expired_and_its_successor_is_refused(self):
        bench = Bench()
        first, second, third = bench.leave(2), bench.leave(3), bench.leave(1)
        bench.expires(first)
        bench.lost(first)
        assert bench.refused(third, OUT_OF_ORDER)  # says nothing: the second is before it
        assert numbers(second) == (7, 0, 2)
        assert bench.refused(second, OUT_OF_ORDER)
        assert (numbers(second), numbers(third)) == ((7, 1, 0), (7, 1, 3))

    def test_expired_while_it_waited_for_its_retry(self):
        bench = Bench()
        made = bench.leave(2)
        bench.lost(made)
        bench.expires(made)
        assert numbers(bench.leave()) == (7, 1, 0)


class TestTheLastEpoch:
    def test_a_new_id_is_asked_for(self):
        bench = Bench(epoch=32767)
        other = bench.leave(where=("t", 1))
        made = bench.leave(2)
        bench.refused(made, OUT_OF_ORDER)
        assert bench.brain.needs_id
        assert not bench.brain.may_leave(made)
        bench.brain.on_id(8, 0)
        assert numbers(made) == (8, 0, 0)
        bench.again(made)
        bench.written(other)
        assert numbers(bench.leave(where=("t", 1))) == (8, 0, 0)

    def test_two_partitions_ask_for_one(self):
        bench = Bench(epoch=32767)
        one, other = bench.leave(), bench.leave(where=("t", 1))
        bench.refused(one, OUT_OF_ORDER)
        bench.refused(other, OUT_OF_ORDER)
        bench.brain.on_id(8, 0)
        assert (numbers(one), numbers(other)) == ((8, 0, 0), (8, 0, 0))


@pytest.mark.parametrize("outcome", ["written", "refused"])
def test_pieces_of_a_batch_share_its_numbers(outcome):
    bench = Bench()
    whole, after = bench.leave(3), bench.leave(2)
    bench.brain.on_back(whole)
    pieces = whole.split(0)
    bench.brain.on_split(whole, pieces)
    bench.brain.resolve(T0)
    assert [piece.base_sequence for piece in pieces] == [0, 1, 2]
    bench.refused(after, OUT_OF_ORDER)
    for piece in pieces:
        bench.again(piece)
        bench.written(piece)
    bench.again(after)
    if outcome == "written":
        bench.written(after)
        assert numbers(bench.leave()) == (7, 0, 5)
    else:
        bench.refused(after, OUT_OF_ORDER)
        assert numbers(after) == (7, 1, 0)


def test_resolving_what_was_never_used_is_harmless():
    Idempotence().resolve(T0)


def test_the_second_batch_waits_until_the_leader_knows_the_producer(monkeypatch):
    # A leader that knows nothing of it takes any sequence: with the second batch written, the first never could be.
    monkeypatch.setattr(Idempotence, "waits_for_first", True)
    bench = Bench()
    first = bench.leave()
    assert not bench.brain.may_leave(batch())
    assert bench.brain.may_leave(batch(where=("t", 1)))
    bench.lost(first)
    assert not bench.brain.may_leave(batch())
    bench.again(first)
    bench.written(first)
    second, third = bench.leave(), bench.leave()
    assert [made.base_sequence for made in (first, second, third)] == [0, 1, 2]
