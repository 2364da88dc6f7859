from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kafkalite.protocol.errors import DecodeError, EncodeError, TruncatedError
from kafkalite.protocol.records.decode import Columns, decode_records
from kafkalite.protocol.records.encode import encode_records
from kafkalite.protocol.records.varint import encode_varint

Row = tuple[int, bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]


def read(body: bytes, count: int, **options: Any) -> Columns:
    options = {"base_offset": 0, "last_offset": max(count - 1, 0), "base_timestamp": 0, **options}
    return decode_records(body, count=count, **options)


def again(rows: list[Row], **options: Any) -> list[Row]:
    body, base, _ = encode_records(rows)
    columns = read(body, len(rows), base_timestamp=base, **options)
    assert len(columns) == len(rows)
    assert list(columns.offsets) == list(range(len(rows)))
    return [(timestamp, key, value, headers) for _, timestamp, key, value, headers in columns]


def plain(value: bytes | None, timestamp: int = 5) -> Row:
    return timestamp, None, value, ()


CASES: dict[str, list[Row]] = {
    "one": [plain(b"v")],
    "uniform": [plain(b"12345")] * 100,
    "uniform, offsets of three bytes": [plain(b"1")] * 9000,
    "uniform and empty": [plain(b"")] * 100,
    "uniform with long values": [plain(b"x" * 20_000)] * 20,
    "uniform at another time than the first": [plain(b"1"), *[plain(b"1", 9)] * 50],
    "uniform, time goes back": [plain(b"1", 9), *[plain(b"1", 5)] * 50],
    "uniform, the time changes": [plain(b"1", t // 40) for t in range(200)],
    "uniform, then not": [*[plain(b"12")] * 70, plain(b"123"), *[plain(b"12")] * 70],
    "uniform, then nulls": [*[plain(b"12")] * 70, *[plain(None)] * 70],
    "uniform, then keys": [*[plain(b"12")] * 70, *[(5, b"k", b"12", ())] * 70],
    "uniform, then headers": [*[plain(b"12")] * 70, *[(5, None, b"12", (("h", b""),))] * 70],
    "all different": [plain(b"x" * n) for n in range(300)],
    "different, then uniform": [*[plain(b"x" * n) for n in range(100)], *[plain(b"12")] * 500],
    "nulls": [plain(None)] * 10,
    "keys": [(5, b"k%d" % n, b"v", ()) for n in range(200)],
    "empty and null keys": [(5, b"", b"", ()), (5, None, None, ()), (5, b"", None, ()), (5, None, b"", ())],
    "lengths of one, two and three bytes": [
        (5, b"k" * n, b"v" * n, ()) for n in (63, 64, 8191, 8192, 70_000)
    ],
    "headers": [(5, b"k", b"v", (("a", b"1"), ("", b""), ("a", None), ("ä" * 100, b"x" * 300)))] * 3,
    "many headers": [(5, None, b"v", tuple((f"h{n}", b"%d" % n) for n in range(200)))],
    "times far apart": [plain(b"1", t) for t in (2**40, -1, 0, 2**62, 2**40)],
}


@pytest.mark.parametrize("rows", CASES.values(), ids=CASES.keys())
def test_what_was_written_is_read(rows: list[Row]) -> None:
    assert again(rows) == rows


headers = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=3).map(tuple)
row = st.tuples(
    st.integers(0, 2**41), st.none() | st.binary(max_size=150), st.none() | st.binary(max_size=150), headers
)
some = st.lists(st.tuples(row, st.integers(1, 90)), min_size=1, max_size=6).map(
    lambda runs: [one for one, times in runs for _ in range(times)]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some)
def test_anything_that_was_written_is_read(rows: list[Row]) -> None:
    try:
        encoded = again(rows)
    except EncodeError:  # a lone surrogate in a header's name
        assert any("\ud800" <= c <= "\udfff" for _, _, _, found in rows for name, _ in found for c in name)
        return
    assert encoded == rows


def test_offsets_and_times_are_relative_to_the_batch() -> None:
    body, _, _ = encode_records([plain(b"a", 100), plain(b"b", 103)])
    columns = read(body, 2, base_offset=2**40, last_offset=2**40 + 1, base_timestamp=1000)
    assert list(columns) == [(2**40, 1000, None, b"a", ()), (2**40 + 1, 1003, None, b"b", ())]


@pytest.mark.parametrize("value", [b"a", None])
def test_append_time_counts_for_all(value: bytes | None) -> None:
    body, _, _ = encode_records([plain(value, t) for t in range(10)])
    assert list(read(body, 10, append_time=77).timestamps) == [77] * 10


def test_values_are_bytes() -> None:
    for rows in ([plain(b"12345")] * 100, [plain(b"1"), plain(b"22")]):
        body, _, _ = encode_records(rows)
        assert all(type(value) is bytes for value in read(body, len(rows)).values)


# Bytes that others may write, although we do not.


def record(*fields: bytes, offset: int = 0, attributes: int = 0) -> bytes:
    """A record of these fields after the offset; the length is right."""
    body = bytes([attributes]) + encode_varint(0) + encode_varint(offset) + b"".join(fields)
    return encode_varint(len(body)) + body


NULL, ZERO = encode_varint(-1), encode_varint(0)


def test_offsets_may_have_gaps() -> None:
    body = b"".join(record(NULL, ZERO, ZERO, offset=n) for n in (0, 5, 900))
    columns = read(body, 3, base_offset=100, last_offset=1000)
    assert list(columns.offsets) == [100, 105, 1000]


def test_gaps_among_equal_records() -> None:
    numbers = [*range(40), *range(50, 64), *range(70, 130), *range(200, 300), *range(9000, 9050)]
    body = b"".join(record(NULL, encode_varint(2), b"xx", ZERO, offset=n) for n in numbers)
    columns = read(body, len(numbers), last_offset=9049)
    assert list(columns.offsets) == numbers
    assert columns.values == [b"xx"] * len(numbers)


def test_lengths_written_with_more_bytes_than_needed() -> None:
    body = record(b"\x81\x80\x00", b"\x84\x00", b"ab", b"\x80\x00")
    assert list(read(body, 1)) == [(0, 0, None, b"ab", ())]


def test_unused_attributes_do_not_matter() -> None:
    for count in (1, 50):
        body = b"".join(
            record(NULL, encode_varint(1), b"x", ZERO, offset=n, attributes=0x7F) for n in range(count)
        )
        assert read(body, count).values == [b"x"] * count


def test_nothing() -> None:
    assert len(read(b"", 0)) == 0


# Bytes that are wrong.


GOOD = record(encode_varint(1), b"k", encode_varint(1), b"v", encode_varint(1), encode_varint(1), b"h", ZERO)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "1 records announced in 0 bytes"),
        (GOOD[:-1], "announces|cut off|ends"),
        (encode_varint(-5) + bytes(9), "announces -5 bytes"),
        (encode_varint(100) + bytes(9), "announces 100 bytes, 9 are left"),
        (encode_varint(2**31 - 1) + bytes(9), "announces"),
        (b"\xff" * 9, "varint"),
        (record(encode_varint(-2), ZERO, ZERO), "key or value announces -2 bytes"),
        (record(encode_varint(9), ZERO, ZERO), "key or value announces 9 bytes"),
        (record(NULL, encode_varint(-3), ZERO), "key or value announces -3 bytes"),
        (record(NULL, encode_varint(50), ZERO), "key or value announces 50 bytes"),
        (record(NULL, encode_varint(2**31 - 1), ZERO), "key or value announces"),
        (record(NULL, ZERO, encode_varint(-1)), "announces -1 headers"),
        (record(NULL, ZERO, encode_varint(1000)), "announces 1000 headers"),
        (record(NULL, ZERO, encode_varint(1), encode_varint(-1), ZERO), "header's name announces -1 bytes"),
        (record(NULL, ZERO, encode_varint(1), encode_varint(99), ZERO), "header's name announces 99 bytes"),
        (record(NULL, ZERO, encode_varint(1), encode_varint(1), b"\xff", ZERO), "not UTF-8"),
        (record(NULL, ZERO, encode_varint(1), ZERO, encode_varint(-2)), "header's value announces -2 bytes"),
        (record(NULL, ZERO, encode_varint(1), ZERO, encode_varint(77)), "header's value announces 77 bytes"),
        (record(NULL, ZERO, ZERO, b"more"), "ends 4 bytes from where it says"),
        (GOOD + b"more than was announced", "23 bytes are left over after 1 records"),
        (record(NULL, ZERO, ZERO, offset=1), "offset lies outside"),
        (record(NULL, ZERO, ZERO, offset=-1), "offset lies outside"),
    ],
)
def test_records_that_make_no_sense(body: bytes, text: str) -> None:
    with pytest.raises(DecodeError, match=text):
        read(body, 1)


def test_a_cut_off_record_is_a_truncated_one() -> None:
    with pytest.raises(TruncatedError):
        read(GOOD[:-2], 1)


def test_a_count_that_the_bytes_cannot_hold_allocates_nothing() -> None:
    with pytest.raises(TruncatedError, match="2147483647 records announced in 16 bytes"):
        read(GOOD + GOOD[:4], 2**31 - 1)


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_run_of_equal_records_that_is_cut_off(cut: int) -> None:
    body, _, _ = encode_records([plain(b"12345")] * 100)
    with pytest.raises(DecodeError):
        read(body[:-cut], 100)


@pytest.mark.parametrize("place", range(13))
@pytest.mark.parametrize("which", [0, 1, 50, 63, 64, 99])
def test_a_run_with_one_byte_changed_is_read_by_the_careful_loop_or_refused(place: int, which: int) -> None:
    rows = [plain(b"12345")] * 100
    body = bytearray(encode_records(rows)[0])
    at = (12 * which if which < 64 else 12 * 64 + 13 * (which - 64)) + place
    if at >= len(body):
        return
    body[at] ^= 0x04
    try:
        columns = read(bytes(body), 100)
    except DecodeError:
        return
    sizes = [len(value or b"") for value in columns.values]
    assert sum(sizes) >= 495
    assert len(columns.keys) == len(columns.headers) == len(list(columns.offsets)) == 100
