"""Talking to the cluster: to a node, to anyone, to the controller, to a coordinator, with retries where they are asked
for.

`send` is one attempt and does not look at error codes inside the answer; `retrying` repeats an attempt while its error's
class says `retriable`. A background task keeps the metadata fresh, and starts again from the bootstrap servers when
no known node can be reached (KIP-899). Thread: loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any, TypeVar

from kafkalite.config import ConnectionConfig
from kafkalite.errors import (
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    MetadataEmptyBrokerList,
    NodeNotReadyError,
    NotControllerError,
    RebootstrapRequiredError,
    UnsupportedVersionError,
    error_for,
)
from kafkalite.protocol.codes import CoordinatorKeyType, ErrorCode
from kafkalite.protocol.errors import EncodeError
from kafkalite.protocol.message import Request, Response

from .backoff import Backoff
from .bootstrap import bootstrap
from .coordinators import Coordinators
from .dial import Dialer
from .metadata import Cluster, Metadata, Node
from .pool import Opener, Pool, Ready
from .tasks import Tasks

__all__ = ["Client"]

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Response)
T = TypeVar("T")


class Client:
    """One client's way to the cluster: its connections, its metadata, its coordinators."""

    def __init__(
        self,
        config: ConnectionConfig,
        *,
        rng: Random | None = None,
        opener: Opener | None = None,
        forget_idle_topics: bool = False,
    ) -> None:
        from kafkalite import __version__

        self._config = config
        self._rng = rng or Random()
        self._backoff = Backoff(config.retry_backoff, config.retry_backoff_max, self._rng)
        self._opener = opener or Dialer(config, __version__).open
        self._pool = Pool(config, self._opener, self._rng)
        self._coordinators = Coordinators()
        self._tasks = Tasks()
        self._wake = asyncio.Event()
        self._updated = asyncio.Event()
        self._last_failure: KafkaError | None = None
        self._asking = ""
        self._starting = asyncio.Lock()
        self._first_bootstrap: asyncio.Task[None] | None = None
        self._started = self._closed = False
        self.metadata = Metadata(
            max_age=config.metadata_max_age,
            max_idle=config.metadata_max_idle if forget_idle_topics else None,
            allow_auto_create=config.allow_auto_create_topics,
            backoff=self._backoff,
        )
        self.metadata.listeners.append(self._on_snapshot)
        self.metadata.wake = self._wake.set

    @property
    def cluster(self) -> Cluster:
        """The newest picture of the cluster. Thread: any."""
        return self.metadata.snapshot

    @property
    def connected(self) -> bool:
        """Whether a connection is ready now."""
        return any(self._pool.ready(node_id) for node_id in self._pool.node_ids)

    async def start(self) -> None:
        """Reach a bootstrap server and learn the cluster, within `bootstrap_timeout_ms`.

        Raises NoBrokersAvailable, which lists each address with its cause; `start` may be called again then.
        """
        async with self._starting:
            if self._closed:
                raise IllegalStateError("this client is closed")
            if self._started:
                return
            self._first_bootstrap = asyncio.create_task(self._bootstrap(), name="kafkalite: bootstrap")
            try:
                await self._first_bootstrap
            except asyncio.CancelledError:
                if self._closed:
                    raise IllegalStateError("this client was closed while it started") from None
                raise
            finally:
                self._first_bootstrap = None
            if self._closed:
                raise IllegalStateError("this client was closed while it started")
            self._started = True
            self._tasks.spawn(self._keep_fresh(), "kafkalite: refresh metadata")

    async def _bootstrap(self) -> None:
        config = self._config
        setup = Backoff(
            config.socket_connection_setup_timeout, config.socket_connection_setup_timeout_max, self._rng
        )
        address, ready = await bootstrap(config, self._opener, self.metadata, self._backoff, setup)
        if not self._pool.adopt(ready, address):
            await ready.connection.close()

    async def close(self) -> None:
        """Close every connection and end every task. Idempotent."""
        self._closed = True
        if (starting := self._first_bootstrap) is not None:
            starting.cancel()
            await asyncio.wait([starting])
        await self._tasks.cancel_all()
        await self._pool.close()
        self._updated.set()

    # One attempt.

    async def send(
        self,
        node_id: int,
        request: Request[R],
        *,
        timeout: float | None = None,
        lane: str = "main",
        max_version: int | None = None,
        min_version: int | None = None,
    ) -> R:
        """Send to a node and wait for the answer: one attempt. Requests of one lane go out in the order of the calls.

        `timeout` (default `request_timeout_ms`) is for a connection, and again for the answer; a broker that is
        silent so long loses the connection. Whoever has less patience wraps this in `asyncio.timeout`: that leaves
        the connection alone. Raises KafkaConnectionError, RequestTimedOutError or KafkaTimeoutError with the cause,
        UnsupportedVersionError when the broker speaks no fitting version. Error codes inside the answer are the
        caller's to read.
        """
        limit = self._config.request_timeout if timeout is None else timeout
        deadline = asyncio.get_running_loop().time() + limit
        ready = await self._ready(node_id, lane, deadline)
        version = self._version(ready, type(request), min_version, max_version)
        try:
            return await ready.connection.request(request, version, max(0.001, limit))
        except EncodeError as error:
            raise _cannot_carry(ready, request, version, error) from error
        except KafkaError:
            if ready.connection.poison is not None:  # lost, or silent for too long: the node may be gone
                self._on_lost()
            raise

    def post(
        self,
        node_id: int,
        request: Request[R],
        tell: Callable[[R | KafkaError], None],
        *,
        max_version: int | None = None,
        lane: str = "main",
    ) -> None:
        """`send` without waiting, for when a connection stands (see `ready`): `tell` is called with what came of it.

        It is called on the loop, maybe before this returns, with the answer or with the error that `send` would raise.
        """
        ready = self._pool.ready(node_id, lane)
        if ready is None:
            tell(NodeNotReadyError(f"there is no connection to {self.name_of(node_id)}"))
            return

        def told(outcome: R | KafkaError) -> None:
            if isinstance(outcome, KafkaError) and ready.connection.poison is not None:
                self._on_lost()
            tell(outcome)

        try:
            version = self._version(ready, type(request), None, max_version)
            ready.connection.post(request, version, self._config.request_timeout, told)
        except EncodeError as error:
            tell(_cannot_carry(ready, request, version, error))
        except KafkaError as error:
            told(error)

    def _on_lost(self) -> None:
        if not self._closed:
            self.request_update()

    async def send_oneway(
        self, node_id: int, request: Request[Any], *, lane: str = "main", max_version: int | None = None
    ) -> None:
        """Send a request that has no answer (Produce with acks=0)."""
        limit = self._config.request_timeout
        ready = await self._ready(node_id, lane, asyncio.get_running_loop().time() + limit)
        version = self._version(ready, type(request), None, max_version)
        try:
            await ready.connection.send_oneway(request, version, limit)
        except EncodeError as error:
            raise _cannot_carry(ready, request, version, error) from error
        except KafkaError:
            if ready.connection.poison is not None:
                self._on_lost()
            raise

    def ready(self, node_id: int, *, lane: str = "main") -> bool:
        """Whether a connection to the node stands, so that `send` need not wait for one."""
        return self._pool.ready(node_id, lane) is not None

    async def connect(self, node_id: int, *, lane: str = "main") -> None:
        """Have a connection to the node stand, within `request_timeout_ms`. Raises like `send`.

        For those who would rather keep their request, and look where else to send it, while a node is away.
        """
        limit = self._config.request_timeout
        await self._ready(node_id, lane, asyncio.get_running_loop().time() + limit)

    async def _ready(self, node_id: int, lane: str, deadline: float) -> Ready:
        ready = self._pool.ready(node_id, lane)
        if ready is not None:
            return ready
        try:
            return await self._pool.get(node_id, lane, deadline=deadline)
        except KafkaError as error:
            if error.retriable:
                self._on_lost()
            raise

    def _version(
        self, ready: Ready, request: type[Request[Any]], min_version: int | None, max_version: int | None
    ) -> int:
        version = ready.versions.pick(request, min_version=min_version, max_version=max_version)
        if version is None:
            theirs = ready.versions.ranges.get(request.api_key)
            spoken = f"versions {theirs[0]} to {theirs[1]}" if theirs else "no version at all"
            raise UnsupportedVersionError(
                f"{ready.connection.where} speaks {spoken} of {request.__name__.removesuffix('Request')},"
                f" this client {request.min_version if min_version is None else min_version}"
                f" to {request.max_version if max_version is None else max_version}"
            )
        return version

    def version_for(self, node_id: int, request: type[Request[Any]], lane: str = "main") -> int | None:
        """The version that `send` would use now; None while not connected, or when there is none."""
        ready = self._pool.ready(node_id, lane)
        return None if ready is None else ready.versions.pick(request)

    def features(self) -> dict[str, int]:
        """The cluster's finalized features, as the connection that knew the newest told them (KIP-584)."""
        return {} if self._pool.newest is None else dict(self._pool.newest.features)

    def in_flight(self, node_id: int) -> int:
        """Requests of this client that the node has not answered."""
        return self._pool.in_flight(node_id)

    def name_of(self, node_id: int) -> str:
        """How messages name a node: "node 2 at kafka:9092"."""
        return self._pool.name_of(node_id)

    # Whom to ask.

    async def send_to_any(self, request: Request[R], *, deadline: float | None = None) -> R:
        """Send to the least loaded node; another one is tried when it cannot be reached."""
        return await self.retrying(
            lambda: self.send(self._anyone(), request),
            deadline=self._deadline(deadline),
            what=type(request).__name__.removesuffix("Request"),
        )

    async def send_to_controller(self, request: Request[R], *, deadline: float | None = None) -> R:
        """Send to the controller as metadata names it; with KRaft any broker forwards."""

        async def attempt() -> R:
            controller = self.cluster.controller_id
            node_id = controller if controller in self.cluster.nodes else self._anyone()
            response = await self.send(node_id, request)
            if getattr(response, "error_code", 0) == ErrorCode.NOT_CONTROLLER:
                self.request_update()
                raise NotControllerError(f"{self.name_of(node_id)} is not the controller any more")
            return response

        name = type(request).__name__.removesuffix("Request")
        return await self.retrying(attempt, deadline=self._deadline(deadline), what=name)

    def _anyone(self) -> int:
        nodes = self._pool.least_loaded(asyncio.get_running_loop().time())
        if not nodes:
            cause = f": {self._last_failure}" if self._last_failure else ""
            raise NodeNotReadyError(f"no node of the cluster is known{cause}")
        return nodes[0]

    async def find_coordinator(self, kind: CoordinatorKeyType, key: str, *, deadline: float) -> int:
        """The node that coordinates a group or transactional id; remembered until `forget_coordinator`."""
        known = self._coordinators.get(kind, key)
        if known is not None and known in self._pool.node_ids:
            return known
        node = await self.retrying(
            lambda: self._look_up(kind, key),
            deadline=deadline,
            what=f"finding the coordinator of {kind.name.lower()} {key!r}",
        )
        self._pool.add_node(node.id, node.address)
        if node.id not in self.cluster.nodes:
            self.request_update()
        return node.id

    async def _look_up(self, kind: CoordinatorKeyType, key: str) -> Node:
        question = self._coordinators.request
        node_id = self._anyone()
        try:
            answer = await self.send(node_id, question(kind, key, several_keys=True), min_version=4)
        except UnsupportedVersionError:
            answer = await self.send(node_id, question(kind, key, several_keys=False), max_version=3)
        return self._coordinators.on_response(answer, kind, key)

    def forget_coordinator(self, kind: CoordinatorKeyType, key: str) -> None:
        """Look the coordinator up again next time: it moved, or it went away."""
        self._coordinators.forget(kind, key)

    async def retrying(self, attempt: Callable[[], Awaitable[T]], *, deadline: float, what: str) -> T:
        """Repeat while the error is retriable, with jittered exponential back-off (KIP-580), until the deadline.

        At the deadline (loop time) raises KafkaTimeoutError that names `what` and the last cause.
        """
        loop = asyncio.get_running_loop()
        failures = 0
        last: KafkaError | None = None
        while True:
            if loop.time() >= deadline:
                raise self._gave_up(what, failures, last) from last
            try:
                async with asyncio.timeout_at(deadline):
                    return await attempt()
            except TimeoutError as error:
                raise self._gave_up(what, failures + 1, last) from error
            except KafkaError as error:
                if not error.retriable or self._closed:
                    raise
                last = error
                if failures >= self._config.retries:
                    raise
                if error.refresh_metadata:
                    self.request_update()
                log.debug("%s will be tried again: %s", what, error)
            delay = self._backoff.delay(failures)
            failures += 1
            await asyncio.sleep(max(0.0, min(delay, deadline - loop.time())))

    def _gave_up(self, what: str, attempts: int, last: KafkaError | None) -> KafkaTimeoutError:
        cause = last or self._last_failure
        said = f"last cause: {cause}" if cause is not None else f"no answer came yet; {self._pool!r}"
        times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        return KafkaTimeoutError(f"{what} did not succeed in time after {times}; {said}")

    def _deadline(self, deadline: float | None) -> float:
        if deadline is not None:
            return deadline
        return asyncio.get_running_loop().time() + self._config.default_api_timeout

    # Metadata.

    def request_update(self) -> int:
        """Ask for fresh metadata soon; returns the generation that it will be newer than. Thread: loop."""
        return self.metadata.request_update()

    def want_topics(self, *topics: str) -> bool:
        """Want these topics in the metadata; True if one is missing now (an update is under way then)."""
        return self.metadata.add_topics(topics, asyncio.get_running_loop().time())

    async def wait_for_update(self, after: int, deadline: float) -> Cluster:
        """Wait for an answer newer than generation `after`. Raises KafkaTimeoutError with the last cause."""
        while self.metadata.answered <= after:
            if self._closed:
                raise IllegalStateError("this client is closed")
            if not self.metadata.pending:
                self.request_update()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._updated.wait()
            except TimeoutError:
                cause = self._last_failure or self._asking
                raise KafkaTimeoutError(
                    f"no fresh metadata came in time{f': {cause}' if cause else ''}"
                ) from self._last_failure
        return self.cluster

    async def refresh_metadata(self, deadline: float) -> Cluster:
        """Ask for fresh metadata and wait for it."""
        return await self.wait_for_update(self.request_update(), deadline)

    @property
    def last_metadata_failure(self) -> KafkaError | None:
        """Why the last attempt to refresh brought nothing; None after one that did."""
        return self._last_failure

    def _on_snapshot(self, cluster: Cluster) -> None:
        self._pool.set_nodes({node.id: node.address for node in cluster.nodes.values()})
        updated, self._updated = self._updated, asyncio.Event()
        updated.set()

    async def _keep_fresh(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            pause = self.metadata.next_update(loop.time()) - loop.time()
            if pause <= 0:
                try:
                    await self._refresh()
                except Exception:  # whatever is wrong, a client without this task would hang for ever
                    self.metadata.on_failure(loop.time())
                    log.exception("metadata could not be refreshed")
                continue
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _refresh(self) -> None:
        try:
            await self._ask_for_metadata()
        except KafkaError as error:
            self.metadata.on_failure(asyncio.get_running_loop().time())
            if not isinstance(error, NodeNotReadyError):  # else there is an older failure that is the cause
                self._last_failure = error
            log.info("metadata could not be refreshed: %s", error)
            if self._should_rebootstrap(error):
                await self._rebootstrap()
        else:
            self._last_failure = None
        finally:
            self._asking = ""

    async def _ask_for_metadata(self) -> None:
        loop = asyncio.get_running_loop()
        request = self.metadata.next_request(loop.time())
        node_id = self._anyone()
        name = self.name_of(node_id)
        self._asking = f"{name} was asked and has not answered yet"
        response = await self.send(node_id, request)
        if response.error_code:
            raise error_for(response.error_code, f"metadata from {name}")
        if not response.brokers:
            raise MetadataEmptyBrokerList(f"{name} knows of no brokers")
        self.metadata.on_response(response, loop.time())

    def _should_rebootstrap(self, error: KafkaError) -> bool:
        config = self._config
        if config.metadata_recovery_strategy != "rebootstrap":
            return False
        if isinstance(error, RebootstrapRequiredError) or self._pool.unreachable():
            return True
        now = asyncio.get_running_loop().time()
        return self.metadata.failing_for(now) > config.metadata_recovery_rebootstrap_trigger

    async def _rebootstrap(self) -> None:
        level = logging.WARNING if self.cluster.nodes else logging.INFO  # the first time, not every time
        log.log(level, "no node can be used (%s): starting again from bootstrap_servers", self._last_failure)
        self._pool.forget_nodes()
        self._coordinators.forget_all()
        self.metadata.forget_nodes()
        self._asking = "the bootstrap servers are being asked again"
        try:
            await self._bootstrap()
        except KafkaError as error:
            self._last_failure = error
            log.log(level, "%s", error)
        else:
            self._last_failure = None

    def __repr__(self) -> str:
        return f"<Client of cluster {self.cluster.cluster_id}: {self._pool!r}>"


def _cannot_carry(ready: Ready, request: Request[Any], version: int, error: EncodeError) -> KafkaError:
    return UnsupportedVersionError(
        f"{ready.connection.where} speaks only version {version} of"
        f" {type(request).__name__.removesuffix('Request')}: {error}"
    )
