"""Keeps fetches going: for each broker that leads partitions of ours, the next request while the reader has room.

`poke` looks at everything and sends what can be sent; it is called whenever something changed, and there is no other
loop. One request is in flight per broker, on a connection of its own, so that no long fetch delays a look-up.
Thread: loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from random import Random

from kafkalite.config import ConsumerConfig
from kafkalite.errors import CorruptRecordError, KafkaError, RecordTooLargeError, error_for
from kafkalite.net.backoff import Backoff
from kafkalite.net.client import Client
from kafkalite.net.metadata import Node
from kafkalite.net.tasks import Tasks
from kafkalite.protocol.errors import ProtocolError
from kafkalite.protocol.messages.fetch import FetchRequest, FetchResponse, PartitionData
from kafkalite.protocol.records.extent import measure
from kafkalite.types import TopicPartition

from .fetch_buffer import EVERYTHING, Fetchable, FetchBuffer
from .fetch_plan import VERDICTS, Pace, Verdict, make_plan, wanted
from .fetch_session import FetchSession
from .metrics import FetchMetrics
from .positions import Need, PartitionState, Position, Watermarks
from .subscription import Subscription
from .unpacking import Part

__all__ = ["LANE", "Fetcher"]

log = logging.getLogger(__name__)

LANE = "fetch"
SPARE_LANE = "fetch at once"
_FAREWELL = 0.1
"""Seconds to wait for a broker to confirm that it has dropped a session."""


class _Link:
    """One connection to one broker that is fetched from."""

    __slots__ = ("flying", "lane", "pace", "session", "waiting")

    def __init__(self, lane: str, *, incremental: bool) -> None:
        self.lane = lane
        self.pace = Pace()
        self.session = FetchSession(incremental=incremental)
        self.flying: dict[TopicPartition, Fetchable] = {}
        """What the request in flight asks for."""
        self.waiting = False
        """The broker may keep that request until there is news."""


class _Node:
    """One broker: the connection that fetches, and another one for what cannot wait.

    A broker keeps a fetch without news for `fetch_max_wait_ms`. A partition that is wanted meanwhile (after a seek, a
    resume, a new assignment) is asked for beside it, until the next regular fetch takes it along.
    """

    __slots__ = ("main", "spare")

    def __init__(self, *, incremental: bool) -> None:
        self.main = _Link(LANE, incremental=incremental)
        self.spare = _Link(SPARE_LANE, incremental=False)

    def links(self) -> tuple[_Link, _Link]:
        return self.main, self.spare


class Fetcher:
    """The fetches of one consumer. `on_need` is called when a partition needs its position looked up."""

    def __init__(
        self,
        config: ConsumerConfig,
        client: Client,
        subscription: Subscription,
        buffer: FetchBuffer,
        metrics: FetchMetrics,
        *,
        on_need: Callable[[], None],
        rng: Random,
    ) -> None:
        self._config = config
        self._client = client
        self._subscription = subscription
        self._buffer = buffer
        self._metrics = metrics
        self._on_need = on_need
        self._backoff = Backoff(config.connection.retry_backoff, config.connection.retry_backoff_max, rng)
        self._nodes: dict[int, _Node] = {}
        self._tasks = Tasks()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def poke(self) -> None:
        """Send whatever can be sent now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        now, cluster = loop.time(), self._client.cluster
        plan = make_plan(
            self._subscription.states(),
            self._buffer,
            cluster,
            now,
            share=self._config.max_partition_fetch_bytes,
            total=self._config.fetch_max_bytes,
        )
        if plan.leaderless:
            self._client.request_update()
        wakes = [] if plan.wake_at is None else [plan.wake_at]
        for number, fetch in plan.nodes.items():
            node = self._nodes.get(number)
            if node is None:
                node = _Node(incremental=self._config.enable_incremental_fetch_sessions)
                self._nodes[number] = node
            if not node.main.flying:
                link, fetch = node.main, fetch.without(node.spare.flying)
            elif node.main.waiting and not node.spare.flying:
                link, fetch = node.spare, fetch.without(node.main.flying)
            else:
                continue
            if not fetch.asked:
                continue
            if now < link.pace.not_before:
                wakes.append(link.pace.not_before)
                continue
            link.flying = fetch.asked
            link.waiting = link is node.main and not fetch.crowded
            self._tasks.spawn(self._fetch(number, link), f"kafkalite: fetch from node {number}")
        if wakes:
            self._timer = loop.call_at(min(wakes), self.poke)

    def on_room(self) -> None:
        """The reader has caught up with a partition that was left out, or has taken an error."""
        for node in self._nodes.values():
            for link in node.links():
                link.pace.on_room()
        self.poke()

    async def _fetch(self, node: int, link: _Link) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            request = self._request(link)
            response = await self._client.send(
                node, request, lane=link.lane, max_version=link.session.max_version
            )
        except KafkaError as error:
            self._on_failure(node, link, error)
        else:
            self._metrics.on_answer(
                sum(len(data.records or b"") for topic in response.responses for data in topic.partitions),
                loop.time() - began,
                response.throttle_time_ms,
            )
            self._on_answer(node, link, response)
        finally:
            link.flying = {}
        self.poke()

    def _request(self, link: _Link) -> FetchRequest:
        config = self._config
        request = link.session.next_request(
            wanted(link.flying, self._client.cluster), config.max_partition_fetch_bytes
        )
        request.max_wait_ms = int(config.fetch_max_wait * 1000) if link.waiting else 0
        request.min_bytes = config.fetch_min_bytes
        request.max_bytes = config.fetch_max_bytes
        request.isolation_level = config.isolation_level
        request.rack_id = config.client_rack
        return request

    # What came back.

    def _on_failure(self, node: int, link: _Link, error: KafkaError) -> None:
        log.info("a fetch from %s failed: %s", self._client.name_of(node), error)
        link.session.on_lost()
        for one in link.flying.values():
            if one.state.replica == node:
                one.state.replica = None
        self._back_off(link, link.pace.on_failure())
        if not error.retriable:
            self._buffer.fail(error)

    def _back_off(self, link: _Link, failures: int) -> None:
        link.pace.not_before = asyncio.get_running_loop().time() + self._backoff.delay(failures)

    def _on_answer(self, node: int, link: _Link, response: FetchResponse) -> None:
        found = link.session.on_response(response)
        if response.error_code:
            self._on_refusal(node, link, response.error_code)
            return
        endpoints = [Node(n.node_id, n.host, n.port, n.rack) for n in response.node_endpoints]
        brought = False
        for tp, data in found:
            one = link.flying.get(tp)
            if one is None or self._subscription.get(tp) is not one.state:
                continue
            one.state.polled_at = int(time.time() * 1000)
            if one.state.need is not Need.NOTHING:
                continue
            if data.error_code:
                brought = True
                self._on_error(node, one, data, endpoints)
            else:
                brought = self._on_data(node, one, data) or brought
        link.pace.on_answer(
            asyncio.get_running_loop().time(),
            brought=brought,
            waited=link.waiting and self._config.fetch_max_wait > 0,
            longest=max(self._config.fetch_max_wait, Pace.FIRST),
        )

    def _on_refusal(self, node: int, link: _Link, code: int) -> None:
        """The answer as a whole is an error: mostly a session that the broker has dropped."""
        error = error_for(code, f"fetching from {self._client.name_of(node)}")
        log.info("%s", error)
        if error.refresh_metadata:
            self._client.request_update()
        failures = link.pace.on_failure()
        if failures or not error.retriable:  # a new session can be opened at once
            self._back_off(link, failures)
        if not error.retriable:
            self._buffer.fail(error)

    def _on_data(self, node: int, one: Fetchable, data: PartitionData) -> bool:
        """Hand over what came for a partition. True if anything did."""
        state, name = one.state, self._client.name_of(node)
        marks = Watermarks(data.high_watermark, data.last_stable_offset, data.log_start_offset)
        if data.preferred_read_replica >= 0 and data.preferred_read_replica != node:
            if data.preferred_read_replica not in self._client.cluster.nodes:
                self._client.request_update()
                self._retry_later(state)
                return True
            state.replica = data.preferred_read_replica
            state.replica_until = asyncio.get_running_loop().time() + self._config.connection.metadata_max_age
            log.debug("%r is read from node %d on", state, state.replica)
            return True
        state.retries = 0
        if not data.records:
            self._buffer.put(state, one.epoch, one.at, marks)
            return False
        where = f"{state.tp.topic}-{state.tp.partition} at offset {one.at.offset}, from {name}"
        try:
            extent = measure(data.records)
        except ProtocolError as error:
            self._raise(state, CorruptRecordError(f"{where}: the answer cannot be read: {error}"))
            return True
        if not extent.size:
            self._raise(
                state,
                RecordTooLargeError(
                    f"{where}: {len(data.records)} bytes came, but no whole batch: it is larger than the broker sends."
                    " Raise max_partition_fetch_bytes and fetch_max_bytes."
                ),
            )
            return True
        if extent.next_offset <= one.at.offset:
            self._retry_later(state)
            return True
        aborted = None
        if self._config.isolation_level:
            aborted = tuple((a.producer_id, a.first_offset) for a in data.aborted_transactions or ())
        part = Part(memoryview(data.records)[: extent.size], name, aborted)
        fetched = Position(extent.next_offset, extent.leader_epoch)
        self._buffer.put(state, one.epoch, one.at, marks, part, fetched)
        return True

    def _on_error(self, node: int, one: Fetchable, data: PartitionData, endpoints: list[Node]) -> None:
        state, code = one.state, data.error_code
        where = f"{state.tp.topic}-{state.tp.partition} at offset {one.at.offset}, from {self._client.name_of(node)}"
        error = error_for(code, where)
        from_follower, state.replica = state.replica == node, None
        match VERDICTS.get(code, Verdict.RAISE):  # type: ignore[call-overload]
            case Verdict.OUT_OF_RANGE if not from_follower:
                self._on_out_of_range(state, error)
            case Verdict.OUT_OF_RANGE:
                # The follower may only be behind, and the leader may send us there again.
                log.info("%s; the leader is asked instead", error)
                self._retry_later(state)
            case Verdict.REFRESH:
                log.info("%s", error)
                leader = data.current_leader
                known = self._client.metadata.update_leader(
                    *state.tp, leader.leader_id, leader.leader_epoch, endpoints
                )
                if not known:
                    self._client.request_update()
                    self._retry_later(state)
            case Verdict.RETRY:
                log.warning("%s", error)
                self._retry_later(state)
            case _:
                self._raise(state, error)

    def _on_out_of_range(self, state: PartitionState, error: KafkaError) -> None:
        if self._buffer.leave_out(state, EVERYTHING):
            state.drain_first = True
        elif self._config.auto_offset_reset == "none":
            self._raise(state, error)
        else:
            log.info("%s; auto_offset_reset applies", error)
            self._subscription.reset(state, None)
            self._on_need()

    def _raise(self, state: PartitionState, error: KafkaError) -> None:
        self._retry_later(state)
        self._buffer.fail(error, state)

    def _retry_later(self, state: PartitionState) -> None:
        state.retry_at = asyncio.get_running_loop().time() + self._backoff.delay(state.retries)
        state.retries += 1

    async def stop(self) -> None:
        """End every fetch."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.cancel_all()

    async def close_sessions(self) -> None:
        """Tell brokers to forget our sessions, as far as that is quick."""
        await asyncio.gather(
            *(self._close_session(number, node.main) for number, node in self._nodes.items())
        )

    async def _close_session(self, node: int, link: _Link) -> None:
        lanes = [lane for lane in ("main", LANE) if self._client.version_for(node, FetchRequest, lane)]
        if not link.session.is_open or not lanes:
            return  # not worth a new connection
        max_version = link.session.max_version
        try:
            # What is sent now is read by the broker even if nobody waits for the answer.
            async with asyncio.timeout(_FAREWELL):
                await self._client.send(
                    node, link.session.closing_request(), lane=lanes[0], max_version=max_version
                )
        except (KafkaError, TimeoutError) as error:
            log.debug(
                "%s did not say that it has forgotten our session: %s", self._client.name_of(node), error
            )
