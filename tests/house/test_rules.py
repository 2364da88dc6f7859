"""The rules of docs/architecture.md, as tests: a change that breaks the floor plan fails here, and says where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kafkalite"
FILES = sorted(p for p in PACKAGE.rglob("*.py"))

FLOORS = {
    "protocol": set(),
    "types": {"errors", "protocol"},  # for type checkers only: the two name each other
    "errors": {"types", "protocol"},
    "serializers": {"errors", "types", "protocol"},
    "config": {"errors", "types", "serializers", "protocol"},
    "net": {"errors", "types", "serializers", "config", "protocol"},
    "producer": {"net", "errors", "types", "serializers", "config", "protocol"},
    "consumer": {"net", "errors", "types", "serializers", "config", "protocol"},
    "admin": {"net", "errors", "types", "serializers", "config", "protocol"},
    "sync": {"producer", "consumer", "admin", "net", "errors", "types", "serializers", "config", "protocol"},
    "aio": {"producer", "consumer", "admin", "net", "errors", "types", "serializers", "config", "protocol"},
    "broker": {"protocol"},
}
"""What each room may import, besides itself. Rooms side by side are not in each other's sets."""

HANDS = {
    "net/bootstrap.py": "asks the bootstrap servers",
    "net/client.py": "sends to nodes, leaders and coordinators",
    "net/connection.py": "one socket",
    "net/dial.py": "opens connections",
    "net/handshake.py": "the first words on a connection",
    "net/pool.py": "opens and reaps connections",
    "net/tasks.py": "owns background tasks",
    "producer/engine.py": "assembles the producer",
    "producer/room.py": "waits for metadata and memory",
    "producer/sender.py": "drains and sends",
    "consumer/engine.py": "assembles the consumer",
    "consumer/fetcher.py": "keeps fetches going",
    "consumer/offsets.py": "looks up and validates offsets",
    "consumer/committer.py": "commits",
    "consumer/group/coordinator.py": "joins and keeps alive",
    "admin/cluster.py": "asks about the cluster",
    "admin/topics.py": "makes, deletes, grows and describes topics",
    "aio/": "the door for asyncio programs",
    "sync/": "the door for ordinary programs",
    "broker/": "the embedded broker has its own loop",
}
"""The only files that may contain `await`: what waits is a hand, and a hand decides nothing."""

LOCKS = {
    "producer/accumulator.py",
    "producer/batch.py",
    "producer/delivery.py",
    "consumer/fetch_buffer.py",
    "sync/portal.py",
}
"""The only files of the client that may hold a `threading` lock."""

OPTIONAL_IMPORTS = {
    "crc32c": {"protocol/records/crc32c.py"},
    "lz4": {"protocol/records/compression.py"},
    "snappy": {"protocol/records/compression.py"},
    "zstandard": {"protocol/records/compression.py"},
    "pyarrow": {"consumer/record_batch.py"},
}
"""A library that may be missing is imported in one file only."""

FORBIDDEN_WORDS = re.compile(r"(Manager|Helper|Util|Utils|Base|Common|Impl)$")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Absolute names of the modules that a file imports, those of type-checking blocks included."""
    package = ["kafkalite", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                yield node.module or ""
                continue
            base = package[: len(package) - node.level + 1]
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ([module] if node.module else (f"{module}.{alias.name}" for alias in node.names))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    allowed = FLOORS[room] | {room}
    for module in imported(path):
        parts = module.split(".")
        if parts[0] != "kafkalite":
            continue
        target = parts[1] if len(parts) > 1 else "__init__"
        if target in ("__version__", "__init__"):
            continue
        assert target in allowed, f"{name_of(path)} imports {module}: {room} may use {sorted(allowed)}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_hands_wait(path: Path) -> None:
    name = name_of(path)
    if any(name == hand or (hand.endswith("/") and name.startswith(hand)) for hand in HANDS):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        waits = isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith | ast.AsyncFunctionDef)
        assert not waits, f"{name}:{getattr(node, 'lineno', 0)} waits, but it is a brain"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_locks_are_in_the_hatches_only(path: Path) -> None:
    name = name_of(path)
    if name in LOCKS or name.startswith("broker/"):
        return
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"threading\.(Lock|RLock|Condition|Event|Semaphore)\(", text), name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_an_optional_library_is_imported_in_one_file(path: Path) -> None:
    for module in imported(path):
        allowed = OPTIONAL_IMPORTS.get(module.split(".")[0])
        assert allowed is None or name_of(path) in allowed, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 500, f"{name_of(path)} has {lines} lines"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_has_a_door_plate(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), name_of(path)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_names_say_what_a_thing_is(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            assert not FORBIDDEN_WORDS.search(node.name), f"{name_of(path)}: {node.name}"
    assert not FORBIDDEN_WORDS.search(path.stem.title()), name_of(path)


def test_brains_keep_no_clock_and_roll_no_dice() -> None:
    for path in FILES:
        name = name_of(path)
        if room_of(path) not in ("protocol", "producer", "consumer", "net"):
            continue
        if any(name == hand for hand in HANDS) or name in CLOCKS:
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\btime\.(time|monotonic|perf_counter)\(", text), f"{name} reads a clock"
        assert not re.search(r"\brandom\.(random|choice|randint|uniform|shuffle)\(", text), (
            f"{name} rolls dice"
        )


CLOCKS = {
    "producer/engine.py": "a record without a timestamp gets the time of the call",
    "producer/delivery.py": "a blocking get() has a deadline of the caller's thread",
}
"""Files outside the hands that read a clock, and why."""


TESTED_TOGETHER = {
    "protocol/messages/": "protocol/test_messages.py",
    "errors/": "test_errors.py",
    "config/": "test_config.py",
}
"""Rooms whose files are declarations of one kind, and the test file that covers them all."""


def mirror(path: Path) -> Path:
    """Where the tests of a module live: the same place under tests/, with test_ in front."""
    relative = path.relative_to(PACKAGE)
    return ROOT / "tests" / relative.parent / f"test_{relative.name}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.name not in ("__init__.py", "__main__.py")], ids=name_of
)
def test_every_module_has_its_own_test_file(path: Path) -> None:
    together = next((t for room, t in TESTED_TOGETHER.items() if name_of(path).startswith(room)), None)
    if together is not None:
        assert (ROOT / "tests" / together).exists()
        return
    assert mirror(path).exists(), f"{name_of(path)} has no {mirror(path).relative_to(ROOT)}"


def test_the_file_map_names_every_file() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    file_map = page.partition("## File map")[2].partition("## Floors")[0]
    rooms = dict(re.findall(r"^\*\*(\w+)/\*\* (.*?)(?=\n\n)", file_map, re.DOTALL | re.MULTILINE))
    for path in FILES:
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if len(parts) == 1 or parts[-1].startswith("__") or {"messages", "handlers"} & set(parts):
            continue
        named = set(re.findall(r"`(\w+)/?`", rooms.get(parts[0], "")))
        missing = set(parts[1:]) - named
        assert not missing, f"docs/architecture.md does not say what {name_of(path)} is for"
    for room, text in rooms.items():
        there = {p.stem for p in (PACKAGE / room).rglob("*.py")} | {
            p.name for p in (PACKAGE / room).rglob("*")
        }
        gone = set(re.findall(r"`(\w+)/?`", text)) - there
        assert not gone, f"docs/architecture.md speaks of {sorted(gone)} in {room}/"
