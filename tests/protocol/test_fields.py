from __future__ import annotations

from kafkalite.protocol import fields
from kafkalite.protocol.fields import MISSING, ZERO_UUID


def test_defaults_are_kafkas() -> None:
    assert fields.int32().default == 0
    assert fields.boolean().default is False
    assert fields.float64().default == 0.0
    assert fields.string().default == ""
    assert fields.bytes_().default == b""
    assert fields.records().default == b""
    assert fields.uuid().default == ZERO_UUID
    assert fields.string(default=None).default is None
    assert fields.array(fields.int8()).default is MISSING


def test_mutable_defaults_are_made_anew() -> None:
    field = fields.array(fields.int8())
    assert field.make_default() == []
    assert field.make_default() is not field.make_default()
    assert fields.array(fields.int8(), default=None).make_default() is None


def test_presence_and_nullability_follow_versions() -> None:
    field = fields.string(since=2, until=4, nullable_since=3)
    assert [v for v in range(7) if field.present(v)] == [2, 3, 4]
    assert [v for v in range(7) if field.nullable(v)] == [3, 4, 5, 6]
    assert not fields.string().nullable(9)


def test_repr_names_type_and_versions() -> None:
    field = fields.int16(since=3)
    field.name = "acks"
    assert repr(field) == "<acks: int16 3+>"
    field.until = 5
    assert repr(field) == "<acks: int16 3-5>"
