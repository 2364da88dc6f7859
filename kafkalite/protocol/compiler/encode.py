"""Writes the text of an encoder: `encode(message, append)`, which appends the parts of a body in order.

Called by the compiler. Thread: any.
"""

from __future__ import annotations

from struct import Struct as Packer
from typing import Any

from ..errors import EncodeError
from ..fields import SCALARS, Field
from .writer import Writer

__all__ = ["EncodeWriter"]

# What the generated code calls; the names in its scope are set in `EncodeWriter.write`.


def _uvarint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = [_uvarint(n) for n in range(1024)]


def _put_uvarint(value: int) -> bytes:
    return _SMALL[value] if value < 1024 else _uvarint(value)


def _unsupported(cls: str, name: str, version: int) -> EncodeError:
    return EncodeError(f"{cls}.{name} is set, but version {version} cannot carry it")


def _not_null(cls: str, name: str, version: int) -> EncodeError:
    return EncodeError(f"{cls}.{name} is None, which version {version} does not allow")


def _join(parts: list[Any]) -> bytes:
    return b"".join(parts)


class EncodeWriter(Writer):
    direction = "encode"

    def write(self) -> None:
        self.scope.update(
            uvarint=_put_uvarint, not_null=_not_null, unsupported=_unsupported, join=_join, str_type=str
        )
        self.lines.append("def encode(m, append):")
        for field in self.cls.fields:
            if not field.present(self.version) and not field.ignorable:
                self.line(f"if m.{field.name} != {self.constant(field)}:")
                self.line(f"    raise unsupported({self.cls.__name__!r}, {field.name!r}, {self.version})")
        run: list[Field] = []
        for field in self.plain_fields():
            if field.type in SCALARS:
                run.append(field)
                continue
            self.flush(run)
            self.value(field, f"m.{field.name}", "append")
        self.flush(run)
        if self.flexible:
            self.tagged()
        self.line("return None")

    def flush(self, run: list[Field]) -> None:
        """One `struct` call for a run of fixed-size fields."""
        if run:
            pack = self.name("pack", Packer(">" + "".join(SCALARS[f.type][0] for f in run)).pack)
            self.line(f"append({pack}({', '.join(f'm.{f.name}' for f in run)}))")
            run.clear()

    def value(self, field: Field, source: str, append: str, *, element: bool = False) -> None:
        """Write one value; `element` is a value inside an array, which is never null."""
        nullable = not element and field.nullable(self.version)
        if field.type in SCALARS:
            pack = self.name("pack", Packer(">" + SCALARS[field.type][0]).pack)
            self.line(f"{append}({pack}({source}))")
        elif field.type == "uuid":
            self.line(f"{append}({source}.bytes)")
        elif field.type == "struct":
            self.struct(field, source, append, nullable)
        else:
            self.sized(field, source, append, nullable)

    def struct(self, field: Field, source: str, append: str, nullable: bool) -> None:
        encode = self.name("encode", self.nested(field.item, self.version, self.flexible))
        if not nullable:
            self.line(f"{encode}({source}, {append})")
            return
        self.line(f"if {source} is None:")
        self.line(f'    {append}(b"\\xff")')
        self.line("else:")
        self.line(f'    {append}(b"\\x01")')
        self.line(f"    {encode}({source}, {append})")

    def sized(self, field: Field, source: str, append: str, nullable: bool) -> None:
        """A string, bytes, records or array: a length or count in front, which also says null."""
        compact = self.compact(field)
        short = field.type == "string" and not compact
        value = self.fresh("v")
        self.line(f"{value} = {source}")
        self.line(f"if {value} is None:")
        if nullable:
            null = b"\x00" if compact else b"\xff\xff" if short else b"\xff\xff\xff\xff"
            self.line(f"    {append}({null!r})")
        else:
            self.line(f"    raise not_null({self.cls.__name__!r}, {field.name!r}, {self.version})")
        self.line("else:")
        self.depth += 1
        if field.type == "string":
            self.line(f"{value} = {value}.encode()")
        size = f"len({value})"
        if field.type in ("bytes", "records"):
            self.line(f"{value} = {value} if type({value}) is bytes else memoryview({value}).cast('B')")
        if compact:
            self.line(f"{append}(uvarint({size} + 1))")
        else:
            pack = self.name("pack", Packer(">h" if short else ">i").pack)
            self.line(f"{append}({pack}({size}))")
        if field.type == "array":
            self.elements(field, value, append)
        else:
            self.line(f"{append}({value})")
        self.depth -= 1

    def elements(self, field: Field, value: str, append: str) -> None:
        item = field.item
        if isinstance(item, Field) and item.type in SCALARS:
            packer = self.name("packer", Packer)
            letter = SCALARS[item.type][0]
            self.line(f'{append}({packer}(f">{{len({value})}}{letter}").pack(*{value}))')
            return
        element = self.fresh("e")
        self.line(f"for {element} in {value}:")
        self.depth += 1
        if isinstance(item, Field):
            item.name = field.name
            self.value(item, element, append, element=True)
        else:
            encode = self.name("encode", self.nested(item, self.version, self.flexible))
            self.line(f"{encode}({element}, {append})")
        self.depth -= 1

    def tagged(self) -> None:
        known = self.tagged_fields()
        if not known:
            self.line('append(b"\\x00")')
            return
        self.line("tags = []")
        for field in known:
            self.line(f"if m.{field.name} != {self.constant(field)}:")
            self.depth += 1
            self.line("data = []")
            self.value(field, f"m.{field.name}", "data.append")
            self.line("data = join(data)")
            self.line(f"tags += uvarint({field.tag}), uvarint(len(data)), data")
            self.depth -= 1
        self.line("append(uvarint(len(tags) // 3))")
        self.line("for part in tags:")
        self.line("    append(part)")
