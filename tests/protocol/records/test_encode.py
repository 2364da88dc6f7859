"""Records to bytes: every path through the columns gives what reading gives back."""

from __future__ import annotations

from random import Random

import pytest

from kafkalite.protocol.errors import EncodeError
from kafkalite.protocol.records.batch import RecordColumns, encode_batch, read_batches
from kafkalite.protocol.records.encode import encode_records, record_size


def read(encoded: bytes) -> list[tuple[object, ...]]:
    (batch,) = read_batches(encoded)
    batch.check_crc()
    columns = batch.columns()
    return list(
        zip(columns.timestamps, columns.keys, columns.values, map(tuple, columns.headers), strict=True)
    )


def column(columns: RecordColumns) -> list[tuple[object, ...]]:
    """The same records as tuples, made the slow way."""
    starts = dict(columns.times)
    rows, time = [], 0
    for index, value in enumerate(columns.values):
        time = starts.get(index, time)
        key = columns.keys[index] if columns.keys is not None else None
        rows.append((time, key, value, tuple((columns.headers or {}).get(index, ()))))
    return rows


LONG = b"x" * 5000
CASES = {
    "one": RecordColumns([b"v"], [(0, 5)]),
    "uniform": RecordColumns([b"123"] * 100, [(0, 5)], sizes=[3] * 100),
    "uniform, over time": RecordColumns(
        [b"123"] * 300, [(0, 5), (3, 6), (70, 900), (71, 4)], sizes=[3] * 300
    ),
    "uniform, many": RecordColumns([b"1"] * 9000, [(0, 5), (40, 7)], sizes=[1] * 9000),
    "uniform, not counted before": RecordColumns([b"123"] * 100, [(0, 5), (50, 6)]),
    "uniform, empty": RecordColumns([b""] * 3, [(0, 5)], sizes=[0] * 3),
    "long": RecordColumns([LONG] * 3, [(0, 5)], sizes=[5000] * 3),
    "variable": RecordColumns([b"1" * n for n in range(200)], [(0, 5), (100, 6)], sizes=list(range(200))),
    "variable, one long": RecordColumns([b"1", LONG], [(0, 5)]),
    "nulls": RecordColumns([None, b"1", None], [(0, 5)]),
    "only nulls": RecordColumns([None], [(0, 5)]),
    "keys": RecordColumns([b"1"] * 3, [(0, 5)], keys=[b"a", b"", LONG]),
    "some keys": RecordColumns([b"1"] * 3, [(0, 5)], keys=[b"a", None, b"c"]),
    "keys and nulls": RecordColumns([None, b"1", None], [(0, 5)], keys=[b"a", None, None]),
    "headers": RecordColumns([b"1"] * 3, [(0, 5)], headers={0: [("h", b"1"), ("h", None)], 2: [("ä", b"")]}),
    "everything": RecordColumns(
        [b"1", None, LONG], [(0, 5), (1, 4), (2, 2**40)], keys=[b"k", None, b""], headers={1: [("h", b"1")]}
    ),
    "no headers after all": RecordColumns([b"1"], [(0, 5)], headers={}),
}


@pytest.mark.parametrize("columns", CASES.values(), ids=CASES.keys())
def test_columns_give_the_bytes_that_tuples_give(columns: RecordColumns) -> None:
    rows = column(columns)
    encoded = encode_batch(columns)
    assert read(encoded) == rows
    assert encoded == encode_batch(rows)  # type: ignore[arg-type]


def test_any_columns_at_all() -> None:
    dice = Random(5)
    for _ in range(200):
        count = dice.choice([1, 2, 40, 200])
        values = [
            dice.choice([None, b"", b"123", b"123", dice.randbytes(dice.randrange(200))])
            for _ in range(count)
        ]
        keys = dice.choice([None, [dice.choice([None, b"", b"key"]) for _ in range(count)]])
        headers = dice.choice([None, {n: [("h", b"1")] for n in range(0, count, 3)}])
        starts = sorted({0, *(dice.randrange(count) for _ in range(5))})
        times = [(start, dice.randrange(2**41)) for start in starts]
        columns = RecordColumns(values, times, keys=keys, headers=headers)
        assert read(encode_batch(columns)) == column(columns)


def test_base_and_highest_time() -> None:
    _, base, top = encode_records(RecordColumns([b"1"] * 3, [(0, 5), (1, 9), (2, 3)]))
    assert (base, top) == (5, 9)
    _, base, top = encode_records([(5, None, b"1", ()), (9, None, b"2", ()), (3, None, b"3", ())])
    assert (base, top) == (5, 9)


@pytest.mark.parametrize(
    "records",
    [
        RecordColumns([], []),
        [],
    ],
)
def test_a_batch_of_nothing_is_refused(records: object) -> None:
    with pytest.raises(EncodeError, match="at least one record"):
        encode_batch(records)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "records",
    [
        RecordColumns([5], [(0, 5)]),  # type: ignore[list-item]
        RecordColumns(["text"], [(0, 5)]),  # type: ignore[list-item]
        RecordColumns([b"1"], []),
        RecordColumns([b"1"], [(0, 5)], keys=[7]),  # type: ignore[list-item]
        RecordColumns([b"1"], [(0, 5)], headers={0: [(1, b"")]}),  # type: ignore[list-item]
        RecordColumns([b"1"], [(0, 5)], headers={5: [("h", b"")]}),
        [(5, None, "text", ())],
        [(5, None, b"1")],
    ],
)
def test_what_cannot_be_written_says_so(records: object) -> None:
    with pytest.raises(EncodeError, match="a record cannot be written"):
        encode_batch(records)  # type: ignore[arg-type]


def test_record_size_is_never_less_than_what_is_written() -> None:
    for key, value, headers in [
        (None, b"", []),
        (b"k" * 300, None, []),
        (b"", LONG, [("ä" * 90, b"1" * 200), ("", None)]),
    ]:
        body, _, _ = encode_records([(2**41, key, value, headers)])
        assert len(body) <= record_size(key, value, headers)
