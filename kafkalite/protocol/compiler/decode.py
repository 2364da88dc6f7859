"""Writes the text of a decoder: `decode(buffer, position, end)`, which returns a message and where it ended.

Every length and count is checked against the bytes that are left before anything is allocated; running off the end
raises IndexError or struct.error, which `Message.decode_from` turns into TruncatedError. Called by the compiler.
Thread: any.
"""

from __future__ import annotations

from struct import Struct as Packer
from typing import Any
from uuid import UUID

from ..errors import DecodeError, TruncatedError
from ..fields import SCALARS, ZERO_UUID, Field
from .writer import Writer

__all__ = ["DecodeWriter"]

# What the generated code calls; the names in its scope are set in `DecodeWriter.write`.


def _uvarint_rest(buffer: Any, position: int, low: int) -> tuple[int, int]:
    """Continue a uvarint whose first byte had its top bit set; at most five bytes, 32 bits."""
    value, shift = low & 0x7F, 7
    while True:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 28:
            raise DecodeError(f"a length at byte {position - 5} has more than five bytes")
    if value > 0xFFFFFFFF:
        raise DecodeError(f"a length at byte {position - 5} does not fit 32 bits")
    return value, position


def _short(position: int, size: int, end: int) -> TruncatedError:
    return TruncatedError(f"{size} bytes announced at byte {position}, {end - position} left")


def _bad_size(name: str, size: int) -> DecodeError:
    return DecodeError(f"{name} has the impossible length {size}")


def _null(name: str) -> DecodeError:
    return DecodeError(f"{name} is null, which this version does not allow")


def _too_many(name: str, count: int, left: int) -> TruncatedError:
    return TruncatedError(f"{name} announces {count} elements, but only {left} bytes are left")


def _skip_tags(buffer: Any, position: int, end: int, count: int) -> int:
    """Step over a tagged section that holds nothing we know."""
    previous = -1
    for _ in range(count):
        tag, size, position = _tag(buffer, position, end, previous)
        previous = tag
        position += size
    return position


def _tag(buffer: Any, position: int, end: int, previous: int) -> tuple[int, int, int]:
    tag = buffer[position]
    position += 1
    if tag > 0x7F:
        tag, position = _uvarint_rest(buffer, position, tag)
    if tag <= previous:
        raise DecodeError(f"tag {tag} after tag {previous}: tags must rise")
    size = buffer[position]
    position += 1
    if size > 0x7F:
        size, position = _uvarint_rest(buffer, position, size)
    if size > end - position:
        raise _short(position, size, end)
    return tag, size, position


def _bad_tag(tag: int, size: int, used: int) -> DecodeError:
    return DecodeError(f"tagged field {tag} announces {size} bytes, but its value has {used}")


def _uuid(data: Any) -> Any:
    raw = bytes(data)
    return UUID(bytes=raw) if raw != ZERO_UUID.bytes else ZERO_UUID


def _least_size(item: Any, version: int, flexible: bool) -> int:
    """The fewest bytes that a value of this type can have: bounds how many a short buffer may announce."""
    if isinstance(item, Field):
        if item.type in SCALARS:
            return SCALARS[item.type][1]
        if item.type == "uuid":
            return 16
        if flexible and item.compact:
            return 1
        return 2 if item.type == "string" else 4
    size = 1 if flexible else 0
    for field in item.fields:
        if not field.present(version) or field.tag is not None:
            continue
        if field.type == "struct":
            size += 1 if field.nullable(version) else _least_size(field.item, version, flexible)
        else:
            size += _least_size(field, version, flexible)
    return size


class DecodeWriter(Writer):
    direction = "decode"

    def write(self) -> None:
        self.scope.update(
            rest=_uvarint_rest, short=_short, bad_size=_bad_size, null=_null, too_many=_too_many
        )
        self.scope.update(skip_tags=_skip_tags, next_tag=_tag, bad_tag=_bad_tag)
        self.lines.append("def decode(b, p, end):")
        self.line("m = new(cls)")
        for field in self.cls.fields:
            if not field.present(self.version) or field.tag is not None:
                self.line(f"m.{field.name} = {self.constant(field)}")
        run: list[Field] = []
        for field in self.plain_fields():
            if field.type in SCALARS:
                run.append(field)
                continue
            self.flush(run)
            self.value(field, f"m.{field.name}")
        self.flush(run)
        if self.flexible:
            self.tagged()
        self.line("return m, p")

    def flush(self, run: list[Field]) -> None:
        if run:
            packer = Packer(">" + "".join(SCALARS[f.type][0] for f in run))
            unpack = self.name("unpack", packer.unpack_from)
            self.line(f"({', '.join(f'm.{f.name}' for f in run)},) = {unpack}(b, p)")
            self.line(f"p += {packer.size}")
            run.clear()

    def value(self, field: Field, target: str, *, element: bool = False) -> None:
        nullable = not element and field.nullable(self.version)
        if field.type in SCALARS:
            packer = Packer(">" + SCALARS[field.type][0])
            self.line(f"({target},) = {self.name('unpack', packer.unpack_from)}(b, p)")
            self.line(f"p += {packer.size}")
        elif field.type == "uuid":
            self.line("if p + 16 > end:")
            self.line("    raise short(p, 16, end)")
            self.line(f"{target} = {self.name('uuid', _uuid)}(b[p:p + 16])")
            self.line("p += 16")
        elif field.type == "struct":
            self.struct(field, target, nullable)
        else:
            self.sized(field, target, nullable)

    def struct(self, field: Field, target: str, nullable: bool) -> None:
        decode = self.name("decode", self.nested(field.item, self.version, self.flexible))
        if not nullable:
            self.line(f"{target}, p = {decode}(b, p, end)")
            return
        self.line("there = b[p]")
        self.line("p += 1")
        self.line("if there == 255:")
        self.line(f"    {target} = None")
        self.line("elif there == 1:")
        self.line(f"    {target}, p = {decode}(b, p, end)")
        self.line("else:")
        self.line(f"    raise bad_size({field.name!r}, there)")

    def sized(self, field: Field, target: str, nullable: bool) -> None:
        size = self.fresh("n")
        if self.compact(field):
            self.line(f"{size} = b[p]")
            self.line("p += 1")
            self.line(f"if {size} > 127:")
            self.line(f"    {size}, p = rest(b, p, {size})")
            self.line(f"{size} -= 1")
        else:
            packer = Packer(">h" if field.type == "string" else ">i")
            self.line(f"({size},) = {self.name('unpack', packer.unpack_from)}(b, p)")
            self.line(f"p += {packer.size}")
        self.line(f"if {size} < 0:")
        if not self.compact(field):
            self.line(f"    if {size} != -1:")
            self.line(f"        raise bad_size({field.name!r}, {size})")
        self.line(f"    {target} = None" if nullable else f"    raise null({field.name!r})")
        self.line("else:")
        self.depth += 1
        if field.type == "array":
            self.elements(field, target, size)
        else:
            stop = self.fresh("stop")
            self.line(f"{stop} = p + {size}")
            self.line(f"if {stop} > end:")
            self.line(f"    raise short(p, {size}, end)")
            slice_ = f"b[p:{stop}]"
            read = {"string": f'str({slice_}, "utf-8")', "bytes": f"bytes({slice_})"}
            self.line(f"{target} = {read.get(field.type, f'memoryview(b)[p:{stop}]')}")
            self.line(f"p = {stop}")
        self.depth -= 1

    def elements(self, field: Field, target: str, count: str) -> None:
        item = field.item
        least = max(1, _least_size(item, self.version, self.flexible))
        self.line(f"if {count} * {least} > end - p:")
        self.line(f"    raise too_many({field.name!r}, {count}, end - p)")
        if isinstance(item, Field) and item.type in SCALARS:
            letter, width = SCALARS[item.type]
            packer = self.name("packer", Packer)
            self.line(f'{target} = list({packer}(f">{{{count}}}{letter}").unpack_from(b, p))')
            self.line(f"p += {width} * {count}")
            return
        out, element = self.fresh("out"), self.fresh("e")
        self.line(f"{out} = []")
        self.line(f"for _ in range({count}):")
        self.depth += 1
        if isinstance(item, Field):
            item.name = field.name
            self.value(item, element, element=True)
        else:
            decode = self.name("decode", self.nested(item, self.version, self.flexible))
            self.line(f"{element}, p = {decode}(b, p, end)")
        self.line(f"{out}.append({element})")
        self.depth -= 1
        self.line(f"{target} = {out}")

    def tagged(self) -> None:
        known = self.tagged_fields()
        self.line("count = b[p]")
        self.line("p += 1")
        self.line("if count:")
        self.depth += 1
        self.line("if count > 127:")
        self.line("    count, p = rest(b, p, count)")
        if not known:
            self.line("p = skip_tags(b, p, end, count)")
            self.depth -= 1
            return
        self.line("tag = -1")
        self.line("for _ in range(count):")
        self.depth += 1
        self.line("tag, size, p = next_tag(b, p, end, tag)")
        self.line("after = p + size")
        for index, field in enumerate(known):
            self.line(f"{'elif' if index else 'if'} tag == {field.tag}:")
            self.depth += 1
            self.value(field, f"m.{field.name}")
            self.line("if p != after:")
            self.line("    raise bad_tag(tag, size, size + p - after)")
            self.depth -= 1
        self.line("p = after")
        self.depth -= 2
