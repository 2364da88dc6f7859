"""Columns of records: what is refused, what the rest takes, how it is cut."""

import pytest

from kafkalite.errors import IllegalArgumentError, SerializationError
from kafkalite.producer.records import checked_records
from kafkalite.protocol.records.batch import record_size
from kafkalite.serializers import resolve_serializer

from .stand_ins import batch


def records(values, keys=None, headers=None, timestamps=None, **options):
    return checked_records("t", values, keys, headers, timestamps, **options)


def poured(made, *, into=None):
    into = into or batch([], close=False)
    made.pour(into, 0, len(made), 5.0)
    return into


def test_the_size_of_each_is_what_a_single_record_would_take():
    values = [b"", b"v" * 10, None, b"v"]
    keys = [None, b"k", b"kk", b""]
    headers = [None, [("h", b"1")], (), [("x", None), ("y", b"22")]]
    for given in ({}, {"keys": keys}, {"headers": headers}, {"keys": keys, "headers": headers}):
        made = records(values, **given)
        sizes = [
            record_size(given.get("keys", [None] * 4)[n], value, given.get("headers", [()] * 4)[n] or ())
            for n, value in enumerate(values)
        ]
        assert [made.octets(n, n + 1) for n in range(4)] == sizes
        assert made.octets(0, 4) == sum(sizes)
        assert made.largest == (max(sizes), sizes.index(max(sizes)))
    assert records(values, headers=[("h", b"1")]).octets(1, 2) == record_size(None, b"v" * 10, [("h", b"1")])


@pytest.mark.parametrize(
    "values", [[b"v" * 75] * 10, [b"v" * 75] * 9 + [b"v" * 74]], ids=["equal", "different"]
)
def test_how_many_fit(values):
    made = records(values)
    assert [made.fitting(0, room) for room in (0, 99, 100, 199, 200, 899)] == [0, 0, 1, 1, 2, 8]
    assert made.fitting(0, 100_000) == 10
    assert made.fitting(9, 100_000) == 1
    assert made.fitting(7, 200) == 2
    assert made.fitting(8, 200 - (len(values[9]) == 75)) == 1 + (len(values[9]) == 74)


def test_some_of_them():
    made = records(
        [b"0", b"11", b"2"], [b"a", b"b", b"c"], [[("h", b"0")], None, [("h", b"2")]], [10, 11, 12]
    ).pick([0, 2])
    assert (made.values, made.keys, made.times) == ([b"0", b"2"], [b"a", b"c"], [10, 12])
    assert made.headers == [(("h", b"0"),), (("h", b"2"),)]
    assert made.ends[-1] == 2 * record_size(b"a", b"0", [("h", b"0")])
    same = records([b"0"] * 3, headers=[("h", b"0")], timestamps=7).pick([1])
    assert (same.values, same.keys, same.times, same.headers) == ([b"0"], None, 7, (("h", b"0"),))


class TestPouring:
    def test_plain_ones(self):
        into = poured(records([b"1", b"2"]), into=batch([b"0"], close=False))
        assert (into.values, into.keys, into.headers) == ([b"0", b"1", b"2"], None, None)
        assert into.times == [(0, 1000), (1, 5000)]
        assert into.left == batch([b"0"], close=False).left - 2 * record_size(None, b"1")

    def test_keys_after_and_before_records_without(self):
        into = poured(records([b"1"], [b"k"]), into=batch([b"0"], close=False))
        poured(records([b"2", b"3"]), into=into)
        assert into.keys == [None, b"k", None, None]

    def test_headers_of_each_and_of_all(self):
        into = poured(records([b"0", b"1"], headers=[None, [("a", b"1")]]))
        poured(records([b"2"]), into=into)
        poured(records([b"3", b"4"], headers=[("b", None)]), into=into)
        assert into.headers == {1: (("a", b"1"),), 3: (("b", None),), 4: (("b", None),)}

    def test_times_of_each_and_of_all(self):
        into = poured(records([b"v"] * 4, timestamps=[7, 7, 9, 8]))
        poured(records([b"v"] * 2, timestamps=8), into=into)
        poured(records([b"v"] * 2, timestamps=[8, 3]), into=into)
        assert into.times == [(0, 7), (2, 9), (3, 8), (7, 3)]
        poured(records([b"v"]), into=into)
        assert into.times[-1] == (8, 5000)
        into.append(26, b"v", None, (), None, 5.0)
        assert into.times[-1] == (8, 5000)

    def test_the_clock_is_asked_again_after_times_of_the_users(self):
        into = poured(records([b"v"], timestamps=1))
        into.append(26, b"v", None, (), None, 0.5)
        assert into.times == [(0, 1), (1, 500)]

    def test_a_part(self):
        into = batch([], close=False)
        made = records([b"0", b"1", b"2"], [b"a", b"b", b"c"], [None, [("h", b"1")], None], [5, 6, 7])
        assert made.pour(into, 1, 3, 0.0) == 0
        assert (into.values, into.keys, into.times) == ([b"1", b"2"], [b"b", b"c"], [(0, 6), (1, 7)])
        assert into.headers == {0: (("h", b"1"),)}


class TestChecks:
    def test_what_is_like_bytes_is_made_bytes(self):
        made = records([bytearray(b"1"), memoryview(b"2")], [memoryview(b"k"), None])
        assert (made.values, made.keys) == ([b"1", b"2"], [b"k", None])

    def test_any_iterable_will_do_and_is_copied(self):
        values = [b"1", b"2"]
        made = records(values, iter([b"a", b"b"]), timestamps=iter([1, 2]))
        values.clear()
        assert (made.values, made.keys, made.times) == ([b"1", b"2"], [b"a", b"b"], [1, 2])
        assert len(made) == 2
        assert len(records(())) == 0

    @pytest.mark.parametrize(
        ("wrong", "error", "says"),
        [
            (
                {"values": [b"v", 1]},
                TypeError,
                r"record 1: a record's value is bytes or None, not int: encode",
            ),
            (
                {"keys": [b"k", "k"]},
                TypeError,
                r"record 1: a record's key .* not str: encode .* key_serializer",
            ),
            ({"values": b"ab"}, TypeError, "values is a list .* not bytes"),
            ({"keys": "ab"}, TypeError, "keys is a list .* not str"),
            ({"keys": [b"k"]}, IllegalArgumentError, "keys has 1 entries for 2 values"),
            ({"timestamps": [1]}, IllegalArgumentError, "timestamps has 1 entries for 2 values"),
            ({"headers": [None, None, [("h", b"")]]}, IllegalArgumentError, "headers has 3 entries for 2"),
            ({"headers": [None, [("h", 1)]]}, ValueError, "record 1: header 'h' holds bytes"),
            ({"headers": [("h", 1)]}, ValueError, "header 'h' holds bytes"),
            ({"headers": {"h": b"1"}}, ValueError, "headers are a list"),
            ({"timestamps": [1, -1]}, ValueError, "record 1: .*1970"),
            ({"timestamps": [1, None]}, TypeError, "record 1: .*each record a timestamp"),
            ({"timestamps": [1, 2.5]}, TypeError, "record 1: timestamp_ms is an int"),
            ({"timestamps": -1}, ValueError, "1970"),
            ({"timestamps": True}, TypeError, "timestamp"),
        ],
        ids=str,
    )
    def test_what_is_wrong_is_named(self, wrong, error, says):
        with pytest.raises(error, match=says):
            records(**{"values": [b"a", b"b"], **wrong})

    def test_shared_headers_stay_shared(self):
        one = [("h", b"1")]
        made = records([b"v"] * 3, headers=[one, None, one])
        assert made.headers[0] is made.headers[2]


class TestSerializers:
    def test_they_get_what_send_gives_them(self):
        seen = []

        class Mine:
            def serialize(self, topic, headers, data):
                seen.append((topic, tuple(headers), data))
                return str(data).encode()

        serializer = resolve_serializer(Mine())
        made = records(
            [1, 2], ["a", None], [[("h", b"1")], None], key_serializer=serializer, value_serializer=serializer
        )
        assert (made.values, made.keys) == ([b"1", b"2"], [b"a", b"None"])
        assert seen == [("t", (("h", b"1"),), "a"), ("t", (), None), ("t", (("h", b"1"),), 1), ("t", (), 2)]

    def test_the_key_serializer_is_asked_without_keys_too(self):
        made = records([b"v"], key_serializer=resolve_serializer(lambda key: None if key else b"none"))
        assert made.keys == [b"none"]

    def test_the_record_that_fails_is_named(self):
        with pytest.raises(SerializationError) as caught:
            records(["a", "b", 3, "d"], value_serializer=resolve_serializer(str.encode))
        assert caught.value.__notes__ == ["the value of record 2 of 4"]
