from __future__ import annotations

from kafkalite.protocol import compiler

from .sample import Inner, Sample


def test_codecs_are_compiled_once_per_version_and_direction() -> None:
    assert compiler.encoder(Sample, 1, False) is compiler.encoder(Sample, 1, False)
    assert compiler.encoder(Sample, 1, False) is not compiler.encoder(Sample, 0, False)
    assert compiler.decoder(Sample, 3, True) is compiler.decoder(Sample, 3, True)


def test_neighbouring_fixed_fields_share_one_call() -> None:
    source = compiler.source_of(Sample, 1, "encode")
    assert "(m.a, m.b)" in source
    assert "(m.a, m.b,) =" in compiler.source_of(Sample, 1, "decode")


def test_blame_names_the_innermost_field_that_does_not_fit() -> None:
    assert compiler.blame(Sample(inners=[Inner(number="x")]), 1) == "Inner.number = 'x' does not fit int32"
    assert compiler.blame(Sample(), 1) == ""
