"""The vocabulary that messages are declared in: one function per wire type.

A declaration reads like Kafka's own definition, with real annotations for type checkers:

    class ProduceRequest(Request["ProduceResponse"]):
        api_key = 0
        versions = 3, 13
        flexible_since = 9

        transactional_id: str | None = string(since=3, nullable_since=3, default=None)
        acks: int = int16()
        topic_data: list[TopicProduceData] = array(TopicProduceData)

Parameters, the same for all of them:

* `since`, `until`: the first and last message version that has the field (default: every version). In a version
  without it the field keeps its default when read; a value set for such a version is dropped when written if
  the field is `ignorable`, else it is an error.
* `nullable_since`: the first version in which None may be sent (default: never).
* `tag`: the field travels in the tagged section under this number (KIP-482), absent when it equals its default.
* `default`: the value when nothing is given: 0, "", b"", an empty list, the zero UUID or a struct of defaults
  unless said otherwise.
* `secret`: the value never shows in a repr.

They return `Any` so that the annotation on the left is what a type checker sees. Thread: any (declarations only).
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

__all__ = [
    "ZERO_UUID",
    "Field",
    "array",
    "boolean",
    "bytes_",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "records",
    "string",
    "struct",
    "uint16",
    "uuid",
]

ZERO_UUID: Final = UUID(int=0)
"""The id that stands for "no id"."""

SCALARS: Final[dict[str, tuple[str, int]]] = {
    "bool": ("?", 1),
    "int8": ("b", 1),
    "int16": ("h", 2),
    "int32": ("i", 4),
    "int64": ("q", 8),
    "uint16": ("H", 2),
    "float64": ("d", 8),
}
"""Fixed-size wire types: their letter in the struct module, their size in bytes."""

MISSING: Final[Any] = type("MISSING", (), {"__repr__": lambda self: "MISSING"})()
ZERO_VALUES: Final[dict[str, Any]] = {
    "bool": False,
    "float64": 0.0,
    "string": "",
    "bytes": b"",
    "records": b"",
    "uuid": ZERO_UUID,
}


class Field:
    """One declared field. `type` is Kafka's word for it; arrays and structs name their element in `item`."""

    __slots__ = (
        "compact",
        "default",
        "ignorable",
        "item",
        "name",
        "nullable_since",
        "secret",
        "since",
        "tag",
        "type",
        "until",
    )

    def __init__(
        self,
        type: str,
        *,
        item: Any = None,
        since: int = 0,
        until: int | None = None,
        nullable_since: int | None = None,
        tag: int | None = None,
        default: Any = MISSING,
        ignorable: bool = False,
        compact: bool = True,
        secret: bool = False,
    ) -> None:
        self.name = ""
        self.type = type
        self.item = item
        self.since = since
        self.until = until
        self.nullable_since = nullable_since
        self.tag = tag
        self.ignorable = ignorable
        self.compact = compact
        self.secret = secret
        self.default = ZERO_VALUES.get(type, 0) if default is MISSING else default
        if type in ("array", "struct") and default is MISSING:
            self.default = MISSING  # made anew for each message: lists and structs are mutable

    def present(self, version: int) -> bool:
        """Whether the message carries this field in that version."""
        return self.since <= version and (self.until is None or version <= self.until)

    def nullable(self, version: int) -> bool:
        """Whether None may be sent in that version."""
        return self.nullable_since is not None and self.nullable_since <= version

    def make_default(self) -> Any:
        """The value of a field that nobody set."""
        if self.default is not MISSING:
            return self.default
        return [] if self.type == "array" else self.item()

    def __repr__(self) -> str:
        span = f"{self.since}+" if self.until is None else f"{self.since}-{self.until}"
        return f"<{self.name}: {self.type} {span}>"


def boolean(**options: Any) -> Any:
    """One byte, 0 or 1; any other value reads as True."""
    return Field("bool", **options)


def int8(**options: Any) -> Any:
    """A signed byte."""
    return Field("int8", **options)


def int16(**options: Any) -> Any:
    """Two bytes, signed."""
    return Field("int16", **options)


def uint16(**options: Any) -> Any:
    """Two bytes, unsigned."""
    return Field("uint16", **options)


def int32(**options: Any) -> Any:
    """Four bytes, signed."""
    return Field("int32", **options)


def int64(**options: Any) -> Any:
    """Eight bytes, signed."""
    return Field("int64", **options)


def float64(**options: Any) -> Any:
    """An IEEE 754 double."""
    return Field("float64", **options)


def uuid(**options: Any) -> Any:
    """A `uuid.UUID`: 16 bytes; `ZERO_UUID` for none."""
    return Field("uuid", **options)


def string(**options: Any) -> Any:
    """A `str`: a length, then UTF-8. `compact=False` keeps the two-byte length even in flexible versions."""
    return Field("string", **options)


def bytes_(**options: Any) -> Any:
    """A `bytes`: a length, then the bytes. Anything with the buffer protocol may be sent."""
    return Field("bytes", **options)


def records(**options: Any) -> Any:
    """Record batches, back to back. Read as a view of the frame: nothing is copied until they are decoded."""
    return Field("records", **options)


def array(item: Any, **options: Any) -> Any:
    """A `list` of `item`: a struct class, or the result of another function of this module."""
    return Field("array", item=item, **options)


def struct(item: Any, **options: Any) -> Any:
    """One struct inside another; nullable ones carry a byte that says whether they are there."""
    return Field("struct", item=item, **options)
