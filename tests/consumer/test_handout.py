from kafkalite.consumer.handout import Handout
from kafkalite.types import ConsumerRecord, TopicPartition

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


def records(partition, first, count):
    return [
        ConsumerRecord(partition.topic, partition.partition, offset, 0, 0, None, b"v")
        for offset in range(first, first + count)
    ]


def hand_out(handout):
    """What a door's loop does."""
    while True:
        yield from handout.records
        if not handout.turn():
            return


def test_nothing_to_begin_with():
    handout = Handout()
    assert list(hand_out(handout)) == []
    assert handout.positions() == {}
    assert handout.put_back() == {}
    assert repr(handout) == "<Handout 0 records left>"


def test_records_come_out_in_order():
    handout = Handout()
    handout.add({A: records(A, 5, 3), B: records(B, 0, 2)})
    assert repr(handout) == "<Handout 5 records left>"
    assert [(r.partition, r.offset) for r in hand_out(handout)] == [(0, 5), (0, 6), (0, 7), (1, 0), (1, 1)]
    assert handout.positions() == {}


def test_positions_stop_at_the_next_record():
    handout = Handout()
    handout.add({A: records(A, 5, 3), B: records(B, 0, 2)})
    out = hand_out(handout)
    assert {tp: r.offset for tp, r in handout.positions().items()} == {A: 5, B: 0} == handout.offsets()
    next(out)
    assert {tp: r.offset for tp, r in handout.positions().items()} == {A: 6, B: 0}
    next(out), next(out)
    assert {tp: r.offset for tp, r in handout.positions().items()} == {B: 0}


def test_offsets_with_gaps():
    handout = Handout()
    gappy = records(A, 5, 1) + records(A, 9, 1)
    handout.add({A: gappy})
    next(hand_out(handout))
    assert handout.positions()[A].offset == 9


def test_a_loop_left_in_the_middle_can_be_taken_up_again():
    handout = Handout()
    handout.add({A: records(A, 0, 3)})
    for record in hand_out(handout):
        assert record.offset == 0
        break
    assert [r.offset for r in hand_out(handout)] == [1, 2]


def test_put_back_everything_ends_whoever_iterates():
    handout = Handout()
    handout.add({A: records(A, 0, 3), B: records(B, 7, 2)})
    out = hand_out(handout)
    next(out)
    assert handout.put_back() == {A: 1, B: 7}
    assert list(out) == []
    assert handout.positions() == {}


def test_put_back_one_partition_leaves_the_others():
    handout = Handout()
    handout.add({A: records(A, 0, 3), B: records(B, 7, 2)})
    out = hand_out(handout)
    next(out)
    assert handout.put_back({A}) == {A: 1}
    assert [r.offset for r in out] == [7, 8]


def test_put_back_a_partition_that_waits():
    handout = Handout()
    handout.add({A: records(A, 0, 2), B: records(B, 7, 2)})
    out = hand_out(handout)
    next(out)
    assert handout.put_back([B]) == {B: 7}
    assert [r.offset for r in out] == [1]


def test_put_back_what_is_not_there():
    handout = Handout()
    handout.add({A: records(A, 0, 2)})
    assert handout.put_back({B}) == {}
    assert len(list(hand_out(handout))) == 2


def test_more_of_a_partition_behind_its_rest():
    handout = Handout()
    handout.add({A: records(A, 0, 2)})
    out = hand_out(handout)
    next(out)
    handout.add({A: records(A, 2, 2)})
    assert handout.positions()[A].offset == 1
    assert handout.put_back() == {A: 1}
