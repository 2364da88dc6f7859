"""Which connection to use: nodes, their lanes, and one synchronous function that decides.

A lane is a connection for one kind of traffic, so that a long fetch delays no heartbeat. `Lane.decide` says what to do
now: use the connection, join the attempt under way, wait out the back-off, or connect. The pool does it. Thread: loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Final

from kafkalite.config import ConnectionConfig
from kafkalite.errors import IllegalStateError, KafkaConnectionError, KafkaError, KafkaTimeoutError

from .backoff import Backoff
from .connection import Connection
from .handshake import Versions
from .tasks import Tasks

__all__ = ["Action", "Address", "Lane", "Opener", "Pool", "Ready", "written"]

log = logging.getLogger(__name__)

Address = tuple[str, int]
Opener = Callable[[str, Address, float], Awaitable["Ready"]]
"""(name for messages, address, time limit in seconds) -> a connection that has shaken hands."""

_REAP_EVERY: Final = 5.0


def written(address: Address) -> str:
    """An address as people write it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
    last_error: KafkaError | None = field(default=None, repr=False)
    queue: deque[object] = field(default_factory=deque, repr=False)
    """Who waits for a connection, first come first served: the order of requests is the order of the calls."""

    @property
    def alive(self) -> bool:
        return self.ready is not None and self.ready.connection.alive

    def decide(self, now: float) -> Action:
        """The whole state machine of a lane."""
        if self.alive:
            return Action.USE
        if self.attempt is not None:
            return Action.JOIN
        return Action.WAIT if now < self.retry_at else Action.CONNECT

    def on_connected(self, ready: Ready, now: float, backoff: Backoff) -> None:
        self.ready, self.attempt, self.failures, self.last_error = ready, None, 0, None
        self.retry_at = now + backoff.delay(0)  # a broker that hangs up at once is not called again at once

    def on_failed(self, error: KafkaError, now: float, backoff: Backoff) -> None:
        self.attempt, self.last_error = None, error
        self.retry_at = now + backoff.delay(self.failures)
        self.failures += 1

    def idle_since(self) -> float | None:
        """When the connection was last used, if nothing is going on there."""
        if self.ready is None or not self.alive or self.ready.connection.in_flight:
            return None
        return self.ready.connection.last_used


class Pool:
    """The connections of one client."""

    def __init__(self, config: ConnectionConfig, opener: Opener, rng: Random) -> None:
        self._config = config
        self._opener = opener
        self._rng = rng
        self._reconnect = Backoff(config.reconnect_backoff, config.reconnect_backoff_max, rng)
        self._setup = Backoff(
            config.socket_connection_setup_timeout, config.socket_connection_setup_timeout_max, rng
        )
        self._addresses: dict[int, Address] = {}
        self._lanes: dict[tuple[int, str], Lane] = {}
        self._tasks = Tasks()
        self._reaper: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self.newest: Versions | None = None
        """What the connection with the highest features epoch said: it counts for the cluster (KIP-584)."""

    # What is known.

    def set_nodes(self, nodes: Mapping[int, Address]) -> None:
        """Learn where the nodes are. Connections to an address that changed are given up.

        Connections to a node that is not listed any more end when their last request is answered.
        """
        for node_id, address in nodes.items():
            self.add_node(node_id, address)
        for node_id in [known for known in self._addresses if known not in nodes]:
            del self._addresses[node_id]

    def add_node(self, node_id: int, address: Address) -> None:
        """Learn of one more node, or where it is now."""
        if self._addresses.get(node_id, address) != address:
            self._forget(node_id, f"the node is at {written(address)} now")
        self._addresses[node_id] = address

    def forget_nodes(self) -> None:
        """Give up every node: what follows is a new bootstrap."""
        for node_id in {node_id for node_id, _ in self._lanes}:
            self._forget(node_id, "the client starts again from its bootstrap servers")
        self._addresses.clear()

    def _forget(self, node_id: int, why: str) -> None:
        error = KafkaConnectionError(f"{self.name_of(node_id)}: {why}")
        for (owner, name), lane in list(self._lanes.items()):
            if owner == node_id:
                if lane.ready is not None:
                    lane.ready.connection.break_off(error)
                if lane.attempt is not None:
                    lane.attempt.cancel()
                del self._lanes[owner, name]

    def adopt(self, ready: Ready, address: Address) -> bool:
        """Take over a connection that was opened elsewhere, if a node without one lives at that address."""
        self._learn(ready)
        for node_id, known in self._addresses.items():
            if known == address and (node_id, "main") not in self._lanes and not self._closing.is_set():
                lane = self._lanes[node_id, "main"] = Lane()
                lane.on_connected(ready, ready.connection.last_used, self._reconnect)
                ready.connection.where = self.name_of(node_id)
                self._start_reaping()
                return True
        return False

    def _learn(self, ready: Ready) -> None:
        if self.newest is None or ready.versions.features_epoch >= self.newest.features_epoch:
            self.newest = ready.versions

    @property
    def node_ids(self) -> list[int]:
        """Known nodes."""
        return list(self._addresses)

    def name_of(self, node_id: int) -> str:
        """How messages name a node: with its address."""
        address = self._addresses.get(node_id)
        return f"node {node_id} at {written(address) if address else 'an unknown address'}"

    def ready(self, node_id: int, lane: str = "main") -> Ready | None:
        """The usable connection of a lane, if there is one now and nobody waits for it already."""
        known = self._lanes.get((node_id, lane))
        return known.ready if known is not None and known.alive and not known.queue else None

    def in_flight(self, node_id: int) -> int:
        """Requests without an answer, over all lanes of a node."""
        lanes = (lane for (owner, _), lane in self._lanes.items() if owner == node_id)
        return sum(lane.ready.connection.in_flight for lane in lanes if lane.ready is not None)

    def least_loaded(self, now: float) -> list[int]:
        """Nodes in the order to try: connected and idle first, then connecting, then those not in back-off.

        A node that asked for a pause comes after those that did not. Chance decides between equals, so that not all
        clients ask the first node of the list.
        """

        def rank(node_id: int) -> tuple[int, float, float]:
            lane = self._lanes.get((node_id, "main"))
            if lane is None:
                return (2, 0.0, self._rng.random())
            order = {Action.USE: 0, Action.JOIN: 1, Action.CONNECT: 2, Action.WAIT: 3}[lane.decide(now)]
            load = lane.retry_at
            if order == 0 and lane.ready is not None:
                order = 2 if lane.ready.connection.muted_until > now else 0
                load = self.in_flight(node_id)
            return (order, load, self._rng.random())

        return sorted(self._addresses, key=rank)

    def unreachable(self) -> bool:
        """Whether no node has a connection and the last attempt to reach each one failed; so it is without nodes."""
        return all(
            not any(lane.alive for (owner, _), lane in self._lanes.items() if owner == node_id)
            and (main := self._lanes.get((node_id, "main"))) is not None
            and main.failures > 0
            for node_id in self._addresses
        )

    # Getting a connection.

    async def get(self, node_id: int, lane_name: str = "main", *, deadline: float) -> Ready:
        """A usable connection, for those who ask in the order in which they asked.

        Everyone who waits for an attempt that fails gets its error at once; the next one to ask waits out the back-off.
        Raises KafkaConnectionError with the cause, KafkaTimeoutError at the deadline (loop time).
        """
        loop = asyncio.get_running_loop()
        lane, ticket = self._lane(node_id, lane_name), object()
        lane.queue.append(ticket)
        try:
            while True:
                if self._closing.is_set():
                    raise IllegalStateError("this client is closed")
                if self._lanes.get((node_id, lane_name)) is not lane or node_id not in self._addresses:
                    raise KafkaConnectionError(f"connecting to {self.name_of(node_id)} was given up")
                now = loop.time()
                match lane.decide(now):
                    case Action.USE:
                        if lane.queue[0] is ticket:
                            assert lane.ready is not None
                            return lane.ready
                        await asyncio.sleep(0)  # those before us have been woken already
                    case Action.WAIT:
                        await self._sleep(min(lane.retry_at, deadline) - now)
                        if loop.time() >= deadline:
                            raise self._timed_out(node_id, lane)
                    case Action.CONNECT:
                        self._connect(node_id, lane)
                    case Action.JOIN:
                        assert lane.attempt is not None
                        done, _ = await asyncio.wait([lane.attempt], timeout=deadline - now)
                        if not done:
                            raise self._timed_out(node_id, lane)
                        attempt = done.pop()
                        if not attempt.cancelled():  # else it is this client that gave it up: see above
                            attempt.result()
        finally:
            lane.queue.remove(ticket)

    def _lane(self, node_id: int, lane_name: str) -> Lane:
        if self._closing.is_set():
            raise IllegalStateError("this client is closed")
        if node_id not in self._addresses:
            raise KafkaConnectionError(f"node {node_id} is not part of the cluster as last seen")
        self._start_reaping()
        return self._lanes.setdefault((node_id, lane_name), Lane())

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not longer than this pool is open."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _timed_out(self, node_id: int, lane: Lane) -> KafkaTimeoutError:
        cause = f"; the last attempt failed: {lane.last_error}" if lane.last_error else ""
        return KafkaTimeoutError(f"no connection to {self.name_of(node_id)} in time{cause}")

    def _connect(self, node_id: int, lane: Lane) -> None:
        lane.ready = None
        attempt = self._attempt(lane, self.name_of(node_id), self._addresses[node_id])
        lane.attempt = self._tasks.spawn(attempt, f"kafkalite: connect {node_id}", quiet=True)

    async def _attempt(self, lane: Lane, name: str, address: Address) -> Ready:
        loop = asyncio.get_running_loop()
        try:
            ready = await self._opener(name, address, self._setup.delay(lane.failures))
        except KafkaError as error:
            log.info("no connection to %s: %s", name, error)
            lane.on_failed(error, loop.time(), self._reconnect)
            raise
        except Exception as error:
            log.exception("connecting to %s failed in an unexpected way", name)
            lane.on_failed(KafkaConnectionError(f"{name}: {error!r}"), loop.time(), self._reconnect)
            raise
        except BaseException:
            lane.attempt = None
            raise
        lane.on_connected(ready, loop.time(), self._reconnect)
        self._learn(ready)
        return ready

    # Ending connections.

    def _start_reaping(self) -> None:
        if self._reaper is None:
            self._reaper = self._tasks.spawn(self._reap(), "kafkalite: close idle connections")

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(min(_REAP_EVERY, self._config.connections_max_idle))
            await self.reap(asyncio.get_running_loop().time())

    async def reap(self, now: float) -> None:
        """Close connections that were not used for `connections_max_idle_ms`, and idle ones of nodes that are gone."""
        limit = self._config.connections_max_idle
        for (node_id, name), lane in list(self._lanes.items()):
            gone = node_id not in self._addresses
            since = lane.idle_since()
            if since is not None and (gone or now - since >= limit):
                assert lane.ready is not None
                ready, lane.ready = lane.ready, None
                log.debug("closing %s (%s): not needed for %.0f s", ready.connection.where, name, now - since)
                await ready.connection.close()
            if gone and not lane.alive and lane.attempt is None and not lane.queue:
                self._lanes.pop((node_id, name), None)

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        self._closing.set()
        await self._tasks.cancel_all()
        connections = [lane.ready.connection for lane in self._lanes.values() if lane.ready is not None]
        self._lanes.clear()
        if connections:
            await asyncio.gather(*(connection.close() for connection in connections))
        await asyncio.sleep(
            0
        )  # sockets of connections that were broken off are closed by the loop's next turn

    def __repr__(self) -> str:
        """One line: each lane, and what it is doing."""
        parts = []
        for (node_id, name), lane in sorted(self._lanes.items()):
            if lane.ready is not None and lane.alive:
                parts.append(f"{node_id}/{name} ready, {lane.ready.connection.in_flight} in flight")
            elif lane.attempt is not None:
                parts.append(f"{node_id}/{name} connecting")
            else:
                parts.append(f"{node_id}/{name} down, {lane.failures} failures")
        return f"<Pool of {len(self._addresses)} nodes: {'; '.join(parts) or 'no connections'}>"
