"""A batch: columns of records, its numbers, its pieces, its outcome."""

import logging

import pytest

from kafkalite.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from kafkalite.producer.batch import NOWHERE, Batch, Owner
from kafkalite.protocol.records.batch import read_batches
from kafkalite.types import RecordMetadata, TopicPartition

from .stand_ins import batch


def read(encoded):
    (found,) = read_batches(encoded)
    found.check_crc()
    return found


def rows(found):
    columns = found.columns()
    return list(
        zip(columns.timestamps, columns.keys, columns.values, map(tuple, columns.headers), strict=True)
    )


def mixed():
    """A batch with everything that records can have."""
    made = batch([b"1"], close=False)
    made.append(10, None, b"k", (("h", b"x"), ("n", None)), 2000, 0.0)
    made.append(10, b"333", None, (), None, 3.0005)
    made.append(10, b"4", b"", (), None, 3.0008)
    made.append(10, b"5", None, (), None, 3.0015)
    made.append(10, b"6", None, (("g", b""),), 900, 0.0)
    made.close()
    return made


class TestAppending:
    def test_what_goes_in_comes_out(self):
        found = read(mixed().encode(0, None))
        assert rows(found) == [
            (1000, None, b"1", ()),
            (2000, b"k", None, (("h", b"x"), ("n", None))),
            (3000, None, b"333", ()),
            (3000, b"", b"4", ()),
            (3001, None, b"5", ()),
            (900, None, b"6", (("g", b""),)),
        ]
        assert (found.base_timestamp, found.max_timestamp) == (1000, 3001)
        assert (found.producer_id, found.base_sequence, found.leader_epoch) == (-1, -1, -1)

    def test_a_clock_that_goes_back_does_not_take_records_along(self):
        made = batch([], close=False)
        for now in (5.0, 4.0, 5.002):
            made.append(1, b"v", None, (), None, now)
        assert made.times == [(0, 5000), (2, 5002)]

    def test_used_and_closing(self):
        made = Batch(Owner(), TopicPartition("t", 0), created=0, deadline=9, capacity=500, limit=900)
        assert made.used == 61
        made.append(100, b"v", None, (), 1, 0.0)
        assert (made.used, made.left) == (161, 339)
        assert made.close() == 339
        assert (made.used, made.size, made.left, made.capacity, made.count) == (161, 161, -1, 161, 1)

    def test_nothing_fits_nowhere(self):
        assert NOWHERE.left < 0


class TestSending:
    @pytest.mark.parametrize("codec", range(5))
    def test_every_codec(self, codec):
        made = batch([b"abc" * 100] * 50)
        found = read(made.encode(codec, None))
        assert found.codec == codec
        assert list(found.columns().values) == [b"abc" * 100] * 50

    def test_a_level_is_passed_on(self):
        values = [bytes([n % 7, n % 11, n % 13]) * 20 for n in range(500)]
        assert len(batch(values).encode(1, 9)) < len(batch(values).encode(1, 1))

    def test_numbers_and_their_end(self):
        made = batch([b"v"] * 3)
        made.stamp(7, 2, 2**31 - 2)
        assert (made.last_sequence, made.next_sequence) == (0, 1)
        found = read(made.encode(0, None))
        assert (found.producer_id, found.producer_epoch, found.base_sequence) == (7, 2, 2**31 - 2)

    def test_encoded_once_and_again_with_new_numbers(self):
        made = batch()
        assert made.encode(0, None) is made.encode(0, None)
        made.stamp(7, 0, 5)
        assert read(made.encode(0, None)).base_sequence == 5


class TestSplitting:
    def test_the_parts_hold_the_records_in_order(self):
        made = mixed()
        parts = made.split(100)
        assert len(parts) > 1
        together = [row for part in parts for row in rows(read(part.encode(0, None)))]
        assert together == rows(read(mixed().encode(0, None)))
        assert all(part.size <= 100 or part.count == 1 for part in parts)

    def test_numbers_order_and_memory_are_divided(self):
        made = batch([b"x" * 50] * 6)
        made.stamp(7, 1, 2**31 - 3)
        made.order = (4,)
        made.attempts = 2
        capacity = made.capacity
        parts = made.split(61 + 2 * 75)
        assert [part.count for part in parts] == [2, 2, 2]
        assert [part.base_sequence for part in parts] == [2**31 - 3, 2**31 - 1, 1]
        assert [part.order for part in parts] == [(4, 0), (4, 1), (4, 2)]
        assert sum(part.capacity for part in parts) == capacity
        assert made.capacity == 0
        assert all(part.attempts == 2 and part.deadline == made.deadline for part in parts)
        assert made.leaves() == parts

    def test_one_record_each_if_need_be(self):
        assert [part.count for part in batch([b"x"] * 3).split(0)] == [1, 1, 1]

    def test_parts_can_be_split_again(self):
        made = batch([b"x" * 50] * 4)
        left, right = made.split(61 + 2 * 75)
        smaller = left.split(1)
        assert made.leaves() == [*smaller, right]
        assert [part.order for part in smaller] == [(0, 0), (0, 1)]
        assert made.locate(1) == (smaller[1], 0)
        assert made.locate(3) == (right, 1)

    def test_it_is_done_when_its_parts_are(self):
        made = batch([b"x" * 50] * 4)
        told = []
        made.on_settled(lambda: told.append("settled"))
        made.on_outcome(3, True, lambda metadata: told.append(metadata.offset))
        left, right = made.split(61 + 2 * 75)
        left.settle(10)
        assert made.outcome(0).offset == 10
        assert made.outcome(1).offset == 11
        assert made.outcome(2) is None
        assert told == []
        assert not made.done
        made.on_outcome(0, True, lambda metadata: told.append("at once"))
        right.settle(50)
        assert told == ["at once", 51, "settled"]
        assert made.done


class TestOutcome:
    def test_metadata(self):
        made = mixed()
        made.encode(0, None)
        made.settle(100, log_start_offset=3)
        assert made.outcome(1) == RecordMetadata(
            topic="t",
            partition=0,
            topic_partition=TopicPartition("t", 0),
            offset=101,
            timestamp=2000,
            timestamp_type=0,
            log_start_offset=3,
            checksum=None,
            serialized_key_size=1,
            serialized_value_size=-1,
            serialized_header_size=3,
        )
        fourth = made.outcome(3)
        assert (fourth.timestamp, fourth.serialized_key_size, fourth.serialized_value_size) == (3000, 0, 1)
        assert fourth.serialized_header_size == -1

    def test_the_brokers_time(self):
        made = batch([b"v"] * 2)
        made.encode(0, None)
        made.settle(5, log_append_time=7777)
        assert (made.outcome(1).timestamp, made.outcome(1).timestamp_type) == (7777, 1)
        assert made.outcome(1).log_start_offset is None

    def test_an_unknown_offset(self):
        made = batch([b"v"] * 2)
        made.settle(-1)
        assert made.outcome(1).offset == -1

    def test_sizes_are_known_although_records_are_forgotten(self):
        for values in ([b"same", b"same"], [b"1", b"22"], [None, b"1"]):
            made = batch(values)
            made.encode(0, None)
            made.settle(0)
            assert made.values == []
            assert made.encoded is None
            sizes = [made.outcome(n).serialized_value_size for n in (0, 1)]
            assert sizes == [-1 if v is None else len(v) for v in values]

    def test_failures_of_single_records(self):
        made = batch([b"v"] * 3)
        mine, others = MessageSizeTooLargeError("mine"), KafkaError("others")
        made.fail(others, {1: mine})
        assert [made.outcome(n) for n in range(3)] == [others, mine, others]

    def test_callbacks_are_for_one_record_and_one_outcome(self):
        made, told = batch([b"v"] * 3), []
        made.on_outcome(1, True, lambda m: told.append(m.offset))
        made.on_outcome(1, False, lambda e: told.append("never"))
        made.settle(10)
        made.on_outcome(2, True, lambda m: told.append(m.offset))
        made.on_outcome(2, False, lambda e: told.append("never"))
        assert told == [11, 12]
        failed = batch()
        failed.on_outcome(0, True, lambda m: told.append("never"))
        failed.on_outcome(0, False, lambda e: told.append(str(e)))
        failed.fail(KafkaError("why"))
        assert told == [11, 12, "why"]

    def test_a_callback_that_raises_is_logged_and_harms_nobody(self, caplog):
        made, told = batch(), []
        made.on_outcome(0, True, lambda m: 1 / 0)
        made.on_outcome(0, True, lambda m: told.append(1))
        made.on_settled(lambda: 1 / 0)
        made.on_settled(lambda: told.append(2))
        with caplog.at_level(logging.ERROR):
            made.settle(0)
        assert told == [1, 2]
        assert "ZeroDivisionError" in caplog.text

    def test_settled_is_told_once_or_at_once(self):
        made, told = batch(), []
        made.on_settled(lambda: told.append(1))
        made.fail(KafkaTimeoutError("late"))
        made.on_settled(lambda: told.append(2))
        assert told == [1, 2]

    def test_gates_open(self):
        made = batch()
        gate, other = made.gate(), made.gate()
        assert gate is not None
        assert other is not None
        made.drop_gate(other)
        made.settle(0)
        assert not gate.locked()
        assert other.locked()
        assert made.gate() is None
        made.drop_gate(gate)


def test_repr():
    made = batch([b"v"] * 2, close=False)
    assert repr(made) == "<Batch t-0, 2 records, open>"
    made.close()
    assert repr(made) == "<Batch t-0, 2 records, closed>"
    made.on_wire = True
    assert repr(made) == "<Batch t-0, 2 records, on the wire>"
    made.settle(0)
    assert repr(made) == "<Batch t-0, 2 records, settled>"
    failed = batch()
    failed.fail(KafkaError("x"))
    assert repr(failed) == "<Batch t-0, 1 records, failed>"
    whole = batch([b"v"] * 2)
    whole.split(1)
    assert repr(whole) == "<Batch t-0, 2 records, split>"
