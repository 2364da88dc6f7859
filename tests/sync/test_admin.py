import asyncio

import pytest

from kafkalite.errors import IllegalStateError, KafkaConfigurationError, NoBrokersAvailable
from kafkalite.sync import KafkaAdminClient
from tests.doors.engines import ADMIN_CALLS, FakeAdmin, FakeClient


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    fake = FakeAdmin()
    monkeypatch.setattr("kafkalite.sync.admin.admin", fake)
    monkeypatch.setattr("kafkalite.sync.admin.Client", FakeClient)
    return fake.calls


def test_options_are_checked():
    with pytest.raises(KafkaConfigurationError, match=r"bootstrap_server.*bootstrap_servers"):
        KafkaAdminClient(bootstrap_server="localhost")


def test_a_start_that_fails_says_why_and_closes(monkeypatch):
    monkeypatch.setattr(FakeClient, "start_error", NoBrokersAvailable("nobody there"))
    with pytest.raises(NoBrokersAvailable, match="nobody"):
        KafkaAdminClient()
    assert FakeClient.made[-1].closed


@pytest.mark.parametrize("name", ADMIN_CALLS)
def test_every_argument_arrives(name, calls):
    with KafkaAdminClient(default_api_timeout_ms=7000) as admin:
        result = getattr(admin, name)(**ADMIN_CALLS[name])
    ((called, args, kwargs),) = calls
    assert called == name
    assert kwargs.pop("timeout") == (10 if name == "wait_for_topics" else 7)
    first, *others = ADMIN_CALLS[name].items() or [None]
    assert args == ((first[1],) if first else ())
    assert kwargs == dict(others)
    assert result == (None if name == "wait_for_topics" else name)


@pytest.mark.parametrize("name", ["create_topics", "delete_topics", "create_partitions", "wait_for_topics"])
def test_a_timeout_of_the_call(name, calls):
    with KafkaAdminClient() as admin:
        getattr(admin, name)(next(iter(ADMIN_CALLS[name].values())), timeout_ms=500)
    assert calls[0][2]["timeout"] == 0.5


def test_close_twice_and_no_call_after():
    admin = KafkaAdminClient()
    admin.close()
    admin.close()
    assert FakeClient.made[-1].closed
    with pytest.raises(IllegalStateError, match="closed"):
        admin.list_topics()
    assert repr(admin) == "<KafkaAdminClient kafkalite>"


def test_a_loop_of_the_users_is_used():
    made = []

    def factory():
        made.append(asyncio.new_event_loop())
        return made[0]

    with KafkaAdminClient(loop_factory=factory) as admin:
        admin.list_topics()
    assert made[0].is_closed()


def test_one_that_is_thrown_away_says_so_and_is_closed():
    held = [KafkaAdminClient()]
    portal = held[0]._portal
    with pytest.warns(ResourceWarning, match="unclosed KafkaAdminClient"):
        held.clear()
    portal.join(10)
    assert FakeClient.made[-1].closed
