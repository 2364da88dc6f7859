import pytest

from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.records.batch import encode_batch, read_batches
from kafkalite.protocol.records.extent import Extent, measure


def batch(offset, *values, epoch=3):
    return encode_batch([(1000, None, value, ()) for value in values], base_offset=offset, leader_epoch=epoch)


def old_message(offset, magic=1):
    # offset, size, crc, magic, attributes, (timestamp), key -1, value b"v"
    body = bytes([magic, 0]) + (bytes(8) if magic else b"") + b"\xff\xff\xff\xff" + b"\x00\x00\x00\x01v"
    return offset.to_bytes(8, "big") + (len(body) + 4).to_bytes(4, "big") + bytes(4) + body


def test_nothing_has_no_extent():
    assert measure(b"") == Extent(0, -1, -1)


def test_one_batch():
    data = batch(10, b"a", b"b")
    assert measure(data) == Extent(len(data), 12, 3)


def test_the_last_of_several_counts():
    data = batch(10, b"a", b"b") + batch(12, b"c", epoch=4)
    assert measure(memoryview(data)) == Extent(len(data), 13, 4)


@pytest.mark.parametrize("cut", [1, 20, 45, 60])
def test_a_cut_off_entry_is_left_out(cut):
    whole = batch(10, b"a")
    assert measure(whole + batch(11, b"b" * 20)[:cut]) == Extent(len(whole), 11, 3)


def test_nothing_but_a_cut_off_entry():
    assert measure(batch(10, b"a" * 100)[:-1]) == Extent(0, -1, -1)


@pytest.mark.parametrize("magic", [0, 1])
def test_old_formats_end_with_their_own_offset(magic):
    data = batch(1, b"a") + old_message(5, magic)
    assert measure(data) == Extent(len(data), 6, -1)


def test_an_impossible_length_is_an_error():
    data = bytearray(batch(10, b"a"))
    data[8:12] = (-5).to_bytes(4, "big", signed=True)
    with pytest.raises(DecodeError, match="-5 bytes"):
        measure(data)


def test_it_agrees_with_reading():
    data = batch(10, b"a", b"b", b"c") + batch(20, b"d")
    assert measure(data).next_offset == read_batches(data)[-1].next_offset
