"""docs/compatibility.md against the code, and against the names that the other clients have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkalite.config import AIOKAFKA_NAMES, CLIENTS, REFUSED, options_of
from tests import peers

PAGE = (Path(__file__).parents[1] / "docs" / "compatibility.md").read_text(encoding="utf-8")
LETTERS = {"producer": "P", "consumer": "C", "admin client": "A"}


def rows(heading: str, columns: int) -> Iterator[list[str]]:
    """The cells of the table below a heading (or below a line of text), without its head."""
    lines = iter(PAGE.partition(f"\n{heading}\n")[2].splitlines())
    for line in lines:
        if line.startswith("|---"):
            break
    for line in lines:
        if not line.startswith("|"):
            return
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert len(cells) == columns, line
        yield cells


def table(heading: str, columns: int) -> dict[str, list[str]]:
    listed = list(rows(heading, columns))
    found = {name.strip("`"): cells for name, *cells in listed}
    assert found, f"no table below {heading!r}"
    assert len(found) == len(listed)
    assert list(found) == sorted(found)
    return found


OPTIONS = table("## Options", 6)
OURS_ALONE = table("Options that neither has:", 4)
METHODS = {
    "producer": table("## Methods of producers", 5),
    "consumer": table("## Methods of consumers", 5),
    "admin client": table("## Methods of admin clients", 5),
}


def letters(library: str, name: str) -> str:
    return "".join(letter for kind, letter in LETTERS.items() if name in peers.OPTIONS[f"{library} {kind}"])


def ours(name: str) -> str:
    return "".join(letter for kind, letter in LETTERS.items() if name in options_of(CLIENTS[kind]))


def test_no_option_of_the_others_is_missing() -> None:
    assert set(OPTIONS) == set().union(*peers.OPTIONS.values())


def test_no_option_of_ours_is_missing() -> None:
    declared = set().union(*(options_of(options) for options in CLIENTS.values()))
    assert set(OURS_ALONE) == declared - set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_who_has_an_option(name: str) -> None:
    kafka_python, aiokafka, kafkalite, *_ = OPTIONS[name]
    assert (kafka_python, aiokafka, kafkalite) == (
        letters("kafka-python", name),
        letters("aiokafka", name),
        ours(name),
    )


@pytest.mark.parametrize("name", OPTIONS)
def test_what_becomes_of_an_option(name: str) -> None:
    *_, kafkalite, status, remark = OPTIONS[name]
    match status:
        case "same" | "partly":
            assert kafkalite
            assert status == "same" or remark
        case "renamed":
            assert remark.startswith(f"`{AIOKAFKA_NAMES[name]}`")
        case "no effect":
            assert kafkalite or name in REFUSED or name == "loop"
        case "later" | "refused":
            assert not kafkalite
            neutral = [value for value in REFUSED[name].neutral if value is not None]
            assert all(f"`{value!r}`" in remark for value in neutral)
            assert ("later release" in REFUSED[name].reason) == (status == "later")
        case _:
            pytest.fail(f"{status} is not explained on the page")


@pytest.mark.parametrize("name", OURS_ALONE)
def test_options_of_ours_are_described_as_declared(name: str) -> None:
    kinds, default, says = OURS_ALONE[name]
    option = next(options_of(o)[name] for o in CLIENTS.values() if name in options_of(o))
    assert (kinds, default, says) == (ours(name), f"`{option.default!r}`", option.says)


@pytest.mark.parametrize("kind", METHODS)
def test_no_method_of_the_others_is_missing(kind: str) -> None:
    found = METHODS[kind]
    assert {n for n, (kafka_python, *_) in found.items() if kafka_python} == peers.METHODS[
        f"kafka-python {kind}"
    ]
    assert {n for n, (_, aiokafka, *_) in found.items() if aiokafka} == peers.METHODS[f"aiokafka {kind}"]
    assert {status for _, _, status, _ in found.values()} <= {"same", "later", "refused"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, found in METHODS.items() for name, row in found.items() if row[2] == "same"],
)
def test_methods_called_the_same_exist(kind: str, name: str) -> None:
    from kafkalite import aio, sync

    suffix = {"producer": "Producer", "consumer": "Consumer", "admin client": "AdminClient"}[kind]
    kafka_python, aiokafka, _, remark = METHODS[kind][name]
    if kafka_python and remark != "`aio`":
        assert callable(getattr(getattr(sync, f"Kafka{suffix}"), name, None))
    if aiokafka:
        assert callable(getattr(getattr(aio, f"AsyncKafka{suffix}"), name, None))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, found in METHODS.items() for name, row in found.items() if row[2] == "later"],
)
def test_methods_to_come_are_not_there_yet(kind: str, name: str) -> None:
    from kafkalite import aio, sync

    suffix = {"producer": "Producer", "consumer": "Consumer", "admin client": "AdminClient"}[kind]
    assert not hasattr(getattr(sync, f"Kafka{suffix}"), name)
    assert not hasattr(getattr(aio, f"AsyncKafka{suffix}"), name)
