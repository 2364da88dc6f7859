from __future__ import annotations

import pytest

from kafkalite.protocol import compiler
from kafkalite.protocol.errors import DecodeError, TruncatedError
from kafkalite.protocol.fields import array, bytes_, int8, int32, int64, string, struct, uuid
from kafkalite.protocol.message import Message, Struct


class Inner(Struct):
    number: int = int32()


class Sample(Message):
    versions = 0, 3
    flexible_since = 2

    a: int = int8()
    b: int = int64()
    name: str | None = string(nullable_since=1)
    blob: bytes = bytes_()
    inner: Inner | None = struct(Inner, nullable_since=2)
    numbers: list[int] = array(int32())
    names: list[str] = array(string())
    inners: list[Inner] | None = array(Inner, nullable_since=0)
    extra: int = int32(since=2, tag=0, default=-1)
    more: Inner = struct(Inner, since=2, tag=3)


FULL = Sample(
    a=-1, b=1 << 40, name="é", blob=b"\0\1", inner=Inner(number=5), numbers=[1, -2], names=["x", ""],
    inners=[Inner(number=9)], extra=7, more=Inner(number=8),
)  # fmt: skip


def test_codecs_are_compiled_once_per_version_and_direction() -> None:
    assert compiler.encoder(Sample, 1, False) is compiler.encoder(Sample, 1, False)
    assert compiler.encoder(Sample, 1, False) is not compiler.encoder(Sample, 0, False)
    assert compiler.decoder(Sample, 3, True) is compiler.decoder(Sample, 3, True)


def test_neighbouring_fixed_fields_share_one_call() -> None:
    source = compiler.source_of(Sample, 1, "encode")
    assert "(m.a, m.b)" in source
    assert "(m.a, m.b,) =" in compiler.source_of(Sample, 1, "decode")


@pytest.mark.parametrize("version", [2, 3])
def test_everything_survives_a_flexible_round_trip(version: int) -> None:
    assert Sample.decode(FULL.encode(version), version) == FULL


def test_tagged_fields_at_their_default_are_not_written() -> None:
    plain, tagged = Sample(), Sample(extra=7)
    assert plain.encode(2).endswith(b"\0")
    assert len(tagged.encode(2)) == len(plain.encode(2)) + 2 + 4
    assert Sample.decode(tagged.encode(2), 2) == tagged


def test_unknown_tags_are_skipped_and_a_default_written_out_is_accepted() -> None:
    body = Sample().encode(2)[:-1]
    assert Sample.decode(body + b"\x01\x32\x02hi", 2) == Sample()
    assert Sample.decode(body + b"\x02\x00\x04\xff\xff\xff\xff\x32\x00", 2) == Sample()


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        (b"\x02\x32\x00\x32\x00", "tag 50 after tag 50"),
        (b"\x02\x33\x00\x32\x00", "tag 50 after tag 51"),
        (b"\x01\x00\x05\0\0\0\0\0", "tagged field 0 announces 5 bytes, but its value has 4"),
        (b"\x01\x00\x03\0\0\0\0", "tagged field 0 announces 3 bytes, but its value has 4"),
        (b"\x01\x32\x7fabc", "127 bytes announced"),
        (b"\xff\xff\xff\xff\xff\x01", "more than five bytes"),
        (b"\x80\x80\x80\x80\x7f", "does not fit 32 bits"),
    ],
)
def test_malformed_tagged_sections(section: bytes, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        Sample.decode(Sample().encode(2)[:-1] + section, 2)


class Lists(Message):
    versions = 0, 1
    flexible_since = 1

    ids: list[object] = array(uuid())
    text: str = string()


@pytest.mark.parametrize(
    ("body", "version", "complaint"),
    [
        (b"\x7f\xff\xff\xff", 0, "ids announces 2147483647 elements, but only 0 bytes are left"),
        (b"\xff\xff\xff\xff", 0, "ids is null, which this version does not allow"),
        (b"\xff\xff\xff\xfe", 0, "ids has the impossible length -2"),
        (b"\0\0\0\0\xff\xfe", 0, "text has the impossible length -2"),
        (b"\0\0\0\0\x00\x09abc", 0, "9 bytes announced at byte 6, 3 left"),
        (b"\xff\xff\xff\xff\x0f", 1, "ids announces 4294967294 elements"),
        (b"\0", 1, "ids is null"),
        (b"\0\0\0\0\x00\x02\xff\xfe", 0, "malformed"),
    ],
)
def test_malformed_lengths_and_counts(body: bytes, version: int, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        Lists.decode(body, version)


def test_a_nullable_struct_carries_a_byte_that_says_so() -> None:
    gone = Sample(inner=None)
    assert Sample.decode(gone.encode(2), 2).inner is None
    raw = bytearray(gone.encode(2))
    raw[raw.index(0xFF)] = 3
    with pytest.raises(DecodeError, match="inner has the impossible length 3"):
        Sample.decode(raw, 2)


def test_a_cut_uuid_is_truncated() -> None:
    with pytest.raises(TruncatedError):
        Lists.decode(b"\0\0\0\1" + bytes(15) + b"\0", 0)
