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
from random import Random
from typing import Any, TypeVar

from kafkalite.config import ConnectionConfig
from kafkalite.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    NotControllerError,
    RebootstrapRequiredError,
    UnsupportedVersionError,
    error_for,
)
from kafkalite.protocol.codes import CoordinatorKeyType, ErrorCode
from kafkalite.protocol.errors import EncodeError
from kafkalite.protocol.message import Request, Response
from kafkalite.protocol.messages.metadata import MetadataResponse

from .backoff import Backoff
from .bootstrap import bootstrap
from .coordinators import Coordinators
from .dial import Dialer
from .metadata import Cluster, Metadata
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
        self._pool = Pool(config, opener or Dialer(config, __version__).open, self._rng)
        self._coordinators = Coordinators()
        self._tasks = Tasks()
        self._wake = asyncio.Event()
        self._updated = asyncio.Event()
        self._last_failure: KafkaError | None = None
        self._started = self._closed = False
        self.metadata = Metadata(
            max_age=config.metadata_max_age,
            max_idle=config.metadata_max_idle if forget_idle_topics else None,
            allow_auto_create=config.allow_auto_create_topics,
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

        Raises NoBrokersAvailable, which lists each address with its cause.
        """
        if self._started:
            return
        self._started = True
        try:
            await bootstrap(self._config, self._pool, self.metadata, self._backoff)
        except BaseException:
            self._started = False
            await self._pool.close()
            self._pool = Pool(self._config, self._pool.opener, self._rng)
            raise
        self._tasks.spawn(self._keep_fresh(), "kafkalite: refresh metadata")

    async def close(self) -> None:
        """Close every connection and end every task. Idempotent."""
        self._closed = True
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
        """Send to a node and wait for the answer: one attempt, `timeout` seconds (default `request_timeout_ms`).

        Raises KafkaConnectionError or KafkaTimeoutError with the cause, UnsupportedVersionError when the broker
        speaks no fitting version. Error codes inside the answer are the caller's to read.
        """
        limit = self._config.request_timeout if timeout is None else timeout
        deadline = asyncio.get_running_loop().time() + limit
        ready = await self._ready(node_id, lane, deadline)
        version = self._version(ready, type(request), min_version, max_version)
        try:
            return await ready.connection.request(request, version, max(0.001, limit))
        except EncodeError as error:
            raise _cannot_carry(ready, request, version, error) from error
        except KafkaError as error:
            if error.refresh_metadata:
                self.request_update()
            raise

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

    async def _ready(self, node_id: int, lane: str, deadline: float) -> Ready:
        ready = self._pool.ready(node_id, lane)
        if ready is not None:
            return ready
        try:
            return await self._pool.get(node_id, lane, deadline=deadline)
        except KafkaError as error:
            if error.refresh_metadata or isinstance(error, KafkaTimeoutError):
                self.request_update()
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
        """The cluster's finalized features, from the connection that knows the newest (KIP-584)."""
        known = [r.versions for node_id in self._pool.node_ids if (r := self._pool.ready(node_id))]
        newest = max(known, key=lambda versions: versions.features_epoch, default=None)
        return dict(newest.features) if newest else {}

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
            raise NodeNotReadyError("no node of the cluster is known")
        return nodes[0]

    async def find_coordinator(self, kind: CoordinatorKeyType, key: str, *, deadline: float) -> int:
        """The node that coordinates a group or transactional id; remembered until `forget_coordinator`."""
        known = self._coordinators.get(kind, key)
        if known is not None and known in self.cluster.nodes:
            return known
        node = await self.retrying(
            lambda: self._coordinators.look_up(self.send, self._anyone(), kind, key),
            deadline=deadline,
            what=f"finding the coordinator of {kind.name.lower()} {key!r}",
        )
        self._pool.add_node(node.id, node.address)
        if node.id not in self.cluster.nodes:
            self.request_update()
        return node.id

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
                if error.refresh_metadata:
                    self.request_update()
                if failures >= self._config.retries:
                    raise
                log.debug("%s will be tried again: %s", what, error)
            delay = self._backoff.delay(failures)
            failures += 1
            await asyncio.sleep(max(0.0, min(delay, deadline - loop.time())))

    def _gave_up(self, what: str, attempts: int, last: KafkaError | None) -> KafkaTimeoutError:
        cause = f"; last cause: {last}" if last is not None else ""
        return KafkaTimeoutError(f"{what} did not succeed in time after {attempts} attempts{cause}")

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
        """Wait for a snapshot newer than generation `after`. Raises KafkaTimeoutError with the last cause."""
        while self.cluster.generation <= after:
            if self._closed:
                raise KafkaConnectionError("this client is closed")
            self._wake.set()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._updated.wait()
            except TimeoutError:
                cause = f": {self._last_failure}" if self._last_failure else ""
                raise KafkaTimeoutError(f"no fresh metadata came in time{cause}") from self._last_failure
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
        failures = quiet = 0
        while True:
            pause = self.metadata.next_update(loop.time()) - loop.time()
            if pause > 0:
                quiet = 0
                self._wake.clear()
                try:
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                except TimeoutError:
                    pass
            try:
                await self._refresh_once()
            except KafkaError as error:
                self._last_failure = error
                self.metadata.on_failure()
                log.info("metadata could not be refreshed: %s", error)
                if self._should_rebootstrap(error, failures):
                    await self._rebootstrap()
                await asyncio.sleep(self._backoff.delay(failures))
                failures += 1
            else:
                self._last_failure, failures = None, 0
                # Never sooner than the back-off after the last one, growing while answers bring nothing new.
                await asyncio.sleep(self._backoff.delay(quiet))
                quiet += 1

    async def _refresh_once(self) -> None:
        now = asyncio.get_running_loop().time()
        response: MetadataResponse = await self.send(self._anyone(), self.metadata.next_request(now))
        if response.error_code:
            raise error_for(response.error_code, "metadata")
        if response.brokers:
            self.metadata.on_response(response, now)

    def _should_rebootstrap(self, error: KafkaError, failures: int) -> bool:
        if isinstance(error, RebootstrapRequiredError):
            return True
        if self._config.metadata_recovery_strategy != "rebootstrap":
            return False
        now = asyncio.get_running_loop().time()
        if self.metadata.age(now) > self._config.metadata_recovery_rebootstrap_trigger:
            return True
        nodes = self._pool.node_ids
        return failures >= len(nodes) and not any(self._pool.ready(node_id) for node_id in nodes)

    async def _rebootstrap(self) -> None:
        log.info("starting again from the bootstrap servers")
        self._pool.forget_nodes()
        self._coordinators.forget_all()
        try:
            await bootstrap(self._config, self._pool, self.metadata, self._backoff)
        except KafkaError as error:
            self._last_failure = error

    def __repr__(self) -> str:
        return f"<Client of cluster {self.cluster.cluster_id}: {self._pool!r}>"


def _cannot_carry(ready: Ready, request: Request[Any], version: int, error: EncodeError) -> KafkaError:
    return UnsupportedVersionError(
        f"{ready.connection.where} speaks only version {version} of"
        f" {type(request).__name__.removesuffix('Request')}: {error}"
    )
