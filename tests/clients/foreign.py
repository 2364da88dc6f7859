"""Clients in other hands and other languages, and how to run their programs (see programs/contract.py).

Python ones are installed into a virtual environment of their own, kafkajs by npm, the Java client by Maven: all into
the cache folder, once. kcat is a program that the system has or has not.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests import cache, jars

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]
PATIENCE = 60.0

PYTHON_PACKAGES = (
    "kafka-python==3.0.12",
    "aiokafka==0.14.0",
    "confluent-kafka==2.16.1",
    # What the first two compress with.
    "cramjam==2.14.0",
    "lz4==4.4.5",
    "python-snappy==0.7.3",
    "zstandard==0.25.0",
)
KAFKAJS = "kafkajs@2.2.4"

ALL_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Client(NamedTuple):
    """A program that keeps the contract."""

    name: str
    command: tuple[str, ...]
    codecs: tuple[str, ...] = ALL_CODECS
    """kafkajs has only gzip on board."""
    environment: tuple[tuple[str, str], ...] = ()

    def environ(self) -> dict[str, str]:
        return {**os.environ, **dict(self.environment)}

    def run(self, *arguments: str) -> list[dict[str, Any]]:
        """Run the program to its end; the JSON lines that it printed."""
        done = subprocess.run(
            [*self.command, *arguments],
            env=self.environ(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{self.name} {arguments} ended with {done.returncode}\n{done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]


class Member:
    """A running member of a group."""

    def __init__(self, client: Client, bootstrap: str, topic: str, group: str, log: Path) -> None:
        self.name = client.name
        self.records: list[dict[str, Any]] = []
        self.assigned: list[int] | None = None
        self.left = False
        self.log = log
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [*client.command, "member", bootstrap, topic, group],
                env=client.environ(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                encoding="utf-8",
            )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            what = json.loads(line)
            if "assigned" in what:
                self.assigned = what["assigned"]
            elif "left" in what:
                self.left = True
            else:
                self.records.append(what)

    def __repr__(self) -> str:
        return f"<{self.name}: assigned {self.assigned}, {len(self.records)} records, ended {self.process.poll()}>"

    def leave(self) -> None:
        """Let it commit, leave and end."""
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0, self.log.read_text(encoding="utf-8")
        self.reader.join(PATIENCE)
        assert self.left

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def until(condition: Any, *members: Member) -> None:
    """Wait for what the members bring about on their own."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        ended = [m for m in members if m.process.poll() is not None]
        logs = "\n".join(m.log.read_text(encoding="utf-8") for m in members)
        assert not ended, f"{ended} ended\n{logs}"
        assert time.monotonic() < deadline, f"waited {PATIENCE} s in vain: {members}\n{logs}"
        time.sleep(0.02)  # between two looks at what the members said


def shared(*members: Member) -> list[int]:
    """The partitions of all members, in order."""
    return sorted(partition for member in members for partition in member.assigned or ())


def _python() -> str:
    def install(where: Path) -> None:
        cache.run(sys.executable, "-m", "venv", str(where))
        cache.run(str(where / python), "-m", "pip", "install", "--quiet", *PYTHON_PACKAGES, timeout=600)

    python = Path("Scripts", "python.exe") if sys.platform == "win32" else Path("bin", "python")
    versions = "-".join(package.partition("==")[2] for package in PYTHON_PACKAGES)
    name = f"python-{sys.version_info[0]}.{sys.version_info[1]}-clients-{versions}"
    return str(cache.once(name, install) / python)


def _node_modules() -> str:
    def install(where: Path) -> None:
        npm = cache.tool("npm")
        cache.run(npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(where), KAFKAJS)

    return str(cache.once(KAFKAJS.replace("@", "-"), install) / "node_modules")


def _python_client(name: str) -> Client:
    program = PROGRAMS / f"{name.replace('-', '_')}_client.py"
    return Client(name, (_python(), str(program)))


def _kafkajs() -> Client:
    node = cache.tool("node")
    environment = (("NODE_PATH", _node_modules()),)
    program = str(PROGRAMS / "kafkajs_client.js")
    return Client("kafkajs", (node, program), ("none", "gzip"), environment)


def _java() -> Client:
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    command = (jars.java(), "-XX:TieredStopAtLevel=1", quiet, "-cp", jars.class_path())
    return Client("java", (*command, str(PROGRAMS / "JavaClient.java")))


def _kcat() -> Client:
    environment = (("KCAT", cache.tool("kcat")),)
    return Client("kcat", (sys.executable, str(PROGRAMS / "kcat_client.py")), environment=environment)


def kafkalite() -> Client:
    """Ours, held to the same contract."""
    environment = (("PYTHONPATH", str(ROOT)),)
    return Client(
        "kafkalite", (sys.executable, str(PROGRAMS / "kafkalite_client.py")), environment=environment
    )


CLIENTS: dict[str, Callable[[], Client]] = {
    "kafka-python": functools.partial(_python_client, "kafka-python"),
    "aiokafka": functools.partial(_python_client, "aiokafka"),
    "confluent-kafka": functools.partial(_python_client, "confluent-kafka"),
    "kafkajs": _kafkajs,
    "java": _java,
    "kcat": _kcat,
    "kafkalite": kafkalite,
}

BY_RANGE = [name for name in CLIENTS if name not in ("kafkajs", "kafkalite")]
"""Those that divide partitions as kafkalite does, and so can share a group with it. kafkajs knows round robin only."""
