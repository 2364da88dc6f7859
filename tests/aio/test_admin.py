import pytest

from kafkalite.aio import AsyncKafkaAdminClient
from kafkalite.errors import IllegalStateError, KafkaConfigurationError, NoBrokersAvailable
from tests.doors.engines import ADMIN_CALLS, FakeAdmin, FakeClient


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    fake = FakeAdmin()
    monkeypatch.setattr("kafkalite.aio.admin.admin", fake)
    monkeypatch.setattr("kafkalite.aio.admin.Client", FakeClient)
    return fake.calls


def test_options_are_checked():
    with pytest.raises(KafkaConfigurationError, match=r"bootstrap_server.*bootstrap_servers"):
        AsyncKafkaAdminClient(bootstrap_server="localhost")


async def test_a_start_that_failed_may_be_repeated(monkeypatch):
    admin = AsyncKafkaAdminClient()
    monkeypatch.setattr(FakeClient, "start_error", NoBrokersAvailable("nobody there"))
    with pytest.raises(NoBrokersAvailable):
        await admin.start()
    monkeypatch.setattr(FakeClient, "start_error", None)
    await admin.start()
    await admin.close()


@pytest.mark.parametrize("name", ADMIN_CALLS)
async def test_every_argument_arrives(name, calls):
    async with AsyncKafkaAdminClient(default_api_timeout_ms=7000) as admin:
        result = await getattr(admin, name)(**ADMIN_CALLS[name])
    ((called, args, kwargs),) = calls
    assert called == name
    assert kwargs.pop("timeout") == (10 if name == "wait_for_topics" else 7)
    first, *others = ADMIN_CALLS[name].items() or [None]
    assert args == ((first[1],) if first else ())
    assert kwargs == dict(others)
    assert result == (None if name == "wait_for_topics" else name)


@pytest.mark.parametrize("name", ["create_topics", "delete_topics", "create_partitions", "wait_for_topics"])
async def test_a_timeout_of_the_call(name, calls):
    async with AsyncKafkaAdminClient() as admin:
        await getattr(admin, name)(next(iter(ADMIN_CALLS[name].values())), timeout_ms=500)
    assert calls[0][2]["timeout"] == 0.5


async def test_before_the_start_and_after_the_end():
    admin = AsyncKafkaAdminClient()
    with pytest.raises(IllegalStateError, match="was not started"):
        await admin.list_topics()
    await admin.start()
    await admin.close()
    await admin.close()
    for name, arguments in ADMIN_CALLS.items():
        with pytest.raises(IllegalStateError, match="closed"):
            await getattr(admin, name)(**arguments)
    assert repr(admin) == "<AsyncKafkaAdminClient kafkalite>"


async def test_one_that_is_thrown_away_says_so():
    held = [AsyncKafkaAdminClient()]
    await held[0].start()
    with pytest.warns(ResourceWarning, match="unclosed <AsyncKafkaAdminClient"):
        held.clear()
