"""What users may pass as keys, values, headers and timestamps."""

import pytest

from kafkalite.errors import InvalidTopicError, MessageSizeTooLargeError
from kafkalite.producer.record import (
    checked_bytes,
    checked_headers,
    checked_timestamp,
    checked_topic,
    too_large,
)


@pytest.mark.parametrize("data", [b"x", bytearray(b"x"), memoryview(b"x"), type("B", (bytes,), {})(b"x")])
def test_anything_like_bytes_becomes_bytes(data):
    found = checked_bytes("value", data)
    assert (found, type(found)) == (b"x", bytes)
    assert checked_bytes("key", None) is None


@pytest.mark.parametrize("data", ["x", 1, [b"x"]])
def test_other_keys_and_values_need_a_serializer(data):
    with pytest.raises(
        TypeError, match=r"key is bytes or None, not \w+: encode it, or give a key_serializer"
    ):
        checked_bytes("key", data)


def test_headers_become_a_tuple_of_pairs():
    given = [("a", b"1"), ["b", bytearray(b"2")], ("a", None)]
    assert checked_headers(given) == (("a", b"1"), ("b", b"2"), ("a", None))
    assert checked_headers(None) == checked_headers([]) == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"a": b"1"},
        ["a"],
        [("a",)],
        [("a", b"1", b"2")],
        [(b"a", b"1")],
        [("a", "1")],
        "ab",
        [1],
        [("\ud800", b"")],
    ],
)
def test_bad_headers_are_refused(headers):
    with pytest.raises(ValueError, match="header"):
        checked_headers(headers)


def test_timestamps_are_milliseconds():
    assert checked_timestamp(None) is None
    assert checked_timestamp(0) == 0
    for wrong in (-1, 2**63):
        with pytest.raises(ValueError, match="1970"):
            checked_timestamp(wrong)
    for strange in (1.5, "1", True):
        with pytest.raises(TypeError, match="timestamp_ms"):
            checked_timestamp(strange)


def test_too_large_says_which_limit_and_always_names_max_request_size():
    error = too_large("t", 2000, 1000, 5000)
    assert isinstance(error, MessageSizeTooLargeError)
    assert "2000 bytes are above max_request_size (1000)" in str(error)
    text = str(too_large("t", 2000, 10_000, 1500))
    assert "buffer_memory (1500; max_request_size is 10000)" in text
    assert text.endswith("raise buffer_memory")


def test_names_that_no_topic_can_have():
    assert checked_topic("a.B_9-") == "a.B_9-"
    for wrong in ("", ".", "..", "a b", "ä", "x" * 250, "a\n"):
        with pytest.raises(InvalidTopicError, match="is no name for a topic: Names have 1 to 249"):
            checked_topic(wrong)
    with pytest.raises(TypeError, match="topic is a str"):
        checked_topic(b"t")
