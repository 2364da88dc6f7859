"""Keys and values to bytes and back: ready-made serializers, and the user's own. Thread: caller.

An option such as `value_serializer` may be

* None: the program passes bytes (None is a record without value, a tombstone);
* a function of one argument, `lambda v: json.dumps(v).encode()`;
* an object with `serialize(topic, headers, data)` or `serialize(topic, data)` (kafka-python's interface), or a class
  of such objects.

As in kafka-python, functions and objects are called with None too, and what they return for None counts. The
ready-made ones turn None into None, so that tombstones stay tombstones.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias, cast

from kafkalite.errors import (
    DeserializationError,
    KafkaConfigurationError,
    KeyDeserializationError,
    KeySerializationError,
    SerializationError,
    ValueDeserializationError,
    ValueSerializationError,
)
from kafkalite.types import Headers

__all__ = [
    "BytesSerializer",
    "DefaultSerializer",
    "Deserialize",
    "Deserializer",
    "JsonSerializer",
    "Serialize",
    "Serializer",
    "StringSerializer",
    "require_bytes",
    "resolve_deserializer",
    "resolve_serializer",
]

Side: TypeAlias = Literal["key", "value"]


class Serializer(Protocol):
    """Turns a key or value into bytes. `headers` are those of the record."""

    def serialize(self, topic: str, headers: Headers, data: object, /) -> bytes | None: ...


class Deserializer(Protocol):
    """Turns bytes into a key or value. `headers` are those of the record."""

    def deserialize(self, topic: str, headers: Headers, data: bytes | None, /) -> object: ...


class Serialize(Protocol):
    """What a serializer option becomes: `serialize(topic, data)`, or with the record's headers as third argument."""

    def __call__(self, topic: str, data: object, headers: Headers = (), /) -> bytes | None: ...


class Deserialize(Protocol):
    """What a deserializer option becomes: `deserialize(topic, data)`, or with the headers as third argument."""

    def __call__(self, topic: str, data: bytes | None, headers: Headers = (), /) -> object: ...


class BytesSerializer:
    """Bytes stay bytes; anything else is refused."""

    def serialize(self, topic: str, headers: Headers, data: object) -> bytes | None:
        if data is None or isinstance(data, bytes):
            return data
        if isinstance(data, bytearray | memoryview):
            return bytes(data)
        raise TypeError("only bytes are taken here")

    def deserialize(self, topic: str, headers: Headers, data: bytes | None) -> bytes | None:
        return data

    def close(self) -> None:
        """Nothing to release."""


class StringSerializer:
    """Text in an encoding (UTF-8). Bytes are taken as they are."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.encoding = encoding

    def serialize(self, topic: str, headers: Headers, data: object) -> bytes | None:
        if data is None or isinstance(data, bytes):
            return data
        if isinstance(data, str):
            return data.encode(self.encoding)
        if isinstance(data, bytearray | memoryview):
            return bytes(data)
        raise TypeError("only str and bytes are taken here")

    def deserialize(self, topic: str, headers: Headers, data: bytes | None) -> str | None:
        return None if data is None else data.decode(self.encoding)

    def close(self) -> None:
        """Nothing to release."""


DefaultSerializer = StringSerializer
"""kafka-python's name."""


class JsonSerializer:
    """JSON in UTF-8. None is no JSON `null` but a record without value (a tombstone)."""

    def __init__(self) -> None:
        import json  # not above: most programs bring their own format

        self._dumps = json.dumps
        self._loads = json.loads

    def serialize(self, topic: str, headers: Headers, data: object) -> bytes | None:
        return None if data is None else self._dumps(data).encode()

    def deserialize(self, topic: str, headers: Headers, data: bytes | None) -> object:
        return None if data is None else self._loads(data)

    def close(self) -> None:
        """Nothing to release."""


def require_bytes(side: Side, topic: str, data: object) -> bytes | None:
    """`data` as bytes, or None; raises the side's `SerializationError` for anything else.

    It is what stands in for a serializer that was not configured.
    """
    if data is None or type(data) is bytes:
        return data
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise _failure(side)(
        f"the {side} of a record for topic '{topic}' is a {type(data).__name__}, not bytes:"
        f" set {side}_serializer, or pass bytes"
    )


def resolve_serializer(option: object, side: Side = "value") -> Serialize | None:
    """The function behind a serializer option; None for no serializer.

    What it raises is the side's `SerializationError`, naming topic and type. Raises `KafkaConfigurationError` if the
    option is no serializer at all.
    """
    if option is None:
        return None
    method = _method(option, "serialize")
    failure = _failure(side)

    def failed(topic: str, data: object, error: Exception) -> SerializationError:
        hint = " (return None for None to send a record without it)" if data is None else ""
        return failure(
            f"{side}_serializer failed on a {type(data).__name__} for topic '{topic}':"
            f" {type(error).__name__}: {error}{hint}"
        )

    def as_bytes(topic: str, data: object, result: object) -> bytes | None:
        if result is None:
            return None
        if isinstance(result, bytes | bytearray | memoryview):
            return bytes(result)
        raise failure(
            f"{side}_serializer made a {type(result).__name__} of a {type(data).__name__} for topic '{topic}';"
            " it must return bytes or None"
        )

    # Called for every record, so the user's function is called directly, not through a closure that hides its shape.
    if method is None:
        function = _function(option, f"{side}_serializer")

        def by_function(topic: str, data: object, headers: Headers = (), /) -> bytes | None:
            try:
                result = function(data)
            except Exception as error:
                raise failed(topic, data, error) from error
            return result if type(result) is bytes else as_bytes(topic, data, result)

        return by_function

    def by_method(topic: str, data: object, headers: Headers = (), /) -> bytes | None:
        try:
            result = method(topic, headers, data)
        except Exception as error:
            raise failed(topic, data, error) from error
        return result if type(result) is bytes else as_bytes(topic, data, result)

    return by_method


def resolve_deserializer(option: object, side: Side = "value") -> Deserialize | None:
    """The function behind a deserializer option; None for no deserializer.

    What it raises is the side's `DeserializationError`, naming the topic; the consumer adds partition and offset.
    Raises `KafkaConfigurationError` if the option is no deserializer at all.
    """
    if option is None:
        return None
    method = _method(option, "deserialize")
    failure: type[DeserializationError] = (
        KeyDeserializationError if side == "key" else ValueDeserializationError
    )

    def failed(topic: str, data: bytes | None, error: Exception) -> DeserializationError:
        what = "None (the record has none)" if data is None else f"{len(data)} bytes"
        return failure(
            f"{side}_deserializer failed on {what} from topic '{topic}': {type(error).__name__}: {error}"
        )

    if method is None:
        function = _function(option, f"{side}_deserializer")

        def by_function(topic: str, data: bytes | None, headers: Headers = (), /) -> object:
            try:
                return function(data)
            except Exception as error:
                raise failed(topic, data, error) from error

        return by_function

    def by_method(topic: str, data: bytes | None, headers: Headers = (), /) -> object:
        try:
            return method(topic, headers, data)
        except Exception as error:
            raise failed(topic, data, error) from error

    return by_method


def _failure(side: Side) -> type[SerializationError]:
    return KeySerializationError if side == "key" else ValueSerializationError


def _function(option: object, name: str) -> Callable[[object], object]:
    if callable(option):
        return cast("Callable[[object], object]", option)
    raise KafkaConfigurationError(
        f"{name} must be a function of one argument, or an object with {name.rpartition('_')[2][:-1]}(topic, headers,"
        f" data), not {option!r:.100}"
    )


def _method(
    option: object, name: Literal["serialize", "deserialize"]
) -> Callable[[str, Headers, object], object] | None:
    """The option's method as a function of (topic, headers, data); None if the option has no such method."""
    if isinstance(option, type) and hasattr(option, name):
        option = option()  # a class of serializers was passed instead of one of its objects
    method = getattr(option, name, None)
    if not callable(method):
        return None
    if _takes_headers(method):
        return cast("Callable[[str, Headers, object], object]", method)
    return lambda topic, headers, data: method(topic, data)


def _takes_headers(method: Callable[..., object]) -> bool:
    """kafka-python 3 passes (topic, headers, data); before, it was (topic, data)."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):  # written in C, without a signature
        return True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return any(p.kind is p.VAR_POSITIONAL for p in parameters) or len(positional) >= 3
