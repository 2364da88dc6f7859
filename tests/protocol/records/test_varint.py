from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.protocol.errors import DecodeError, TruncatedError
from kafkalite.protocol.records.varint import (
    VARINTS,
    decode_uvarint,
    decode_varint,
    encode_uvarint,
    encode_varint,
)

from ..kafka_names import vectors


@pytest.mark.parametrize("vector", vectors("uvarint"), ids=lambda v: str(v["value"]))
def test_unsigned_as_others_write_it(vector: dict) -> None:
    raw = bytes.fromhex(vector["hex"])
    assert encode_uvarint(vector["value"]) == raw
    assert decode_uvarint(raw, 0) == (vector["value"], len(raw))


@pytest.mark.parametrize("section", ["varint", "varlong"])
def test_signed_as_others_write_it(section: str) -> None:
    bits = 32 if section == "varint" else 64
    for vector in vectors(section):
        raw = bytes.fromhex(vector["hex"])
        assert encode_varint(vector["value"]) == raw
        assert decode_varint(raw, 0, bits) == (vector["value"], len(raw))
        assert decode_varint(memoryview(b"xx" + raw + b"y"), 2, bits) == (vector["value"], 2 + len(raw))


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_round_trip(value: int) -> None:
    raw = encode_varint(value)
    assert decode_varint(raw, 0, 64) == (value, len(raw))


def test_the_table_holds_what_the_function_makes() -> None:
    assert list(VARINTS) == [encode_varint(n) for n in range(len(VARINTS))]


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\xff\xff\xff\xff"])
def test_the_end_in_the_middle(raw: bytes) -> None:
    with pytest.raises(TruncatedError, match="cut off"):
        decode_uvarint(raw, 0)


@pytest.mark.parametrize(
    ("raw", "bits"),
    [
        (b"\xff" * 5 + b"\x01", 32),
        (b"\xff\xff\xff\xff\x1f", 32),
        (b"\xff" * 10 + b"\x01", 64),
        (b"\xff" * 9 + b"\x02", 64),
    ],
)
def test_more_bits_than_allowed(raw: bytes, bits: int) -> None:
    with pytest.raises(DecodeError, match=f"{bits} bits"):
        decode_uvarint(raw, 0, bits)


def test_an_endless_one_is_given_up_early() -> None:
    with pytest.raises(DecodeError):
        decode_varint(b"\x80" * 1_000_000, 0, 64)
