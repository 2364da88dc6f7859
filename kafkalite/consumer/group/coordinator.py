"""Keeps a consumer in its group: joins and rejoins where the user polls, sends heartbeats meanwhile, leaves in the end.

Three things go on side by side: `_live` goes from round to round, `_beat` sends heartbeats whatever the user does, and
a timer watches how long ago the last poll was. Who the member is and what answers mean is `classic`'s. A rebalance
waits at the gate until the user polls; only then are partitions given up. Thread: loop; `listener_call`, `gate_waiting`
and `last_poll` any.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import Any, Final, Literal

from kafkalite.config import ConsumerConfig
from kafkalite.consumer.committer import LANE, Committer, ask
from kafkalite.consumer.listener import ListenerCall
from kafkalite.consumer.offset_messages import Form
from kafkalite.consumer.subscription import Subscription
from kafkalite.errors import KafkaError, KafkaTimeoutError
from kafkalite.net.backoff import Backoff
from kafkalite.net.client import Client
from kafkalite.net.metadata import Cluster
from kafkalite.net.tasks import Tasks
from kafkalite.protocol.codes import CoordinatorKeyType
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.sync_group import SyncGroupRequestAssignment
from kafkalite.types import ConsumerGroupMetadata, TopicPartition

from .assignors import resolve
from .classic import ClassicMember, Outcome, State, too_slow
from .verdicts import Verdict

__all__ = ["GroupCoordinator"]

log = logging.getLogger(__name__)

ROUND_LANE: Final = "rebalance"
"""The connection for JoinGroup and SyncGroup: they wait at the coordinator until the whole group has come, and whatever
is behind them on their connection waits too."""

GRACE: Final = 5.0
"""Seconds beyond the rebalance timeout in which the coordinator has to answer JoinGroup."""


class GroupCoordinator:
    """One consumer's place in its group. `on_event` is called when a waiting poll has something to look at."""

    def __init__(
        self,
        config: ConsumerConfig,
        client: Client,
        subscription: Subscription,
        committer: Committer,
        *,
        on_event: Callable[[], None],
        rng: Random | None = None,
    ) -> None:
        self._config = config
        self._client = client
        self._subscription = subscription
        self._committer = committer
        self._on_event = on_event
        self._member = ClassicMember(config, resolve(config.partition_assignment_strategy))
        self._backoff = Backoff(
            config.connection.retry_backoff, config.connection.retry_backoff_max, rng or Random()
        )
        self._tasks = Tasks()
        self._life: asyncio.Task[None] | None = None
        self._farewells: set[asyncio.Task[None]] = set()
        self._node: int | None = None
        self._joined_topics: frozenset[str] | None = None
        self._polled, self._rejoin, self._listener_ran = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._beat_soon = asyncio.Event()
        self._syncing: asyncio.Timeout | None = None
        self._poll_timer: asyncio.TimerHandle | None = None
        self._error: KafkaError | None = None
        self._started = self._closing = False
        self.last_poll = 0.0
        self.gate_waiting = False
        self.listener_call: ListenerCall | None = None
        self.last_failure: KafkaError | None = None
        """Why the last attempt to join or to send a heartbeat failed; None after one that did not."""
        committer.membership = self

    # What the engine tells.

    def start(self) -> None:
        """The client is connected: begin."""
        self._started = True
        self.last_poll = asyncio.get_running_loop().time()
        self._client.metadata.listeners.append(self._on_cluster)
        self._tasks.spawn(self._beat(), "kafkalite: heartbeats")
        self.on_subscription_changed()

    def on_subscription_changed(self) -> None:
        """Join, join anew, or leave."""
        if not self._started or self._closing or (self._error is not None and self._error.fatal):
            return
        if not self._subscription.uses_group_assignment:
            if self._life is not None:
                self._end_life()
                self._say_leave("the consumer unsubscribed")
        elif self._life is None:
            self._begin_life()
        elif self._joined_topics not in (None, self._subscription.topics):
            self._request_rejoin("its subscription changed")

    def on_poll(self, now: float) -> None:
        """The user polls: a rebalance that waits may go on."""
        self.last_poll = max(self.last_poll, now)
        self._polled.set()

    def listener_done(self, error: BaseException | None) -> None:
        """The door made `listener_call`. The rebalance goes on even if that failed: the partitions move anyway."""
        if error is not None and self.listener_call is not None:
            log.warning(
                "the rebalance listener failed in on_partitions_%s: %r", self.listener_call.kind, error
            )
        self.listener_call = None
        self._listener_ran.set()

    def take_error(self) -> KafkaError | None:
        """What the next poll must raise. Fatal errors stay: nothing works any more."""
        error = self._error
        if error is not None and not error.fatal:
            self._error = None
        return error

    def metadata(self) -> ConsumerGroupMetadata:
        """Who we are in the group."""
        return self._member.metadata

    async def close(self, timeout: float) -> None:
        """Leave the group, within `timeout` seconds, and end every task. Idempotent."""
        if not self._closing:
            self._closing = True
            if self._started:
                self._client.metadata.listeners.remove(self._on_cluster)
            self._end_life()
            self._say_leave("the consumer was closed")
        try:
            if self._farewells:
                await asyncio.wait(self._farewells, timeout=timeout)
        finally:
            await self._tasks.cancel_all()

    # What the committer asks.

    def commit_refusal(self) -> KafkaError | None:
        """Why a commit would fail now. Offsets of partitions that the user assigned belong to no member."""
        if not self._subscription.uses_group_assignment:
            return None
        if self._error is not None and self._error.fatal:
            return self._error
        return self._member.commit_refusal()

    def on_commit_refused(self, code: int, sent_as: ConsumerGroupMetadata) -> KafkaError:
        """The coordinator refused a commit of ours. Returns what the user is told."""
        outcome = self._member.on_commit_refused(code, sent_as)
        self._follow(outcome)
        assert outcome.error is not None, "a refusal has a reason"
        return outcome.error

    # A life in the group: from subscribing to unsubscribing.

    def _begin_life(self) -> None:
        self._life = self._tasks.spawn(self._live(), f"kafkalite: member of {self._member.group_id}")
        self._check_poll()

    def _end_life(self) -> None:
        if self._life is not None:
            self._life.cancel()
            self._life = None
        if self._poll_timer is not None:
            self._poll_timer.cancel()
            self._poll_timer = None
        self._rejoin.clear()
        self.gate_waiting = False
        self.listener_call = None  # whatever it was about is out of date
        self._joined_topics = None

    async def _live(self) -> None:
        while True:
            try:
                await self._gate()
                await self._let_go()
                await self._enter()
                await self._take_over()
                await self._rejoin.wait()
            except KafkaError as error:
                if self._gave_up(error):
                    return
            except Exception as error:  # a bug must not look like a group that never rebalances
                log.exception("%s failed", self)
                self._gave_up(KafkaError(f"taking part in group {self._member.group_id!r} failed: {error!r}"))

    def _gave_up(self, error: KafkaError) -> bool:
        """We cannot take part; the others need not wait for us. True if it is for good, else the next poll tries."""
        self._say_leave(f"it cannot take part: {error}")
        self._fail(error)
        self.gate_waiting = True
        return error.fatal

    async def _gate(self) -> None:
        """Wait for the user's next poll: until then nothing is taken away."""
        self.gate_waiting = True
        self._polled.clear()
        self._on_event()
        await self._polled.wait()

    async def _let_go(self) -> None:
        """Give up everything we own, having committed it, and tell the listener (the eager protocol)."""
        owned = self._subscription.assigned()
        if owned and self._config.enable_auto_commit and self._member.state is State.STABLE:
            # The user is in a poll, so all that was taken counts.
            deadline = asyncio.get_running_loop().time() + self._config.connection.request_timeout
            await self._committer.commit_automatically(self._subscription.consumed_positions(), deadline)
            await asyncio.sleep(0)  # if the commit showed that the membership is over, this ends here
        if owned:
            await self._tell("revoked" if self._member.state is State.STABLE else "lost", owned)
        self._subscription.set_assignment(())
        self.gate_waiting = False

    async def _tell(
        self, kind: Literal["revoked", "assigned", "lost"], partitions: frozenset[TopicPartition]
    ) -> None:
        """Have the door call the listener, and wait until it did."""
        listener = self._subscription.listener
        if listener is None:
            return
        self._listener_ran.clear()
        self.listener_call = ListenerCall(kind, partitions, listener)
        self._on_event()
        await self._listener_ran.wait()

    async def _enter(self) -> None:
        """Join, and join again, until we have partitions. Raises what cannot be helped by trying again."""
        failures = 0
        while True:
            try:
                outcome = await self._round()
            except KafkaError as error:
                if not error.retriable:
                    raise
                outcome = Outcome(Verdict.FIND, error)
            self.last_failure = outcome.error
            match outcome.verdict:
                case Verdict.OK:
                    return
                case Verdict.RAISE:
                    assert outcome.error is not None, "what is raised is an error"
                    raise outcome.error
                case Verdict.AGAIN:
                    continue
                case Verdict.FIND:
                    self._lose_coordinator()
                case Verdict.LATER:
                    pass
                case _ if not failures:  # a first time it may be gone at once
                    failures += 1
                    continue
            log.log(
                logging.WARNING if failures else logging.INFO,
                "%s joins again: %s",
                self._member,
                outcome.error,
            )
            await asyncio.sleep(self._backoff.delay(failures))
            failures += 1

    async def _round(self) -> Outcome:
        """One JoinGroup, one SyncGroup."""
        member, client, config = self._member, self._client, self._config
        loop = asyncio.get_running_loop()
        await self._see_pattern()
        node = await self._find()
        self._rejoin.clear()
        topics = self._joined_topics = self._subscription.topics
        limit = max(config.connection.request_timeout, config.max_poll_interval + GRACE)
        join = member.next_join(topics)
        joined = await client.send(node, join, timeout=limit, lane=ROUND_LANE)
        outcome = member.on_join(join, joined, loop.time())
        if outcome.verdict is not Verdict.OK:
            return outcome
        self._beat_soon.set()
        assignments = await self._share_out(skip=joined.skip_assignment)
        sync = member.next_sync(assignments)
        try:
            async with asyncio.timeout(None) as self._syncing:
                synced = await client.send(node, sync, timeout=limit, lane=ROUND_LANE)
        except TimeoutError:
            raise KafkaTimeoutError(
                f"{client.name_of(node)} was silent for the session timeout, while it should have sent an assignment"
            ) from None
        finally:
            self._syncing = None
        return member.on_sync(sync, synced, loop.time())

    async def _see_pattern(self) -> None:
        """Learn all topics before joining with a pattern, or the first round would be for nothing."""
        if self._subscription.pattern is not None and not self._subscription.topics:
            limit = self._config.connection.request_timeout
            await self._client.refresh_metadata(asyncio.get_running_loop().time() + limit)

    async def _share_out(self, *, skip: bool) -> list[SyncGroupRequestAssignment]:
        """The leader's work: everybody's partitions.

        `skip`: a static leader is back, and everybody keeps what the coordinator still knows (KIP-814); all there is to
        do is to watch the topics.
        """
        leadership = self._member.leadership
        if leadership is None:
            return []
        client, loop = self._client, asyncio.get_running_loop()
        deadline = loop.time() + self._config.connection.request_timeout
        client.want_topics(*leadership.topics)
        while unknown := leadership.unknown_topics(client.cluster):
            try:
                await client.refresh_metadata(deadline)
            except KafkaTimeoutError as error:
                log.warning("sharing out without the topics %s: %s", sorted(unknown), error)
                break
        if skip:
            leadership.watch(client.cluster)
            return []
        return leadership.share_out(client.cluster)

    async def _take_over(self) -> None:
        """What we were given is ours. It is read once the listener has been told."""
        member, subscription = self._member, self._subscription
        given = member.assigned
        assigned = frozenset(tp for tp in given if tp.topic in subscription.topics)
        if assigned != given:  # the subscription has changed since we joined: another round follows
            log.info("not taking %s: not subscribed any more", sorted(given - assigned))
        log.info("%s was assigned %s", member, sorted(assigned) or "nothing")
        try:
            member.strategy.on_assignment(assigned, member.generation)
        except KafkaError as error:
            self._fail(error)
        if subscription.listener is None:
            subscription.set_assignment(assigned)
        else:
            subscription.set_assignment(assigned, held=True)
            await self._tell("assigned", assigned)
            subscription.release()
        self._on_event()

    # What may happen at any time.

    def _request_rejoin(self, reason: str) -> None:
        log.info("%s joins anew: %s", self._member, reason)
        self._member.reason = reason
        self._rejoin.set()

    def _follow(self, outcome: Outcome) -> None:
        """Do what an answer to a heartbeat or a commit asks for."""
        match outcome.verdict:
            case Verdict.REJOIN | Verdict.RESET_GENERATION | Verdict.RESET_MEMBER:
                self._request_rejoin(self._member.reason)
            case Verdict.FIND:
                self._lose_coordinator()
            case Verdict.RAISE if outcome.error is not None and outcome.error.fatal:
                self._die(outcome.error)

    def _fail(self, error: KafkaError) -> None:
        """Have the next poll raise this."""
        self._error = error
        self._on_event()

    def _die(self, error: KafkaError) -> None:
        """The membership is over for good."""
        self._end_life()
        self._member.forget(str(error), keep_id=False)
        self.gate_waiting = True
        self._fail(error)

    def _on_cluster(self, cluster: Cluster) -> None:
        """The leader looks whether its shares still fit."""
        leadership = self._member.leadership
        if leadership is None or self._rejoin.is_set():
            return
        if (why := leadership.outdated(cluster)) is not None:
            self._request_rejoin(why)

    def _check_poll(self) -> None:
        """A member that does not poll for too long makes room for others: they get its partitions."""
        loop, limit = asyncio.get_running_loop(), self._config.max_poll_interval
        now = loop.time()
        idle = now - self.last_poll
        if idle >= limit and self._member.state is not State.OUTSIDE:
            why = too_slow(idle, limit)
            log.warning("%s: %s", self._member, why)
            self._end_life()
            self._say_leave("poll() was not called for max_poll_interval_ms", why)
            self._begin_life()
            self.gate_waiting = True  # what it owned is lost; it joins anew at the next poll
            return
        self._poll_timer = loop.call_at(
            self.last_poll + limit if idle < limit else now + limit, self._check_poll
        )

    def _say_leave(self, reason: str, because: str = "") -> None:
        """Be no member any more, and tell the coordinator in the background."""
        forms = self._member.leave(reason, because)
        if not forms or self._node is None:
            return
        task = self._tasks.spawn(self._send_leave(self._node, forms), "kafkalite: leave the group")
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    async def _send_leave(self, node: int, forms: list[Form]) -> None:
        try:
            await ask(self._client, node, forms)
        except KafkaError as error:
            log.info("group %r could not be left in order: %s", self._member.group_id, error)

    # Heartbeats.

    async def _beat(self) -> None:
        """Send heartbeats whenever they are due."""
        member, loop = self._member, asyncio.get_running_loop()
        failures = 0
        while True:
            request = member.next_heartbeat(loop.time())
            if request is None:
                await self._until_due()
                continue
            try:
                response = await self._ask(request, member.session_left(loop.time()))
                outcome = member.on_heartbeat(request, response, loop.time())
            except KafkaError as error:
                # Lost, silent, or not found: another broker may be the coordinator by now.
                outcome = Outcome(Verdict.RAISE if error.fatal else Verdict.FIND, error)
            self.last_failure = outcome.error
            self._follow(outcome)
            if outcome.verdict not in (Verdict.FIND, Verdict.LATER):
                failures = 0
                continue
            log.info("a heartbeat of %s failed: %s", member, outcome.error)
            if member.heartbeat_failed(loop.time(), self._backoff.delay(failures)):
                self._on_session_over()
            failures += 1

    async def _until_due(self) -> None:
        """Wait until a heartbeat is due, or until that may have changed."""
        self._beat_soon.clear()
        due = self._member.heartbeat_at
        try:
            async with asyncio.timeout_at(due):
                await self._beat_soon.wait()
        except TimeoutError:
            pass

    async def _ask(self, request: HeartbeatRequest, patience: float) -> Any:
        limit = min(self._config.connection.request_timeout, max(patience, self._config.heartbeat_interval))
        try:
            async with asyncio.timeout(limit):
                node = await self._find()
                return await self._client.send(node, request, lane=LANE)
        except TimeoutError:
            raise KafkaTimeoutError(
                f"the coordinator did not answer a heartbeat within {limit:.3g} s"
            ) from None

    def _on_session_over(self) -> None:
        """The coordinator has not been heard of for the session timeout: do not go on waiting for it."""
        log.warning("%s: no heartbeat was answered for the session timeout", self._member)
        self._lose_coordinator()
        if self._syncing is not None:
            self._syncing.reschedule(asyncio.get_running_loop().time())

    async def _find(self) -> int:
        deadline = asyncio.get_running_loop().time() + self._config.connection.request_timeout
        self._node = await self._client.find_coordinator(
            CoordinatorKeyType.GROUP, self._member.group_id, deadline=deadline
        )
        return self._node

    def _lose_coordinator(self) -> None:
        self._node = None
        self._client.forget_coordinator(CoordinatorKeyType.GROUP, self._member.group_id)

    def __repr__(self) -> str:
        waiting = ", waits for a poll" if self.gate_waiting else ""
        telling = f", tells the listener {self.listener_call.kind}" if self.listener_call else ""
        trouble = f", {self.last_failure}" if self.last_failure else ""
        return f"<GroupCoordinator {self._member!r}{waiting}{telling}{trouble}>"
