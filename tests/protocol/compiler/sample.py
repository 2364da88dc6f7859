"""A message with one field of every kind, for the tests of the compiler."""

from __future__ import annotations

from kafkalite.protocol.fields import array, bytes_, int8, int32, int64, string, struct, uuid
from kafkalite.protocol.message import Message, Struct


class Inner(Struct):
    number: int = int32()


class Sample(Message):
    versions = 0, 3
    flexible_since = 2

    a: int = int8()
    b: int = int64()
    name: str | None = string(nullable_since=1)
    blob: bytes = bytes_()
    inner: Inner | None = struct(Inner, nullable_since=2)
    numbers: list[int] = array(int32())
    names: list[str] = array(string())
    inners: list[Inner] | None = array(Inner, nullable_since=0)
    extra: int = int32(since=2, tag=0, default=-1)
    more: Inner = struct(Inner, since=2, tag=3)


FULL = Sample(
    a=-1, b=1 << 40, name="é", blob=b"\0\1", inner=Inner(number=5), numbers=[1, -2], names=["x", ""],
    inners=[Inner(number=9)], extra=7, more=Inner(number=8),
)  # fmt: skip


class Lists(Message):
    versions = 0, 1
    flexible_since = 1

    ids: list[object] = array(uuid())
    text: str = string()
