"""Bytes from a peer that lies: whatever comes, decoding gives a message or a DecodeError, and soon."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kafkalite.protocol import framing
from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.message import Message, Response

from .kafka_names import all_messages, vectors

MESSAGES = all_messages()
VECTORS = [(MESSAGES[v["message"]], v["version"], bytes.fromhex(v["hex"])) for v in vectors("message")]
COUNT_TEMPTING = [
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xff" * 6,
]


def decode_or_refuse(cls: type[Message], version: int, raw: bytes) -> None:
    """Anything but a message or a DecodeError fails the test by getting out of here."""
    try:
        message = cls.decode(raw, version)
    except DecodeError:
        return
    assert type(message) is cls


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(vector=st.sampled_from(VECTORS), raw=st.binary(max_size=200))
def test_noise(vector: tuple[type[Message], int, bytes], raw: bytes) -> None:
    decode_or_refuse(vector[0], vector[1], raw)


@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(vector=st.sampled_from(VECTORS), data=st.data())
def test_a_valid_message_with_bytes_overwritten(
    vector: tuple[type[Message], int, bytes], data: st.DataObject
) -> None:
    cls, version, raw = vector
    at = data.draw(st.integers(0, len(raw)))
    patch = data.draw(st.one_of(st.binary(min_size=1, max_size=6), st.sampled_from(COUNT_TEMPTING)))
    decode_or_refuse(cls, version, raw[:at] + patch + raw[at + len(patch) :])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(vector=st.sampled_from(VECTORS), data=st.data())
def test_a_valid_message_cut_or_continued(
    vector: tuple[type[Message], int, bytes], data: st.DataObject
) -> None:
    cls, version, raw = vector
    size = data.draw(st.integers(0, len(raw)))
    if size < len(raw):
        with pytest.raises(DecodeError):
            cls.decode(raw[:size], version)
    with pytest.raises(DecodeError):
        cls.decode(raw + data.draw(st.binary(min_size=1, max_size=9)), version)


@settings(max_examples=300, deadline=None)
@given(raw=st.binary(max_size=120))
def test_noise_as_a_frame(raw: bytes) -> None:
    try:
        framing.decode_request(raw)
    except DecodeError:
        pass
    for cls in (MESSAGES["ApiVersionsResponse"], MESSAGES["FetchResponse"]):
        assert issubclass(cls, Response)
        try:
            framing.decode_response(cls, cls.max_version, raw)
        except DecodeError:
            pass


def test_a_small_frame_never_makes_a_large_allocation() -> None:
    raw = b"\x7f\xff\xff\xff" * 8
    tracemalloc.start()
    try:
        for cls, version, _ in VECTORS:
            decode_or_refuse(cls, version, raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
