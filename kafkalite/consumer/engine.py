"""The consumer's engine: assembles the room, and is all that the doors see of it.

`take` is the fast path, for the thread that polls; everything else belongs to the loop, and the plain functions among
it may also be called before `start`. Thread: as each says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from random import Random
from typing import TYPE_CHECKING

from kafkalite.config import ConsumerConfig
from kafkalite.errors import ConsumerStoppedError, IllegalOperation, KafkaError, KafkaTimeoutError
from kafkalite.net.client import Client
from kafkalite.net.metadata import Cluster
from kafkalite.types import (
    ConsumerGroupMetadata,
    ConsumerRecord,
    OffsetAndMetadata,
    OffsetAndTimestamp,
    TopicPartition,
)

from .cluster_watch import ClusterWatch
from .fetch_buffer import FetchBuffer
from .fetcher import Fetcher
from .listener import ConsumerRebalanceListener, ListenerCall
from .metrics import FetchMetrics
from .offset_requests import EARLIEST, LATEST
from .offsets import Offsets
from .positions import Position
from .record_batch import RecordBatch
from .solo import Solo
from .subscription import Subscription
from .unpacking import Deserializers

if TYPE_CHECKING:
    from .committer import Committer
    from .group.coordinator import GroupCoordinator

__all__ = ["ConsumerEngine"]

log = logging.getLogger(__name__)

_NOTHING: Mapping[TopicPartition, int] = {}


class ConsumerEngine:
    """One consumer."""

    def __init__(
        self, config: ConsumerConfig, *, client: Client | None = None, rng: Random | None = None
    ) -> None:
        rng = rng or Random()
        self._config = config
        self._client = client or Client(config.connection, rng=rng)
        self._metrics = FetchMetrics()
        self._buffer = FetchBuffer(
            deserializers=Deserializers(config.key_deserializer, config.value_deserializer),
            check_crcs=config.check_crcs,
            metrics=self._metrics,
        )
        self._subscription = Subscription(
            self._buffer,
            starts_from_committed=config.group_id is not None,
            exclude_internal_topics=config.exclude_internal_topics,
        )
        self._committer: Committer | None = None
        self._coordinator: GroupCoordinator | None = None
        self._membership: GroupCoordinator | Solo
        if config.group_id is None:
            self._membership = Solo(self._subscription)
        else:
            from .committer import Committer  # not above: many consumers have no group
            from .group.coordinator import GroupCoordinator

            self._committer = Committer(config, self._client, member=lambda: self._membership.metadata())
            self._membership = self._coordinator = GroupCoordinator(
                config, self._client, self._subscription, self._committer, on_event=self._on_event
            )
        room = (config, self._client, self._subscription, self._buffer)
        committed = self._committer.committed if self._committer is not None else None
        self._offsets = Offsets(*room, committed=committed, on_found=self._on_event, rng=rng)
        self._fetcher = Fetcher(*room, self._metrics, on_need=self._offsets.poke, rng=rng)
        self._watch = ClusterWatch(config, self._subscription, self._buffer, self._membership)
        self._event = asyncio.Event()
        """Set whenever somebody who waits should look again."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = self._closing = False
        self._closed = asyncio.Event()
        self._subscription.on_assignment = self._poke
        self.on_auto_commit: Callable[..., object] | None = None
        """Set before `start`: called with (offsets, None or an error) after each commit by the clock. Thread: loop."""

    # Thread: caller.

    def take(
        self, max_records: int, partitions: Collection[TopicPartition] | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Up to `max_records` records by partition (of these, or None: of all), without waiting; moves the positions
        past them.

        `{}` when there are none, or when `wait_for_records` or `listener_call` has to come first. Raises what fetching,
        decoding or the group raised; ConsumerStoppedError after close.
        """
        return self._buffer.take(self._allowed(max_records), partitions)

    def take_batches(self, max_records: int | None = None) -> list[RecordBatch]:
        """The same as columns. None: whole batches, as they were fetched, until there are `max_poll_records`."""
        limit = self._config.max_poll_records if max_records is None else max_records
        return self._buffer.take_batches(self._allowed(limit), whole=max_records is None)

    def _allowed(self, max_records: int) -> int:
        """Somebody polls: how many records may be taken now."""
        if self._closing:
            raise self._stopped()
        membership = self._membership
        membership.last_poll = time.monotonic()
        return 0 if membership.gate_waiting or membership.listener_call is not None else max_records

    @property
    def listener_call(self) -> ListenerCall | None:
        """A rebalance listener's call that the door must make now. Thread: any."""
        return self._membership.listener_call

    # Thread: loop.

    async def start(self) -> None:
        """Reach the cluster. Raises NoBrokersAvailable."""
        if self._closing:
            raise self._stopped()
        if self._started:
            return
        self._loop = asyncio.get_running_loop()
        await self._client.start()
        self._started = True
        self._buffer.on_ready = self._event.set
        self._buffer.on_room = self._on_room
        self._client.metadata.listeners.append(self._on_snapshot)
        if self._coordinator is not None:
            self._coordinator.start()
        if self._committer is not None and self._config.enable_auto_commit:
            self._committer.start_auto(self._subscription.finished_positions, self.on_auto_commit)
        self._on_subscription_changed()

    async def wait_for_records(
        self, deadline: float, partitions: Collection[TopicPartition] | None = None
    ) -> bool:
        """Wait until `take` (of these partitions) or `listener_call` has something, or the deadline (then False).

        Several tasks may wait at once.
        The caller is in a poll now, so a rebalance that waited for one goes on. Raises ConsumerStoppedError when the
        consumer is closed, also while this waits.
        """

        def look() -> bool:
            self._membership.on_poll(asyncio.get_running_loop().time())
            self._event.clear()  # what on_poll brought about is seen below
            if not self._buffer.failing and (error := self._membership.take_error()) is not None:
                self._buffer.fail(error)
            if self._buffer.failing or self._membership.listener_call is not None:
                return True
            return not self._membership.gate_waiting and self._buffer.ready_for(partitions)

        # Looking again is what tells the group that a poll is still going on.
        return await self._until(look, deadline, at_least_every=self._config.max_poll_interval / 2)

    async def _until(
        self, condition: Callable[[], bool], deadline: float, *, at_least_every: float = float("inf")
    ) -> bool:
        loop = asyncio.get_running_loop()
        looked = False
        while True:
            if self._closing:
                raise self._stopped()
            self._event.clear()
            if condition():
                return True
            now = loop.time()
            if now >= deadline:
                if looked:
                    return False
                await asyncio.sleep(0)  # whoever polls without waiting must not starve the loop
            else:
                try:
                    async with asyncio.timeout_at(min(deadline, now + at_least_every)):
                        await self._event.wait()
                except TimeoutError:
                    pass
            looked = True

    def listener_done(self, error: BaseException | None) -> None:
        """The door made `listener_call`; `error` is what the listener raised."""
        self._membership.listener_done(error)
        self._on_event()

    async def close(
        self,
        timeout: float | None,
        stop_at: Mapping[TopicPartition, int] = _NOTHING,
        *,
        autocommit: bool = True,
    ) -> None:
        """Commit (if that is automatic), leave the group, close every connection; at most `timeout` seconds.

        `stop_at`: the next record that was taken but not handed out, by partition. Idempotent.
        """
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        self._event.set()
        limit = self._config.connection.default_api_timeout if timeout is None else timeout
        deadline = asyncio.get_running_loop().time() + limit
        try:
            async with asyncio.timeout_at(deadline):
                await self._say_goodbye(deadline, stop_at if autocommit else None)
        except TimeoutError:
            log.warning("the consumer did not close in order within %.3g s", limit)
        finally:
            try:
                await self._client.close()
            finally:
                self._closed.set()

    async def _say_goodbye(self, deadline: float, stop_at: Mapping[TopicPartition, int] | None) -> None:
        await self._offsets.close()
        await self._fetcher.stop()
        if not self._started:
            return
        if self._committer is not None:
            if self._config.enable_auto_commit and stop_at is not None:
                try:
                    await self.commit(None, deadline, stop_at)
                except KafkaError as error:
                    log.warning("the last automatic commit failed: %s", error)
            await self._committer.close()
        if self._coordinator is not None:
            await self._coordinator.close(max(0.0, deadline - asyncio.get_running_loop().time()))
        await self._fetcher.close_sessions()

    def _stopped(self) -> ConsumerStoppedError:
        return ConsumerStoppedError("this consumer is closed")

    # What happens on the loop.

    def _on_snapshot(self, cluster: Cluster) -> None:
        if self._closing:
            return
        self._watch.look(cluster)
        self._on_event()

    def _on_event(self) -> None:
        self._poke()
        self._event.set()

    def _poke(self) -> None:
        if self._started and not self._closing:
            self._offsets.poke()
            self._fetcher.poke()

    def _on_room(self) -> None:
        """Thread: the one that polls."""
        assert self._loop is not None, "records come after the start only"
        try:
            self._loop.call_soon_threadsafe(self._on_taken)
        except RuntimeError:
            pass  # the loop is closed, and the consumer with it

    def _on_taken(self) -> None:
        if not self._closing:
            self._offsets.poke()
            self._fetcher.on_room()

    # Subscription and assignment.

    def subscribe(
        self,
        *,
        topics: Iterable[str] | None = None,
        pattern: str | None = None,
        listener: ConsumerRebalanceListener | None = None,
    ) -> None:
        """Replace the subscription; no topics: unsubscribe. Raises IllegalStateError, ValueError, TypeError."""
        self._subscription.subscribe(topics=topics, pattern=pattern, listener=listener)
        self._on_subscription_changed()

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read exactly these partitions; those that are ours already keep their positions. IllegalStateError."""
        self._subscription.assign([TopicPartition(*partition) for partition in partitions])
        self._on_subscription_changed()

    def unsubscribe(self) -> None:
        """Subscribe to nothing and read nothing. The group is left in the background."""
        self._subscription.unsubscribe()
        self._on_subscription_changed()

    def _on_subscription_changed(self) -> None:
        wanted = self._subscription.wanted_topics()
        self._client.metadata.set_topics(
            None if wanted is None else sorted(wanted), self._loop.time() if self._loop is not None else 0.0
        )
        if self._started and not self._closing:
            self._membership.on_subscription_changed()
            self._on_snapshot(self._client.cluster)

    def subscription(self) -> frozenset[str]:
        """The topics subscribed to; for a pattern those that match now."""
        return self._subscription.topics

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are ours."""
        return self._subscription.assigned()

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver nothing of these, and fetch nothing more. Raises IllegalStateError if one is not assigned."""
        for state in [self._subscription.state(tp) for tp in partitions]:
            self._buffer.pause(state)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Go on with these. Raises IllegalStateError if one is not assigned."""
        for state in [self._subscription.state(tp) for tp in partitions]:
            self._buffer.resume(state)
        self._on_event()

    def paused(self) -> frozenset[TopicPartition]:
        """The partitions that are paused."""
        return frozenset(state.tp for state in self._subscription.states() if state.paused)

    # Positions.

    def seek(self, partition: TopicPartition, offset: int, leader_epoch: int = -1) -> None:
        """Go on from an offset. Raises IllegalStateError if not assigned, ValueError for what is no offset."""
        if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
            raise ValueError(f"an offset is an integer and not negative: {offset!r}")
        self._subscription.seek(self._subscription.state(partition), Position(offset, leader_epoch))
        self._on_event()

    async def seek_to_beginning(self, partitions: Collection[TopicPartition], deadline: float) -> None:
        """Go on from the oldest record of these (empty: all assigned) partitions."""
        await self._seek_to(EARLIEST, partitions, deadline)

    async def seek_to_end(self, partitions: Collection[TopicPartition], deadline: float) -> None:
        """Go on after the newest record of these (empty: all assigned) partitions."""
        await self._seek_to(LATEST, partitions, deadline)

    async def _seek_to(self, timestamp: int, partitions: Collection[TopicPartition], deadline: float) -> None:
        states = [self._subscription.state(tp) for tp in partitions or self.assignment()]
        for state in states:
            self._subscription.reset(state, timestamp)
        await self._until_known([state.tp for state in states], deadline)

    async def seek_to_committed(
        self, partitions: Collection[TopicPartition], deadline: float
    ) -> dict[TopicPartition, int | None]:
        """Go on from what the group has committed for these (empty: all assigned); without that nothing moves."""
        states = [self._subscription.state(tp) for tp in partitions or self.assignment()]
        found = await self.committed([state.tp for state in states], deadline)
        for state in states:
            committed = found.get(state.tp)
            if committed is not None and self._subscription.get(state.tp) is state:
                self._subscription.seek(state, Position(committed.offset, committed.leader_epoch))
        self._on_event()
        return {tp: None if committed is None else committed.offset for tp, committed in found.items()}

    async def position(self, partition: TopicPartition, deadline: float) -> int:
        """The offset of the next record to be taken; waits until it is known.

        Raises IllegalStateError if not assigned, NoOffsetForPartitionError, KafkaTimeoutError.
        """
        return (await self._until_known([partition], deadline))[partition].offset

    async def _until_known(
        self, partitions: Collection[TopicPartition], deadline: float
    ) -> dict[TopicPartition, Position]:
        found: dict[TopicPartition, Position] = {}

        def look() -> bool:
            states = [self._subscription.state(tp) for tp in partitions]
            found.update(self._buffer.consumed(states))
            for state in states:
                if state.tp in found:
                    continue
                if (error := self._buffer.take_error(state)) is not None:
                    raise error
                state.wanted = True
            if len(found) == len(states):
                return True
            self._buffer.raise_error()
            self._poke()
            return False

        if not await self._until(look, deadline):
            missing = ", ".join(f"{tp.topic}-{tp.partition}" for tp in partitions if tp not in found)
            cause = self._offsets.last_failure
            raise KafkaTimeoutError(
                f"the position of {missing} did not become known in time" + (f": {cause}" if cause else "")
            ) from cause
        return found

    # Commits.

    async def commit(
        self,
        offsets: Mapping[TopicPartition, OffsetAndMetadata] | None,
        deadline: float,
        stop_at: Mapping[TopicPartition, int] = _NOTHING,
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """Commit these offsets, or (None) the positions of everything taken, lowered to `stop_at`.

        Returns what was committed. Raises IllegalStateError without group_id, CommitFailedError, KafkaTimeoutError.
        """
        if self._committer is None:
            raise self._needs_group("commit()")
        chosen = self.consumed(stop_at) if offsets is None else dict(offsets)
        if chosen:
            await self._committer.commit(chosen, deadline)
        return chosen

    def consumed(
        self, stop_at: Mapping[TopicPartition, int] = _NOTHING
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """What `commit` without offsets would commit now."""
        return self._subscription.consumed_positions(stop_at)

    async def committed(
        self, partitions: Collection[TopicPartition], deadline: float
    ) -> dict[TopicPartition, OffsetAndMetadata | None]:
        """What the group has committed for these. Raises IllegalStateError without group_id, KafkaTimeoutError."""
        if self._committer is None:
            raise self._needs_group("committed()")
        return dict(await self._committer.committed(partitions, deadline))

    def _needs_group(self, what: str) -> IllegalOperation:
        return IllegalOperation(f"{what} needs a group_id: this consumer was created without one")

    def group_metadata(self) -> ConsumerGroupMetadata:
        """Who we are in the group. Raises IllegalStateError without group_id."""
        return self._membership.metadata()

    # Look-ups.

    def highwater(self, partition: TopicPartition) -> int | None:
        """The offset after the newest record that consumers may read, as of the last fetch. IllegalStateError."""
        offset = self._subscription.state(partition).watermarks.high_watermark
        return offset if offset >= 0 else None

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        """The first offset of open transactions (or the high watermark), as of the last fetch. IllegalStateError."""
        offset = self._subscription.state(partition).watermarks.last_stable_offset
        return offset if offset >= 0 else None

    def last_poll_timestamp(self, partition: TopicPartition) -> int | None:
        """When a broker last answered for a partition, in milliseconds since 1970. IllegalStateError."""
        return self._subscription.state(partition).polled_at

    async def beginning_offsets(
        self, partitions: Collection[TopicPartition], deadline: float
    ) -> dict[TopicPartition, int]:
        """The oldest offset of each. Raises KafkaTimeoutError."""
        return await self._offsets.ends(EARLIEST, partitions, deadline)

    async def end_offsets(
        self, partitions: Collection[TopicPartition], deadline: float
    ) -> dict[TopicPartition, int]:
        """The offset after the newest record of each; with read_committed, the last stable one."""
        return await self._offsets.ends(LATEST, partitions, deadline)

    async def offsets_for_times(
        self, timestamps: Mapping[TopicPartition, int], deadline: float
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record at or after each time (milliseconds since 1970); None where there is none."""
        for tp, timestamp in timestamps.items():
            if timestamp < 0:
                raise ValueError(f"the time for {tp.topic}-{tp.partition} is negative: {timestamp}")
        return await self._offsets.look_up(timestamps, deadline, "looking up offsets by time")

    async def topics(self, deadline: float) -> set[str]:
        """The names of all topics that may be seen; internal ones are left out if so configured."""
        return await self._offsets.topics(deadline)

    async def partitions_for_topic(self, topic: str, deadline: float) -> set[int] | None:
        """The partitions of a topic; None if it does not exist. Raises TopicAuthorizationFailedError."""
        known = self._client.cluster.partitions_of(topic)
        if known is not None:
            return {p.partition for p in known}
        return await self._offsets.partitions_of(topic, deadline)

    def metrics(self) -> dict[str, float]:
        """Counters under the names of Java's consumer-fetch-manager-metrics."""
        return self._metrics.snapshot(
            self._subscription.lag(committed_only=bool(self._config.isolation_level))
        )

    def __repr__(self) -> str:
        return f"<ConsumerEngine {self._config.connection.client_id} {self._subscription!r} {self._buffer!r}>"
