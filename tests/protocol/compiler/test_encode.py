from __future__ import annotations

import pytest

from kafkalite.protocol.errors import EncodeError

from .sample import FULL, Inner, Sample


@pytest.mark.parametrize("version", [2, 3])
def test_everything_survives_a_flexible_round_trip(version: int) -> None:
    assert Sample.decode(FULL.encode(version), version) == FULL


def test_tagged_fields_at_their_default_are_not_written() -> None:
    plain, tagged = Sample(), Sample(extra=7)
    assert plain.encode(2).endswith(b"\0")
    assert len(tagged.encode(2)) == len(plain.encode(2)) + 2 + 4
    assert Sample.decode(tagged.encode(2), 2) == tagged


def test_null_goes_out_only_where_it_is_allowed() -> None:
    assert Sample.decode(Sample(name=None, inner=Inner()).encode(1), 1).name is None
    with pytest.raises(EncodeError, match=r"Sample.name is None, which version 0 does not allow"):
        Sample(name=None).encode(0)
    with pytest.raises(EncodeError, match=r"Sample.extra is set, but version 1 cannot carry it"):
        Sample(extra=1).encode(1)


@pytest.mark.parametrize("size", [0, 127, 128, 1022, 1023, 16_382, 70_000])
def test_lengths_of_every_width(size: int) -> None:
    message = Sample(blob=bytes(size), inner=None)
    assert Sample.decode(message.encode(3), 3) == message


def test_buffers_of_any_kind_are_bytes() -> None:
    from array import array

    numbers = array("i", [1, 2])
    raw = Sample(blob=memoryview(numbers), inner=None).encode(2)
    assert Sample.decode(raw, 2).blob == numbers.tobytes()
