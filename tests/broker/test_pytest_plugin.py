import subprocess
import sys

import pytest

from kafkalite import broker
from kafkalite.broker import EmbeddedBroker


def test_the_fixture_is_a_running_broker(kafka_broker):
    assert isinstance(kafka_broker, EmbeddedBroker)
    assert kafka_broker.bootstrap_servers
    assert kafka_broker.topics() == {}


def test_loading_the_plugin_loads_nothing_heavy():
    source = "import sys, kafkalite.broker.pytest_plugin; print([m for m in sys.modules if m.startswith('kafkalite')])"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert "kafkalite.broker.broker" not in done.stdout
    assert "kafkalite.protocol" not in done.stdout


def test_every_public_name_is_there():
    for name in broker.__all__:
        assert getattr(broker, name).__name__ == name
        assert name in dir(broker)
    with pytest.raises(AttributeError, match="nobody"):
        broker.nobody  # noqa: B018
