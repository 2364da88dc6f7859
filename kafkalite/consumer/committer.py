"""Stores the group's offsets and reads them: when the user asks, by the clock, and before partitions are given up.

Commits go out one after the other, in the order they were asked for: a late retry of an older one must not overwrite
a newer one. What a refusal means for the membership is the group coordinator's to say, through `membership`.
Thread: loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from random import Random
from typing import Any, Final, Protocol

from kafkalite.config import ConsumerConfig
from kafkalite.errors import (
    CommitFailedError,
    KafkaError,
    KafkaTimeoutError,
    UnsupportedVersionError,
    error_for,
)
from kafkalite.net.backoff import Backoff
from kafkalite.net.client import Client
from kafkalite.net.tasks import Tasks
from kafkalite.protocol.codes import CoordinatorKeyType, ErrorCode
from kafkalite.protocol.messages.offset_commit import OffsetCommitRequest
from kafkalite.types import ConsumerGroupMetadata, OffsetAndMetadata, TopicPartition

from .group.verdicts import Verdict, verdict_on
from .offset_messages import Form, commit_form, commit_verdicts, fetch_forms, fetched

__all__ = ["LANE", "Committer", "Membership", "ask"]

log = logging.getLogger(__name__)

LANE: Final = "coordinator"
"""The connection for short questions to the coordinator: no long fetch delays them."""

_ABOUT_THE_MEMBER: Final = frozenset(
    {
        ErrorCode.REBALANCE_IN_PROGRESS,
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.ILLEGAL_GENERATION,
        ErrorCode.FENCED_INSTANCE_ID,
    }
)


Told = Callable[[Mapping[TopicPartition, OffsetAndMetadata], KafkaError | None], object]
"""(offsets, what went wrong): hears of automatic commits."""


class Membership(Protocol):
    """Who knows whether a commit may succeed, and what its refusal means: the group coordinator."""

    def commit_refusal(self) -> KafkaError | None:
        """Why a commit would fail now; None if it may be tried."""

    def on_commit_refused(self, code: int, sent_as: ConsumerGroupMetadata) -> KafkaError:
        """The coordinator does not accept this member's commit. Returns what to raise."""


async def ask(client: Client, node_id: int, forms: Sequence[Form], *, lane: str = LANE) -> tuple[Form, Any]:
    """Send the newest form that the node speaks. Returns it and the answer; raises as `Client.send` does."""
    for form in forms[:-1]:
        try:
            return form, await _send(client, node_id, form, lane)
        except UnsupportedVersionError as error:
            log.debug("%s", error)
    return forms[-1], await _send(client, node_id, forms[-1], lane)


async def _send(client: Client, node_id: int, form: Form, lane: str) -> Any:
    return await client.send(
        node_id, form.request, lane=lane, min_version=form.min_version, max_version=form.max_version
    )


class Committer:
    """The offsets of one consumer's group."""

    def __init__(
        self,
        config: ConsumerConfig,
        client: Client,
        *,
        member: Callable[[], ConsumerGroupMetadata],
        rng: Random | None = None,
    ) -> None:
        assert config.group_id is not None, "without a group_id nothing is committed"
        self._group_id: str = config.group_id
        self._config = config
        self._client = client
        self._member = member
        self._backoff = Backoff(
            config.connection.retry_backoff, config.connection.retry_backoff_max, rng or Random()
        )
        self._turn = asyncio.Lock()
        self._tasks = Tasks()
        self.membership: Membership | None = None
        """Set by the group coordinator."""
        self._told: Told | None = None

    # Storing.

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata], deadline: float) -> None:
        """Commit, trying again until the deadline (loop time) what may succeed later.

        Raises CommitFailedError and RebalanceInProgressError, which say in words why this consumer may not commit;
        KafkaTimeoutError with the last cause; authorization errors, OffsetMetadataTooLargeError.
        """
        left = _checked(offsets)
        if not left:
            return
        what = f"committing {len(left)} offsets of group {self._group_id!r}"
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError:
            raise KafkaTimeoutError(
                f"{what}: an earlier commit was still under way at the deadline"
            ) from None
        try:
            await self._client.retrying(
                lambda: self._commit_once(left, deadline), deadline=deadline, what=what
            )
        finally:
            self._turn.release()

    async def _commit_once(self, left: dict[TopicPartition, OffsetAndMetadata], deadline: float) -> None:
        """One attempt; what was stored is taken out of `left`. Raises what kept the rest from being stored."""
        node = await self._coordinator(deadline)
        if self.membership is not None and (refusal := self.membership.commit_refusal()) is not None:
            raise refusal
        who = self._member()
        if who.generation_id < 0:  # no member: partitions were assigned by the user
            who = ConsumerGroupMetadata(self._group_id)
        form = commit_form(who, left, self._client.cluster)
        response = await self._ask(node, [form])
        assert isinstance(form.request, OffsetCommitRequest)
        failures: list[KafkaError] = []
        answered = dict(commit_verdicts(form.request, response))
        for tp in list(left):
            # A broker that says nothing about a partition has not stored it.
            code = answered.get(tp, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
            if not code:
                del left[tp]
                continue
            if code in _ABOUT_THE_MEMBER:
                raise self._refused(code, who)
            if verdict_on(OffsetCommitRequest, code) is Verdict.FIND:
                self._forget_coordinator()
            failures.append(error_for(code, f"{tp.topic}-{tp.partition} at {self._client.name_of(node)}"))
        for failure in sorted(failures, key=lambda failure: failure.retriable):
            raise failure

    def _refused(self, code: int, who: ConsumerGroupMetadata) -> KafkaError:
        if self.membership is not None and who.generation_id >= 0:
            return self.membership.on_commit_refused(code, who)
        if code == ErrorCode.UNKNOWN_MEMBER_ID:
            return CommitFailedError(
                f"the offsets were not committed: group {self._group_id!r} has members, and this consumer, whose"
                " partitions were assigned by hand, is none of them. Use another group_id, or subscribe()."
            )
        return error_for(code, f"committing to group {self._group_id!r}")

    # Reading.

    async def committed(
        self, partitions: Collection[TopicPartition], deadline: float
    ) -> dict[TopicPartition, OffsetAndMetadata | None]:
        """What the group has committed for these; None where there is nothing.

        Offsets that belong to an open transaction are waited for. Raises KafkaTimeoutError with the last cause, and
        authorization errors.
        """
        wanted = [TopicPartition(*partition) for partition in dict.fromkeys(partitions)]
        if not wanted:
            return {}
        what = f"reading the committed offsets of group {self._group_id!r}"
        return await self._client.retrying(
            lambda: self._fetch_once(wanted, deadline), deadline=deadline, what=what
        )

    async def _fetch_once(
        self, wanted: Sequence[TopicPartition], deadline: float
    ) -> dict[TopicPartition, OffsetAndMetadata | None]:
        node = await self._coordinator(deadline)
        forms = fetch_forms(self._group_id, wanted, self._client.cluster)
        form, response = await self._ask_forms(node, forms)
        code, found = fetched(form.request, response)  # type: ignore[arg-type]
        at = self._client.name_of(node)
        if code:
            if verdict_on(OffsetCommitRequest, code) is Verdict.FIND:
                self._forget_coordinator()
            raise error_for(code, f"reading the committed offsets of group {self._group_id!r} at {at}")
        failures = []
        for tp, answer in found.items():
            if verdict_on(OffsetCommitRequest, answer.error_code) is Verdict.FIND:
                self._forget_coordinator()
            if answer.error_code:
                failures.append(
                    error_for(answer.error_code, f"the committed offset of {tp.topic}-{tp.partition} at {at}")
                )
        for failure in sorted(failures, key=lambda failure: failure.retriable):
            raise failure
        return {tp: found[tp].committed if tp in found else None for tp in wanted}

    # Whom to ask.

    async def _coordinator(self, deadline: float) -> int:
        return await self._client.find_coordinator(
            CoordinatorKeyType.GROUP, self._group_id, deadline=deadline
        )

    def _forget_coordinator(self) -> None:
        self._client.forget_coordinator(CoordinatorKeyType.GROUP, self._group_id)

    async def _ask(self, node: int, forms: Sequence[Form]) -> Any:
        return (await self._ask_forms(node, forms))[1]

    async def _ask_forms(self, node: int, forms: Sequence[Form]) -> tuple[Form, Any]:
        try:
            return await ask(self._client, node, forms)
        except KafkaError as error:
            if error.retriable:  # lost, or silent: it may not be the coordinator any more
                self._forget_coordinator()
            raise

    # By the clock.

    def start_auto(
        self, positions: Callable[[], dict[TopicPartition, OffsetAndMetadata]], told: Told | None = None
    ) -> None:
        """Commit `positions()` every `auto_commit_interval_ms` from now on.

        `told` hears of the outcome of each automatic commit, of those before a rebalance too.
        """
        self._told = told
        self._tasks.spawn(self._auto(positions), "kafkalite: commit automatically")

    async def _auto(self, positions: Callable[[], dict[TopicPartition, OffsetAndMetadata]]) -> None:
        failures = 0
        while True:
            pause = self._config.auto_commit_interval
            await asyncio.sleep(min(pause, self._backoff.delay(failures - 1)) if failures else pause)
            error = await self._commit_in_passing(positions())
            failures = failures + 1 if error is not None and error.retriable else 0

    async def _commit_in_passing(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> KafkaError | None:
        """One attempt: by the time of a second one there are newer positions to commit."""
        if not offsets or self._turn.locked():
            return None
        if self.membership is not None and self.membership.commit_refusal() is not None:
            return None
        async with self._turn:
            deadline = asyncio.get_running_loop().time() + self._config.connection.request_timeout
            return await self._outcome(offsets, self._commit_once(dict(offsets), deadline))

    async def commit_automatically(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], deadline: float
    ) -> None:
        """Commit because it is time to, trying again until the deadline. What goes wrong is logged, not raised."""
        if offsets:
            await self._outcome(offsets, self.commit(offsets, deadline))

    async def _outcome(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], commit: Coroutine[Any, Any, None]
    ) -> KafkaError | None:
        """Await a commit, tell who wants to know, and return what went wrong."""
        failure = None
        try:
            await commit
        except KafkaError as error:
            log.warning("an automatic commit failed: %s", error)
            failure = error
        if self._told is not None:
            try:
                self._told(offsets, failure)
            except Exception:
                log.exception("the callback of an automatic commit failed")
        return failure

    async def close(self) -> None:
        """End the automatic commits. Idempotent."""
        await self._tasks.cancel_all()


def _checked(
    offsets: Mapping[TopicPartition, OffsetAndMetadata],
) -> dict[TopicPartition, OffsetAndMetadata]:
    checked = {}
    for tp, committed in offsets.items():
        if committed.offset < 0:
            raise ValueError(f"the offset to commit for {tp[0]}-{tp[1]} is negative: {committed.offset}")
        checked[TopicPartition(*tp)] = committed
    return checked
