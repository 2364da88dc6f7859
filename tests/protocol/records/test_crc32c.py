from __future__ import annotations

import builtins
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.protocol.records import crc32c as module
from kafkalite.protocol.records.crc32c import crc32c, slow_crc32c

from ..kafka_names import vectors


@pytest.mark.parametrize("vector", vectors("crc"), ids=lambda v: str(len(v["data"]) // 2))
def test_as_others_compute_it(vector: dict) -> None:
    data = bytes.fromhex(vector["data"])
    assert crc32c(data) == vector["crc32c"]
    assert slow_crc32c(data) == vector["crc32c"]
    assert zlib.crc32(data) == vector["crc32"]


@given(st.binary(max_size=300), st.integers(0, 10))
def test_with_and_without_the_library_it_is_the_same(data: bytes, start: int) -> None:
    view = memoryview(bytearray(data))[start:]
    assert crc32c(view) == slow_crc32c(view) == slow_crc32c(bytes(view))


def test_without_the_library_it_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **options: Any) -> Any:
        if name == "crc32c":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.setattr(module, "_crc", module._first)
    assert crc32c(b"123456789") == 0xE3069283
    assert module._crc is slow_crc32c


def test_the_library_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_crc", module._first)
    assert crc32c(b"123456789") == 0xE3069283
    assert module._crc not in (module._first, slow_crc32c)
