"""A member of a classic group: who it is, what it asks next, and what the answers mean. A brain.

    OUTSIDE --join--> JOINING --joined--> SYNCING --synced--> STABLE
       ^                 ^                   |                  |
       |                 +-------join--------+-------join-------+      a new round begins
       +---------------forget: left, removed, or out of date----+      from everywhere

`coordinator` sends what `next_...` composes and tells the answers to `on_...`, which give a verdict. Heartbeats are due
in SYNCING and STABLE: while JoinGroup waits at the coordinator, that alone keeps the member alive. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from kafkalite.config import ConsumerConfig
from kafkalite.consumer.offset_messages import Form
from kafkalite.errors import (
    CommitFailedError,
    KafkaError,
    RebalanceInProgressError,
    error_for,
)
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite.protocol.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
)
from kafkalite.protocol.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite.protocol.messages.offset_commit import OffsetCommitRequest
from kafkalite.protocol.messages.sync_group import (
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)
from kafkalite.types import ConsumerGroupMetadata, MemberState, TopicPartition

from .assignors import Strategy
from .assignors.member import MemberSubscription
from .leadership import Leadership
from .protocol_bytes import PROTOCOL_TYPE, decode_assignment, encode_subscription
from .verdicts import Verdict, verdict_on

__all__ = ["ClassicMember", "Outcome", "State", "too_slow"]

LONGEST_REASON: Final = 255
"""Characters; coordinators log reasons (KIP-800), and need no novels."""
LONGEST_TIMEOUT: Final = 2**31 - 1
"""Milliseconds; more does not fit into the request."""


class State(Enum):
    """Where the member stands."""

    OUTSIDE = "no member of the group"
    JOINING = "JoinGroup waits for the others"
    SYNCING = "SyncGroup waits for the leader's assignment"
    STABLE = "has its partitions"


class Event(Enum):
    """What moves it."""

    JOIN = "asks to join"
    JOINED = "is in the new generation"
    SYNCED = "knows its partitions"
    FORGET = "left, was removed, or lost its generation"


TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    **{(state, Event.JOIN): State.JOINING for state in State},
    (State.JOINING, Event.JOINED): State.SYNCING,
    (State.SYNCING, Event.SYNCED): State.STABLE,
    **{(state, Event.FORGET): State.OUTSIDE for state in State},
}
"""The whole state machine; what is not in it cannot happen."""

_SHOWN: Final[Mapping[State, str]] = {
    State.OUTSIDE: MemberState.UNJOINED,
    State.JOINING: MemberState.REBALANCING,
    State.SYNCING: MemberState.REBALANCING,
    State.STABLE: MemberState.STABLE,
}


class Outcome(NamedTuple):
    """What an answer means; `error` is what to raise, or why to try again."""

    verdict: Verdict
    error: KafkaError | None = None


class ClassicMember:
    """One consumer's membership."""

    def __init__(self, config: ConsumerConfig, strategies: Mapping[str, Strategy]) -> None:
        assert config.group_id is not None, "without a group_id there is no membership"
        self.group_id: str = config.group_id
        self._config = config
        self._strategies = strategies
        self.state = State.OUTSIDE
        self.member_id = ""
        self.generation = -1
        self.protocol = ""
        self.leadership: Leadership | None = None
        """Set in the generations that this member leads."""
        self.assigned: frozenset[TopicPartition] = frozenset()
        """What the last SyncGroup gave us."""
        self.heartbeat_at: float | None = None
        """When the next heartbeat is due; None while none is."""
        self.heard_at = 0.0
        """When the coordinator last confirmed that we are alive."""
        self.reason = "the consumer was started"
        """Why it joins next, for the coordinator's log (KIP-800)."""
        self._outside_because = "it has not joined the group yet: poll first"

    def _move(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state, event]

    @property
    def metadata(self) -> ConsumerGroupMetadata:
        """Who this member is."""
        return ConsumerGroupMetadata(
            self.group_id,
            self.generation,
            self.member_id,
            self._config.group_instance_id,
            _SHOWN[self.state],
        )

    @property
    def strategy(self) -> Strategy:
        """The strategy of the current generation."""
        return self._strategies[self.protocol]

    # JoinGroup

    def next_join(self, topics: frozenset[str], owned: Sequence[TopicPartition] = ()) -> JoinGroupRequest:
        """Ask to join the next round. Raises KafkaError if a user's assignor fails."""
        rack, generation = self._config.client_rack or None, self.generation
        protocols = [
            JoinGroupRequestProtocol(
                name=name,
                metadata=encode_subscription(
                    MemberSubscription(topics, strategy.user_data(topics), tuple(owned), generation, rack)
                ),
            )
            for name, strategy in self._strategies.items()
        ]
        self._move(Event.JOIN)
        self.heartbeat_at = None
        self.leadership = None
        return JoinGroupRequest(
            group_id=self.group_id,
            session_timeout_ms=_milliseconds(self._config.session_timeout),
            rebalance_timeout_ms=_milliseconds(self._config.max_poll_interval),
            member_id=self.member_id,
            group_instance_id=self._config.group_instance_id,
            protocol_type=PROTOCOL_TYPE,
            protocols=protocols,
            reason=self.reason[:LONGEST_REASON],
        )

    def on_join(self, request: JoinGroupRequest, response: JoinGroupResponse, now: float) -> Outcome:
        """The round is complete, or refused. Raises KafkaProtocolError if members say what cannot be read."""
        if response.error_code:
            verdict = verdict_on(JoinGroupRequest, response.error_code)
            if verdict is Verdict.AGAIN and (request.member_id or not response.member_id):
                verdict = Verdict.LATER  # it has an id already, or got none: no reason to hurry
            elif verdict is Verdict.AGAIN:
                self.member_id = response.member_id  # KIP-394: come back with it
            return self._refused(verdict, response.error_code, "joining")
        if response.protocol_type not in (None, PROTOCOL_TYPE):
            return self._mismatch(f"it is a group of type {response.protocol_type!r}, not {PROTOCOL_TYPE!r}")
        if response.protocol_name not in self._strategies:
            return self._mismatch(f"the coordinator chose {response.protocol_name!r}, which was not offered")
        self._move(Event.JOINED)
        self.generation, self.member_id = response.generation_id, response.member_id
        self.protocol = response.protocol_name or ""
        self.heard_at = now
        self.heartbeat_at = now + self._config.heartbeat_interval
        if response.leader == response.member_id:
            self.leadership = Leadership.of(self.strategy, response.members)
        return Outcome(Verdict.OK)

    def _mismatch(self, detail: str) -> Outcome:
        code = ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        return Outcome(Verdict.RAISE, error_for(code, f"joining group {self.group_id!r}", detail))

    # SyncGroup

    def next_sync(self, assignments: Sequence[SyncGroupRequestAssignment] = ()) -> SyncGroupRequest:
        """Ask for our partitions; the leader brings everybody's."""
        return SyncGroupRequest(
            group_id=self.group_id,
            generation_id=self.generation,
            member_id=self.member_id,
            group_instance_id=self._config.group_instance_id,
            protocol_type=PROTOCOL_TYPE,
            protocol_name=self.protocol,
            assignments=list(assignments),
        )

    def on_sync(self, request: SyncGroupRequest, response: SyncGroupResponse, now: float) -> Outcome:
        """Here are our partitions, or the round broke up. Raises KafkaProtocolError for unreadable bytes."""
        if not self._is_still(request.generation_id, request.member_id, State.SYNCING):
            return Outcome(Verdict.REJOIN)  # a heartbeat has already said that we are out
        if response.error_code:
            verdict = verdict_on(SyncGroupRequest, response.error_code)
            return self._refused(verdict, response.error_code, "syncing with")
        if response.protocol_type not in (None, PROTOCOL_TYPE) or response.protocol_name not in (
            None,
            self.protocol,
        ):
            return self._mismatch(f"SyncGroup was answered for {response.protocol_name!r}")
        self.assigned = decode_assignment(response.assignment)
        self._move(Event.SYNCED)
        self.heard_at = now
        return Outcome(Verdict.OK)

    # Heartbeat

    def next_heartbeat(self, now: float) -> HeartbeatRequest | None:
        """The heartbeat to send now, if one is due."""
        if self.heartbeat_at is None or now < self.heartbeat_at:
            return None
        self.heartbeat_at = now + self._config.heartbeat_interval
        return HeartbeatRequest(
            group_id=self.group_id,
            generation_id=self.generation,
            member_id=self.member_id,
            group_instance_id=self._config.group_instance_id,
        )

    def on_heartbeat(self, request: HeartbeatRequest, response: HeartbeatResponse, now: float) -> Outcome:
        """Alive, or not wanted any more."""
        code = response.error_code
        verdict = verdict_on(HeartbeatRequest, code)
        if not self._is_still(request.generation_id, request.member_id, State.SYNCING, State.STABLE):
            return Outcome(Verdict.OK)
        if verdict in (Verdict.OK, Verdict.REJOIN):
            self.heard_at = now
        if verdict is Verdict.OK or (verdict is Verdict.REJOIN and self.state is not State.STABLE):
            return Outcome(Verdict.OK)  # a SyncGroup under way will be told the same
        error = error_for(code, f"a heartbeat to group {self.group_id!r}")
        if verdict is Verdict.RAISE and not error.fatal:
            return Outcome(Verdict.LATER, error)  # the session lasts a while: perhaps it passes
        return self._refused(verdict, code, "a heartbeat to")

    def heartbeat_failed(self, now: float, pause: float) -> bool:
        """It did not get through, or was not answered well: try soon. True if the session must be over by now."""
        if self.heartbeat_at is not None:
            self.heartbeat_at = now + min(pause, self._config.heartbeat_interval)
        return now - self.heard_at >= self._config.session_timeout

    def session_left(self, now: float) -> float:
        """How long the coordinator still believes in us."""
        return self.heard_at + self._config.session_timeout - now

    # Leaving and being removed

    def leave(self, reason: str, because: str = "") -> list[Form]:
        """Be no member from now on. Returns what to tell the coordinator, in the forms that it may speak.

        `because` is what commits that come too late will be told (empty: the reason). Static members say nothing: they
        may come back within the session timeout and find everything as it was (KIP-345).
        """
        member_id = self.member_id
        self.forget(because or reason, keep_id=False)
        if not member_id or self._config.group_instance_id is not None:
            return []
        identity = MemberIdentity(member_id=member_id, reason=reason[:LONGEST_REASON])
        new = LeaveGroupRequest(group_id=self.group_id, members=[identity])
        old = LeaveGroupRequest(group_id=self.group_id, member_id=member_id)
        return [Form(new, 3, LeaveGroupRequest.max_version), Form(old, LeaveGroupRequest.min_version, 2)]

    def forget(self, because: str, *, keep_id: bool) -> None:
        """We own nothing any more; the next join begins from scratch, but perhaps under the same id."""
        self._move(Event.FORGET)
        self.generation = -1
        self.heartbeat_at = None
        self.leadership = None
        self.assigned = frozenset()
        self.reason = self._outside_because = because
        if not keep_id:
            self.member_id = ""

    def _is_still(self, generation: int, member_id: str, *states: State) -> bool:
        """Whether an answer is about the present: what was said to an earlier self does not matter."""
        return (generation, member_id) == (self.generation, self.member_id) and self.state in states

    def _refused(self, verdict: Verdict, code: int, doing: str) -> Outcome:
        error = error_for(code, f"{doing} group {self.group_id!r}")
        if verdict in (Verdict.RESET_GENERATION, Verdict.RESET_MEMBER):
            self.forget(_WHY_REMOVED[verdict], keep_id=verdict is Verdict.RESET_GENERATION)
        elif verdict is Verdict.REJOIN:
            self.reason = "the group rebalances"
        return Outcome(verdict, error)

    # Commits

    def commit_refusal(self) -> KafkaError | None:
        """Why a commit would fail now; None if it may be tried."""
        match self.state:
            case State.STABLE:
                return None
            case State.JOINING | State.SYNCING:
                return self._rebalancing()
        return self._commit_failed(self._outside_because)

    def on_commit_refused(self, code: int, sent_as: ConsumerGroupMetadata) -> Outcome:
        """The coordinator refused a commit of this member: what to raise, and what follows for the membership."""
        verdict = verdict_on(OffsetCommitRequest, code)
        same = self._is_still(sent_as.generation_id, sent_as.member_id, State.STABLE)
        match verdict:
            case Verdict.REJOIN:
                return Outcome(verdict if same else Verdict.OK, self._rebalancing())
            case Verdict.RESET_GENERATION | Verdict.RESET_MEMBER:
                if not same:
                    return Outcome(Verdict.OK, self.commit_refusal() or self._rebalancing())
                self._refused(verdict, code, "committing to")
                return Outcome(verdict, self._commit_failed(self._outside_because))
        error = error_for(code, f"committing to group {self.group_id!r}")
        if code == ErrorCode.FENCED_INSTANCE_ID and not same:
            return Outcome(Verdict.OK, self.commit_refusal() or self._rebalancing())
        return Outcome(verdict, error)

    def _rebalancing(self) -> RebalanceInProgressError:
        return RebalanceInProgressError(
            f"the offsets were not committed: group {self.group_id!r} is rebalancing. Poll, so that this consumer can"
            " join again, then commit what is still its own."
        )

    def _commit_failed(self, because: str) -> CommitFailedError:
        return CommitFailedError(
            f"the offsets were not committed, because this consumer is no member of group {self.group_id!r}:"
            f" {because}. Records of partitions that went to other members will be delivered again, to them."
        )

    def __repr__(self) -> str:
        who = self.member_id or "nobody"
        leads = ", leads" if self.leadership is not None else ""
        return f"<{who} in {self.group_id!r}, generation {self.generation}: {self.state.value}{leads}>"


_WHY_REMOVED: Final[Mapping[Verdict, str]] = {
    Verdict.RESET_GENERATION: "the group has rebalanced without it",
    Verdict.RESET_MEMBER: (
        "the group removed it: no heartbeat arrived within session_timeout_ms, or it was too late for a rebalance"
        " (max_poll_interval_ms), or an administrator removed it"
    ),
}


def too_slow(idle: float, limit: float) -> str:
    """Why a member that does not poll is one no more."""
    return (
        f"poll() was not called for {idle:.3g} s, longer than max_poll_interval_ms ({limit * 1000:.0f}) allows, so it"
        " left the group. Poll more often, lower max_poll_records, or raise that limit"
    )


def _milliseconds(seconds: float) -> int:
    return min(round(seconds * 1000), LONGEST_TIMEOUT)
