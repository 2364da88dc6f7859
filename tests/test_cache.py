"""The cache folder: where it is, and that it never holds half of something."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import cache


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("KAFKALITE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_environment_names_it(own_cache: Path) -> None:
    assert cache.folder() == own_cache


def test_without_a_name_it_is_the_users_own(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KAFKALITE_CACHE")
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "kafkalite-tests"
    monkeypatch.setattr(cache.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache.folder() == tmp_path / "local" / "kafkalite-tests"


def test_made_once_and_kept() -> None:
    calls = []

    def make(where: Path) -> None:
        calls.append(where)
        (where / "file").write_text("x")

    first, second = cache.once("thing", make), cache.once("thing", make)
    assert first == second
    assert (first / "file").read_text() == "x"
    assert len(calls) == 1


def test_what_fails_half_way_leaves_nothing(own_cache: Path) -> None:
    def fail(where: Path) -> None:
        (where / "half").write_text("x")
        raise cache.Missing("no network")

    with pytest.raises(cache.Missing, match="no network"):
        cache.once("thing", fail)
    assert list(own_cache.iterdir()) == []


def test_the_first_of_two_at_once_wins(own_cache: Path) -> None:
    def late(where: Path) -> None:
        cache.once("thing", lambda place: (place / "who").write_text("the first") and None)
        (where / "who").write_text("the second")

    assert (cache.once("thing", late) / "who").read_text() == "the first"
    assert [p.name for p in own_cache.iterdir()] == ["thing"]


def test_a_missing_program_and_one_that_fails_are_named() -> None:
    with pytest.raises(cache.Missing, match="no-such-program"):
        cache.tool("no-such-program")
    with pytest.raises(cache.Missing, match="no-such-program"):
        cache.run("no-such-program")
    python = cache.sys.executable
    with pytest.raises(cache.Missing, match=r"(?s)ended with 3.*what it said"):
        cache.run(python, "-c", "print('what it said'); raise SystemExit(3)")
    assert cache.run(python, "-c", "print('fine')").strip() == "fine"


def test_skipped_or_failed_as_the_environment_says(monkeypatch) -> None:
    monkeypatch.delenv("SOMETHING", raising=False)
    with pytest.raises(pytest.skip.Exception, match="nothing here"):
        cache.skip_or_fail(cache.Missing("nothing here"), "SOMETHING")
    monkeypatch.setenv("SOMETHING", "1")
    with pytest.raises(pytest.fail.Exception, match=r"nothing here.*SOMETHING=1"):
        cache.skip_or_fail(cache.Missing("nothing here"), "SOMETHING")
