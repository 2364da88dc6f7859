import pytest

from .drive import Drive


@pytest.fixture(params=["sync", "aio"])
async def door(request, bootstrap):
    """The door that this run of the scenario goes through."""
    drive = Drive(request.param, bootstrap)
    yield drive
    await drive.close()
