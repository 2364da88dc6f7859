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
from typing import TYPE_CHECKING, Any

from ..fields import MISSING
from .decode import DecodeWriter
from .encode import EncodeWriter
from .writer import Writer

if TYPE_CHECKING:
    from ..message import Struct

__all__ = ["blame", "decoder", "encoder", "source_of"]

Encoder = Callable[[Any, Callable[[Any], None]], None]
Decoder = Callable[[Any, int, int], tuple[Any, int]]


def encoder(cls: type[Struct], version: int, flexible: bool) -> Encoder:
    """The compiled encoder of a class in a version; made at first use."""
    key = (version, flexible, "encode")
    found: Encoder | None = cls.codecs.get(key)
    if found is None:
        found = cls.codecs[key] = _build(EncodeWriter(cls, version, flexible, encoder))
    return found


def decoder(cls: type[Struct], version: int, flexible: bool) -> Decoder:
    """The compiled decoder of a class in a version; made at first use."""
    key = (version, flexible, "decode")
    found: Decoder | None = cls.codecs.get(key)
    if found is None:
        found = cls.codecs[key] = _build(DecodeWriter(cls, version, flexible, decoder))
    return found


def source_of(cls: type[Struct], version: int, direction: str, flexible: bool | None = None) -> str:
    """The generated text, for reading and debugging. `direction` is "encode" or "decode"."""
    if flexible is None:
        flexible = cls.is_flexible(version)  # type: ignore[attr-defined]
    if direction == "encode":
        return EncodeWriter(cls, version, flexible, encoder).source()
    return DecodeWriter(cls, version, flexible, decoder).source()


def _build(writer: Writer) -> Any:
    source = writer.source()
    name = f"<{writer.direction} {writer.cls.__name__} v{writer.version}>"
    exec(compile(source, name, "exec"), writer.scope)
    return writer.scope[writer.direction]


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
