"""Finds out where to read: committed offsets, resets, look-ups by time, and whether a position is still valid.

`poke` starts whatever a partition needs before it can be fetched; one attempt is under way per leader and kind, and a
partition that failed waits out its back-off. `look_up` answers the user's own questions. Thread: loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from random import Random
from typing import Any

from kafkalite.config import ConsumerConfig
from kafkalite.errors import (
    KafkaError,
    NoOffsetForPartitionError,
    UnsupportedVersionError,
    error_class,
    error_for,
)
from kafkalite.net.backoff import Backoff
from kafkalite.net.client import Client
from kafkalite.net.tasks import Tasks
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponseTopic
from kafkalite.protocol.messages.offset_for_leader_epoch import EpochEndOffset
from kafkalite.types import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

from .fetch_buffer import FetchBuffer
from .offset_requests import (
    EARLIEST,
    LATEST,
    Finding,
    Question,
    Validity,
    epoch_ends,
    epoch_ends_request,
    judge,
    list_offsets_request,
    offsets_found,
    reset_timestamp,
    truncation,
)
from .positions import Need, PartitionState, Position
from .subscription import Subscription

__all__ = ["Offsets"]

log = logging.getLogger(__name__)

Committed = Callable[..., Coroutine[Any, Any, Mapping[TopicPartition, OffsetAndMetadata | None]]]
"""(partitions, deadline) -> what the group has committed: the committer's."""
Pending = dict[TopicPartition, tuple[PartitionState, int]]
"""Partitions that something is being found out about, each with its epoch at the time of asking."""


class Offsets:
    """The offset look-ups of one consumer. `on_found` is called when a partition may be fetched, or failed."""

    def __init__(
        self,
        config: ConsumerConfig,
        client: Client,
        subscription: Subscription,
        buffer: FetchBuffer,
        *,
        committed: Committed | None,
        on_found: Callable[[], None],
        rng: Random,
    ) -> None:
        self._config = config
        self._client = client
        self._subscription = subscription
        self._buffer = buffer
        self._committed = committed
        self._on_found = on_found
        self._backoff = Backoff(config.connection.retry_backoff, config.connection.retry_backoff_max, rng)
        self._flying: set[tuple[TopicPartition, int, Need]] = set()
        self._tasks = Tasks()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self.last_failure: KafkaError | None = None
        """Why the last attempt brought nothing, for whoever waits in vain."""

    # What partitions need.

    def poke(self) -> None:
        """Start to find out whatever is needed and not being found out yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        now, cluster = loop.time(), self._client.cluster
        groups: dict[tuple[Need, int], Pending] = {}
        wakes = []
        leaderless = False
        for state in list(self._subscription.states()):
            need = state.need
            if need is Need.NOTHING or state.error is not None or (state.held and not state.wanted):
                continue
            if (state.tp, state.epoch, need) in self._flying:
                continue
            if now < state.retry_at:
                wakes.append(state.retry_at)
            elif need is Need.COMMITTED:
                groups.setdefault((need, -1), {})[state.tp] = state, state.epoch
            elif need is Need.RESET and state.reset_to is None and self._config.auto_offset_reset == "none":
                self._no_offset(state)
            elif (node := cluster.leader_of(*state.tp)) is None:
                leaderless = True
            else:
                groups.setdefault((need, node), {})[state.tp] = state, state.epoch
        if leaderless:
            self._client.request_update()
        for (need, node), pending in groups.items():
            self._spawn(need, node, pending)
        if wakes:
            self._timer = loop.call_at(min(wakes), self.poke)

    def _spawn(self, need: Need, node: int, pending: Pending) -> None:
        work: dict[Need, Callable[[int, Pending], Coroutine[Any, Any, None]]] = {
            Need.COMMITTED: self._find_committed,
            Need.RESET: self._reset,
            Need.VALIDATE: self._validate,
        }
        flying = {(tp, epoch, need) for tp, (_, epoch) in pending.items()}
        self._flying |= flying

        async def run() -> None:
            try:
                await work[need](node, pending)
            except KafkaError as error:
                log.info("%s of %d partitions failed: %s", need.name.lower(), len(pending), error)
                self._on_failure(need, pending, error)
            finally:
                self._flying -= flying
            self._on_found()
            self.poke()

        self._tasks.spawn(run(), f"kafkalite: {need.name.lower()} at node {node}")

    def _on_failure(self, need: Need, pending: Pending, error: KafkaError) -> None:
        self.last_failure = error
        if error.refresh_metadata and need is not Need.COMMITTED:
            self._client.request_update()
        for state, epoch in pending.values():
            if self._still(state, epoch, need):
                self._retry_later(state)
        if not error.retriable:
            self._buffer.fail(error)

    def _still(self, state: PartitionState, epoch: int, need: Need) -> bool:
        """Whether the partition is still ours and still needs what was asked for."""
        ours = self._subscription.get(state.tp) is state
        return ours and state.epoch == epoch and state.need is need

    def _retry_later(self, state: PartitionState) -> None:
        state.retry_at = asyncio.get_running_loop().time() + self._backoff.delay(state.retries)
        state.retries += 1

    def _no_offset(self, state: PartitionState) -> None:
        group = self._config.group_id
        why = f"the group {group!r} has committed none" if group is not None else "there is no group_id"
        error = NoOffsetForPartitionError(
            f"{state.tp.topic}-{state.tp.partition} has no offset to start from: {why}, and auto_offset_reset is"
            " 'none'. Seek, commit an offset, or set auto_offset_reset."
        )
        self._retry_later(state)
        self._buffer.fail(error, state)

    async def _find_committed(self, _: int, pending: Pending) -> None:
        assert self._committed is not None, "only members of a group start from what was committed"
        deadline = asyncio.get_running_loop().time() + self._config.connection.default_api_timeout
        found = await self._committed(list(pending), deadline)
        for tp, (state, epoch) in pending.items():
            if not self._still(state, epoch, Need.COMMITTED):
                continue
            committed = found.get(tp)
            if committed is not None:
                self._subscription.seek(state, Position(committed.offset, committed.leader_epoch))
            elif self._config.auto_offset_reset == "none":
                self._no_offset(state)
            else:
                self._subscription.reset(state, None)

    # Resets.

    async def _reset(self, node: int, pending: Pending) -> None:
        cluster = self._client.cluster
        policy = reset_timestamp(self._config.auto_offset_reset, time.time())
        asked = {}
        for tp, (state, _) in pending.items():
            timestamp = state.reset_to if state.reset_to is not None else policy
            assert timestamp is not None, "without a policy there is no reset"
            asked[tp] = Question(timestamp, cluster.leader_epoch_of(*tp))
        found = await self._ask(node, asked)
        for tp, (state, epoch) in pending.items():
            if self._still(state, epoch, Need.RESET):
                self._on_reset(node, state, asked[tp], found[tp])

    def _on_reset(self, node: int, state: PartitionState, asked: Question, finding: Finding) -> None:
        if finding.error_code:
            self._on_error(node, state, finding.error_code, "looking up its offset")
        elif finding.offset is None:
            # No record is that new.
            self._subscription.reset(state, LATEST)
        else:
            offset, _, leader_epoch = finding.offset
            log.info("%r starts at offset %d", state, offset)
            self._subscription.found(state, Position(offset, leader_epoch), asked.leader_epoch)

    def _on_error(self, node: int, state: PartitionState, code: int, doing: str) -> None:
        where = f"{state.tp.topic}-{state.tp.partition}, {doing} at {self._client.name_of(node)}"
        error = self.last_failure = error_for(code, where)
        log.info("%s", error)
        if error.refresh_metadata:
            self._client.request_update()
        self._retry_later(state)
        if not error.retriable:
            self._buffer.fail(error, state)

    async def _ask(
        self, node: int, asked: Mapping[TopicPartition, Question]
    ) -> dict[TopicPartition, Finding]:
        timeout = self._config.connection.request_timeout
        request = list_offsets_request(asked, self._config.isolation_level, timeout)
        return offsets_found(asked, await self._client.send(node, request))

    # Validation (KIP-320).

    async def _validate(self, node: int, pending: Pending) -> None:
        cluster = self._client.cluster
        asked: dict[TopicPartition, tuple[Position, int]] = {}
        for tp, (state, _) in pending.items():
            assert state.fetched is not None, "only a known position is validated"
            asked[tp] = state.fetched, cluster.leader_epoch_of(*tp)
        answered: dict[TopicPartition, EpochEndOffset] = {}
        try:
            answered = dict(epoch_ends(await self._client.send(node, epoch_ends_request(asked))))
        except UnsupportedVersionError:
            log.debug("%s cannot validate positions", self._client.name_of(node))
            answered = {
                tp: EpochEndOffset(leader_epoch=position.leader_epoch, end_offset=position.offset)
                for tp, (position, _) in asked.items()
            }
        for tp, (state, epoch) in pending.items():
            if not self._still(state, epoch, Need.VALIDATE):
                continue
            end = answered.get(tp, EpochEndOffset(error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
            if end.error_code:
                self._on_error(node, state, end.error_code, "validating its position")
            else:
                self._on_epoch_end(state, *asked[tp], end)

    def _on_epoch_end(
        self, state: PartitionState, fetched: Position, leader_epoch: int, end: EpochEndOffset
    ) -> None:
        if self._client.cluster.leader_epoch_of(*state.tp) != leader_epoch:
            return  # yet another leader: it is asked next
        position = state.position or fetched
        validity = judge(fetched, position, end)
        if validity in (Validity.VALID, Validity.UNDELIVERED_LOST):
            if validity is Validity.UNDELIVERED_LOST:
                self._buffer.forget_undelivered(state)
            state.need, state.validated_epoch = Need.NOTHING, leader_epoch
            state.retry_at, state.retries = 0.0, 0
            return
        back = Position(end.end_offset, end.leader_epoch) if validity is Validity.TRUNCATED else None
        log.warning("the log of %r was cut back to %s", state, back)
        if self._config.auto_offset_reset == "none":
            self._retry_later(state)
            self._buffer.fail(truncation(state, back), state)
        elif back is None:
            self._subscription.reset(state, None)
        else:
            self._subscription.found(state, back, leader_epoch)

    # The user's questions.

    async def ends(
        self, timestamp: int, partitions: Collection[TopicPartition], deadline: float
    ) -> dict[TopicPartition, int]:
        """The EARLIEST or the LATEST offset of each. Raises KafkaTimeoutError."""
        what = f"looking up the {'beginning' if timestamp == EARLIEST else 'end'} of partitions"
        found = await self.look_up(dict.fromkeys(partitions, timestamp), deadline, what)
        return {tp: offset.offset for tp, offset in found.items() if offset is not None}

    async def look_up(
        self, timestamps: Mapping[TopicPartition, int], deadline: float, what: str
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """Ask each partition's leader for the offset of a time, EARLIEST or LATEST; `what` names it in messages.

        Raises KafkaTimeoutError at the deadline, and what cannot be retried.
        """
        found: dict[TopicPartition, OffsetAndTimestamp | None] = {}

        async def attempt() -> None:
            left = {tp: timestamp for tp, timestamp in timestamps.items() if tp not in found}
            by_node = await self._by_leader(left, deadline)
            answers = await asyncio.gather(
                *(self._ask(node, asked) for node, asked in by_node.items()), return_exceptions=True
            )
            failures: list[BaseException] = []
            for node, answer in zip(by_node, answers, strict=True):
                if isinstance(answer, BaseException):
                    failures.append(answer)
                    continue
                for tp, (code, offset) in answer.items():
                    if code:
                        where = f"{tp.topic}-{tp.partition} at {self._client.name_of(node)}"
                        failures.append(error_for(code, where))
                    else:
                        found[tp] = offset
            for failure in sorted(failures, key=lambda failure: getattr(failure, "retriable", False)):
                raise failure

        if timestamps:
            await self._client.retrying(attempt, deadline=deadline, what=what)
        return found

    async def _by_leader(
        self, timestamps: Mapping[TopicPartition, int], deadline: float
    ) -> dict[int, dict[TopicPartition, Question]]:
        cluster = self._client.cluster
        strangers = {tp.topic for tp in timestamps if cluster.leader_of(*tp) is None}
        leaders: dict[TopicPartition, tuple[int, int]] = {}
        if strangers:
            for topic in await self.describe_topics(sorted(strangers), deadline):
                if topic.error_code:
                    raise error_for(topic.error_code, f"topic {topic.name!r}")
                for data in topic.partitions:
                    tp = TopicPartition(topic.name or "", data.partition_index)
                    leaders[tp] = data.leader_id, data.leader_epoch
        by_node: dict[int, dict[TopicPartition, Question]] = {}
        for tp, timestamp in timestamps.items():
            if tp.topic in strangers:
                node, epoch = leaders.get(tp, (None, -1))
            else:
                node, epoch = cluster.leader_of(*tp), cluster.leader_epoch_of(*tp)
            if node is None:
                raise error_for(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"{tp.topic}-{tp.partition}")
            if node < 0:
                raise error_for(ErrorCode.LEADER_NOT_AVAILABLE, f"{tp.topic}-{tp.partition}")
            by_node.setdefault(node, {})[tp] = Question(timestamp, epoch)
        return by_node

    async def describe_topics(
        self, topics: Iterable[str] | None, deadline: float
    ) -> list[MetadataResponseTopic]:
        """Ask any broker about topics that need not be subscribed; None for all."""
        names = None if topics is None else [MetadataRequestTopic(name=name) for name in topics]
        request = MetadataRequest(
            topics=names,
            allow_auto_topic_creation=self._config.allow_auto_create_topics and names is not None,
        )
        return (await self._client.send_to_any(request, deadline=deadline)).topics

    async def topics(self, deadline: float) -> set[str]:
        """The names of all topics that may be seen; internal ones are left out if so configured."""
        hide = self._config.exclude_internal_topics
        return {
            topic.name
            for topic in await self.describe_topics(None, deadline)
            if topic.name and topic.partitions and not (hide and topic.is_internal)
        }

    async def partitions_of(self, topic: str, deadline: float) -> set[int] | None:
        """The partitions of a topic; None if it does not exist. Raises what forbids to know."""
        for found in await self.describe_topics([topic], deadline):
            if found.error_code and not error_class(found.error_code).retriable:
                raise error_for(found.error_code, f"topic {topic!r}")
            if found.partitions:
                return {p.partition_index for p in found.partitions}
        return None

    async def close(self) -> None:
        """End every attempt."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.cancel_all()
