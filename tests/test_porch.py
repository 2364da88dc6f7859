"""The front porch: every public name is there, and asking for the package costs next to nothing."""

import ast
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import kafkalite

SOURCE = Path(kafkalite.__file__)
BUDGET_MS = 80


@pytest.mark.parametrize("name", kafkalite.__all__)
def test_every_public_name_is_there(name):
    value = getattr(kafkalite, name)
    if name != "__version__" and name not in ("DefaultSerializer",):
        assert value.__name__ == name


def test_each_name_is_listed_everywhere():
    """For type checkers (the imports), for `import *` (`__all__`) and for the loader (`_HOMES`)."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in block.body for alias in node.names}
    assert imported == set(kafkalite._HOMES) == set(kafkalite.__all__) - {"__version__"}


def test_what_is_not_there():
    with pytest.raises(AttributeError, match="NoSuchThing"):
        _ = kafkalite.NoSuchThing
    assert "KafkaProducer" in dir(kafkalite)


def test_importing_is_cheap():
    program = (
        "import time; t = time.perf_counter(); import kafkalite; print((time.perf_counter() - t) * 1000)"
    )
    took = min(
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)
        for _ in range(3)
    )
    assert took < BUDGET_MS


def test_importing_loads_no_codec_and_no_tls():
    program = (
        "import sys; from kafkalite import KafkaProducer, KafkaConsumer, AsyncKafkaProducer;"
        "print([m for m in ('lz4', 'snappy', 'zstandard', 'kafkalite.broker') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert told.strip() == "[]"


def test_the_version_is_the_installed_one():
    try:
        installed = version("kafkalite")
    except PackageNotFoundError:
        pytest.skip("not installed: run from the source tree")
    assert installed == kafkalite.__version__
