from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kafkalite.protocol.codes import CompressionType, TimestampType
from kafkalite.protocol.errors import ChecksumError, CodecError, DecodeError, ProtocolError
from kafkalite.protocol.records import compression
from kafkalite.protocol.records.batch import encode_batch, read_batches

from ..kafka_names import vectors

VECTORS = vectors("legacy_message_set")
TYPES = {
    "NoTimestampType": TimestampType.NO_TIMESTAMP_TYPE,
    "CreateTime": TimestampType.CREATE_TIME,
    "LogAppendTime": TimestampType.LOG_APPEND_TIME,
}


def unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_old_message_sets_are_read_as_java_reads_them(vector: dict[str, Any]) -> None:
    batches = read_batches(bytes.fromhex(vector["hex"]))
    assert len(batches) == len(vector["batches"])
    for batch, other in zip(batches, vector["batches"], strict=True):
        batch.check_crc()
        assert batch.magic == other["magic"]
        assert batch.last_offset == other["lastOffset"]
        assert batch.base_offset <= other["baseOffset"]
        assert batch.size == other["sizeInBytes"]
        assert batch.crc == other["crc"]
        assert batch.codec == CompressionType[other["compression"].upper()]
        assert batch.timestamp_type == TYPES[other["timestampType"]]
        assert batch.record_count in (-1, len(other["records"]))
        assert list(batch.columns()) == [
            (r["offset"], r["timestamp"], unhex(r["key"]), unhex(r["value"]), ()) for r in other["records"]
        ]
        assert not batch.is_control
        assert not batch.is_transactional
        assert (batch.leader_epoch, batch.producer_id, batch.last_sequence) == (-1, -1, -1)


def message(
    offset: int,
    key: bytes | None,
    value: bytes | None,
    *,
    magic: int = 1,
    attributes: int = 0,
    timestamp: int = 77,
) -> bytes:
    body = bytes([magic, attributes])
    if magic == 1:
        body += struct.pack(">q", timestamp)
    for part in (key, value):
        body += struct.pack(">i", -1) if part is None else struct.pack(">i", len(part)) + part
    return struct.pack(">qiI", offset, len(body) + 4, zlib.crc32(body)) + body


def wrapped(*inner: bytes, codec: int = 1, magic: int = 1, attributes: int = 0, offset: int = 12) -> bytes:
    packed = compression.compress(codec, b"".join(inner))
    return message(offset, None, packed, magic=magic, attributes=codec | attributes)


def test_formats_may_be_mixed() -> None:
    data = (
        message(0, b"k", b"a", magic=0)
        + message(1, None, b"b")
        + encode_batch([(5, None, b"c", ())], base_offset=2)
    )
    batches = read_batches(data)
    assert [batch.magic for batch in batches] == [0, 1, 2]
    assert [next(iter(batch.columns())) for batch in batches] == [
        (0, -1, b"k", b"a", ()),
        (1, 77, None, b"b", ()),
        (2, 5, None, b"c", ()),
    ]


def test_inner_offsets_of_format_1_are_relative_to_the_last() -> None:
    (batch,) = read_batches(wrapped(message(0, None, b"a"), message(1, None, b"b"), message(3, None, b"c")))
    assert list(batch.columns().offsets) == [9, 10, 12]
    assert batch.next_offset == 13


def test_inner_offsets_of_format_0_are_absolute() -> None:
    inner = [message(n, None, b"a", magic=0) for n in (9, 10, 12)]
    (batch,) = read_batches(wrapped(*inner, magic=0))
    assert list(batch.columns().offsets) == [9, 10, 12]
    assert list(batch.columns().timestamps) == [-1] * 3


def test_a_broker_that_stamps_counts_for_all() -> None:
    inner = [message(0, None, b"a", timestamp=1), message(1, None, b"b", timestamp=2)]
    (batch,) = read_batches(wrapped(*inner, attributes=8))
    assert list(batch.columns().timestamps) == [77, 77]
    assert batch.timestamp_type == TimestampType.LOG_APPEND_TIME
    (batch,) = read_batches(wrapped(*inner))
    assert list(batch.columns().timestamps) == [1, 2]


def test_nothing_is_unpacked_before_it_is_wanted() -> None:
    (batch,) = read_batches(message(5, None, b"not gzip at all", attributes=1))
    assert batch.record_count == -1
    with pytest.raises(CodecError, match="gzip"):
        batch.columns()


def test_the_limit_is_the_callers() -> None:
    (batch,) = read_batches(wrapped(message(0, None, bytes(100_000))))
    assert len(batch.columns()) == 1
    with pytest.raises(CodecError, match="more than 1000 bytes"):
        batch.columns(1000)


def test_a_damaged_message() -> None:
    data = bytearray(message(5, b"k", b"v"))
    data[-1] ^= 1
    (batch,) = read_batches(data)
    with pytest.raises(ChecksumError, match="message at offset 5"):
        batch.check_crc()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (message(5, None, None, attributes=1), "has no value"),
        (message(5, None, compression.compress(1, b""), attributes=1), "is empty"),
        (wrapped(wrapped(message(0, None, b"x"))), "holds another one"),
        (wrapped(message(0, None, b"x")[:-1]), "bytes"),
        (wrapped(message(0, None, b"x") + b"??"), "left over"),
        (
            wrapped(
                message(0, None, b"x", magic=0).replace(b"\x00" * 2 + b"\xff" * 4, b"\x02\x00" + b"\xff" * 4)
            ),
            "format 2",
        ),
        (message(5, b"key", b"v").replace(b"\x00\x00\x00\x03key", b"\x7f\x00\x00\x03key"), "announces"),
        (message(5, b"key", b"v").replace(b"\x00\x00\x00\x03key", b"\xff\x00\x00\x03key"), "announces"),
        (message(5, b"key", b"vv").replace(b"\x00\x00\x00\x02vv", b"\x00\x00\x00\x01vv"), "left over"),
    ],
)
def test_messages_that_make_no_sense(data: bytes, text: str) -> None:
    (batch,) = read_batches(data)
    with pytest.raises(DecodeError, match=text):
        batch.columns()


def test_a_message_without_room_for_itself() -> None:
    with pytest.raises(DecodeError, match="says it has 13 bytes"):
        read_batches(struct.pack(">qi", 0, 13) + bytes(13))
    with pytest.raises(DecodeError, match="cut off"):
        read_batches(struct.pack(">qiIbb", 0, 14, 0, 1, 0) + bytes(8))[0].columns()


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(vector=st.sampled_from(VECTORS), data=st.data())
def test_damage_gives_records_or_a_typed_error(vector: dict[str, Any], data: st.DataObject) -> None:
    raw = bytes.fromhex(vector["hex"])
    at = data.draw(st.integers(0, len(raw)))
    patch = data.draw(st.binary(max_size=6))
    try:
        for batch in read_batches(raw[:at] + patch + raw[at + data.draw(st.integers(0, 8)) :]):
            batch.columns(1 << 20)
    except ProtocolError:
        pass
