"""Batches that users fill by hand."""

import pytest

from kafkalite.producer.builder import BatchBuilder
from kafkalite.serializers import resolve_serializer

from .stand_ins import batch


def builder(**more):
    return BatchBuilder(**{"batch_size": 200, "clock": lambda: 12.5, **more})


def test_takes_records_until_it_is_full():
    mine = builder()
    assert (mine.record_count(), mine.size()) == (0, 61)
    first = mine.append(timestamp=None, key=None, value=b"x" * 40)
    assert (first.offset, first.size, first.timestamp, first.crc) == (0, 65, 12_500, None)
    second = mine.append(timestamp=99, key=b"k", value=b"x" * 39)
    assert (second.offset, second.timestamp) == (1, 99)
    assert (mine.record_count(), mine.size()) == (2, 191)
    assert repr(mine) == "<BatchBuilder: 2 records, 191 bytes, open>"
    assert mine.append(timestamp=None, key=None, value=b"") is None
    assert repr(mine) == "<BatchBuilder: 2 records, 191 bytes, closed>"


def test_a_first_record_always_fits():
    assert builder().append(timestamp=None, key=None, value=b"x" * 1000) is not None


def test_closed_is_closed():
    mine = builder()
    mine.close()
    assert mine.append(timestamp=None, key=None, value=b"") is None
    assert mine.record_count() == 0


def test_serializers_are_used():
    mine = builder(
        key_serializer=resolve_serializer(str.encode, "key"),
        value_serializer=resolve_serializer(lambda n: b"%d" % n, "value"),
    )
    mine.append(timestamp=None, key="k", value=5)
    target = batch(close=False)
    mine.pour(target)
    assert (target.keys, target.values) == ([b"k"], [b"5"])


def test_what_cannot_be_sent_is_refused():
    mine = builder()
    with pytest.raises(TypeError, match="bytes"):
        mine.append(timestamp=None, key=None, value="text")
    with pytest.raises(ValueError, match="header"):
        mine.append(timestamp=None, key=None, value=b"", headers={"a": b"b"})
    with pytest.raises(ValueError, match="1970"):
        mine.append(timestamp=-5, key=None, value=b"")
    assert mine.record_count() == 0


def test_its_records_become_a_batch():
    mine = builder()
    mine.append(timestamp=5, key=b"k", value=None, headers=[("h", b"1")])
    mine.append(timestamp=6, key=None, value=b"2", headers=None)
    target = batch(close=False)
    mine.pour(target)
    assert target.values == [None, b"2"]
    assert target.keys == [b"k", None]
    assert target.headers == {0: (("h", b"1"),)}
    assert target.times == [(0, 5), (1, 6)]
