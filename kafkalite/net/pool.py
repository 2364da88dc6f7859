"""Which connection to use: nodes, their lanes, and one synchronous function that decides.

A lane is a connection for one kind of traffic, so that a long fetch delays no heartbeat. `Lane.decide` says what to do
now: use the connection, join the attempt under way, wait out the back-off, or connect. The pool does it. Thread: loop.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Final

from kafkalite.config import ConnectionConfig
from kafkalite.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from .backoff import Backoff
from .connection import Connection
from .handshake import Versions
from .tasks import Tasks

__all__ = ["Action", "Lane", "Pool", "Ready"]

log = logging.getLogger(__name__)

Address = tuple[str, int]
Opener = Callable[[str, Address, float], Awaitable["Ready"]]
"""(name for messages, address, time limit in seconds) -> a connection that has shaken hands."""

_REAP_EVERY: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A connection and what its broker speaks."""

    connection: Connection
    versions: Versions


class Action(Enum):
    """What to do to get a usable connection."""

    USE = "use the connection"
    JOIN = "wait for the attempt under way"
    WAIT = "wait until retry_at"
    CONNECT = "connect now"


@dataclass(slots=True)
class Lane:
    """One connection of one node, over time. A brain."""

    ready: Ready | None = None
    attempt: asyncio.Task[Ready] | None = None
    failures: int = 0
    retry_at: float = 0.0
    users: int = 0
    last_error: KafkaError | None = field(default=None, repr=False)

    def decide(self, now: float) -> Action:
        """The whole state machine of a lane."""
        if self.ready is not None and self.ready.connection.alive:
            return Action.USE
        if self.attempt is not None:
            return Action.JOIN
        return Action.WAIT if now < self.retry_at else Action.CONNECT

    def on_connected(self, ready: Ready) -> None:
        self.ready, self.attempt, self.failures, self.last_error = ready, None, 0, None

    def on_failed(self, error: KafkaError, now: float, backoff: Backoff) -> None:
        self.attempt, self.last_error = None, error
        self.retry_at = now + backoff.delay(self.failures)
        self.failures += 1

    def idle_since(self) -> float | None:
        """When the connection was last used, if nothing is going on there."""
        if self.ready is None or not self.ready.connection.alive or self.users:
            return None
        connection = self.ready.connection
        return None if connection.in_flight else connection.last_used


class Pool:
    """The connections of one client."""

    def __init__(self, config: ConnectionConfig, opener: Opener, rng: Random) -> None:
        self._config = config
        self.opener = opener
        self._reconnect = Backoff(config.reconnect_backoff, config.reconnect_backoff_max, rng)
        self._setup = Backoff(
            config.socket_connection_setup_timeout, config.socket_connection_setup_timeout_max, rng
        )
        self._addresses: dict[int, Address] = {}
        self._lanes: dict[tuple[int, str], Lane] = {}
        self._tasks = Tasks()
        self._reaper: asyncio.Task[None] | None = None
        self._closed = False

    def set_nodes(self, nodes: Mapping[int, Address]) -> None:
        """Learn where the nodes are. Connections to an address that changed are given up."""
        for node_id, address in self._addresses.items():
            if node_id >= 0 and nodes.get(node_id, address) != address:
                self._forget(node_id, f"node {node_id} moved to {nodes[node_id][0]}:{nodes[node_id][1]}")
        self._addresses = {k: v for k, v in self._addresses.items() if k < 0} | dict(nodes)

    def add_node(self, node_id: int, address: Address) -> None:
        """Learn of one more node; negative ids are bootstrap addresses."""
        self._addresses[node_id] = address

    def forget_nodes(self) -> None:
        """Give up every node: what follows is a new bootstrap."""
        for node_id in list(self._addresses):
            self._forget(node_id, "the client starts again from its bootstrap servers")
        self._addresses.clear()

    def _forget(self, node_id: int, why: str) -> None:
        for (owner, name), lane in list(self._lanes.items()):
            if owner == node_id:
                if lane.ready is not None:
                    lane.ready.connection.break_off(KafkaConnectionError(f"{self.name_of(node_id)}: {why}"))
                if lane.attempt is not None:
                    lane.attempt.cancel()
                del self._lanes[owner, name]

    @property
    def node_ids(self) -> list[int]:
        """Known nodes, bootstrap addresses included."""
        return list(self._addresses)

    def name_of(self, node_id: int) -> str:
        """How messages name a node: with its address."""
        address = self._addresses.get(node_id)
        place = f"{address[0]}:{address[1]}" if address else "an unknown address"
        return f"bootstrap server {place}" if node_id < 0 else f"node {node_id} at {place}"

    def ready(self, node_id: int, lane: str = "main") -> Ready | None:
        """The usable connection of a lane, if there is one now."""
        known = self._lanes.get((node_id, lane))
        return known.ready if known is not None and known.decide(0.0) is Action.USE else None

    def in_flight(self, node_id: int) -> int:
        """Requests without an answer, over all lanes of a node."""
        lanes = (lane for (owner, _), lane in self._lanes.items() if owner == node_id)
        return sum(lane.ready.connection.in_flight for lane in lanes if lane.ready is not None)

    def least_loaded(self, now: float) -> list[int]:
        """Nodes in the order to try: connected and idle first, then connecting, then those not in back-off."""

        def rank(node_id: int) -> tuple[int, float]:
            lane = self._lanes.get((node_id, "main"))
            if lane is None:
                return (2, 0.0)
            order = {Action.USE: 0, Action.JOIN: 1, Action.CONNECT: 2, Action.WAIT: 3}[lane.decide(now)]
            return (order, self.in_flight(node_id) if order == 0 else lane.retry_at)

        return sorted(self._addresses, key=rank)

    async def get(self, node_id: int, lane_name: str = "main", *, deadline: float) -> Ready:
        """A usable connection. Raises KafkaConnectionError with the cause, KafkaTimeoutError at the deadline."""
        if self._closed:
            raise KafkaConnectionError("this client is closed")
        if node_id not in self._addresses:
            raise KafkaConnectionError(f"node {node_id} is not part of the cluster as last seen")
        loop = asyncio.get_running_loop()
        if self._reaper is None:
            self._reaper = self._tasks.spawn(self._reap(), "kafkalite: close idle connections")
        lane = self._lanes.setdefault((node_id, lane_name), Lane())
        while True:
            match lane.decide(loop.time()):
                case Action.USE:
                    assert lane.ready is not None
                    return lane.ready
                case Action.WAIT:
                    if lane.retry_at > deadline:
                        await asyncio.sleep(max(0.0, deadline - loop.time()))
                        raise self._timed_out(node_id, lane)
                    await asyncio.sleep(lane.retry_at - loop.time())
                case Action.CONNECT:
                    self._connect(node_id, lane)
                case Action.JOIN:
                    assert lane.attempt is not None
                    done, _ = await asyncio.wait([lane.attempt], timeout=deadline - loop.time())
                    if not done:
                        raise self._timed_out(node_id, lane)
                    return self._outcome(done.pop())

    def _outcome(self, attempt: asyncio.Task[Ready]) -> Ready:
        if attempt.cancelled():
            raise KafkaConnectionError("the connection attempt was given up")
        return attempt.result()

    def _timed_out(self, node_id: int, lane: Lane) -> KafkaTimeoutError:
        cause = f": {lane.last_error}" if lane.last_error else ""
        return KafkaTimeoutError(f"no connection to {self.name_of(node_id)} in time{cause}")

    def _connect(self, node_id: int, lane: Lane) -> None:
        limit = self._setup.delay(lane.failures)
        lane.ready = None
        lane.attempt = self._tasks.spawn(self._attempt(node_id, lane, limit), f"kafkalite: connect {node_id}")
        lane.attempt.add_done_callback(_seen)

    async def _attempt(self, node_id: int, lane: Lane, limit: float) -> Ready:
        loop = asyncio.get_running_loop()
        try:
            ready = await self.opener(self.name_of(node_id), self._addresses[node_id], limit)
        except KafkaError as error:
            log.info("no connection to %s: %s", self.name_of(node_id), error)
            lane.on_failed(error, loop.time(), self._reconnect)
            raise
        except BaseException:
            lane.attempt = None
            raise
        lane.on_connected(ready)
        return ready

    async def _reap(self) -> None:
        loop = asyncio.get_running_loop()
        limit = self._config.connections_max_idle
        while True:
            await asyncio.sleep(min(_REAP_EVERY, limit))
            for (node_id, name), lane in list(self._lanes.items()):
                since = lane.idle_since()
                if since is not None and loop.time() - since >= limit:
                    assert lane.ready is not None
                    log.debug("closing %s (%s): unused for %.0f s", self.name_of(node_id), name, limit)
                    await lane.ready.connection.close()
                    lane.ready = None

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        self._closed = True
        await self._tasks.cancel_all()
        connections = [lane.ready.connection for lane in self._lanes.values() if lane.ready is not None]
        self._lanes.clear()
        if connections:
            await asyncio.gather(*(connection.close() for connection in connections))

    def __repr__(self) -> str:
        """One line: each lane, and what it is doing."""
        parts = []
        for (node_id, name), lane in sorted(self._lanes.items()):
            connection = lane.ready.connection if lane.ready else None
            if connection is not None and connection.alive:
                parts.append(f"{node_id}/{name} ready, {connection.in_flight} in flight")
            elif lane.attempt is not None:
                parts.append(f"{node_id}/{name} connecting")
            else:
                parts.append(f"{node_id}/{name} down, {lane.failures} failures")
        return f"<Pool of {len(self._addresses)} nodes: {'; '.join(parts) or 'no connections'}>"


def _seen(attempt: asyncio.Task[Ready]) -> None:
    """Whoever joined the attempt gets its error; nobody having joined is no reason to complain."""
    if not attempt.cancelled():
        attempt.exception()


async def resolve(address: Address) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """All addresses of a host name, in the system's order. Raises KafkaConnectionError naming the host."""
    host, port = address
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise KafkaConnectionError(
            f"the host name {host!r} cannot be resolved: {error.strerror or error}. Check bootstrap_servers and DNS"
        ) from error
    return list(dict.fromkeys((family, (where[0], port)) for family, _, _, _, where in found))  # type: ignore[misc]
