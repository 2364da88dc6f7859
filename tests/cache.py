"""What tests fetch from elsewhere, and where it is kept between runs: Kafka's jars, other clients, a data set.

The folder is named by KAFKALITE_CACHE; without it, a folder in the user's own cache. Deleting it is always safe.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest


class Missing(Exception):
    """Something outside of this repository is not to be had; the text says what, and why."""


def skip_or_fail(missing: Missing, required_by: str) -> NoReturn:
    """End a test that cannot run: skipped, unless the environment variable `required_by` says 1."""
    if os.environ.get(required_by) == "1":
        pytest.fail(f"{missing} ({required_by}=1 does not allow this test to be skipped)", pytrace=False)
    pytest.skip(str(missing))


def folder() -> Path:
    """The cache folder; it may not exist yet."""
    if named := os.environ.get("KAFKALITE_CACHE"):
        return Path(named).absolute()
    home = Path.home()
    if sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        root = home / "Library" / "Caches"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return root / "kafkalite-tests"


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, which `make` fills in the first time. All there, or not there at all.

    Two runs at the same time may both make it; the first one to finish wins.
    """
    made = folder() / name
    if made.exists():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=made.parent))
    try:
        make(building)
        try:
            building.rename(made)
        except OSError:
            if not made.exists():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return made


def tool(name: str) -> str:
    """The path of a program. Raises Missing if there is none of that name."""
    found = shutil.which(name)
    if found is None:
        raise Missing(f"there is no program {name!r} on the PATH")
    return found


def run(*command: str, cwd: Path | None = None, timeout: float = 300) -> str:
    """What a program prints. Raises Missing, with all its output, if it fails: without a network, for example."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            timeout=timeout,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        raise Missing(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout
