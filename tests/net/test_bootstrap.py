from __future__ import annotations

import asyncio
import socket
from random import Random
from typing import Any

import pytest

from kafkalite.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NoBrokersAvailable,
    SaslAuthenticationFailedError,
)
from kafkalite.net.backoff import Backoff
from kafkalite.net.bootstrap import HEAD_START, Found, bootstrap, canonical
from kafkalite.net.metadata import Metadata
from kafkalite.net.pool import Opener
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataResponse

from .peer import HANG_UP, Peer, config, topic
from .stepped import stepped
from .wire import Network


class Start:
    """A bootstrap, with all that belongs to it."""

    def __init__(self, opener: Opener, *addresses: tuple[str, int], **options: Any) -> None:
        options = {"retry_backoff_ms": 100, "retry_backoff_max_ms": 1000, **options}
        self.config = config(*addresses, **options)
        self.opener = opener
        self.metadata = Metadata(max_age=300.0)

    async def run(self) -> Found:
        rng = Random(1)
        backoff = Backoff(self.config.retry_backoff, self.config.retry_backoff_max, rng)
        setup = Backoff(10.0, 30.0, rng)
        return await bootstrap(self.config, self.opener, self.metadata, backoff, setup)


def ones(*node_ids: int) -> tuple[Network, list[Peer]]:
    """Peers that know of each other."""
    peers = [Peer(node_id) for node_id in node_ids]
    for peer in peers:
        peer.cluster = peers
    return Network(*peers), peers


def now() -> float:
    return asyncio.get_running_loop().time()


@stepped
async def test_a_server_that_answers() -> None:
    network, (one, two) = ones(1, 2)
    one.topics["t"] = topic("t", 1, 2)
    start = Start(network.open, one.address)
    start.metadata.add_topics(["t"])
    found = await start.run()
    assert found.address == one.address
    assert found.ready.connection.alive
    assert set(start.metadata.snapshot.nodes) == {1, 2}
    assert start.metadata.snapshot.leader_of("t", 1) == 2
    assert network.opened[0][0] == "bootstrap server host1:9092"
    assert two.connections == 0
    assert not start.metadata.pending
    await found.ready.connection.close()


@stepped
async def test_a_server_that_refuses_costs_no_time() -> None:
    network, (one, two, three) = ones(1, 2, 3)
    network.down = {one.address, two.address}
    began = now()
    found = await Start(network.open, one.address, two.address, three.address).run()
    assert found.address == three.address
    assert now() == began
    await found.ready.connection.close()


@stepped
async def test_a_server_that_is_silent_costs_a_moment_only() -> None:
    network, (one, two) = ones(1, 2)
    network.slow[one.address] = 8.0
    began = now()
    found = await Start(network.open, one.address, two.address).run()
    assert found.address == two.address
    assert now() - began == pytest.approx(HEAD_START)
    await found.ready.connection.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@stepped
async def test_a_slow_server_may_still_be_the_one() -> None:
    network, (one, two, three) = ones(1, 2, 3)
    network.slow = {one.address: 2.0, two.address: 9.0, three.address: 9.0}
    began = now()
    found = await Start(network.open, one.address, two.address, three.address).run()
    assert found.address == one.address
    assert now() - began == 2.0
    await found.ready.connection.close()


@stepped
async def test_a_connection_that_is_not_needed_any_more_is_closed() -> None:
    network, (one, two) = ones(1, 2)
    network.slow = {one.address: 1.0, two.address: 1.0 - HEAD_START}
    found = await Start(network.open, one.address, two.address).run()
    for line in network.lines:
        assert line.protocol is not None
        assert line.protocol.alive == (line.protocol is found.ready.connection)
    await found.ready.connection.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@stepped
async def test_all_are_asked_again_until_one_answers() -> None:
    network, (one, two) = ones(1, 2)
    network.down = {one.address, two.address}
    loop = asyncio.get_running_loop()
    loop.call_later(5, network.down.discard, two.address)
    start = Start(network.open, one.address, two.address)
    found = await start.run()
    assert found.address == two.address
    assert len(network.opened) >= 8
    gaps = [round(b[3] - a[3], 3) for a, b in zip(network.opened[1::2], network.opened[2::2], strict=False)]
    assert gaps[:3] == sorted(gaps[:3])  # the back-off grows
    assert 0.08 <= gaps[0] <= 0.12
    assert start.metadata.failures == 0
    await found.ready.connection.close()


@stepped
async def test_the_error_names_each_address_and_its_cause_in_time() -> None:
    network, (one, two, three, four) = ones(1, 2, 3, 4)
    network.down = {one.address}
    two.always(ApiVersionsRequest, HANG_UP)
    three.always(ApiVersionsRequest, None)
    four.always(MetadataRequest, None)
    addresses = [peer.address for peer in (one, two, three, four)]
    began = now()
    with pytest.raises(NoBrokersAvailable, match="no bootstrap server could be used within 6 s") as caught:
        await Start(network.open, *addresses, bootstrap_timeout_ms=6000).run()
    assert now() - began <= 6
    causes = str(caught.value).split("within 6 s: ")[1].split("; ")
    assert len(causes) == 4
    assert causes[0] == "bootstrap server host1:9092: connection refused"
    assert "bootstrap server host2:9092 hung up when asked for its versions" in causes[1]
    assert "bootstrap server host3:9092 did not answer ApiVersions" in causes[2]
    assert "bootstrap server host4:9092 did not answer Metadata" in causes[3]
    assert isinstance(caught.value.__cause__, KafkaError)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@stepped
async def test_an_address_that_does_not_even_accept_is_named_too() -> None:
    network, (one,) = ones(1)
    network.slow[one.address] = 1e6
    began = now()
    with pytest.raises(NoBrokersAvailable, match="host1:9092 had not answered when time was up"):
        await Start(network.open, one.address, bootstrap_timeout_ms=6000).run()
    assert now() - began == 6


async def test_a_name_that_does_not_resolve_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from kafkalite.net.dial import Dialer

    async def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    start = Start(Dialer(config(), "1").open, ("nohost", 9092), bootstrap_timeout_ms=50)
    with pytest.raises(NoBrokersAvailable, match="nohost:9092: the host name 'nohost' cannot be resolved"):
        await start.run()


@stepped
async def test_what_waiting_cannot_mend_is_said_at_once() -> None:
    network, (one, two) = ones(1, 2)
    for peer in (one, two):
        peer.always(ApiVersionsRequest, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    began = now()
    with pytest.raises(
        NoBrokersAvailable, match="could be used: bootstrap server host1:9092 is an HTTP server"
    ):
        await Start(network.open, one.address, two.address).run()
    assert now() == began


@stepped
async def test_one_wrong_server_is_no_reason_to_give_up() -> None:
    network, (one, two) = ones(1, 2)
    one.always(ApiVersionsRequest, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    network.down = {two.address}
    asyncio.get_running_loop().call_later(5, network.down.clear)
    found = await Start(network.open, one.address, two.address).run()
    assert found.address == two.address
    await found.ready.connection.close()


@stepped
async def test_what_is_fatal_is_raised_as_it_is() -> None:
    network, (one, two) = ones(1, 2)
    network.slow[two.address] = 100.0

    async def opener(name: str, address: tuple[str, int], limit: float) -> Any:
        if address == two.address:
            return await network.open(name, address, limit)
        await asyncio.sleep(1)
        raise SaslAuthenticationFailedError("wrong password")

    with pytest.raises(SaslAuthenticationFailedError, match="wrong password"):
        await Start(opener, two.address, one.address).run()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (MetadataResponse(), "knows of no brokers yet: it may still be starting"),
        (MetadataResponse(error_code=13), "metadata from bootstrap server host1:9092"),
    ],
)
def test_a_server_without_a_good_answer_is_asked_again(answer: MetadataResponse, cause: str) -> None:
    @stepped
    async def run() -> None:
        network, (one,) = ones(1)
        one.on(MetadataRequest, answer)
        found = await Start(network.open, one.address).run()
        await found.ready.connection.close()
        assert len(one.sent(MetadataRequest)) == 2
        one.always(MetadataRequest, answer)
        with pytest.raises(NoBrokersAvailable, match=cause):
            await Start(network.open, one.address, bootstrap_timeout_ms=3000).run()

    run()


@stepped
async def test_a_server_that_speaks_no_metadata_we_know() -> None:
    peer = Peer(versions={MetadataRequest: (90, 99)})
    network = Network(peer)
    with pytest.raises(NoBrokersAvailable, match="speaks no version of Metadata that this client does"):
        await Start(network.open, peer.address).run()


@stepped
async def test_the_limit_of_an_attempt_grows_but_stays_in_time() -> None:
    network, (one,) = ones(1)
    network.down = {one.address}
    with pytest.raises(NoBrokersAvailable):
        await Start(network.open, one.address, bootstrap_timeout_ms=60_000, retry_backoff_ms=15_000).run()
    limits = [(limit, at - 1000) for _, _, limit, at in network.opened]
    assert 8 <= limits[0][0] <= 12
    assert 16 <= limits[1][0] <= 24
    assert all(limit <= 60 - at for limit, at in limits)


@stepped
async def test_being_cancelled_leaves_nothing() -> None:
    network, (one, two) = ones(1, 2)
    one.always(MetadataRequest, None)
    two.always(ApiVersionsRequest, None)
    task = asyncio.create_task(Start(network.open, one.address, two.address).run())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(line.protocol is not None and not line.protocol.alive for line in network.lines)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@stepped
async def test_an_address_that_is_given_twice_is_asked_once() -> None:
    network, (one,) = ones(1)
    network.down = {one.address}
    with pytest.raises(NoBrokersAvailable):
        await Start(network.open, one.address, one.address, bootstrap_timeout_ms=50).run()
    assert len(network.opened) == 1


# Canonical names.


def resolver(monkeypatch: pytest.MonkeyPatch, names: dict[str, str | OSError | None]) -> None:
    async def getaddrinfo(loop: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in names]

    async def getnameinfo(loop: Any, address: tuple[str, int], flags: int = 0) -> tuple[str, str]:
        assert flags == socket.NI_NAMEREQD
        name = names[address[0]]
        if name is None:
            await asyncio.Event().wait()
        if isinstance(name, OSError):
            raise name
        return str(name), str(address[1])

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(asyncio.BaseEventLoop, "getnameinfo", getnameinfo)


async def test_the_canonical_names_of_all_addresses_take_the_place_of_an_alias(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolver(monkeypatch, {"10.0.0.1": "host1", "10.0.0.2": "host2"})
    assert await canonical(("alias", 9092), now() + 9) == [("host1", 9092), ("host2", 9092)]
    network, (one, two) = ones(1, 2)
    network.down = {one.address}
    start = Start(network.open, ("alias", 9092), client_dns_lookup="resolve_canonical_bootstrap_servers_only")
    found = await start.run()
    assert found.address == two.address
    await found.ready.connection.close()


async def test_an_address_without_a_name_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver(monkeypatch, {"10.0.0.1": socket.gaierror(socket.EAI_NONAME, "no name")})
    assert await canonical(("alias", 9092), now() + 9) == [("alias", 9092)]


@stepped
async def test_looking_names_up_ends_in_time() -> None:
    with pytest.MonkeyPatch.context() as patch:
        resolver(patch, {"10.0.0.1": None})
        began = now()
        assert await canonical(("alias", 9092), now() + 9) == [("alias", 9092)]
        assert now() - began == 9


def test_errors_are_of_the_kinds_that_users_catch() -> None:
    assert issubclass(NoBrokersAvailable, KafkaConnectionError)
    assert issubclass(NoBrokersAvailable, KafkaTimeoutError)
