import pickle
import sys
from datetime import UTC, datetime

import pytest

from kafkalite import RecordBatch as OnThePorch
from kafkalite.consumer.record_batch import RecordBatch, joined
from kafkalite.protocol.records.batch import Columns
from kafkalite.types import ConsumerRecord, TopicPartition

TP = TopicPartition("t", 3)
HEADERS = (("h", b"x"),)


def batch(first=10, count=4, **options):
    numbers = range(first, first + count)
    columns = Columns(
        numbers,
        [1000 + n for n in numbers],
        [None if n % 2 else b"k%d" % n for n in numbers],
        [b"v%d" % n for n in numbers],
        [HEADERS if n % 2 else () for n in numbers],
    )
    options = {"leader_epoch": 5, "timestamp_type": 1, **options}
    return RecordBatch(TP, columns, **options)


RECORDS = [
    ConsumerRecord("t", 3, 10, 1010, 1, b"k10", b"v10", (), 5, 3, 3),
    ConsumerRecord("t", 3, 11, 1011, 1, None, b"v11", HEADERS, 5, -1, 3),
    ConsumerRecord("t", 3, 12, 1012, 1, b"k12", b"v12", (), 5, 3, 3),
    ConsumerRecord("t", 3, 13, 1013, 1, None, b"v13", HEADERS, 5, -1, 3),
]


def test_it_is_on_the_porch():
    assert OnThePorch is RecordBatch


def test_columns():
    some = batch()
    assert len(some) == 4
    assert (some.topic, some.partition, some.topic_partition) == ("t", 3, TP)
    assert (some.leader_epoch, some.timestamp_type) == (5, 1)
    assert some.offsets == range(10, 14)
    assert some.timestamps == [1010, 1011, 1012, 1013]
    assert some.keys == [b"k10", None, b"k12", None]
    assert some.values == [b"v10", b"v11", b"v12", b"v13"]
    assert some.headers == [(), HEADERS, (), HEADERS]
    assert repr(some) == "<RecordBatch t-3: 10-13, 4 records>"


def test_iteration_and_indices_give_records():
    some = batch()
    assert list(some) == RECORDS
    assert all(type(record) is ConsumerRecord for record in some)
    assert [some[n] for n in range(4)] == RECORDS
    assert some[-1] == RECORDS[-1]
    for index in (4, -5):
        with pytest.raises(IndexError):
            some[index]


@pytest.mark.parametrize("where", [slice(1, 3), slice(None, None, 2), slice(-1, None), slice(2, 2)])
def test_a_slice_is_a_batch(where):
    piece = batch()[where]
    assert type(piece) is RecordBatch
    assert list(piece) == RECORDS[where]
    assert list(piece.offsets) == list(range(10, 14))[where]


def test_an_empty_slice():
    empty = batch()[4:]
    assert (len(empty), list(empty), bool(empty)) == (0, [], False)
    assert repr(empty) == "<RecordBatch t-3: empty>"


def test_deserialized_columns_keep_the_sizes_of_the_bytes():
    made = batch().holding(["a", "b", "c", "d"], [1, 2, 3, 4])
    assert (made.keys, made.values) == (["a", "b", "c", "d"], [1, 2, 3, 4])
    assert made[1] == RECORDS[1]._replace(key="b", value=2)
    assert list(made[2:]) == [RECORDS[2]._replace(key="c", value=3), RECORDS[3]._replace(key="d", value=4)]


def test_it_travels_between_processes():
    again = pickle.loads(pickle.dumps(batch()))
    assert list(again) == RECORDS


def test_small_batches_are_put_together():
    (whole,) = joined([batch(10, 2), batch(12, 1), batch(13, 1)])
    assert list(whole) == RECORDS
    assert whole.offsets == range(10, 14)


def test_one_batch_is_left_as_it_is():
    one = batch()
    assert joined([one]) == [one]
    assert joined([]) == []


def test_a_gap_between_batches_stays():
    (whole,) = joined([batch(10, 2), batch(20, 2)])
    assert list(whole.offsets) == [10, 11, 20, 21]


def test_batches_that_say_different_things_are_not_put_together():
    pieces = [batch(10, 1), batch(11, 1, leader_epoch=6), batch(12, 1, leader_epoch=6, timestamp_type=0)]
    assert joined(pieces) == pieces


def test_deserialized_batches_are_put_together():
    pieces = [batch(10, 1).holding(["a"], [1]), batch(11, 1).holding(["b"], [2])]
    (whole,) = joined(pieces)
    assert (whole.keys, whole.values) == (["a", "b"], [1, 2])
    assert [record.serialized_key_size for record in whole] == [3, -1]


def test_without_pyarrow_the_error_names_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'kafkalite\[arrow\]'"):
        batch().to_arrow()


def test_arrow():
    pa = pytest.importorskip("pyarrow")
    some = batch().to_arrow()
    assert some.schema.names == ["topic", "partition", "offset", "timestamp", "key", "value", "headers"]
    assert some.schema.field("timestamp").type == pa.timestamp("ms", tz="UTC")
    assert some.schema.field("value").type == pa.binary()
    assert some.slice(1, 1).to_pylist() == [
        {
            "topic": "t",
            "partition": 3,
            "offset": 11,
            "timestamp": datetime(1970, 1, 1, 0, 0, 1, 11000, tzinfo=UTC),
            "key": None,
            "value": b"v11",
            "headers": [{"name": "h", "value": b"x"}],
        }
    ]
    assert batch()[4:].to_arrow().schema == some.schema


def test_arrow_of_what_deserializers_made():
    pa = pytest.importorskip("pyarrow")
    some = batch().holding(["a", "b", "c", "d"], [{"n": n} for n in range(4)]).to_arrow()
    assert some.schema.field("key").type == pa.string()
    assert some["value"].to_pylist() == [{"n": n} for n in range(4)]


def test_arrow_of_unknown_times_is_null():
    pytest.importorskip("pyarrow")
    columns = Columns([0, 1], [-1, 5], [None, None], [b"a", None], [(), ()])
    some = RecordBatch(TP, columns).to_arrow()
    assert some["timestamp"].is_null().to_pylist() == [True, False]
    assert some["value"].to_pylist() == [b"a", None]
