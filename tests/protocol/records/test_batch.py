from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.protocol.codes import CompressionType, ControlRecordType, TimestampType
from kafkalite.protocol.errors import ChecksumError, CodecError, DecodeError, EncodeError, TruncatedError
from kafkalite.protocol.records.batch import (
    BATCH_OVERHEAD,
    Batch,
    ControlRecord,
    encode_batch,
    encode_control_batch,
    patch_batch,
    read_batches,
)

from ..kafka_names import vectors

VECTORS = {v["id"]: v for v in vectors("record_batch")}
NAMES = {c.name.lower(): int(c) for c in CompressionType}
RECORDS = [(1000, b"k", b"v", ()), (1001, None, b"w", (("h", b"1"),)), (999, b"", None, ())]


def expected(batch: dict[str, Any]) -> list[tuple[Any, ...]]:
    """(offset, timestamp, key, value, headers) of each record of a vector's batch."""
    if "records_rule" in batch:
        keyed = "key 'k'+i" in batch["records_rule"]
        count = batch.get("record_count") or int(batch["records_rule"].split()[0])
        return [
            (
                batch["baseOffset"] + i,
                1700000000000 + i,
                b"k%d" % i if keyed else None,
                b"v%d" % i if keyed else (b"abcdefgh%05d" % i) * 8,
                (),
            )
            for i in range(count)
        ]
    return [
        (
            r["offset"],
            r["timestamp"],
            None if r["key"] is None else bytes.fromhex(r["key"]),
            None if r["value"] is None else bytes.fromhex(r["value"]),
            tuple((name, None if v is None else bytes.fromhex(v)) for name, v in r["headers"]),
        )
        for r in batch["records"]
    ]


READABLE = [v for v in VECTORS.values() if "batches" in v]


@pytest.mark.parametrize("vector", READABLE, ids=lambda v: v["id"])
def test_record_sets_are_read_as_others_read_them(vector: dict[str, Any]) -> None:
    batches = read_batches(memoryview(bytearray.fromhex(vector["hex"])))
    assert len(batches) == len(vector["batches"])
    for batch, other in zip(batches, vector["batches"], strict=True):
        batch.check_crc()
        assert batch.magic == other["magic"]
        assert (batch.base_offset, batch.last_offset) == (other["baseOffset"], other["lastOffset"])
        assert batch.next_offset == other["lastOffset"] + 1
        assert batch.size == other["sizeInBytes"]
        assert batch.crc == other["crc"]
        assert batch.codec == NAMES[other["compression"]]
        assert batch.leader_epoch == other["partitionLeaderEpoch"]
        assert batch.max_timestamp == other["maxTimestamp"]
        assert batch.producer_id == other["producerId"]
        assert batch.producer_epoch == other["producerEpoch"]
        assert (batch.base_sequence, batch.last_sequence) == (other["baseSequence"], other["lastSequence"])
        assert (batch.is_transactional, batch.is_control) == (other["isTransactional"], other["isControl"])
        appended = other["timestampType"] == "LogAppendTime"
        assert (batch.timestamp_type == TimestampType.LOG_APPEND_TIME) == appended
        rows = expected(other)
        assert list(batch.columns()) == rows
        assert batch.record_count == len(rows)


@pytest.mark.parametrize("vector", [v for v in READABLE if v.get("encode_agrees")], ids=lambda v: v["id"])
def test_record_sets_are_written_as_others_write_them(vector: dict[str, Any]) -> None:
    (batch,) = vector["batches"]
    build = vector["build"]
    rows = expected(batch)
    encoded = encode_batch(
        [(timestamp, key, value, headers) for _, timestamp, key, value, headers in rows],
        base_offset=build.get("baseOffset", 0),
        codec=NAMES[build["codec"]],
        producer_id=build.get("producerId", -1),
        producer_epoch=build.get("producerEpoch", -1),
        base_sequence=build.get("baseSequence", -1),
        transactional=build.get("txn", False),
        leader_epoch=build.get("leaderEpoch", -1),
    )
    if build["codec"] == "none":
        assert encoded == bytes.fromhex(vector["hex"])
    else:  # the compressor's bytes are its own business
        (again,) = read_batches(encoded)
        assert list(again.columns()) == rows


@pytest.mark.parametrize(
    "vector", [v for v in READABLE if "control" in v.get("build", {})], ids=lambda v: v["id"]
)
def test_markers_are_written_and_read_as_others_do(vector: dict[str, Any]) -> None:
    build = vector["build"]
    kind = ControlRecordType[build["control"].upper()]
    encoded = encode_control_batch(
        offset=build["baseOffset"],
        timestamp=build["ts"],
        control_type=kind,
        producer_id=build["producerId"],
        producer_epoch=build["producerEpoch"],
        coordinator_epoch=build["coordinatorEpoch"],
        leader_epoch=build["leaderEpoch"],
    )
    assert encoded == bytes.fromhex(vector["hex"])
    (batch,) = read_batches(encoded)
    assert batch.control() == ControlRecord(kind, 0, build["coordinatorEpoch"])


def test_a_batch_of_the_vectors_that_is_damaged() -> None:
    (batch,) = read_batches(bytes.fromhex(VECTORS["bad-crc"]["hex"]))
    with pytest.raises(ChecksumError, match=r"batch at offset \d+ has checksum 0x[0-9a-f]+, its header says"):
        batch.check_crc()


def test_every_vector_is_used() -> None:
    assert len(READABLE) == len(VECTORS) - 1
    assert sum(1 for v in READABLE if v.get("encode_agrees")) > 15


# Writing.


def one(encoded: Any) -> Batch:
    (batch,) = read_batches(encoded)
    batch.check_crc()
    return batch


def rows(batch: Batch) -> list[tuple[Any, ...]]:
    return [(timestamp, key, value, headers) for _, timestamp, key, value, headers in batch.columns()]


@pytest.mark.parametrize("codec", list(CompressionType))
def test_what_was_written_is_read(codec: int) -> None:
    batch = one(
        encode_batch(
            RECORDS,
            base_offset=50,
            codec=codec,
            producer_id=7,
            producer_epoch=2,
            base_sequence=10,
            transactional=True,
            leader_epoch=4,
        )
    )
    assert rows(batch) == RECORDS
    assert (batch.base_offset, batch.last_offset, batch.next_offset) == (50, 52, 53)
    assert (batch.producer_id, batch.producer_epoch, batch.base_sequence) == (7, 2, 10)
    assert batch.last_sequence == 12
    assert batch.leader_epoch == 4
    assert batch.is_transactional
    assert not batch.is_control
    assert batch.codec == codec
    assert (batch.base_timestamp, batch.max_timestamp) == (1000, 1001)
    assert list(batch.columns().offsets) == [50, 51, 52]
    assert repr(batch) == f"<Batch 50-52, {batch.size} bytes, format 2>"


def test_the_level_reaches_the_codec() -> None:
    records = [(0, None, b"%d" % (n * n % 9973), ()) for n in range(5000)]
    assert len(encode_batch(records, codec=1, level=9)) < len(encode_batch(records, codec=1, level=1))
    with pytest.raises(EncodeError, match="no level 99"):
        encode_batch(records, codec=1, level=99)
    with pytest.raises(EncodeError, match="no codec 6"):
        encode_batch(records, codec=6)


def test_log_append_time_counts_for_all_records() -> None:
    batch = one(encode_batch(RECORDS, log_append_time=5000))
    assert batch.timestamp_type == TimestampType.LOG_APPEND_TIME
    assert list(batch.columns().timestamps) == [5000] * 3
    assert batch.max_timestamp == 5000


@given(st.integers(0, 2**31 - 1), st.integers(1, 500))
def test_sequences_begin_again_after_the_highest(base: int, count: int) -> None:
    batch = one(
        encode_batch([(0, None, b"", ())] * count, producer_id=1, producer_epoch=0, base_sequence=base)
    )
    assert batch.last_sequence == (base + count - 1) % 2**31


def test_no_records_are_no_batch() -> None:
    with pytest.raises(EncodeError, match="at least one record"):
        encode_batch([])


@pytest.mark.parametrize(
    "options",
    [
        {"base_offset": 2**63},
        {"producer_epoch": 40_000},
        {"base_sequence": 2**31},
        {"leader_epoch": -(2**40)},
    ],
)
def test_numbers_that_do_not_fit(options: dict[str, int]) -> None:
    with pytest.raises(EncodeError, match="cannot hold"):
        encode_batch(RECORDS, **options)


def test_a_timestamp_that_does_not_fit() -> None:
    with pytest.raises(EncodeError, match="cannot hold"):
        encode_batch([(2**63, None, b"", ())])


# What a broker changes.


@pytest.mark.parametrize("data", [bytes, bytearray, memoryview])
def test_placing_a_batch_keeps_its_checksum(data: type) -> None:
    encoded = encode_batch(RECORDS)
    patched = patch_batch(data(encoded), base_offset=1234, leader_epoch=9)
    batch = one(patched)
    assert (batch.base_offset, batch.last_offset, batch.leader_epoch) == (1234, 1236, 9)
    assert batch.crc == one(encoded).crc
    assert rows(batch) == RECORDS
    assert one(encoded).base_offset == 0  # the original is as it was


def test_stamping_a_batch_renews_its_checksum() -> None:
    batch = one(patch_batch(encode_batch(RECORDS, codec=1), base_offset=5, leader_epoch=0, append_time=7777))
    assert batch.timestamp_type == TimestampType.LOG_APPEND_TIME
    assert list(batch.columns().timestamps) == [7777] * 3
    assert batch.codec == 1


# Reading record sets.


def test_several_batches_and_a_cut_off_one() -> None:
    first, second = encode_batch(RECORDS), encode_batch(RECORDS[:1], base_offset=3)
    for cut in range(len(second)):
        assert [b.base_offset for b in read_batches(first + second[:cut])] == [0]
    assert [b.base_offset for b in read_batches(first + second)] == [0, 3]
    assert read_batches(b"") == []
    assert read_batches(first[:-1]) == []


def test_batches_are_views_not_copies() -> None:
    encoded = bytearray(encode_batch(RECORDS))
    (batch,) = read_batches(encoded)
    assert batch.data.obj is encoded


def header(**changes: int) -> bytearray:
    """A batch whose header says something else."""
    encoded = bytearray(encode_batch(RECORDS, producer_id=1, producer_epoch=0, base_sequence=0))
    places = {
        "length": (8, 4),
        "magic": (16, 1),
        "attributes": (21, 2),
        "last_delta": (23, 4),
        "count": (57, 4),
    }
    for name, value in changes.items():
        at, size = places[name]
        encoded[at : at + size] = value.to_bytes(size, "big", signed=True)
    return encoded


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"length": -1}, "says it has -1 bytes"),
        ({"length": 0}, "says it has 0 bytes"),
        ({"length": 48}, "says it has 48 bytes"),
        ({"length": -(2**31)}, "bytes"),
        ({"magic": 3}, "unknown format 3"),
        ({"magic": -1}, "unknown format 255"),
        ({"last_delta": -1}, "claims 3 records and a last offset delta of -1"),
        ({"count": -1}, "claims -1 records"),
        ({"count": 4}, "claims 4 records and a last offset delta of 2"),
    ],
)
def test_a_header_that_makes_no_sense(changes: dict[str, int], text: str) -> None:
    with pytest.raises(DecodeError, match=text):
        read_batches(header(**changes))
    good = encode_batch(RECORDS)
    assert len(read_batches(good + bytes(header(**changes)))) == 1  # what comes before it can be used


def test_a_length_beyond_the_end_is_a_cut_off_entry() -> None:
    assert read_batches(header(length=2**31 - 1)) == []


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_a_codec_of_the_future(codec: int) -> None:
    (batch,) = read_batches(header(attributes=codec))
    with pytest.raises(CodecError, match=f"no codec {codec}"):
        batch.columns()


def test_a_decompressed_block_has_a_limit() -> None:
    (batch,) = read_batches(encode_batch([(0, None, bytes(100_000), ())], codec=4))
    assert len(batch.columns()) == 1
    with pytest.raises(CodecError, match="more than 1000 bytes"):
        batch.columns(1000)


def test_compaction_may_leave_fewer_records_than_offsets() -> None:
    batch = one(bytes.fromhex(VECTORS["empty-batch-after-compaction"]["hex"]))
    assert batch.record_count == 0
    assert len(batch.columns()) == 0
    assert batch.next_offset == 26


# Control batches.


def marker(key: bytes, value: bytes) -> Batch:
    encoded = bytearray(
        encode_batch([(0, key, value, ())], producer_id=1, producer_epoch=0, transactional=True)
    )
    encoded[22] |= 0x20
    (batch,) = read_batches(encoded)
    return batch


def test_a_marker_of_an_unknown_kind_keeps_its_number() -> None:
    assert marker(b"\x00\x00\x00\x63", b"whatever").control() == ControlRecord(99, 0, -1)


@pytest.mark.parametrize(
    ("key", "value"),
    [(b"", b""), (b"\x00\x00\x00", b""), (b"\x00\x00\x00\x01", b""), (b"\x00\x00\x00\x00", b"\0" * 5)],
)
def test_a_marker_that_is_cut_off(key: bytes, value: bytes) -> None:
    with pytest.raises(TruncatedError, match="control record at offset 0 is cut off"):
        marker(key, value).control()


def test_what_is_no_control_batch() -> None:
    with pytest.raises(DecodeError, match="no control batch"):
        one(encode_batch(RECORDS)).control()
    two = bytearray(encode_batch(RECORDS))
    two[22] |= 0x20
    with pytest.raises(DecodeError, match="no control batch"):
        read_batches(two)[0].control()


# Damage is noticed.


@pytest.mark.parametrize("codec", list(CompressionType))
def test_every_bit_counts(codec: int) -> None:
    encoded = encode_batch(RECORDS, codec=codec)
    for at, bit in itertools.product(range(21, len(encoded)), (0x01, 0x80)):
        damaged = bytearray(encoded)
        damaged[at] ^= bit
        try:
            batches = read_batches(damaged)
        except DecodeError:
            continue
        with pytest.raises(ChecksumError):
            batches[0].check_crc()


def test_the_overhead_is_that_of_the_header() -> None:
    assert BATCH_OVERHEAD == 61
