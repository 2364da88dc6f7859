"""What became of many records that were handed over at once."""

import pytest

from kafkalite.errors import (
    BulkSendError,
    InvalidRecordError,
    InvalidTimestampError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
)
from kafkalite.producer.batch import Owner
from kafkalite.producer.bulk import Bulk
from kafkalite.producer.delivery import Delivery
from kafkalite.types import BulkMetadata, BulkPart

from .stand_ins import batch

OWNER = Owner()


def bulk(*runs):
    made = Bulk(OWNER, "t")
    for run in runs:
        made.add(*run)
    return made


def batches(*sizes):
    return [
        batch([b"v" * n for n in range(size)], owner=OWNER, where=("t", number))
        for number, size in enumerate(sizes)
    ]


def delivery(made):
    found = object.__new__(Delivery)
    found.batch, found.index = made, 0
    return found


def test_where_everything_went():
    first, second = batches(3, 5)
    made = bulk((first, 0, range(3)), (second, 3, [3, 5]), (second, 1, range(6, 7)))
    assert (len(made), made.done, made.outcome(), made.error) == (6, False, None, None)
    first.settle(100)
    assert not made.done
    assert made.unsettled() is second
    second.settle(50)
    outcome = made.outcome()
    assert type(outcome) is BulkMetadata
    assert outcome is made.outcome()
    assert (outcome.topic, len(outcome)) == ("t", 6)
    assert outcome.parts == [
        BulkPart(0, 100, range(3)),
        BulkPart(1, 53, [3, 5]),
        BulkPart(1, 51, range(6, 7)),
    ]
    places = {index: outcome.metadata(index) for index in (0, 2, 3, 5, 6)}
    assert {i: (m.partition, m.offset) for i, m in places.items()} == {
        0: (0, 100),
        2: (0, 102),
        3: (1, 53),
        5: (1, 54),
        6: (1, 51),
    }
    assert (places[2].serialized_value_size, places[5].serialized_value_size) == (-1, -1)  # never encoded
    with pytest.raises(KeyError):
        outcome.metadata(4)
    assert repr(outcome) == "<BulkMetadata: 6 records in 2 partitions of t>"


def test_an_offset_that_nobody_knows():
    (only,) = batches(2)
    made = bulk((only, 1, range(1)))
    only.settle(-1)
    assert made.outcome().parts == [BulkPart(0, -1, range(1))]
    assert made.outcome().metadata(0).offset == -1


def test_nothing_is_done_at_once():
    made = bulk()
    assert made.done
    assert (len(made.outcome()), made.outcome().parts) == (0, [])


def test_which_records_failed_and_why():
    first, second, third = batches(2, 3, 2)
    made = bulk((first, 0, range(2)), (second, 0, range(2, 5)), (third, 1, range(5, 6)))
    whole, single = InvalidRecordError("batch"), InvalidTimestampError("one")
    first.settle(7)
    second.fail(whole, {1: single})
    third.settle(9)
    error = made.error
    assert type(error) is BulkSendError
    assert str(error).startswith("3 of 6 records for topic 't' failed, the first of them record 2: ")
    assert error.errors == {2: whole, 3: single, 4: whole}
    assert error.__cause__ is whole
    assert error.written.parts == [BulkPart(0, 7, range(2)), BulkPart(2, 10, range(5, 6))]
    assert error.written.metadata(5).offset == 10
    with pytest.raises(KeyError):
        error.written.metadata(3)
    assert error.delivery is None


def test_a_batch_that_was_split_twice():
    whole = batch([b"v" * 100] * 6, owner=OWNER)
    made = bulk((whole, 1, [10, 20, 30, 40]))
    left, right = whole.split(500)
    assert (left.count, right.count) == (3, 3)
    one, two, three = right.split(300)
    left.settle(5)
    one.fail(MessageSizeTooLargeError("x"))
    three.settle(31)
    assert not made.done
    two.settle(30)
    assert made.done
    assert made.error.errors.keys() == {30}
    assert made.error.written.parts == [BulkPart(0, 6, [10, 20]), BulkPart(0, 30, [40])]
    assert [made.error.written.metadata(index).offset for index in (10, 20, 40)] == [6, 7, 30]


def test_whoever_waits_is_told_once_in_whatever_order_batches_come_back():
    told = []
    three = batches(1, 1, 1)
    made = bulk(*((one, 0, range(n, n + 1)) for n, one in enumerate(three)))
    made.on_settled(lambda: told.append("done"))
    for one in (three[2], three[0], three[1]):
        assert told == []
        one.settle(0)
    assert told == ["done"]
    made.on_settled(lambda: told.append("again"))
    assert told == ["done", "again"]


def test_a_callback_that_fails_harms_nobody(caplog):
    (only,) = batches(1)
    made = bulk((only, 0, range(1)))
    told = []
    made.on_settled(lambda: 1 / 0)
    made.on_settled(lambda: told.append(1))
    only.settle(0)
    made.on_settled(lambda: 1 / 0)
    assert told == [1]
    assert len(caplog.records) == 2


def test_a_delivery_of_it():
    one, two = batches(1, 1)
    found, told = delivery(bulk((one, 0, range(1)), (two, 0, range(1, 2)))), []
    found.add_callback(lambda metadata: told.append(len(metadata))).add_errback(told.append)
    assert repr(found) == "<Delivery to t (2 records): on its way>"
    assert (found.is_done, found.succeeded(), found.failed(), found.value) == (False, False, False, None)
    with pytest.raises(KafkaTimeoutError, match=r"t \(2 records\).*not acknowledged"):
        found.get(0)
    one.settle(3)
    with pytest.raises(KafkaTimeoutError):
        found.get(0)
    two.settle(4)
    assert len(found.get()) == 2
    assert found.get() is found.value
    assert told == [2]
    assert (found.is_done, found.succeeded(), found.failed(), found.exception) == (True, True, False, None)
    assert repr(found) == "<Delivery to t (2 records): <BulkMetadata: 2 records in 2 partitions of t>>"


def test_a_delivery_of_what_failed():
    one, two = batches(1, 1)
    found, told = delivery(bulk((one, 0, range(1)), (two, 0, range(1, 2)))), []
    found.add_callback(told.append).add_errback(lambda error: told.append(sorted(error.errors)))
    one.settle(3)
    two.fail(MessageSizeTooLargeError("x"))
    with pytest.raises(BulkSendError, match="1 of 2"):
        found.get()
    assert told == [[1]]
    assert (found.is_done, found.succeeded(), found.failed(), found.value) == (True, False, True, None)
    assert not found.retriable()
