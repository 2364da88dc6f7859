"""Serializers: ready-made, functions, kafka-python's objects; and how they fail."""

from __future__ import annotations

import pytest

from kafkalite.errors import (
    KafkaConfigurationError,
    KeyDeserializationError,
    KeySerializationError,
    SerializationError,
    ValueDeserializationError,
    ValueSerializationError,
)
from kafkalite.serializers import (
    BytesSerializer,
    DefaultSerializer,
    JsonSerializer,
    StringSerializer,
    require_bytes,
    resolve_deserializer,
    resolve_serializer,
)
from kafkalite.types import Headers


class WithHeaders:
    """kafka-python 3's interface."""

    def serialize(self, topic: str, headers: Headers, data: object) -> bytes:
        return f"{topic} {list(headers)} {data}".encode()

    def deserialize(self, topic: str, headers: Headers, data: bytes | None) -> str:
        return f"{topic} {list(headers)} {data!r}"


class WithoutHeaders:
    """kafka-python 2's interface."""

    def serialize(self, topic: str, data: object) -> bytes:
        return f"{topic} {data}".encode()

    def deserialize(self, topic: str, data: bytes | None) -> str:
        return f"{topic} {data!r}"


class Anything:
    """A serializer that takes whatever it is given gets everything."""

    def serialize(self, *args: object) -> bytes:
        return repr(args).encode()


def test_no_option_is_no_function() -> None:
    assert resolve_serializer(None) is None
    assert resolve_deserializer(None, "key") is None


def test_a_function() -> None:
    serialize = resolve_serializer(str.encode)
    deserialize = resolve_deserializer(bytes.decode)
    assert serialize is not None
    assert deserialize is not None
    assert serialize("t", "ä") == "ä".encode()
    assert resolve_serializer(lambda v: None)("t", "gone") is None  # type: ignore[misc]
    assert serialize("t", "ä", [("h", b"")]) == "ä".encode()
    assert deserialize("t", "ä".encode()) == "ä"
    assert deserialize("t", b"x", [("h", b"")]) == "x"


def test_a_function_decides_about_none_itself() -> None:
    serialize = resolve_serializer(lambda v: b"null" if v is None else b"x")
    deserialize = resolve_deserializer(lambda v: "" if v is None else "x")
    assert serialize is not None
    assert deserialize is not None
    assert serialize("t", None) == b"null"
    assert deserialize("t", None) == ""


@pytest.mark.parametrize("option", [WithHeaders(), WithHeaders])
def test_an_object_that_sees_the_headers(option: object) -> None:
    serialize = resolve_serializer(option)
    deserialize = resolve_deserializer(option)
    assert serialize is not None
    assert deserialize is not None
    assert serialize("t", 1, [("h", b"1")]) == b"t [('h', b'1')] 1"
    assert serialize("t", 1) == b"t [] 1"
    assert deserialize("t", b"1", [("h", b"1")]) == "t [('h', b'1')] b'1'"


def test_an_object_of_the_older_interface() -> None:
    serialize = resolve_serializer(WithoutHeaders())
    deserialize = resolve_deserializer(WithoutHeaders())
    assert serialize is not None
    assert deserialize is not None
    assert serialize("t", 1, [("h", b"1")]) == b"t 1"
    assert deserialize("t", b"1", [("h", b"1")]) == "t b'1'"


def test_an_object_without_a_readable_signature_gets_everything() -> None:
    serialize = resolve_serializer(Anything())
    assert serialize is not None
    assert serialize("t", 1) == b"('t', (), 1)"

    class InC:
        serialize = staticmethod(max)  # written in C, without a signature

    assert resolve_serializer(InC()) is not None


@pytest.mark.parametrize("made", [bytearray(b"x"), memoryview(b"x"), type("B", (bytes,), {})(b"x")])
def test_whatever_is_bytes_becomes_bytes(made: object) -> None:
    serialize = resolve_serializer(lambda v: made)
    assert serialize is not None
    assert type(serialize("t", 1)) is bytes
    assert serialize("t", 1) == b"x"
    assert require_bytes("value", "t", made) == b"x"
    assert type(require_bytes("value", "t", made)) is bytes


def test_a_serializer_must_return_bytes() -> None:
    serialize = resolve_serializer(lambda v: str(v), "key")
    assert serialize is not None
    with pytest.raises(KeySerializationError, match="key_serializer made a str of a int for topic 't'"):
        serialize("t", 1)


@pytest.mark.parametrize("option", [lambda v: v.encode(), StringSerializer("ascii")])
def test_what_a_serializer_raises_is_wrapped(option: object) -> None:
    serialize = resolve_serializer(option, "value")
    assert serialize is not None
    with pytest.raises(
        ValueSerializationError, match="value_serializer failed on a str for topic 't': Unicode"
    ) as e:
        serialize("t", "\udc80ä")
    assert isinstance(e.value.__cause__, UnicodeEncodeError)
    assert isinstance(e.value, TypeError)
    assert isinstance(e.value, ValueError)


def test_a_failure_on_none_says_how_to_send_a_tombstone() -> None:
    serialize = resolve_serializer(str.encode)
    assert serialize is not None
    with pytest.raises(SerializationError, match="return None for None"):
        serialize("t", None)


def test_what_a_deserializer_raises_is_wrapped() -> None:
    deserialize = resolve_deserializer(JsonSerializer(), "key")
    assert deserialize is not None
    with pytest.raises(
        KeyDeserializationError, match="key_deserializer failed on 3 bytes from topic 't': JSON"
    ) as e:
        deserialize("t", b"{x}")
    assert e.value.offset is None
    deserialize = resolve_deserializer(bytes.decode)
    assert deserialize is not None
    with pytest.raises(ValueDeserializationError, match="failed on None"):
        deserialize("t", None)


@pytest.mark.parametrize("side", ["key", "value"])
def test_an_option_that_is_no_serializer(side: str) -> None:
    with pytest.raises(KafkaConfigurationError, match=f"{side}_serializer must be a function"):
        resolve_serializer("json", side)  # type: ignore[arg-type]
    with pytest.raises(
        KafkaConfigurationError, match=f"{side}_deserializer .* deserialize\\(topic, headers, data\\)"
    ):
        resolve_deserializer(object(), side)  # type: ignore[arg-type]


def test_bytes_without_a_serializer() -> None:
    assert require_bytes("key", "t", None) is None
    assert require_bytes("key", "t", b"x") == b"x"
    with pytest.raises(KeySerializationError, match="the key of a record for topic 't' is a str, not bytes"):
        require_bytes("key", "t", "x")
    with pytest.raises(ValueSerializationError, match="set value_serializer"):
        require_bytes("value", "t", 1)


@pytest.mark.parametrize(
    ("ready", "data", "raw"),
    [
        (BytesSerializer(), b"\x00", b"\x00"),
        (StringSerializer(), "ä", b"\xc3\xa4"),
        (StringSerializer("latin-1"), "ä", b"\xe4"),
        (JsonSerializer(), {"a": [1, None]}, b'{"a": [1, null]}'),
    ],
)
def test_ready_made_ones_go_both_ways_and_leave_none_alone(
    ready: StringSerializer, data: str, raw: bytes
) -> None:
    assert ready.serialize("t", (), data) == raw
    assert ready.deserialize("t", (), raw) == data
    assert ready.serialize("t", (), None) is None
    assert ready.deserialize("t", (), None) is None
    ready.close()


def test_ready_made_ones_refuse_other_types() -> None:
    assert BytesSerializer().serialize("t", (), bytearray(b"x")) == b"x"
    assert StringSerializer().serialize("t", (), b"x") == b"x"
    assert StringSerializer().serialize("t", (), memoryview(b"x")) == b"x"
    with pytest.raises(TypeError):
        BytesSerializer().serialize("t", (), "x")
    with pytest.raises(TypeError):
        StringSerializer().serialize("t", (), 1)
    assert DefaultSerializer is StringSerializer
