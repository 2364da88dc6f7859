"""Scenarios on an embedded broker that misbehaves, each through both doors."""

import pytest

from kafkalite.broker import EmbeddedBroker
from tests.doors.drive import Drive


@pytest.fixture
def broker():
    with EmbeddedBroker(config={"group.min.session.timeout.ms": 1}) as running:
        yield running


@pytest.fixture(params=["sync", "aio"])
async def door(request, broker):
    drive = Drive(request.param, broker.bootstrap_servers)
    yield drive
    await drive.close()
