"""The frame around the code: .ci/run, the README's commands, and that scenarios written once run everywhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
FOUND_TWICE = {"doors": "doors", "clients": "foreign"}
"""Folders of tests/ whose tests run again on a real Kafka, and the folder of tests/real that does it."""


def command(name: str) -> str:
    found = re.search(rf"<!-- {name} command -->\n```sh\n(.+)\n```", README)
    assert found, f"README.md has no {name} command"
    return found[1]


@pytest.mark.parametrize("name", ["first", "second"])
def test_the_readmes_commands_are_run_literally_and_explained(name: str) -> None:
    assert f"literally {name}" in CI
    assert f"| `{command(name)}` |" in CONTRIBUTING


@pytest.mark.parametrize(
    "said", ["ruff check .", "ruff format --check .", "mypy --strict", "tests.protocol.digest --check"]
)
def test_every_step_is_in_the_contributors_page(said: str) -> None:
    assert said in CI
    assert said in CONTRIBUTING


@pytest.mark.parametrize("suite", ["tests/real", "tests/clients"])
def test_suites_that_need_more_than_python_run_only_when_named(
    suite: str, request: pytest.FixtureRequest
) -> None:
    assert Path(suite).name in request.config.getini("norecursedirs")
    assert re.search(rf" suite .*{suite}$", CI, re.MULTILINE)
    assert f"pytest {suite}" in CONTRIBUTING


def test_what_may_be_skipped_elsewhere_may_not_in_ci() -> None:
    asked = set()
    for path in (ROOT / "tests").rglob("*.py"):
        if path != Path(__file__):
            asked |= set(re.findall(r'"(KAFKALITE_REQUIRE_\w+)"', path.read_text(encoding="utf-8")))
    assert len(asked) == 3
    for variable in asked:
        assert f"{variable}=1" in CI
        assert f"`{variable}=1`" in CONTRIBUTING


@pytest.mark.parametrize(("folder", "again"), FOUND_TWICE.items())
def test_every_scenario_runs_on_a_real_kafka_too(folder: str, again: str) -> None:
    there = {path.name for path in (ROOT / "tests" / folder).glob("test_*.py")}
    here = {path.name for path in (ROOT / "tests" / "real" / again).glob("test_*.py")}
    assert there == here
    for name in there:
        text = (ROOT / "tests" / "real" / again / name).read_text(encoding="utf-8")
        assert f"from tests.{folder}.{name.removesuffix('.py')} import *" in text


@pytest.mark.parametrize(("folder", "again"), FOUND_TWICE.items())
def test_with_the_same_fixtures(folder: str, again: str) -> None:
    conftest = ast.parse((ROOT / "tests" / folder / "conftest.py").read_text(encoding="utf-8"))
    fixtures = {
        node.name
        for node in conftest.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    }
    there = (ROOT / "tests" / "real" / again / "conftest.py").read_text(encoding="utf-8")
    assert fixtures
    for name in fixtures:
        assert f'"{name}"' in there
