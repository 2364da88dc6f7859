from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from kafkalite.errors import IllegalStateError, KafkaConnectionError, KafkaError, KafkaTimeoutError
from kafkalite.net.backoff import Backoff
from kafkalite.net.connection import Connection
from kafkalite.net.handshake import Versions
from kafkalite.net.pool import Action, Address, Lane, Pool, Ready, written
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest

from .peer import config, soon
from .stepped import stepped
from .wire import Wire, feed

NODE = ("kafka1", 9092)
OTHER = ("kafka2", 9092)


class Exchange:
    """Opens connections: at once, or when the test says so, or not at all."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Address, float, float]] = []
        self.outcomes: list[Any] = []
        """What happens next: an exception, or an event to wait for first; nothing: success."""
        self.made: list[Connection] = []
        self.given_up = 0
        self.versions = Versions({12: (0, 4)}, {}, -1)

    async def open(self, name: str, address: Address, limit: float) -> Ready:
        self.calls.append((name, address, limit, asyncio.get_running_loop().time()))
        outcome = self.outcomes.pop(0) if self.outcomes else None
        try:
            if isinstance(outcome, asyncio.Event):
                await outcome.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if isinstance(outcome, BaseException):
            raise outcome
        return Ready(self.connect(name), self.versions)

    def connect(self, name: str) -> Connection:
        connection, wire = Connection(name, client_id="me", max_frame=1_000_000), Wire()
        wire.protocol = connection
        connection.connection_made(wire)
        self.made.append(connection)
        return connection

    @property
    def times(self) -> list[float]:
        """When each attempt began, in seconds since the first."""
        return [round(at - self.calls[0][3], 6) for *_, at in self.calls]


class Sure(Random):
    """No jitter, and ties in the order given."""

    def uniform(self, a: float, b: float) -> float:
        return 1.0

    def random(self) -> float:
        return 0.5


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def make(exchange: Exchange, nodes: dict[int, Address] | None = None, **options: Any) -> Pool:
    options = {"reconnect_backoff_ms": 50, "reconnect_backoff_max_ms": 1000, **options}
    pool = Pool(config(**options), exchange.open, Sure())
    pool.set_nodes({1: NODE, 2: OTHER} if nodes is None else nodes)
    return pool


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def refused(text: str = "refused") -> KafkaConnectionError:
    return KafkaConnectionError(text)


def test_addresses_are_written_as_people_do() -> None:
    assert written(("kafka", 9092)) == "kafka:9092"
    assert written(("::1", 9092)) == "[::1]:9092"


# The lane, a brain.


def test_what_a_lane_does_next() -> None:
    backoff = Backoff(1.0, 10.0, Sure())
    lane = Lane()
    assert lane.decide(0.0) is Action.CONNECT
    lane.attempt = object()  # type: ignore[assignment]
    assert lane.decide(0.0) is Action.JOIN
    lane.on_failed(refused(), 100.0, backoff)
    assert lane.decide(100.9) is Action.WAIT
    assert lane.decide(101.0) is Action.CONNECT
    for failures, delay in ((2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (6, 10.0)):
        lane.on_failed(refused(), 200.0, backoff)
        assert lane.failures == failures
        assert lane.retry_at == 200.0 + delay


@stepped
async def test_a_lane_with_a_connection_uses_it_until_it_breaks() -> None:
    lane, connection = Lane(failures=3), Exchange().connect("x")
    lane.on_connected(Ready(connection, Versions({}, {}, -1)), 100.0, Backoff(1.0, 10.0, Sure()))
    assert lane.decide(100.0) is Action.USE
    assert lane.failures == 0
    connection.break_off(refused())
    assert lane.decide(100.5) is Action.WAIT  # it broke at once
    assert lane.decide(101.0) is Action.CONNECT


# Getting a connection.


@stepped
async def test_the_first_request_connects_and_the_next_one_uses_that() -> None:
    exchange = Exchange()
    pool = make(exchange)
    ready = await pool.get(1, deadline=soon())
    assert await pool.get(1, deadline=soon()) is ready
    assert pool.ready(1) is ready
    assert [call[:2] for call in exchange.calls] == [("node 1 at kafka1:9092", NODE)]
    await pool.close()


@stepped
async def test_lanes_have_connections_of_their_own() -> None:
    exchange = Exchange()
    pool = make(exchange)
    main, other = await pool.get(1, deadline=soon()), await pool.get(1, "coordinator", deadline=soon())
    assert main is not other
    assert pool.ready(1, "coordinator") is other
    await pool.close()


@stepped
async def test_those_who_come_while_it_connects_share_the_attempt() -> None:
    exchange, event = Exchange(), asyncio.Event()
    exchange.outcomes = [event]
    pool = make(exchange)
    tasks = [asyncio.create_task(pool.get(1, deadline=soon())) for _ in range(3)]
    await turns()
    assert repr(pool) == "<Pool of 2 nodes: 1/main connecting>"
    assert pool.ready(1) is None
    event.set()
    first, second, third = await asyncio.gather(*tasks)
    assert first is second is third
    assert len(exchange.calls) == 1
    await pool.close()


@stepped
async def test_when_one_of_them_gives_up_the_attempt_goes_on() -> None:
    exchange, event = Exchange(), asyncio.Event()
    exchange.outcomes = [event]
    pool = make(exchange)
    starter = asyncio.create_task(pool.get(1, deadline=soon()))
    await turns()
    joiner = asyncio.create_task(pool.get(1, deadline=soon()))
    await turns()
    starter.cancel()
    await turns()
    event.set()
    assert (await joiner).connection.alive
    assert exchange.given_up == 0
    await pool.close()


@stepped
async def test_connections_are_handed_out_in_the_order_of_the_calls() -> None:
    exchange, event = Exchange(), asyncio.Event()
    exchange.outcomes = [event]
    pool = make(exchange)
    order: list[str] = []

    async def use(name: str) -> None:
        await pool.get(1, deadline=soon())
        order.append(name)

    tasks = [asyncio.create_task(use(name)) for name in "abc"]
    await turns()
    event.set()
    for _ in range(100):
        if pool._lanes[1, "main"].ready is not None:
            break
        await asyncio.sleep(0)
    assert not order
    assert pool.ready(1) is None  # it is there, but others were first
    tasks.append(asyncio.create_task(use("late")))
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c", "late"]
    assert pool.ready(1) is not None
    await pool.close()


@stepped
async def test_a_failed_attempt_is_everyones_error_at_once() -> None:
    exchange, event = Exchange(), asyncio.Event()
    pool = make(exchange)

    async def fail(name: str, address: Address, limit: float) -> Ready:
        await event.wait()
        raise refused("node 1 at kafka1:9092: connection refused")

    pool._opener = fail
    tasks = [asyncio.create_task(pool.get(1, deadline=soon())) for _ in range(2)]
    await turns()
    event.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(error) for error in errors] == ["node 1 at kafka1:9092: connection refused"] * 2
    assert repr(pool) == "<Pool of 2 nodes: 1/main down, 1 failures>"
    await pool.close()


@stepped
async def test_the_next_one_waits_out_a_back_off_that_grows() -> None:
    exchange = Exchange()
    exchange.outcomes = [refused(str(n)) for n in range(7)]
    pool = make(exchange)
    for _ in range(7):
        with pytest.raises(KafkaConnectionError):
            await pool.get(1, deadline=soon())
    await pool.get(1, deadline=soon())
    assert exchange.times == [0, 0.05, 0.15, 0.35, 0.75, 1.55, 2.55, 3.55]
    await pool.close()


@stepped
async def test_the_time_for_an_attempt_grows_with_failures() -> None:
    exchange = Exchange()
    exchange.outcomes = [refused() for _ in range(4)]
    pool = make(
        exchange, socket_connection_setup_timeout_ms=10_000, socket_connection_setup_timeout_max_ms=30_000
    )
    for _ in range(4):
        with pytest.raises(KafkaConnectionError):
            await pool.get(1, deadline=soon())
    await pool.get(1, deadline=soon())
    await pool.get(2, deadline=soon())
    assert [call[2] for call in exchange.calls] == [10, 20, 30, 30, 30, 10]
    await pool.close()


@stepped
async def test_jitter_is_within_a_fifth_and_differs() -> None:
    delays = set()
    for seed in range(20):
        exchange = Exchange()
        exchange.outcomes = [refused()]
        pool = Pool(
            config(reconnect_backoff_ms=100, reconnect_backoff_max_ms=1000), exchange.open, Random(seed)
        )
        pool.set_nodes({1: NODE})
        with pytest.raises(KafkaConnectionError):
            await pool.get(1, deadline=soon())
        await pool.get(1, deadline=soon())
        delays.add(exchange.times[1])
        await pool.close()
    assert len(delays) == 20
    assert 0.08 <= min(delays) < max(delays) <= 0.12


@stepped
async def test_a_deadline_during_the_attempt() -> None:
    exchange = Exchange()
    exchange.outcomes = [asyncio.Event()]
    pool = make(exchange)
    began = asyncio.get_running_loop().time()
    with pytest.raises(KafkaTimeoutError, match="no connection to node 1 at kafka1:9092 in time"):
        await pool.get(1, deadline=began + 3)
    assert asyncio.get_running_loop().time() == began + 3
    assert exchange.given_up == 0
    await pool.close()
    assert exchange.given_up == 1


@stepped
async def test_a_deadline_during_the_back_off_names_what_went_wrong_before() -> None:
    exchange = Exchange()
    exchange.outcomes = [refused("connection refused")]
    pool = make(exchange, reconnect_backoff_ms=1000)
    with pytest.raises(KafkaConnectionError):
        await pool.get(1, deadline=soon())
    began = asyncio.get_running_loop().time()
    with pytest.raises(KafkaTimeoutError, match="in time; the last attempt failed: connection refused"):
        await pool.get(1, deadline=began + 0.5)
    assert asyncio.get_running_loop().time() == began + 0.5
    await pool.close()


@stepped
async def test_a_deadline_that_has_passed() -> None:
    exchange = Exchange()
    exchange.outcomes = [asyncio.Event()]
    pool = make(exchange)
    with pytest.raises(KafkaTimeoutError):
        await pool.get(1, deadline=asyncio.get_running_loop().time() - 1)
    await pool.close()


@stepped
async def test_a_node_that_nobody_knows() -> None:
    pool = make(Exchange())
    with pytest.raises(KafkaConnectionError, match="node 9 is not part of the cluster as last seen"):
        await pool.get(9, deadline=soon())
    await pool.close()


@stepped
async def test_a_lost_connection_is_replaced_but_not_in_a_loop() -> None:
    exchange = Exchange()
    pool = make(exchange)
    for _ in range(4):
        ready = await pool.get(1, deadline=soon())
        ready.connection.break_off(refused())
        assert pool.ready(1) is None
    assert exchange.times == [0, 0.05, 0.1, 0.15]
    await asyncio.sleep(60)
    ready = await pool.get(1, deadline=soon())
    await asyncio.sleep(60)
    ready.connection.break_off(refused())
    began = asyncio.get_running_loop().time()
    await pool.get(1, deadline=soon())
    assert asyncio.get_running_loop().time() == began  # it had lasted: no reason to wait
    await pool.close()


@stepped
async def test_a_mistake_of_ours_is_raised_as_it_is_and_backed_off_from(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exchange = Exchange()
    exchange.outcomes = [ZeroDivisionError("oops")]
    pool = make(exchange)
    with pytest.raises(ZeroDivisionError):
        await pool.get(1, deadline=soon())
    await pool.get(1, deadline=soon())
    assert exchange.times == [0, 0.05]
    assert "unexpected" in caplog.text
    await pool.close()


# Nodes come and go.


@stepped
async def test_a_node_with_another_address_is_connected_to_anew() -> None:
    exchange, event = Exchange(), asyncio.Event()
    pool = make(exchange)
    old = await pool.get(1, deadline=soon())
    same = await pool.get(2, deadline=soon())
    exchange.outcomes = [event]
    waiting = asyncio.create_task(pool.get(1, "other", deadline=soon()))
    await turns()
    pool.set_nodes({1: ("elsewhere", 1), 2: OTHER})
    assert "the node is at elsewhere:1 now" in str(old.connection.poison)
    assert same.connection.alive
    with pytest.raises(KafkaConnectionError, match="given up"):
        await waiting
    await pool.get(1, deadline=soon())
    assert exchange.calls[-1][1] == ("elsewhere", 1)
    await pool.close()


@stepped
async def test_who_waits_out_a_back_off_does_not_connect_to_the_old_address() -> None:
    exchange = Exchange()
    exchange.outcomes = [refused()]
    pool = make(exchange, reconnect_backoff_ms=1000)
    with pytest.raises(KafkaConnectionError):
        await pool.get(1, deadline=soon())
    waiting = asyncio.create_task(pool.get(1, deadline=soon()))
    await turns()
    pool.add_node(1, ("elsewhere", 1))
    with pytest.raises(KafkaConnectionError, match="given up"):
        await waiting
    assert len(exchange.calls) == 1
    await pool.close()


@stepped
async def test_a_node_that_left_may_finish_what_it_has_begun() -> None:
    exchange = Exchange()
    pool = make(exchange)
    connection = (await pool.get(1, deadline=soon())).connection
    task = asyncio.create_task(connection.request(HeartbeatRequest(), 4, 30))
    await turns()
    pool.set_nodes({2: OTHER})
    assert pool.node_ids == [2]
    with pytest.raises(KafkaConnectionError, match="not part of the cluster"):
        await pool.get(1, deadline=soon())
    await asyncio.sleep(10)
    assert connection.alive
    feed(connection, b"\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0")
    await task
    await asyncio.sleep(10)
    assert not connection.alive
    assert repr(pool) == "<Pool of 1 nodes: no connections>"
    await pool.close()


@stepped
async def test_a_node_that_left_while_it_was_connected_to() -> None:
    exchange, event = Exchange(), asyncio.Event()
    exchange.outcomes = [event]
    pool = make(exchange)
    waiting = asyncio.create_task(pool.get(1, deadline=soon()))
    await turns()
    pool.set_nodes({2: OTHER})
    event.set()
    with pytest.raises(KafkaConnectionError, match="given up"):
        await waiting
    await asyncio.sleep(20)
    assert repr(pool) == "<Pool of 1 nodes: no connections>"
    await pool.close()


@stepped
async def test_forgetting_all_nodes() -> None:
    exchange, event = Exchange(), asyncio.Event()
    pool = make(exchange)
    ready = await pool.get(1, deadline=soon())
    exchange.outcomes = [event]
    waiting = asyncio.create_task(pool.get(2, deadline=soon()))
    await turns()
    pool.forget_nodes()
    assert not ready.connection.alive
    with pytest.raises(KafkaConnectionError):
        await waiting
    assert exchange.given_up == 1
    assert pool.node_ids == []
    assert pool.unreachable()
    await pool.close()


@stepped
async def test_a_connection_to_a_bootstrap_server_becomes_that_of_its_node() -> None:
    exchange = Exchange()
    pool = make(exchange)
    ready = Ready(exchange.connect("bootstrap server kafka1:9092"), exchange.versions)
    assert pool.adopt(ready, NODE)
    assert pool.ready(1) is ready
    assert ready.connection.where == "node 1 at kafka1:9092"
    assert not pool.adopt(Ready(exchange.connect("again"), exchange.versions), NODE)
    assert not pool.adopt(Ready(exchange.connect("elsewhere"), exchange.versions), ("vip", 9092))
    await pool.close()
    assert not ready.connection.alive
    assert not pool.adopt(Ready(exchange.connect("late"), exchange.versions), OTHER)


@stepped
async def test_whether_no_node_can_be_reached() -> None:
    exchange = Exchange()
    pool = make(exchange)
    assert not pool.unreachable()  # not tried yet
    exchange.outcomes = [refused(), refused()]
    with pytest.raises(KafkaConnectionError):
        await pool.get(1, deadline=soon())
    assert not pool.unreachable()
    with pytest.raises(KafkaConnectionError):
        await pool.get(2, deadline=soon())
    assert pool.unreachable()
    await pool.get(1, "coordinator", deadline=soon())
    assert not pool.unreachable()
    await pool.close()


@stepped
async def test_the_features_that_count_are_those_of_the_highest_epoch() -> None:
    exchange = Exchange()
    pool = make(exchange)
    assert pool.newest is None
    for node, epoch, level in ((1, 5, 1), (2, 4, 9)):
        exchange.versions = Versions({}, {"transaction.version": level}, epoch)
        await pool.get(node, deadline=soon())
    assert pool.newest is not None
    assert pool.newest.features == {"transaction.version": 1}
    await pool.close()


# Whom to ask.


@stepped
async def test_the_order_of_nodes_to_ask() -> None:
    exchange = Exchange()
    nodes = {n: (f"kafka{n}", 9092) for n in range(1, 8)}
    pool = make(exchange, nodes)
    loop = asyncio.get_running_loop()
    busy, idle, muted = [(await pool.get(n, deadline=soon())).connection for n in (1, 2, 3)]
    busy_task = asyncio.create_task(busy.request(HeartbeatRequest(), 4, 30))
    muted.muted_until = loop.time() + 5
    exchange.outcomes = [refused()]
    with pytest.raises(KafkaConnectionError):
        await pool.get(4, deadline=soon())
    exchange.outcomes = [asyncio.Event()]
    connecting = asyncio.create_task(pool.get(5, deadline=soon()))
    await turns()
    now = loop.time()
    assert pool.least_loaded(now) == [2, 1, 5, 3, 6, 7, 4]
    assert pool.in_flight(1) == 1
    assert pool.in_flight(2) == 0
    assert idle.alive
    assert pool.least_loaded(now + 10)[:3] == [2, 3, 1]  # the pause is over
    assert pool.least_loaded(now + 10)[-1] == 4  # not in back-off any more, but the last one that was tried
    await pool.close()
    await asyncio.wait([busy_task, connecting])
    assert isinstance(busy_task.exception(), KafkaError)
    assert isinstance(connecting.exception(), KafkaError)


@stepped
async def test_chance_decides_between_equals() -> None:
    firsts = set()
    for seed in range(30):
        pool = Pool(config(), Exchange().open, Random(seed))
        pool.set_nodes({1: NODE, 2: OTHER})
        firsts.add(pool.least_loaded(0.0)[0])
    assert firsts == {1, 2}


# Ending connections.


@stepped
async def test_idle_connections_are_closed_and_opened_again_when_needed() -> None:
    exchange = Exchange()
    pool = make(exchange, connections_max_idle_ms=60_000)
    connection = (await pool.get(1, deadline=soon())).connection
    await asyncio.sleep(50)
    assert connection.alive
    await asyncio.sleep(16)
    assert not connection.alive
    assert pool.ready(1) is None
    assert (await pool.get(1, deadline=soon())).connection is not connection
    await pool.close()


@stepped
async def test_a_connection_with_an_unanswered_request_is_not_idle() -> None:
    exchange = Exchange()
    pool = make(exchange, connections_max_idle_ms=60_000)
    connection = (await pool.get(1, deadline=soon())).connection
    task = asyncio.create_task(connection.request(HeartbeatRequest(), 4, 1000))
    await asyncio.sleep(200)
    assert connection.alive
    feed(connection, b"\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0")
    await task
    await asyncio.sleep(50)
    assert connection.alive
    await asyncio.sleep(20)
    assert not connection.alive
    await pool.close()


@stepped
async def test_closing_ends_everything_and_may_be_repeated() -> None:
    exchange, event = Exchange(), asyncio.Event()
    pool = make(exchange, reconnect_backoff_ms=1000)
    ready = await pool.get(1, deadline=soon())
    exchange.outcomes = [refused(), event]
    with pytest.raises(KafkaConnectionError):
        await pool.get(2, deadline=soon())
    backing_off = asyncio.create_task(pool.get(2, deadline=soon()))
    connecting = asyncio.create_task(pool.get(2, "coordinator", deadline=soon()))
    await turns()
    began = asyncio.get_running_loop().time()
    await asyncio.gather(pool.close(), pool.close())
    for task in (backing_off, connecting):
        with pytest.raises(IllegalStateError, match="closed"):
            await task
    with pytest.raises(IllegalStateError, match="closed"):
        await pool.get(1, deadline=soon())
    assert asyncio.get_running_loop().time() == began
    assert not ready.connection.alive
    assert exchange.given_up == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await pool.close()
