import pytest

from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.records.headers import decode_headers
from kafkalite.protocol.records.varint import encode_varint


def encoded(*headers):
    parts = [encode_varint(len(headers))]
    for name, value in headers:
        parts += [encode_varint(len(name)), name]
        parts += [encode_varint(-1)] if value is None else [encode_varint(len(value)), value]
    return b"".join(parts)


def test_headers_come_in_order_and_may_repeat():
    data = b"before" + encoded((b"a", b"1"), (b"a", b""), ("ä".encode(), None)) + b"after"
    found, end = decode_headers(data, 6, len(data))
    assert found == (("a", b"1"), ("a", b""), ("ä", None))
    assert data[end:] == b"after"


def test_no_headers():
    assert decode_headers(b"\0", 0, 1) == ((), 1)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (encode_varint(-1), "-1 headers"),
        (encode_varint(1000), "1000 headers"),
        (encode_varint(1) + encode_varint(-1) + b"x", "name announces -1 bytes"),
        (encode_varint(1) + encode_varint(9) + b"x", "name announces 9 bytes"),
        (encode_varint(1) + encode_varint(1) + b"\xff" + encode_varint(0), "not UTF-8"),
        (encode_varint(1) + encode_varint(0) + encode_varint(-2), "value announces -2 bytes"),
        (encode_varint(1) + encode_varint(0) + encode_varint(5) + b"x", "value announces 5 bytes"),
        (encoded((b"a", b"1"))[:-2], "cut off"),
    ],
)
def test_what_makes_no_sense(data, text):
    with pytest.raises(DecodeError, match=text):
        decode_headers(data, 0, len(data))
