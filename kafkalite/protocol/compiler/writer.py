"""What writing an encoder and writing a decoder share: lines of text so far, and the names they may use.

Called by `encode` and `decode` of this package. Thread: any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..fields import MISSING, ZERO_UUID, Field

if TYPE_CHECKING:
    from ..message import Struct

__all__ = ["Writer"]

Nested = Callable[[Any, int, bool], Any]
"""Finds the compiled function of a struct inside this one, for the same version and direction."""


class Writer:
    """What both directions share: the text so far and the names it may use."""

    direction = ""

    def __init__(self, cls: type[Struct], version: int, flexible: bool, nested: Nested) -> None:
        self.cls = cls
        self.version = version
        self.flexible = flexible
        self.nested = nested
        self.lines: list[str] = []
        self.scope: dict[str, Any] = {"cls": cls, "new": cls.__new__, "ZERO_UUID": ZERO_UUID}
        self.depth = 1
        self.names = 0

    def source(self) -> str:
        self.lines.clear()
        self.write()
        return "\n".join(self.lines) + "\n"

    def write(self) -> None:
        raise AssertionError("each direction writes its own")

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def name(self, stem: str, value: Any) -> str:
        """Put a value into the generated function's scope under a fresh name."""
        self.names += 1
        name = f"{stem}{self.names}"
        self.scope[name] = value
        return name

    def fresh(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def compact(self, field: Field) -> bool:
        return self.flexible and field.compact

    def plain_fields(self) -> list[Field]:
        return [f for f in self.cls.fields if f.present(self.version) and f.tag is None]

    def tagged_fields(self) -> list[Field]:
        known = [f for f in self.cls.fields if f.present(self.version) and f.tag is not None]
        return sorted(known, key=lambda f: f.tag or 0)

    def constant(self, field: Field) -> str:
        """An expression for a field's default."""
        if field.default is MISSING:
            return "[]" if field.type == "array" else f"{self.name('make', field.item)}()"
        if field.default is None or isinstance(field.default, bool | int | str | bytes):
            return repr(field.default)
        return self.name("default", field.default)
