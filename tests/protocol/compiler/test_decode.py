from __future__ import annotations

import pytest

from kafkalite.protocol.errors import DecodeError, TruncatedError

from .sample import Lists, Sample


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
