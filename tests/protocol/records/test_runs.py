"""`take_run` must agree with the careful loop wherever it takes anything; `decode_records` is tested as a whole in
test_decode.py."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.records.decode import Columns, _any_records
from kafkalite.protocol.records.encode import encode_records
from kafkalite.protocol.records.runs import WORTH_IT, take_run
from kafkalite.protocol.records.varint import encode_varint

BASE = 1_000_000
HEADERS = (("trace", b"0123"), ("source", b"bench"))
SHARED = (("trace", b"0123"),)


def run_of(body: bytes, count: int, position: int = 0) -> tuple[Any, int, Columns, list[int]]:
    columns, times = Columns([], [], [], [], []), []
    offsets, end = take_run(body, position, count, BASE, columns, times)
    assert len(offsets) == len(columns.keys) == len(columns.values) == len(columns.headers) == len(times)
    return offsets, end, columns, times


def careful(body: bytes, count: int, position: int = 0) -> tuple[Any, int, Columns, list[int]]:
    columns, times = Columns([], [], [], [], []), []
    offsets, end = _any_records(body, position, count, BASE, columns, times)
    return offsets, end, columns, times


def agree(body: bytes, count: int, position: int = 0) -> int:
    """Assert that what a run takes is what the careful loop takes. Returns how many records that was."""
    offsets, end, columns, times = run_of(body, count, position)
    if not len(offsets):
        assert end == position
        return 0
    expected = careful(body, len(offsets), position)
    assert (list(offsets), end, times) == (list(expected[0]), expected[1], expected[3])
    assert columns.keys == expected[2].keys
    assert columns.values == expected[2].values
    assert columns.headers == expected[2].headers
    return len(offsets)


def rows(count: int, seed: int = 1, **kinds: Any) -> list[Any]:
    dice = Random(seed)
    sizes, keys, headers, every = (
        kinds.get("sizes", (0, 200)),
        kinds.get("keys"),
        kinds.get("headers", ((),)),
        kinds.get("every", 0),
    )
    return [
        (
            BASE + (n // every if every else 0),
            None if keys is None else dice.randbytes(dice.randint(*keys)),
            dice.randbytes(dice.randint(*sizes)),
            dice.choice(headers),
        )
        for n in range(count)
    ]


TAKEN = {
    "values of any size": (rows(64), 64),
    "a second run begins where offsets take two bytes": (rows(600), 64),
    "values of two-byte sizes": (rows(60, sizes=(8000, 8150)), 60),
    "keys": (rows(60, keys=(0, 100)), 60),
    "keys of two-byte sizes": (rows(60, keys=(60, 300)), 60),
    "headers that recur": (rows(60, headers=((), SHARED, HEADERS)), 60),
    "keys and headers": (rows(60, keys=(5, 20), headers=(HEADERS,)), 60),
    "a timestamp for each record": (rows(60, every=1), 60),
}


@pytest.mark.parametrize(("records", "taken"), TAKEN.values(), ids=TAKEN.keys())
def test_a_run_is_taken(records: list[Any], taken: int) -> None:
    body, _, _ = encode_records(records)
    # A record so near the end that the reading of its framing would reach beyond may be left.
    assert taken - agree(body, len(records)) in (0, 1)


def test_runs_with_offsets_of_two_and_three_bytes() -> None:
    records = rows(17_000, sizes=(1, 90))
    body, _, _ = encode_records(records)
    position = taken = 0
    for expected in (64, 8192 - 64, 8192, 17_000 - 16_384):
        offsets, end, _, _ = run_of(body, len(records) - taken, position)
        assert offsets == range(taken, taken + len(offsets))
        assert expected - len(offsets) in (0, 1)
        assert agree(body, len(records) - taken, position) == len(offsets)
        position, taken = end, taken + len(offsets)


def test_times_of_two_bytes_before_and_after_the_first() -> None:
    for step in (70, -70):
        records = [(BASE + step * (n > 0) + n % 3, None, b"v" * n, ()) for n in range(60)]
        body, _, _ = encode_records(records)
        begin = careful(body, 1)[1]
        assert agree(body, 59, begin) >= 58


def test_nulls_go_with_keys() -> None:
    records = [(BASE, b"k", None if n % 3 else b"v", ()) for n in range(60)]
    assert agree(encode_records(records)[0], 60) >= 59


def test_a_run_ends_where_something_else_begins() -> None:
    good, other = (BASE, None, b"v", ()), (BASE, b"k", b"v", ())
    body, _, _ = encode_records([good] * 20 + [other] + [good] * 20)
    assert agree(body, 41) == 20


def test_a_run_ends_where_times_grow_wider() -> None:
    body, _, _ = encode_records([(BASE + (n > 20) * 1000, None, b"v" * n, ()) for n in range(60)])
    assert agree(body, 60) == 21


@pytest.mark.parametrize("count", [0, 1, WORTH_IT - 1])
def test_a_short_run_is_none(count: int) -> None:
    body, _, _ = encode_records([(BASE, None, b"v", ())] * max(count, 1))
    assert run_of(body, count)[0] == ()


@pytest.mark.parametrize(
    "body",
    [b"", b"\x80", b"\xff" * 40, bytes(40), encode_varint(20) + b"\0" * 3 + b"\xff" * 40],
)
def test_nonsense_is_no_run(body: bytes) -> None:
    assert agree(body, 20) == 0


@pytest.mark.parametrize("kind", ["plain", "keys and headers"])
def test_a_byte_changed_anywhere_is_read_as_the_careful_loop_reads_it_or_not_at_all(kind: str) -> None:
    more = {} if kind == "plain" else {"keys": (0, 9), "headers": ((), SHARED)}
    records = rows(80, sizes=(0, 9), every=3, **more)
    body, _, _ = encode_records(records)
    for place in range(len(body)):
        for change in (1, 0x80, 0xFF):
            damaged = bytearray(body)
            damaged[place] ^= change
            offsets, end, columns, times = run_of(bytes(damaged), len(records))
            if not len(offsets):
                continue
            try:
                expected = careful(bytes(damaged), len(offsets))
            except DecodeError:
                pytest.fail(f"a run went through damage at byte {place}")
            assert (list(offsets), end, times) == (list(expected[0]), expected[1], expected[3])
            assert (columns.keys, columns.values) == (expected[2].keys, expected[2].values)
            assert columns.headers == expected[2].headers


def test_a_cut_off_run_ends_before_the_cut() -> None:
    for more in ({}, {"keys": (1, 9)}):
        body, _, _ = encode_records(rows(40, sizes=(0, 20), **more))
        for cut in range(1, 60):
            agree(body[:-cut], 40)
