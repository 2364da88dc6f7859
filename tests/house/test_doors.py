"""Both doors lead to the same engine: what has the same name in both takes the same arguments."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest

from kafkalite import aio, sync

PAIRS = {
    "producer": (sync.KafkaProducer, aio.AsyncKafkaProducer),
    "consumer": (sync.KafkaConsumer, aio.AsyncKafkaConsumer),
    "admin client": (sync.KafkaAdminClient, aio.AsyncKafkaAdminClient),
}

ALONE = {
    # kafka-python's
    (sync.KafkaProducer, "close"): "stop",
    (sync.KafkaProducer, "bootstrap_connected"): "an aio client says by start() that it is",
    (sync.KafkaConsumer, "close"): "stop",
    (sync.KafkaConsumer, "bootstrap_connected"): "an aio client says by start() that it is",
    (sync.KafkaConsumer, "poll"): "getmany",
    (sync.KafkaConsumer, "commit_async"): "a task that commits",
    # aiokafka's
    (aio.AsyncKafkaProducer, "start"): "the constructor",
    (aio.AsyncKafkaProducer, "stop"): "close",
    (aio.AsyncKafkaProducer, "send_and_wait"): "send().get()",
    (aio.AsyncKafkaProducer, "create_batch"): "send()",
    (aio.AsyncKafkaProducer, "send_batch"): "send()",
    (aio.AsyncKafkaConsumer, "start"): "the constructor",
    (aio.AsyncKafkaConsumer, "stop"): "close",
    (aio.AsyncKafkaConsumer, "getone"): "next()",
    (aio.AsyncKafkaConsumer, "getmany"): "poll",
    (aio.AsyncKafkaConsumer, "seek_to_committed"): "committed() and seek()",
    (aio.AsyncKafkaConsumer, "last_stable_offset"): "nothing",
    (aio.AsyncKafkaConsumer, "last_poll_timestamp"): "nothing",
    (aio.AsyncKafkaAdminClient, "start"): "the constructor",
}
"""What only one door has, because its peer has it; and what does its work in the other."""

PLAIN = {
    "producer": {"metrics", "create_batch"},
    "consumer": {
        *(
            "subscribe",
            "unsubscribe",
            "assign",
            "subscription",
            "assignment",
            "pause",
            "resume",
            "paused",
            "seek",
        ),
        *("highwater", "last_stable_offset", "last_poll_timestamp", "group_metadata", "metrics"),
    },
    "admin client": set(),
}
"""Methods of the aio door that are not awaited, as in aiokafka: they only look, or take note."""


def methods(cls: type) -> set[str]:
    return {name for name, value in inspect.getmembers(cls, callable) if not name.startswith("_")}


def arguments(cls: type, name: str) -> list[tuple[str, object, object]]:
    parameters = inspect.signature(getattr(cls, name)).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


def shared() -> list[tuple[str, str]]:
    return [(kind, name) for kind, (a, b) in PAIRS.items() for name in sorted(methods(a) & methods(b))]


@pytest.mark.parametrize(("kind", "name"), shared())
def test_what_both_have_takes_the_same_arguments(kind: str, name: str) -> None:
    one, other = PAIRS[kind]
    assert arguments(one, name) == arguments(other, name)


def test_what_only_one_has_is_listed() -> None:
    alone = {
        (cls, name)
        for one, other in PAIRS.values()
        for cls, name in chain(
            ((one, name) for name in methods(one) - methods(other)),
            ((other, name) for name in methods(other) - methods(one)),
        )
    }
    assert alone == set(ALONE)


@pytest.mark.parametrize("kind", PAIRS)
def test_everything_but_what_only_looks_is_awaited(kind: str) -> None:
    _, cls = PAIRS[kind]
    plain = {name for name in methods(cls) if not inspect.iscoroutinefunction(getattr(cls, name))}
    assert plain == PLAIN[kind]


@pytest.mark.parametrize(("kind", "name"), shared())
def test_what_both_have_is_described_in_both(kind: str, name: str) -> None:
    assert all(inspect.getdoc(getattr(cls, name)) for cls in PAIRS[kind])


@pytest.mark.parametrize("door", [aio, sync])
def test_each_name_is_listed_everywhere(door: ModuleType) -> None:
    """For type checkers (the imports), for `import *` (`__all__`) and for the loader (`_HOMES`)."""
    tree = ast.parse(Path(str(door.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name for node in ast.walk(block) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == set(door.__all__) == set(door._HOMES)
    assert all(getattr(door, name).__name__ == name for name in door.__all__)
    with pytest.raises(AttributeError, match=f"{door.__name__}.*NoSuchThing"):
        _ = door.NoSuchThing


@pytest.mark.parametrize("door", ["aio", "sync"])
def test_a_program_loads_only_what_it_asks_for(door: str) -> None:
    program = (
        f"import sys; from kafkalite import {'Async' if door == 'aio' else ''}KafkaProducer;"
        "print(sorted(m for m in sys.modules if m.startswith('kafkalite.') and m.split('.')[1] in"
        " ('aio', 'sync', 'consumer', 'admin', 'broker')))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    loaded = {
        "aio": ["aio", "aio.delivery", "aio.producer"],
        "sync": ["sync", "sync.portal", "sync.producer"],
    }
    assert told.strip() == str([f"kafkalite.{name}" for name in loaded[door]])
