"""Structs, requests and responses: declared as classes, encoded and decoded by functions compiled at first use.

`message.encode(version)` gives the body's bytes; `Type.decode(buffer, version)` reads a whole body and refuses
anything left over. Headers and the length prefix are `framing`'s. Thread: any (compiling a codec twice at once is
harmless: both results are the same).
"""

from __future__ import annotations

import struct as _struct
from importlib import import_module
from typing import Any, ClassVar, Generic, Self, TypeVar, dataclass_transform

from . import compiler
from .errors import DecodeError, EncodeError, TruncatedError
from .fields import MISSING, Field

__all__ = ["Message", "Request", "Response", "Struct", "request_type", "response_of"]

Records = bytes | bytearray | memoryview
"""What a `records` field holds."""

Buffer = bytes | bytearray | memoryview

_REQUESTS: dict[int, type[Request[Any]]] = {}


@dataclass_transform(kw_only_default=True)
class _StructType(type):
    """Turns declared fields into slots and an `__init__` that takes them by keyword."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _StructType:
        fields = {key: value for key, value in namespace.items() if isinstance(value, Field)}
        for key, field in fields.items():
            field.name = key
            del namespace[key]
        namespace["__slots__"] = tuple(fields)
        namespace["fields"] = tuple(fields.values())
        namespace["codecs"] = {}
        if fields:
            namespace["__init__"] = _initialiser(name, tuple(fields.values()))
        if "versions" in namespace:
            namespace["min_version"], namespace["max_version"] = namespace["versions"]
        return super().__new__(cls, name, bases, namespace)


def _initialiser(owner: str, fields: tuple[Field, ...]) -> Any:
    scope: dict[str, Any] = {"MISSING": MISSING}
    parameters, lines = [], []
    for field in fields:
        if field.default is MISSING:
            scope[f"make_{field.name}"] = field.make_default
            parameters.append(f"{field.name}=MISSING")
            lines.append(
                f"    self.{field.name} = make_{field.name}() if {field.name} is MISSING else {field.name}"
            )
        else:
            scope[f"default_{field.name}"] = field.default
            parameters.append(f"{field.name}=default_{field.name}")
            lines.append(f"    self.{field.name} = {field.name}")
    source = f"def __init__(self, *, {', '.join(parameters)}):\n" + "\n".join(lines)
    exec(compile(source, f"<{owner}.__init__>", "exec"), scope)
    return scope["__init__"]


class Struct(metaclass=_StructType):
    """A group of fields inside a message. Two are equal when their types and all their fields are."""

    fields: ClassVar[tuple[Field, ...]]
    codecs: ClassVar[dict[tuple[int, bool, str], Any]]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, f.name) == getattr(other, f.name) for f in self.fields)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = (
            f"{f.name}={'***' if f.secret else repr(getattr(self, f.name, MISSING))}"
            for f in self.fields
            if getattr(self, f.name, MISSING) != f.make_default()
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> Any:
        return _restore, (type(self), {f.name: getattr(self, f.name) for f in self.fields})


def _restore(cls: type[Any], values: dict[str, Any]) -> Any:
    return cls(**values)


class Message(Struct):
    """A struct that travels by itself, in a range of versions."""

    versions: ClassVar[tuple[int, int]]
    """The lowest and highest version that this class can read and write."""
    min_version: ClassVar[int]
    max_version: ClassVar[int]
    flexible_since: ClassVar[int | None] = None
    """The first version with compact lengths and tagged fields (KIP-482), or None."""
    latest_unstable: ClassVar[bool] = False
    """Whether the highest version is for tests only: `framing.pick_version` leaves it out."""

    @classmethod
    def is_flexible(cls, version: int) -> bool:
        """Whether that version has compact lengths and tagged sections."""
        return cls.flexible_since is not None and version >= cls.flexible_since

    @classmethod
    def check_version(cls, version: int) -> None:
        """Raise EncodeError for a version outside the class's range."""
        if not cls.min_version <= version <= cls.max_version:
            raise EncodeError(
                f"{cls.__name__} has no version {version}; it knows {cls.min_version} to {cls.max_version}"
            )

    def encode(self, version: int) -> bytes:
        """The body's bytes in that version. Raises EncodeError for values that do not fit."""
        parts: list[Any] = []
        self.encode_into(parts, version)
        return b"".join(parts)

    def encode_into(self, parts: list[Any], version: int) -> None:
        """Append the body's parts to a list that the caller joins."""
        self.check_version(version)
        try:
            compiler.encoder(type(self), version, self.is_flexible(version))(self, parts.append)
        except EncodeError:
            raise
        except (_struct.error, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise EncodeError(f"{compiler.blame(self, version)}: {error}") from error

    @classmethod
    def decode(cls, buffer: Buffer, version: int) -> Self:
        """Read a whole body. Raises DecodeError for malformed bytes and for bytes left over."""
        message, position = cls.decode_from(buffer, 0, version)
        if position != len(buffer):
            raise DecodeError(
                f"{cls.__name__} version {version} ends at byte {position}, but {len(buffer)} bytes came"
            )
        return message

    @classmethod
    def decode_from(cls, buffer: Buffer, position: int, version: int) -> tuple[Self, int]:
        """Read a body that begins at `position`; returns it and where it ended."""
        cls.check_version(version)
        decode = compiler.decoder(cls, version, cls.is_flexible(version))
        try:
            message, position = decode(buffer, position, len(buffer))
        except DecodeError as error:
            raise type(error)(f"{cls.__name__} version {version}: {error}") from error
        except (_struct.error, IndexError) as error:
            raise TruncatedError(f"{cls.__name__} version {version} is cut off: {error}") from error
        except (UnicodeDecodeError, ValueError) as error:
            raise DecodeError(f"{cls.__name__} version {version} is malformed: {error}") from error
        return message, position


R = TypeVar("R", bound="Response")


class Request(Message, Generic[R]):
    """What a client sends. `Request[XResponse]` says what comes back."""

    api_key: ClassVar[int]
    response_type: ClassVar[type[Response]]

    def __init_subclass__(cls) -> None:
        if "api_key" in cls.__dict__:
            _REQUESTS[cls.api_key] = cls


class Response(Message):
    """What a broker answers."""

    api_key: ClassVar[int]

    def __init_subclass__(cls) -> None:
        request = _REQUESTS.get(cls.api_key) if "api_key" in cls.__dict__ else None
        if request is not None:
            request.response_type = cls


def response_of(request: type[Request[R]]) -> type[R]:
    """The type of the answer to that type of request."""
    return request.response_type  # type: ignore[return-value]


def request_type(api_key: int) -> type[Request[Any]] | None:
    """The request class of an API key, importing its file at first use; None for a key that is not declared."""
    known = _REQUESTS.get(api_key)
    if known is None:
        from .messages import MODULES

        if api_key not in MODULES:
            return None
        import_module(f".messages.{MODULES[api_key]}", __package__)
        known = _REQUESTS[api_key]
    return known
