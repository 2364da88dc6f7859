from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from kafkalite.errors import (
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NoBrokersAvailable,
    NodeNotReadyError,
    RequestTimedOutError,
    UnsupportedVersionError,
)
from kafkalite.net.client import Client
from kafkalite.protocol.codes import CoordinatorKeyType
from kafkalite.protocol.message import Request
from kafkalite.protocol.messages.create_topics import CreateTopicsRequest
from kafkalite.protocol.messages.describe_cluster import DescribeClusterRequest, DescribeClusterResponse
from kafkalite.protocol.messages.end_txn import EndTxnRequest
from kafkalite.protocol.messages.fetch import FetchRequest
from kafkalite.protocol.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataResponse
from kafkalite.protocol.messages.produce import ProduceRequest

from .peer import HANG_UP, PATIENCE, Peer, config, soon, topic
from .stepped import stepped
from .wire import Network

GROUP = CoordinatorKeyType.GROUP


def now() -> float:
    return asyncio.get_running_loop().time()


class Cluster:
    """Scripted peers, and one client that knows the first of them."""

    def __init__(self, *node_ids: int, forget_idle_topics: bool = False, **options: Any) -> None:
        self.peers = [Peer(node_id) for node_id in node_ids or (1,)]
        for peer in self.peers:
            peer.cluster = list(self.peers)
        self.network = Network(*self.peers)
        options = {
            "retry_backoff_ms": 100,
            "retry_backoff_max_ms": 1000,
            "reconnect_backoff_ms": 50,
            "reconnect_backoff_max_ms": 1000,
            **options,
        }
        self.client = Client(
            config(*(peer.address for peer in self.peers), **options),
            rng=Random(1),
            opener=self.network.open,
            forget_idle_topics=forget_idle_topics,
        )

    async def __aenter__(self) -> Cluster:
        await self.client.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def down(self, *peers: Peer) -> None:
        """These hang up and refuse."""
        for peer in peers:
            self.network.down.add(peer.address)
            self.network.drop(peer)

    def metadata_requests(self) -> list[tuple[Peer, MetadataRequest]]:
        return [(peer, request) for peer in self.peers for request in peer.sent(MetadataRequest)]

    async def idle(self, seconds: float) -> int:
        """Let time pass; returns how many metadata requests there were meanwhile."""
        before = len(self.metadata_requests())
        await asyncio.sleep(seconds)
        return len(self.metadata_requests()) - before


# Over real sockets.


async def test_a_client_starts_sends_and_closes() -> None:
    async with Peer(1) as one, Peer(2) as two:
        one.cluster = two.cluster = [one, two]
        client = Client(config(one.address))
        await client.start()
        await client.start()
        assert set(client.cluster.nodes) == {1, 2}
        assert client.connected
        two.on(HeartbeatRequest, HeartbeatResponse(error_code=27))
        assert (await client.send(2, HeartbeatRequest())).error_code == 27
        assert one.connections == two.connections == 1  # the bootstrap connection serves on as node 1's
        assert "node 1 at 127.0.0.1:" in client.name_of(1)
        assert repr(client).startswith("<Client of cluster peers: <Pool of 2 nodes: 1/main ready")
        await client.close()
        await client.close()
        assert not client.connected


async def test_posting_tells_what_came_of_it() -> None:
    async with Peer(1, versions={FetchRequest: None}) as peer:
        client = Client(config(peer.address))
        await client.start()
        told: asyncio.Queue[Any] = asyncio.Queue()
        peer.on(HeartbeatRequest, HeartbeatResponse(error_code=27))
        client.post(1, HeartbeatRequest(), told.put_nowait)
        assert (await told.get()).error_code == 27
        client.post(1, FetchRequest(), told.put_nowait)
        assert isinstance(told.get_nowait(), UnsupportedVersionError)
        peer.on(HeartbeatRequest, HANG_UP)
        client.post(1, HeartbeatRequest(), told.put_nowait)
        assert isinstance(await told.get(), KafkaConnectionError)
        client.post(7, HeartbeatRequest(), told.put_nowait)
        assert isinstance(told.get_nowait(), NodeNotReadyError)
        await client.close()


async def test_starting_may_fail_and_be_tried_again() -> None:
    peer = Peer(1)
    async with peer:
        pass
    client = Client(config(peer.address, bootstrap_timeout_ms=500))
    with pytest.raises(NoBrokersAvailable, match="connection refused"):
        await client.start()
    async with peer:
        await client.start()
        assert client.connected
        await client.close()


@pytest.mark.parametrize("turns", range(0, 30, 3))
async def test_closing_while_starting(turns: int) -> None:
    async with Peer(1) as peer:
        peer.always(MetadataRequest, None)
        client = Client(config(peer.address))
        starting = asyncio.create_task(client.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        await client.close()
        with pytest.raises(IllegalStateError, match="closed"):
            await starting
        with pytest.raises(IllegalStateError, match="closed"):
            await client.start()


async def test_cancelling_a_start() -> None:
    async with Peer(1) as peer:
        peer.on(MetadataRequest, None)
        client = Client(config(peer.address))
        starting = asyncio.create_task(client.start())
        await peer.until_sent(MetadataRequest)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await client.start()
        await client.close()


async def test_two_that_start_at_once_share_the_start() -> None:
    async with Peer(1) as peer:
        client = Client(config(peer.address))
        await asyncio.gather(client.start(), client.start())
        assert peer.connections == 1
        await client.close()


async def test_closing_while_requests_wait() -> None:
    async with Peer(1) as peer:
        peer.always(HeartbeatRequest, None)
        client = Client(config(peer.address))
        await client.start()
        tasks = [
            asyncio.create_task(client.send(1, HeartbeatRequest())),
            asyncio.create_task(client.send_to_any(HeartbeatRequest())),
            asyncio.create_task(client.wait_for_update(99, soon())),
        ]
        await peer.until_sent(HeartbeatRequest, 2)
        await client.close()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(error, KafkaError)
            assert "closed" in str(error)


async def test_the_client_can_be_made_without_a_loop() -> None:
    client = await asyncio.to_thread(lambda: Client(config(("h", 1))))
    assert client.cluster.generation == 0
    await client.close()


# One attempt.


@stepped
async def test_requests_of_one_lane_go_out_in_the_order_of_the_calls() -> None:
    cluster = Cluster(1, 2)
    async with cluster:
        target = next(p for p in cluster.peers if not p.connections)
        cluster.network.slow[target.address] = 1.0
        tasks: list[asyncio.Task[Any]] = []
        for n in range(60):  # some before the connection is there, then one in every turn of the loop
            request = HeartbeatRequest(generation_id=n)
            tasks.append(asyncio.create_task(cluster.client.send(target.node_id, request)))
            await asyncio.sleep(0.2 if n < 5 else 0)
        await asyncio.gather(*tasks)
        assert [r.generation_id for r in target.sent(HeartbeatRequest)] == list(range(len(tasks)))


@stepped
async def test_lanes_have_connections_of_their_own() -> None:
    async with Cluster(1) as cluster:
        (peer,) = cluster.peers
        peer.on(HeartbeatRequest, lambda _: asyncio.sleep(5, HeartbeatResponse()))
        slow = asyncio.create_task(cluster.client.send(1, HeartbeatRequest()))
        await asyncio.sleep(0)
        began = now()
        await cluster.client.send(1, HeartbeatRequest(), lane="coordinator")
        assert now() == began
        assert cluster.client.in_flight(1) == 1
        await slow
        assert peer.connections == 2


@stepped
async def test_versions_can_be_narrowed() -> None:
    async with Cluster(1) as cluster:
        (peer,) = cluster.peers
        await cluster.client.send(1, HeartbeatRequest(), max_version=2)
        assert peer.received[-1].api_version == 2
        assert cluster.client.version_for(1, HeartbeatRequest) == 4
        assert cluster.client.version_for(1, HeartbeatRequest, "coordinator") is None
        with pytest.raises(
            UnsupportedVersionError, match="speaks versions 0 to 4 of Heartbeat, this client 5 to 4"
        ):
            await cluster.client.send(1, HeartbeatRequest(), min_version=5)


@stepped
async def test_an_api_that_the_broker_does_not_have() -> None:
    cluster = Cluster(1)
    cluster.peers[0]._narrowed = {HeartbeatRequest: None}
    async with cluster:
        with pytest.raises(
            UnsupportedVersionError, match="node 1 at host1:9092 speaks no version at all of Heartbeat"
        ):
            await cluster.client.send(1, HeartbeatRequest())


@stepped
async def test_a_request_that_the_brokers_version_cannot_carry() -> None:
    cluster = Cluster(1)
    cluster.peers[0]._narrowed = {HeartbeatRequest: (0, 2)}
    async with cluster:
        with pytest.raises(
            UnsupportedVersionError, match=r"speaks only version 2 of Heartbeat.*group_instance_id"
        ):
            await cluster.client.send(1, HeartbeatRequest(group_instance_id="me"))
        assert cluster.client.connected


@stepped
async def test_a_request_without_answer() -> None:
    async with Cluster(1) as cluster:
        (peer,) = cluster.peers
        peer.always(ProduceRequest, None)
        await cluster.client.send_oneway(1, ProduceRequest(acks=0), max_version=9)
        await peer.until_sent(ProduceRequest)
        assert peer.received[-1].api_version == 9
        assert cluster.client.in_flight(1) == 0
        with pytest.raises(UnsupportedVersionError):
            await cluster.client.send_oneway(1, ProduceRequest(acks=0, transactional_id="t"), max_version=2)


@stepped
async def test_a_lost_connection_asks_for_metadata() -> None:
    async with Cluster(1, 2) as cluster:
        await asyncio.sleep(5)
        cluster.peers[1].on(HeartbeatRequest, HANG_UP)
        generation = cluster.client.cluster.generation
        with pytest.raises(KafkaConnectionError, match="node 2 at host2:9092 was closed by the broker"):
            await cluster.client.send(2, HeartbeatRequest())
        await cluster.client.wait_for_update(generation, soon())


@stepped
async def test_a_silent_broker_loses_its_connection_and_metadata_is_asked_for() -> None:
    async with Cluster(1, 2, request_timeout_ms=5000) as cluster:
        cluster.peers[1].on(HeartbeatRequest, None)
        generation = cluster.client.cluster.generation
        with pytest.raises(
            RequestTimedOutError, match="node 2 at host2:9092 did not answer Heartbeat within 5 s"
        ):
            await cluster.client.send(2, HeartbeatRequest())
        await cluster.client.wait_for_update(generation, soon())
        await cluster.client.send(2, HeartbeatRequest())
        assert cluster.peers[1].connections == 2


@stepped
async def test_who_gives_up_leaves_the_connection_usable() -> None:
    async with Cluster(1) as cluster:
        (peer,) = cluster.peers
        peer.on(HeartbeatRequest, lambda _: asyncio.sleep(2, HeartbeatResponse(error_code=1)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await cluster.client.send(1, HeartbeatRequest())
        assert (await cluster.client.send(1, HeartbeatRequest())).error_code == 0
        assert peer.connections == 1


@stepped
async def test_a_node_that_nobody_knows() -> None:
    async with Cluster(1) as cluster:
        with pytest.raises(KafkaConnectionError, match="node 9 is not part of the cluster"):
            await cluster.client.send(9, HeartbeatRequest())


@stepped
async def test_features_are_those_of_the_highest_epoch() -> None:
    cluster = Cluster(1, 2)
    for peer, epoch in zip(cluster.peers, (3, 7), strict=True):
        peer._features, peer._features_epoch = {"transaction.version": epoch}, epoch
    assert cluster.client.features() == {}
    async with cluster:
        await cluster.client.send(1, HeartbeatRequest())
        await cluster.client.send(2, HeartbeatRequest())
        assert cluster.client.features() == {"transaction.version": 7}


# Retries.


def failing(*errors: BaseException, result: object = "done") -> Any:
    """Something to be tried: it fails with these, then succeeds; `.times` says when it was tried."""
    left = list(errors)

    async def attempt() -> object:
        attempt.times.append(round(now() - 1000, 6))  # type: ignore[attr-defined]
        if left:
            raise left.pop(0)
        return result

    attempt.times = []  # type: ignore[attr-defined]
    return attempt


@stepped
async def test_what_is_retriable_is_tried_again_with_growing_waits() -> None:
    async with Cluster(1) as cluster:
        attempt = failing(*(CoordinatorNotAvailableError(str(n)) for n in range(6)))
        assert await cluster.client.retrying(attempt, deadline=soon(), what="it") == "done"
        waits = [b - a for a, b in zip(attempt.times, attempt.times[1:], strict=False)]
        for wait, middle in zip(waits, (0.1, 0.2, 0.4, 0.8, 1.0, 1.0), strict=True):
            assert 0.8 * middle <= wait <= min(1.2 * middle, 1.0) + 1e-6


@stepped
async def test_what_is_not_retriable_is_raised_at_once() -> None:
    async with Cluster(1) as cluster:
        attempt = failing(GroupAuthorizationFailedError("no"))
        with pytest.raises(GroupAuthorizationFailedError):
            await cluster.client.retrying(attempt, deadline=soon(), what="it")
        assert len(attempt.times) == 1


@stepped
async def test_at_the_deadline_the_last_cause_is_named() -> None:
    async with Cluster(1) as cluster:
        began = now()
        attempt = failing(*(CoordinatorNotAvailableError(f"cause {n}") for n in range(99)))
        with pytest.raises(
            KafkaTimeoutError, match=r"finding it did not succeed in time after \d+ attempts; last"
        ) as e:
            await cluster.client.retrying(attempt, deadline=began + 5, what="finding it")
        assert now() == began + 5
        assert f"cause {len(attempt.times) - 1}" in str(e.value)
        assert isinstance(e.value.__cause__, CoordinatorNotAvailableError)


@stepped
async def test_an_attempt_that_outlasts_the_deadline() -> None:
    async with Cluster(1) as cluster:
        (peer,) = cluster.peers
        peer.always(HeartbeatRequest, None)
        with pytest.raises(
            KafkaTimeoutError, match="Heartbeat did not succeed in time after 1 attempt; no answer came"
        ):
            await cluster.client.send_to_any(HeartbeatRequest(), deadline=now() + 3)
        assert cluster.client.connected  # somebody else's patience is not the connection's fault


@stepped
async def test_a_deadline_that_has_passed_makes_no_attempt() -> None:
    async with Cluster(1) as cluster:
        attempt = failing()
        with pytest.raises(KafkaTimeoutError, match="after 0 attempts"):
            await cluster.client.retrying(attempt, deadline=now() - 1, what="it")
        assert attempt.times == []


@stepped
async def test_the_number_of_retries_may_be_limited() -> None:
    cluster = Cluster(1)
    object.__setattr__(cluster.client._config, "retries", 2)
    async with cluster:
        attempt = failing(*(CoordinatorNotAvailableError(str(n)) for n in range(9)))
        with pytest.raises(CoordinatorNotAvailableError, match="2"):
            await cluster.client.retrying(attempt, deadline=soon(), what="it")
        assert len(attempt.times) == 3


@stepped
async def test_another_node_is_tried_when_one_cannot_be_reached() -> None:
    async with Cluster(1, 2, 3) as cluster:
        connected = next(p for p in cluster.peers if p.connections)
        others = [p for p in cluster.peers if p is not connected]
        cluster.down(connected, others[0])
        await cluster.client.send_to_any(DescribeClusterRequest())
        assert len(others[1].sent(DescribeClusterRequest)) == 1


@stepped
async def test_without_a_deadline_there_is_the_default_one() -> None:
    async with Cluster(1, default_api_timeout_ms=7000) as cluster:
        cluster.peers[0].always(HeartbeatRequest, None)
        began = now()
        with pytest.raises(KafkaTimeoutError):
            await cluster.client.send_to_any(HeartbeatRequest())
        assert now() == began + 7


# The controller.


@stepped
async def test_the_controller_is_asked_and_found_again_when_it_moves() -> None:
    cluster = Cluster(1, 2)
    one, two = cluster.peers
    for peer in cluster.peers:
        peer.controller_id = 1
    async with cluster:
        await cluster.client.send_to_controller(CreateTopicsRequest())
        assert len(one.sent(CreateTopicsRequest)) == 1
        for peer in cluster.peers:
            peer.controller_id = 2
        one.always(DescribeClusterRequest, DescribeClusterResponse(error_code=41))
        assert (await cluster.client.send_to_controller(DescribeClusterRequest())).error_code == 0
        assert len(two.sent(DescribeClusterRequest)) == 1


@stepped
async def test_without_a_known_controller_any_node_will_do() -> None:
    async with Cluster(1, 2) as cluster:
        assert cluster.client.cluster.controller_id == -1
        await cluster.client.send_to_controller(CreateTopicsRequest())


@stepped
async def test_a_controller_that_never_is_one() -> None:
    async with Cluster(1) as cluster:
        cluster.peers[0].always(DescribeClusterRequest, DescribeClusterResponse(error_code=41))
        with pytest.raises(
            KafkaTimeoutError, match=r"last cause: .*node 1 at host1:9092 is not the controller any more"
        ):
            await cluster.client.send_to_controller(DescribeClusterRequest(), deadline=now() + 3)


# Coordinators.


def coordinator(node: Peer, key: str = "g") -> FindCoordinatorResponse:
    host, port = node.address
    return FindCoordinatorResponse(
        coordinators=[Coordinator(key=key, node_id=node.node_id, host=host, port=port)]
    )


@stepped
async def test_a_coordinator_is_looked_up_once() -> None:
    async with Cluster(1, 2) as cluster:
        for peer in cluster.peers:
            peer.always(FindCoordinatorRequest, coordinator(cluster.peers[1]))
        assert await cluster.client.find_coordinator(GROUP, "g", deadline=soon()) == 2
        assert await cluster.client.find_coordinator(GROUP, "g", deadline=soon()) == 2
        asked = [r for p in cluster.peers for r in p.sent(FindCoordinatorRequest)]
        assert [(r.coordinator_keys, r.key_type) for r in asked] == [(["g"], 0)]
        cluster.client.forget_coordinator(GROUP, "g")
        await cluster.client.find_coordinator(GROUP, "g", deadline=soon())
        assert sum(len(p.sent(FindCoordinatorRequest)) for p in cluster.peers) == 2


@stepped
@pytest.mark.parametrize("highest", [1, 3])
async def test_an_older_broker_is_asked_for_one_key(highest: int) -> None:
    cluster = Cluster(1)
    (peer,) = cluster.peers
    peer._narrowed = {FindCoordinatorRequest: (0, highest)}
    host, port = peer.address
    peer.always(FindCoordinatorRequest, FindCoordinatorResponse(node_id=1, host=host, port=port))
    async with cluster:
        found = await cluster.client.find_coordinator(CoordinatorKeyType.TRANSACTION, "t", deadline=soon())
        assert found == 1
        (request,) = peer.sent(FindCoordinatorRequest)
        assert (request.key, request.key_type) == ("t", 1)


@stepped
async def test_a_coordinator_that_is_not_there_yet_is_asked_for_again() -> None:
    async with Cluster(1) as cluster:
        (peer,) = cluster.peers
        absent = FindCoordinatorResponse(coordinators=[Coordinator(key="g", error_code=15, node_id=-1)])
        peer.on(FindCoordinatorRequest, absent, absent, coordinator(peer))
        assert await cluster.client.find_coordinator(GROUP, "g", deadline=soon()) == 1
        peer.always(FindCoordinatorRequest, absent)
        with pytest.raises(
            KafkaTimeoutError, match="finding the coordinator of group 'h' did not succeed in time"
        ):
            await cluster.client.find_coordinator(GROUP, "h", deadline=now() + 3)


@stepped
async def test_a_coordinator_that_may_not_be_asked_for() -> None:
    async with Cluster(1) as cluster:
        refusal = FindCoordinatorResponse(coordinators=[Coordinator(key="g", error_code=30, node_id=-1)])
        cluster.peers[0].on(FindCoordinatorRequest, refusal)
        with pytest.raises(GroupAuthorizationFailedError, match="coordinator of group 'g'"):
            await cluster.client.find_coordinator(GROUP, "g", deadline=soon())


@stepped
async def test_a_coordinator_that_metadata_does_not_know_yet_can_be_reached() -> None:
    async with Cluster(1) as cluster:
        new = cluster.network.add(Peer(7))
        cluster.peers[0].always(FindCoordinatorRequest, coordinator(new))
        assert await cluster.client.find_coordinator(GROUP, "g", deadline=soon()) == 7
        await cluster.client.send(7, HeartbeatRequest())
        assert len(new.sent(HeartbeatRequest)) == 1


# Metadata.


@stepped
async def test_metadata_is_refreshed_by_age() -> None:
    async with Cluster(1, metadata_max_age_ms=60_000) as cluster:
        assert await cluster.idle(59) == 0
        assert await cluster.idle(2) == 1
        assert await cluster.idle(60) == 1
        assert await cluster.idle(600) == 10


@stepped
async def test_metadata_is_refreshed_on_demand() -> None:
    async with Cluster(1) as cluster:
        await asyncio.sleep(10)
        before = cluster.client.cluster.generation
        began = now()
        assert (await cluster.client.refresh_metadata(soon())).generation == before + 1
        assert now() == began
        assert cluster.client.last_metadata_failure is None


@stepped
async def test_but_not_sooner_than_the_back_off() -> None:
    async with Cluster(1) as cluster:
        for _ in range(50):
            await cluster.client.refresh_metadata(soon())
        spent = now() - 1000
        assert spent >= 40  # a second each once the back-off has grown


@stepped
async def test_new_topics_are_asked_for_at_once() -> None:
    cluster = Cluster(1)
    cluster.peers[0].topics = {"a": topic("a", 1), "b": topic("b", 1)}
    async with cluster:
        for name in ("a", "b"):
            generation = cluster.client.cluster.generation
            assert cluster.client.want_topics(name)
            await cluster.client.wait_for_update(generation, soon())
            assert not cluster.client.want_topics(name)
            assert cluster.client.cluster.leader_of(name, 0) == 1
        assert now() == 1000


@stepped
async def test_a_topic_that_stays_unknown_is_no_busy_loop() -> None:
    async with Cluster(1) as cluster:
        cluster.client.want_topics("missing")
        assert 5 <= await cluster.idle(2) <= 9
        assert 8 <= await cluster.idle(10) <= 13
        assert 95 <= await cluster.idle(100) <= 125
        cluster.client.metadata.set_topics([])
        await asyncio.sleep(5)
        assert await cluster.idle(100) == 0


@stepped
async def test_waiting_for_a_topic_is_no_busy_loop_either() -> None:
    async with Cluster(1) as cluster:

        async def wait() -> None:
            while cluster.client.cluster.partitions_of("missing") is None:
                after = cluster.client.cluster.generation
                cluster.client.want_topics("missing")
                await cluster.client.wait_for_update(after, now() + 30)

        waiting = [asyncio.create_task(wait()) for _ in range(5)]
        assert await cluster.idle(10) <= 20
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


@stepped
async def test_producers_forget_topics_that_do_not_exist() -> None:
    async with Cluster(1, forget_idle_topics=True, metadata_max_idle_ms=60_000) as cluster:
        cluster.client.want_topics("missing")
        assert await cluster.idle(59) > 50
        await asyncio.sleep(5)
        assert await cluster.idle(200) == 0
        assert "missing" not in cluster.client.cluster.topics


@stepped
async def test_waiting_for_metadata_ends_in_time_and_names_the_cause() -> None:
    async with Cluster(1, request_timeout_ms=5000) as cluster:
        (peer,) = cluster.peers
        peer.always(MetadataRequest, None)
        with pytest.raises(
            KafkaTimeoutError, match="node 1 at host1:9092 was asked and has not answered yet"
        ):
            await cluster.client.refresh_metadata(now() + 3)
        with pytest.raises(
            KafkaTimeoutError, match=r"no fresh metadata came in time: .*did not answer Metadata within 5 s"
        ):
            await cluster.client.refresh_metadata(now() + 10)
        assert isinstance(cluster.client.last_metadata_failure, RequestTimedOutError)


@stepped
@pytest.mark.parametrize("answer", [MetadataResponse(), MetadataResponse(error_code=13)])
async def test_an_answer_without_brokers_changes_nothing_and_is_asked_again(answer: MetadataResponse) -> None:
    async with Cluster(1, 2) as cluster:
        for peer in cluster.peers:
            peer.on(MetadataRequest, answer)
        before = cluster.client.cluster
        await asyncio.sleep(5)
        cluster.client.request_update()
        await asyncio.sleep(0.01)
        assert cluster.client.cluster is before
        assert cluster.client.last_metadata_failure is not None
        await cluster.client.wait_for_update(before.generation, soon())
        assert set(cluster.client.cluster.nodes) == {1, 2}
        assert cluster.client.last_metadata_failure is None


@stepped
async def test_a_failing_refresh_is_repeated_with_growing_waits() -> None:
    async with Cluster(1, metadata_recovery_strategy="none") as cluster:
        cluster.down(cluster.peers[0])
        before = len(cluster.network.opened)
        cluster.client.request_update()
        await asyncio.sleep(30)
        assert 25 <= len(cluster.network.opened) - before <= 50
        cluster.network.down.clear()
        await cluster.client.wait_for_update(cluster.client.cluster.generation, soon())


@stepped
async def test_a_listener_that_fails_does_not_end_the_refreshing(caplog: pytest.LogCaptureFixture) -> None:
    async with Cluster(1) as cluster:

        def fail(_: Any) -> None:
            raise ZeroDivisionError("oops")

        cluster.client.metadata.listeners.append(fail)
        cluster.client.request_update()
        await asyncio.sleep(1)
        assert "metadata could not be refreshed" in caplog.text
        cluster.client.metadata.listeners.remove(fail)
        await cluster.client.refresh_metadata(soon())


@stepped
async def test_a_node_that_moved_is_found() -> None:
    async with Cluster(1, 2) as cluster:
        old = cluster.peers[1].address
        await cluster.client.send(2, HeartbeatRequest())
        moved = Peer(2)
        cluster.network.add(moved)
        moved.address = ("elsewhere", 9092)
        cluster.network.peers[moved.address] = moved
        moved.cluster = [cluster.peers[0], moved]
        cluster.network.down.add(old)
        cluster.peers[0].cluster = [cluster.peers[0], moved]
        cluster.network.drop(cluster.peers[1])
        cluster.peers[1].cluster = moved.cluster
        await cluster.client.refresh_metadata(soon())
        await cluster.client.send(2, HeartbeatRequest())
        assert len(moved.sent(HeartbeatRequest)) == 1


# Starting again (KIP-899, KIP-1102).


def replace_cluster(cluster: Cluster) -> Peer:
    """The nodes go away; other ones come up behind the name of the first."""
    bootstrap = cluster.peers[0].address
    cluster.down(*cluster.peers)
    fresh = Peer(50)
    cluster.network.add(fresh)
    fresh.topics["t"] = topic("t", 50, epoch=9)
    cluster.network.peers[bootstrap] = fresh
    cluster.network.down.discard(bootstrap)
    return fresh


@stepped
async def test_when_no_node_can_be_reached_the_bootstrap_servers_are_asked_again() -> None:
    cluster = Cluster(1, 2)
    for peer in cluster.peers:
        peer.topics["t"] = topic("t", 1, epoch=3)
    async with cluster:
        cluster.client.want_topics("t")
        await cluster.client.wait_for_update(1, soon())
        cluster.client._coordinators._known[GROUP, "g"] = 1
        fresh = replace_cluster(cluster)
        cluster.client.request_update()
        cluster.network.down.add(("host1", 9092))
        await asyncio.sleep(5)
        assert cluster.client.cluster.nodes == {}
        assert len(cluster.client.cluster.partitions_of("t") or ()) == 1  # topics stay known
        assert cluster.client.cluster.leader_of("t", 0) is None
        with pytest.raises(KafkaError):
            await cluster.client.send(1, HeartbeatRequest())
        cluster.network.down.discard(("host1", 9092))
        await asyncio.sleep(5)
        assert set(cluster.client.cluster.nodes) == {50}
        assert cluster.client.cluster.leader_of("t", 0) == 50
        assert cluster.client._coordinators.get(GROUP, "g") is None
        await cluster.client.send_to_any(HeartbeatRequest())
        assert len(fresh.sent(HeartbeatRequest)) == 1


@stepped
async def test_a_rebootstrap_that_fails_is_tried_again_and_named() -> None:
    async with Cluster(1, bootstrap_timeout_ms=2000) as cluster:
        cluster.down(cluster.peers[0])
        with pytest.raises(KafkaTimeoutError, match=r"last cause: .*node"):
            await cluster.client.send_to_any(HeartbeatRequest(), deadline=now() + 20)
        with pytest.raises(
            KafkaTimeoutError, match=r"no bootstrap server could be used within 2 s: .*refused"
        ):
            await cluster.client.refresh_metadata(now() + 20)
        cluster.network.down.clear()
        await cluster.client.send_to_any(HeartbeatRequest())


@stepped
async def test_with_recovery_none_the_known_nodes_are_tried_for_ever() -> None:
    async with Cluster(1, 2, metadata_recovery_strategy="none") as cluster:
        replace_cluster(cluster)
        cluster.network.peers[("host1", 9092)] = cluster.peers[0]
        cluster.network.down.add(("host1", 9092))
        await asyncio.sleep(60)
        assert set(cluster.client.cluster.nodes) == {1, 2}
        assert not any(name.startswith("bootstrap") for name, *_ in cluster.network.opened[2:])


@stepped
@pytest.mark.parametrize("strategy", ["rebootstrap", "none"])
async def test_a_broker_may_ask_for_it(strategy: str) -> None:
    async with Cluster(1, metadata_recovery_strategy=strategy) as cluster:
        await asyncio.sleep(5)
        (peer,) = cluster.peers
        peer.on(MetadataRequest, MetadataResponse(error_code=129))
        before = len([name for name, *_ in cluster.network.opened if name.startswith("bootstrap")])
        after = cluster.client.request_update()
        await asyncio.sleep(5)
        again = len([name for name, *_ in cluster.network.opened if name.startswith("bootstrap")]) - before
        assert again == (1 if strategy == "rebootstrap" else 0)
        assert cluster.client.cluster.generation > after


@stepped
async def test_nodes_that_accept_and_never_answer_are_given_up_after_the_trigger() -> None:
    options = {"request_timeout_ms": 5000, "metadata_recovery_rebootstrap_trigger_ms": 60_000}
    async with Cluster(1, 2, **options) as cluster:
        await asyncio.sleep(500)
        for peer in cluster.peers:
            peer.always(MetadataRequest, None)
        cluster.client.request_update()
        await asyncio.sleep(50)
        assert not any(name.startswith("bootstrap") for name, *_ in cluster.network.opened[1:])
        await asyncio.sleep(20)
        assert any(name.startswith("bootstrap") for name, *_ in cluster.network.opened[1:])


@stepped
async def test_closing_during_a_rebootstrap() -> None:
    async with Cluster(1) as cluster:
        cluster.down(cluster.peers[0])
        cluster.client.request_update()
        await asyncio.sleep(5)
        assert cluster.client.cluster.nodes == {}


# What the rooms above may rely on.


@stepped
async def test_every_wait_has_a_deadline() -> None:
    """With a cluster that accepts, shakes hands and then says nothing more."""
    cluster = Cluster(1, request_timeout_ms=5000, default_api_timeout_ms=20_000)
    async with cluster:
        silent: dict[type[Request[Any]], Any] = dict.fromkeys(
            (MetadataRequest, HeartbeatRequest, FindCoordinatorRequest, EndTxnRequest), None
        )
        for kind, answer in silent.items():
            cluster.peers[0].always(kind, answer)
        client = cluster.client
        waits = [
            client.send(1, HeartbeatRequest()),
            client.send_to_any(HeartbeatRequest()),
            client.send_to_controller(EndTxnRequest()),
            client.find_coordinator(GROUP, "g", deadline=now() + 20),
            client.refresh_metadata(now() + 20),
        ]
        began = now()
        errors = await asyncio.gather(*waits, return_exceptions=True)
        assert now() - began <= 20 + PATIENCE
        assert all(isinstance(error, KafkaError) for error in errors)
