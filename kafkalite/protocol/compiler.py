"""Class and version in, straight-line encode or decode function out.

A message class is a declaration; walking it for every message would cost a look-up and a call per field. So for
each (class, version, direction) that is used, this module writes a Python function in which every decision that
depends only on the version has been taken already: neighbouring fixed-size fields share one `struct` call, absent
fields are constants, and a nested struct is a call of its own compiled function.

    encode(message, append) -> None             appends parts; whoever called joins them
    decode(buffer, position, end) -> (message, position)

What a hostile peer may send is handled in the generated code: every length and count is checked against the
bytes that are left before anything is allocated. Running off the end raises IndexError or struct.error, which
`Message.decode_from` turns into TruncatedError.

To read one: `source_of(cls, version, "decode")` is its text. Thread: any.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any

from .errors import DecodeError, EncodeError, TruncatedError
from .fields import MISSING, SCALARS, ZERO_UUID, Field

if TYPE_CHECKING:
    from .message import Struct

__all__ = ["blame", "decoder", "encoder", "source_of"]

Encoder = Callable[[Any, Callable[[Any], None]], None]
Decoder = Callable[[Any, int, int], tuple[Any, int]]


def encoder(cls: type[Struct], version: int, flexible: bool) -> Encoder:
    """The compiled encoder of a class in a version; made at first use."""
    key = (version, flexible, "encode")
    found: Encoder | None = cls.codecs.get(key)
    if found is None:
        found = cls.codecs[key] = _build(_EncodeWriter(cls, version, flexible))
    return found


def decoder(cls: type[Struct], version: int, flexible: bool) -> Decoder:
    """The compiled decoder of a class in a version; made at first use."""
    key = (version, flexible, "decode")
    found: Decoder | None = cls.codecs.get(key)
    if found is None:
        found = cls.codecs[key] = _build(_DecodeWriter(cls, version, flexible))
    return found


def source_of(cls: type[Struct], version: int, direction: str, flexible: bool | None = None) -> str:
    """The generated text, for reading and debugging. `direction` is "encode" or "decode"."""
    if flexible is None:
        flexible = cls.is_flexible(version)  # type: ignore[attr-defined]
    writer = _EncodeWriter if direction == "encode" else _DecodeWriter
    return writer(cls, version, flexible).source()


def _build(writer: _Writer) -> Any:
    source = writer.source()
    name = f"<{writer.direction} {writer.cls.__name__} v{writer.version}>"
    exec(compile(source, name, "exec"), writer.scope)
    return writer.scope[writer.direction]


# What generated code calls. Named in its scope without the underscore.


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


def _unsupported(cls: str, name: str, version: int) -> EncodeError:
    return EncodeError(f"{cls}.{name} is set, but version {version} cannot carry it")


def _not_null(cls: str, name: str, version: int) -> EncodeError:
    return EncodeError(f"{cls}.{name} is None, which version {version} does not allow")


def _join(parts: list[Any]) -> bytes:
    return b"".join(parts)


class _Writer:
    """What both directions share: the text so far and the names it may use."""

    direction = ""

    def __init__(self, cls: type[Struct], version: int, flexible: bool) -> None:
        self.cls = cls
        self.version = version
        self.flexible = flexible
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


class _EncodeWriter(_Writer):
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
        encode = self.name("encode", encoder(field.item, self.version, self.flexible))
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
            encode = self.name("encode", encoder(item, self.version, self.flexible))
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


class _DecodeWriter(_Writer):
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
        decode = self.name("decode", decoder(field.item, self.version, self.flexible))
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
            decode = self.name("decode", decoder(item, self.version, self.flexible))
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


def _uuid(data: Any) -> Any:
    from uuid import UUID

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


def blame(message: Struct, version: int) -> str:
    """Which field of a message cannot be written: found by trying them one by one, after the fact."""
    where = type(message).__name__
    for field in message.fields:
        if not field.present(version):
            continue
        value = getattr(message, field.name, MISSING)
        if value is MISSING:
            return f"{where}.{field.name} is not set"
        items = value if field.type == "array" and isinstance(value, list) else [value]
        for item in items:
            if hasattr(item, "fields") and (inner := blame(item, version)):
                return inner
        probe = type("probe", (), {"fields": (field,), "codecs": {}, "__name__": where})
        try:
            encoder(probe, version, False)(message, bytearray)  # type: ignore[arg-type]
        except Exception:
            shown = "***" if field.secret else repr(value)
            return f"{where}.{field.name} = {shown} does not fit {field.type}"
    return ""
