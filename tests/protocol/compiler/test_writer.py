from __future__ import annotations

from kafkalite.protocol import compiler
from kafkalite.protocol.compiler.writer import Writer

from .sample import Sample


def writer(version: int, flexible: bool) -> Writer:
    return Writer(Sample, version, flexible, compiler.encoder)


def test_fields_are_sorted_into_plain_and_tagged_by_version() -> None:
    assert [f.name for f in writer(1, False).tagged_fields()] == []
    assert [f.name for f in writer(2, True).tagged_fields()] == ["extra", "more"]
    assert "extra" not in [f.name for f in writer(2, True).plain_fields()]


def test_names_are_fresh_and_in_scope() -> None:
    one = writer(2, True)
    first, second = one.name("x", 1), one.name("x", 2)
    assert first != second
    assert (one.scope[first], one.scope[second]) == (1, 2)


def test_constants_are_expressions_for_defaults() -> None:
    one = writer(2, True)
    by_name = {f.name: f for f in Sample.fields}
    assert one.constant(by_name["extra"]) == "-1"
    assert one.constant(by_name["numbers"]) == "[]"
    assert eval(one.constant(by_name["more"]), one.scope) == by_name["more"].item()
