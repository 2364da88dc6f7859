import threading

import pytest

from kafkalite.consumer.fetch_buffer import EVERYTHING, FetchBuffer
from kafkalite.consumer.metrics import FetchMetrics
from kafkalite.consumer.positions import PartitionState, Position, Watermarks
from kafkalite.consumer.unpacking import Deserializers, Part
from kafkalite.errors import CorruptRecordError, DeserializationError, KafkaError, OffsetOutOfRangeError
from kafkalite.protocol.records.batch import encode_batch
from kafkalite.protocol.records.extent import measure
from kafkalite.serializers import resolve_deserializer
from kafkalite.types import TopicPartition

MARKS = Watermarks(100, 90, 0)


def state_of(number=0, at=0):
    state = PartitionState(TopicPartition("t", number))
    state.jump(Position(at))
    return state


def data_of(offset, count, value=None):
    return encode_batch(
        [(1, None, value or b"%d" % (offset + i), ()) for i in range(count)],
        base_offset=offset,
        leader_epoch=1,
    )


def put(buffer, state, count=1, **options):
    """Put `count` more records at the place where the state is fetched."""
    at = state.fetched
    return put_bytes(buffer, state, data_of(at.offset, count, **options))


def put_bytes(buffer, state, data):
    extent = measure(data)
    part = Part(memoryview(data), "node 1")
    fetched = Position(extent.next_offset, extent.leader_epoch)
    return buffer.put(state, state.epoch, state.fetched, MARKS, part, fetched)


def offsets(taken):
    return {tp.partition: [record.offset for record in records] for tp, records in taken.items()}


@pytest.fixture
def buffer():
    return FetchBuffer()


def test_an_empty_buffer(buffer):
    assert buffer.take(10) == {}
    assert not buffer.ready
    assert repr(buffer) == "<FetchBuffer: empty>"


def test_what_is_put_is_taken_once(buffer):
    state = state_of()
    ready = []
    buffer.on_ready = lambda: ready.append(1)
    assert put(buffer, state, 3)
    assert ready == [1]
    assert buffer.ready
    assert repr(buffer) == f"<FetchBuffer: t-0 {state.buffered} bytes>"
    assert offsets(buffer.take(10)) == {0: [0, 1, 2]}
    assert state.position == Position(3, 1)
    assert buffer.take(10) == {}
    assert not buffer.ready


def test_puts_add_up(buffer):
    state = state_of()
    put(buffer, state)
    put(buffer, state)
    assert offsets(buffer.take(10)) == {0: [0, 1]}


@pytest.mark.parametrize("how", ["pause", "hold"])
def test_what_may_be_taken_again_is_announced(buffer, how):
    state = state_of()
    put(buffer, state)
    ready = []
    buffer.on_ready = lambda: ready.append(1)
    if how == "pause":
        buffer.pause(state)
        buffer.resume(state)
    else:
        buffer.hold([state])
        buffer.release([state])
    assert ready == [1]


@pytest.mark.parametrize("how", ["raised", "asked for"])
def test_what_comes_after_an_error_is_announced(buffer, how):
    state = state_of()
    buffer.fail(OffsetOutOfRangeError("x"), state)
    if how == "raised":
        with pytest.raises(OffsetOutOfRangeError):
            buffer.take(10)
    else:
        buffer.take_error(state)
    assert not buffer.ready
    ready = []
    buffer.on_ready = lambda: ready.append(1)
    put(buffer, state)
    assert ready == [1]
    assert offsets(buffer.take(10)) == {0: [0]}


def test_the_limit_cuts_and_the_rest_comes_next(buffer):
    state = state_of()
    put(buffer, state, 5)
    assert offsets(buffer.take(2)) == {0: [0, 1]}
    assert state.position.offset == 2
    assert buffer.ready
    assert offsets(buffer.take(2)) == {0: [2, 3]}
    assert offsets(buffer.take(2)) == {0: [4]}


def test_a_take_goes_on_into_the_next_part_and_the_next_partition(buffer):
    zero, one = state_of(0), state_of(1)
    put(buffer, zero, 2)
    put(buffer, zero, 2)
    put(buffer, one, 2)
    assert offsets(buffer.take(5)) == {0: [0, 1, 2, 3], 1: [0]}


def test_partitions_take_turns(buffer):
    states = [state_of(n) for n in range(3)]
    for state in states:
        put(buffer, state, 4)
    turns = [next(iter(offsets(buffer.take(2)))) for _ in range(6)]
    assert turns == [0, 1, 2, 0, 1, 2]


def test_watermarks_come_with_an_answer_without_records(buffer):
    state = state_of()
    assert buffer.put(state, state.epoch, state.fetched, MARKS)
    assert state.watermarks == MARKS
    assert not buffer.ready


def test_an_older_epoch_is_dropped(buffer):
    state = state_of()
    epoch, at = state.epoch, state.fetched
    buffer.jump(state, Position(5))
    assert not buffer.put(state, epoch, at, MARKS, Part(memoryview(data_of(0, 1)), "n"), Position(1))
    assert buffer.take(10) == {}


def test_a_second_answer_to_the_same_question_is_dropped(buffer):
    state = state_of()
    at = state.fetched
    part = Part(memoryview(data_of(0, 2)), "n")
    assert buffer.put(state, state.epoch, at, MARKS, part, Position(2, 1))
    assert not buffer.put(state, state.epoch, at, MARKS, part, Position(2, 1))
    assert offsets(buffer.take(10)) == {0: [0, 1]}


def test_a_jump_drops_what_was_put_and_what_was_opened(buffer):
    state = state_of()
    put(buffer, state, 3)
    buffer.take(1)
    put(buffer, state, 3)
    buffer.jump(state, Position(50))
    assert buffer.take(10) == {}
    assert state.position == Position(50)


def test_a_seek_while_records_are_decoded_wins():
    decoding, go_on = threading.Event(), threading.Event()

    def slow(data):
        decoding.set()
        assert go_on.wait(10)
        return data

    buffer = FetchBuffer(deserializers=Deserializers(None, resolve_deserializer(slow)))
    state = state_of()
    put(buffer, state, 2)
    taken = []
    taker = threading.Thread(target=lambda: taken.append(buffer.take(10)))
    taker.start()
    assert decoding.wait(10)
    buffer.jump(state, Position(40))  # the lock is free meanwhile
    go_on.set()
    taker.join(10)
    assert taken == [{}]
    assert state.position == Position(40)


def test_paused_partitions_keep_what_was_fetched(buffer):
    state = state_of()
    put(buffer, state, 4)
    buffer.take(1)
    buffer.pause(state)
    assert not buffer.ready
    assert buffer.take(10) == {}
    ready = []
    buffer.on_ready = lambda: ready.append(1)
    buffer.resume(state)
    assert ready == [1]
    assert offsets(buffer.take(10)) == {0: [1, 2, 3]}


def test_what_comes_for_a_paused_partition_waits(buffer):
    state = state_of()
    buffer.pause(state)
    ready = []
    buffer.on_ready = lambda: ready.append(1)
    put(buffer, state)
    assert ready == []
    buffer.resume(state)
    assert offsets(buffer.take(10)) == {0: [0]}


def test_held_partitions_wait_for_their_release(buffer):
    state = state_of()
    put(buffer, state)
    buffer.hold([state])
    assert not buffer.ready
    assert buffer.take(10) == {}
    buffer.release([state])
    assert buffer.ready
    assert offsets(buffer.take(10)) == {0: [0]}


def test_removed_partitions_are_gone(buffer):
    zero, one = state_of(0), state_of(1)
    put(buffer, zero)
    put(buffer, one)
    buffer.remove([zero])
    assert offsets(buffer.take(10)) == {1: [0]}
    assert zero.position is None


def test_finished_trails_consumed_by_one_take(buffer):
    state = state_of()
    tp = state.tp
    put(buffer, state, 4)
    buffer.take(2)
    assert buffer.consumed([state]) == {tp: Position(2, 1)}
    assert buffer.finished([state]) == {tp: Position(0)}
    buffer.take(1)
    assert buffer.finished([state]) == {tp: Position(2, 1)}
    buffer.take(0)
    assert buffer.finished([state]) == {tp: Position(3, 1)}
    buffer.jump(state, None)
    assert buffer.consumed([state]) == buffer.finished([state]) == {}


def test_what_a_jump_skips_is_not_finished_before_the_next_take(buffer):
    """A user who pauses or seeks inside a loop may still be working on the last record."""
    state = state_of()
    tp = state.tp
    put(buffer, state, 4)
    buffer.take(3)
    buffer.jump(state, Position(2))
    assert buffer.consumed([state]) == {tp: Position(2)}
    assert buffer.finished([state]) == {tp: Position(0)}
    buffer.take(0)
    assert buffer.finished([state]) == {tp: Position(2)}
    buffer.jump(state, Position(1))
    assert buffer.finished([state]) == {tp: Position(1)}


def test_a_take_of_certain_partitions_leaves_the_others_their_turns(buffer):
    zero, one, two = (state_of(n) for n in range(3))
    for state in (zero, one, two):
        put(buffer, state)
    assert buffer.ready_for({one.tp})
    assert offsets(buffer.take(10, {one.tp})) == {1: [0]}
    assert not buffer.ready_for({one.tp})
    assert buffer.take(10, {one.tp}) == {}
    assert buffer.ready_for(None)
    assert buffer.ready_for({two.tp})
    assert offsets(buffer.take(1)) == {0: [0]}
    assert offsets(buffer.take(10, {zero.tp, two.tp})) == {2: [0]}
    assert not buffer.ready


def test_a_take_of_certain_partitions_raises_their_errors_and_those_of_the_whole_consumer(buffer):
    zero, one = state_of(0), state_of(1)
    buffer.fail(KafkaError("of zero"), zero)
    assert not buffer.ready_for({one.tp})
    assert buffer.take(10, {one.tp}) == {}
    buffer.fail(KafkaError("of all"))
    assert buffer.ready_for({one.tp})
    with pytest.raises(KafkaError, match="of all"):
        buffer.take(10, {one.tp})
    with pytest.raises(KafkaError, match="of zero"):
        buffer.take(10, {zero.tp})


# Errors.


def test_an_error_of_the_whole_consumer_is_raised_once(buffer):
    put(buffer, state_of())
    ready = []
    buffer.on_ready = lambda: ready.append(1)
    buffer.fail(KafkaError("first"))
    buffer.fail(KafkaError("second"))
    assert ready
    assert buffer.failing
    assert buffer.ready
    with pytest.raises(KafkaError, match="first"):
        buffer.take(10)
    assert not buffer.failing
    assert offsets(buffer.take(10)) == {0: [0]}


def test_raise_error(buffer):
    buffer.raise_error()
    buffer.fail(KafkaError("x"))
    with pytest.raises(KafkaError):
        buffer.raise_error()
    buffer.raise_error()


def test_an_error_of_a_partition_comes_after_its_records_and_is_raised_once(buffer):
    state, room = state_of(), []
    buffer.on_room = lambda: room.append(1)
    put(buffer, state, 2)
    buffer.fail(OffsetOutOfRangeError("x"), state)
    assert offsets(buffer.take(10)) == {0: [0, 1]}
    assert room == []
    with pytest.raises(OffsetOutOfRangeError):
        buffer.take(10)
    assert room == [1]
    assert buffer.take(10) == {}


def test_an_error_is_next_even_if_other_partitions_have_records(buffer):
    zero, one = state_of(0), state_of(1)
    put(buffer, zero, 2)
    buffer.fail(OffsetOutOfRangeError("x"), zero)
    put(buffer, one, 10)
    assert offsets(buffer.take(3)) == {0: [0, 1]}
    with pytest.raises(OffsetOutOfRangeError):
        buffer.take(3)
    assert offsets(buffer.take(3)) == {1: [0, 1, 2]}


def test_an_error_of_a_partition_that_has_no_position_yet(buffer):
    state = state_of()
    state.jump(None)
    buffer.fail(OffsetOutOfRangeError("x"), state)
    with pytest.raises(OffsetOutOfRangeError):
        buffer.take(10)


def test_the_error_of_a_partition_can_be_asked_for(buffer):
    state = state_of()
    assert buffer.take_error(state) is None
    buffer.fail(OffsetOutOfRangeError("x"), state)
    assert isinstance(buffer.take_error(state), OffsetOutOfRangeError)
    assert buffer.take(10) == {}


def test_damaged_records_are_raised_until_somebody_seeks(buffer):
    state = state_of()
    data = bytearray(data_of(0, 1) + data_of(1, 2))
    data[-2] ^= 0xFF
    put_bytes(buffer, state, bytes(data))
    assert offsets(buffer.take(10)) == {0: [0]}
    for _ in range(3):
        assert buffer.ready
        with pytest.raises(CorruptRecordError):
            buffer.take(10)
    buffer.jump(state, Position(3))
    assert buffer.take(10) == {}


def test_a_record_that_cannot_be_deserialised_is_raised_until_somebody_seeks():
    buffer = FetchBuffer(deserializers=Deserializers(None, resolve_deserializer(int)))
    state = state_of()
    put_bytes(buffer, state, data_of(0, 2) + data_of(2, 1, value=b"x") + data_of(3, 1))
    assert offsets(buffer.take(10)) == {0: [0, 1]}
    for _ in range(2):
        with pytest.raises(DeserializationError) as caught:
            buffer.take(10)
        assert (caught.value.topic_partition, caught.value.offset) == (state.tp, 2)
    assert state.position.offset == 2


def test_an_interrupted_take_gives_back_what_it_had():
    interrupts = [KeyboardInterrupt]

    def value_of(data):
        if data == b"x" and interrupts:
            raise interrupts.pop()
        return data

    buffer = FetchBuffer(deserializers=Deserializers(None, resolve_deserializer(value_of)))
    zero, one = state_of(0), state_of(1)
    put(buffer, zero, 2)
    put(buffer, one, 2, value=b"x")
    room = []
    buffer.on_room = lambda: room.append(1)
    with pytest.raises(KeyboardInterrupt):
        buffer.take(10)
    # Nobody got the records of the first partition either: both are fetched again.
    assert room
    assert zero.fetched == zero.position == Position(0)
    assert one.fetched == Position(0)
    put(buffer, zero, 2)
    put(buffer, one, 2, value=b"x")
    assert offsets(buffer.take(10)) == {0: [0, 1], 1: [0, 1]}


# Room.


def test_bytes_are_given_free_as_batches_are_opened(buffer):
    state = state_of()
    first, second = data_of(0, 2), data_of(2, 2)
    put_bytes(buffer, state, first + second)
    assert state.buffered == len(first + second)
    buffer.take(1)
    assert state.buffered == len(second)
    buffer.take(10)
    assert state.buffered == 0


def test_room_is_announced_once_when_a_partition_is_below_its_share(buffer):
    state, room = state_of(), []
    buffer.on_room = lambda: room.append(1)
    one = len(data_of(0, 1))
    put_bytes(buffer, state, b"".join(data_of(n, 1) for n in range(4)))
    assert buffer.leave_out(state, 2 * one)
    buffer.take(1)
    assert room == []
    buffer.take(1)
    assert room == [1]
    buffer.take(1)
    assert room == [1]


def test_who_is_below_the_share_is_not_left_out(buffer):
    state = state_of()
    put(buffer, state, 2)
    assert not buffer.leave_out(state, state.buffered)
    assert buffer.leave_out(state, state.buffered - 1)


def test_left_out_until_everything_is_delivered(buffer):
    state, room = state_of(), []
    buffer.on_room = lambda: room.append(1)
    put(buffer, state, 3)
    assert buffer.leave_out(state, EVERYTHING)
    buffer.take(1)  # the only batch is opened, two records of it are waiting
    assert buffer.leave_out(state, EVERYTHING)
    assert room == []
    buffer.take(2)
    assert room == [1]
    assert not buffer.leave_out(state, EVERYTHING)


def test_what_is_undelivered_can_be_forgotten(buffer):
    state = state_of()
    put(buffer, state, 2)
    buffer.take(1)
    put(buffer, state, 2)
    buffer.forget_undelivered(state)
    assert state.fetched == state.position == Position(1, 1)
    assert state.finished == Position(0)
    assert buffer.take(10) == {}


def test_fetchable(buffer):
    good, unknown, failed, paused, held = (state_of(n) for n in range(5))
    unknown.jump(None)
    buffer.fail(KafkaError("x"), failed)
    buffer.pause(paused)
    buffer.hold([held])
    (one,) = buffer.fetchable([good, unknown, failed, paused, held])
    assert (one.state, one.epoch, one.at, one.buffered) == (good, good.epoch, Position(0), 0)


def test_what_is_taken_is_counted():
    metrics = FetchMetrics()
    buffer, state = FetchBuffer(metrics=metrics), state_of()
    put(buffer, state, 3)
    size = state.buffered
    buffer.take(2)
    values = metrics.snapshot()
    assert values["records-consumed-total"] == 2
    assert values["bytes-consumed-total"] == size


def test_putting_and_taking_at_the_same_time_loses_and_doubles_nothing(buffer):
    states = [state_of(n) for n in range(3)]
    count = 200

    def fill():
        for _ in range(count):
            for state in states:
                assert put(buffer, state, 3)

    filler = threading.Thread(target=fill)
    filler.start()
    seen = {state.tp.partition: [] for state in states}
    while filler.is_alive() or buffer.ready:
        for partition, found in offsets(buffer.take(7)).items():
            seen[partition].extend(found)
    filler.join()
    assert all(found == list(range(count * 3)) for found in seen.values())


# Columns.


def test_batches_are_taken_with_the_same_book_keeping(buffer):
    first, second = state_of(0), state_of(1)
    put(buffer, first, 3)
    put(buffer, second, 2)
    batches = buffer.take_batches(10)
    assert [(b.topic_partition, list(b.offsets)) for b in batches] == [
        (first.tp, [0, 1, 2]),
        (second.tp, [0, 1]),
    ]
    assert (first.position, first.finished) == (Position(3, 1), Position(0))
    assert first.buffered == 0
    assert buffer.take_batches(10) == []
    assert first.finished == Position(3, 1)


def test_a_limit_cuts_batches_unless_they_are_wanted_whole(buffer):
    state = state_of()
    put(buffer, state, 5)
    assert [list(b.offsets) for b in buffer.take_batches(2)] == [[0, 1]]
    assert state.position.offset == 2
    assert [list(b.offsets) for b in buffer.take_batches(1, whole=True)] == [[2, 3, 4]]


def test_batches_that_came_in_one_answer_are_put_together(buffer):
    state = state_of()
    put_bytes(buffer, state, data_of(0, 2) + data_of(2, 3))
    put(buffer, state, 1)
    (batch,) = buffer.take_batches(10)
    assert batch.offsets == range(6)
    assert batch.values == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_records_and_batches_may_be_taken_in_turn(buffer):
    state = state_of()
    put(buffer, state, 6)
    assert offsets(buffer.take(2)) == {0: [0, 1]}
    assert [list(b.offsets) for b in buffer.take_batches(2)] == [[2, 3]]
    assert offsets(buffer.take(9)) == {0: [4, 5]}


def test_damage_is_raised_once_the_batches_before_it_were_taken(buffer):
    state = state_of()
    damaged = bytearray(data_of(2, 2))
    damaged[-1] ^= 1
    put_bytes(buffer, state, data_of(0, 2) + bytes(damaged))
    assert [list(b.offsets) for b in buffer.take_batches(10, whole=True)] == [[0, 1]]
    for _ in range(2):
        with pytest.raises(CorruptRecordError):
            buffer.take_batches(10)
    assert state.position.offset == 2


def test_no_batch_of_a_paused_partition(buffer):
    state = state_of()
    put(buffer, state, 2)
    buffer.pause(state)
    assert buffer.take_batches(10) == []
    buffer.resume(state)
    assert len(buffer.take_batches(10)) == 1
