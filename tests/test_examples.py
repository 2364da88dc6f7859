"""Every example runs, and the README tells the truth about them."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
TESTED_HERE = {
    "hello_producer.py",
    "hello_consumer.py",
    "quickstart.py",
    "asyncio_round_trip.py",
    "work_queue.py",
    "send_many.py",
    "columns.py",
}
TESTED_ELSEWHERE = {"unit_test.py", "flights.py"}


def run(*arguments: str, timeout: float = 60) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_no_example_is_forgotten() -> None:
    assert {p.name for p in EXAMPLES.glob("*.py")} == TESTED_HERE | TESTED_ELSEWHERE


def test_quickstart_shows_the_message() -> None:
    out = run("examples/quickstart.py", "--port", str(free_port()))
    assert "Received message: This is a test message" in out


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("asyncio_round_trip.py", "received 10 messages, the last one 'message 9'"),
        ("work_queue.py", "the first worker did 10 jobs, the second 10"),
        ("send_many.py", "1,000,000 records in "),
        ("columns.py", "moved 20000 messages in "),
    ],
)
def test_small_examples(name: str, says: str) -> None:
    assert says in run(f"examples/{name}")


def test_the_unit_test_example() -> None:
    out = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/unit_test.py")
    assert "1 passed" in out


def test_the_readme_shows_the_two_programs_as_they_stand() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("hello_producer.py", "hello_consumer.py"):
        program = (EXAMPLES / name).read_text(encoding="utf-8").partition('"""\n\n')[2].strip()
        assert program in readme


def test_every_link_in_the_documentation_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
