"""One classic group: its state machine (KIP-62, KIP-345, KIP-394, KIP-814). Called by `groups`; answers by callbacks.

    Empty --join--> PreparingRebalance --everybody came, or time is up--> CompletingRebalance --leader synced--> Stable
    Stable, CompletingRebalance --join, leave, silence--> PreparingRebalance --nobody left--> Empty

It never touches a socket: time is the clock's, a request that must wait leaves a reply behind. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from kafkalite.protocol.codes import ErrorCode, GroupState
from kafkalite.protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse
from kafkalite.protocol.messages.leave_group import MemberIdentity
from kafkalite.protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse

from .clock import Clock, Timer
from .committed_offsets import CommittedOffsets
from .roster import JoinReply, Member, Roster, SyncReply

__all__ = ["Group"]

NEW_MEMBER_JOIN_TIMEOUT: Final = 300.0
"""A client that waits for its first join cannot send heartbeats; it is given up after so long."""

REQUIRES_KNOWN_MEMBER: Final = 4
"""The JoinGroup version that makes a newcomer come back with the id it is given (KIP-394)."""

SKIPS_ASSIGNMENT: Final = 9
"""The JoinGroup version that tells a returning static leader not to assign anew (KIP-814)."""


SHORTEST_ROUND: Final = 1.0
"""Between two looks whether an absent static member is back, for members that say they need no time at all."""


class Group:
    """A group from the first mention of its name until it is deleted."""

    def __init__(
        self,
        group_id: str,
        clock: Clock,
        *,
        initial_delay: float,
        max_size: int,
        new_uuid: Callable[[], UUID],
    ) -> None:
        self.group_id = group_id
        self.state = GroupState.EMPTY
        self.generation = 0
        self.protocol: str | None = None
        self.roster = Roster()
        self.pending: dict[str, Timer] = {}
        """Ids given to newcomers that have not come back with them yet, and when each is forgotten."""
        self.subscribed_topics: frozenset[str] | None = None
        self.offsets = CommittedOffsets()
        self._clock = clock
        self._initial_delay = initial_delay
        self._max_size = max_size
        self._new_uuid = new_uuid
        self._first_round = False
        self._newcomers_in_first_round = False
        self._join_timer: Timer | None = None
        self._sync_timer: Timer | None = None
        self._not_synced: set[str] = set()

    @property
    def protocol_type(self) -> str:
        """What the group is for: "consumer", "connect"; empty before anybody joined."""
        return self.roster.protocol_type or ""

    def close(self) -> None:
        """Stop every timer: the group is gone, or the broker is."""
        self._stop_join_timer()
        self._stop_sync_timer()
        for member_id in list(self.pending):
            self._forget_pending(member_id)
        for member in self.roster:
            member.stop_timer()

    # JoinGroup

    def join(
        self, request: JoinGroupRequest, version: int, client_id: str, client_host: str, reply: JoinReply
    ) -> None:
        """Somebody joins, or joins again. `reply` is called once, now or when the round is complete."""
        member_id, instance_id = request.member_id, request.group_instance_id
        if not self._has_room(member_id):
            self._forget_pending(member_id)
            self._strike_off(member_id)
            reply(_refused("", ErrorCode.GROUP_MAX_SIZE_REACHED))
            self._end_round_if_all_came()
            return
        protocols = {protocol.name: protocol.metadata for protocol in request.protocols}
        if not self.roster.supports(request.protocol_type, protocols):
            reply(_refused(member_id, ErrorCode.INCONSISTENT_GROUP_PROTOCOL))
            return
        newcomer = Member(
            member_id,
            group_instance_id=instance_id,
            client_id=client_id,
            client_host=client_host,
            protocols=protocols,
            session_timeout=request.session_timeout_ms / 1000,
            rebalance_timeout=(request.session_timeout_ms if version == 0 else request.rebalance_timeout_ms)
            / 1000,
        )
        newcomer.join_reply = reply
        if member_id:
            self._join_known(newcomer, request.protocol_type)
        elif instance_id is not None:
            self._join_static(newcomer, request.protocol_type, version)
        else:
            self._join_dynamic(newcomer, request.protocol_type, version)

    def _has_room(self, member_id: str) -> bool:
        if self.state is GroupState.EMPTY:
            return True
        member = self.roster.get(member_id)
        if self.state is GroupState.PREPARING_REBALANCE:
            rejoins = member is not None and member.join_reply is not None
            return rejoins or self.roster.waiting_to_join < self._max_size
        return member is not None or len(self.roster) < self._max_size

    def _join_dynamic(self, newcomer: Member, protocol_type: str, version: int) -> None:
        newcomer.member_id = f"{newcomer.client_id}-{self._new_uuid()}"
        if version < REQUIRES_KNOWN_MEMBER:
            self._admit(newcomer, protocol_type)
            return
        # The client must show that it got the id; else each retry of a lost answer would leave a ghost behind.
        self.pending[newcomer.member_id] = self._clock.call_later(
            newcomer.session_timeout, partial(self._on_pending_over, newcomer.member_id)
        )
        newcomer.answer_join(_refused(newcomer.member_id, ErrorCode.MEMBER_ID_REQUIRED))

    def _join_static(self, newcomer: Member, protocol_type: str, version: int) -> None:
        newcomer.member_id = f"{newcomer.group_instance_id}-{self._new_uuid()}"
        holder = self.roster.with_instance(newcomer.group_instance_id or "")
        if holder is None:
            self._admit(newcomer, protocol_type)
        else:
            self._take_over(holder, newcomer, version)

    def _join_known(self, update: Member, protocol_type: str) -> None:
        if update.member_id in self.pending:
            if update.group_instance_id is not None:  # a static member is never pending
                update.answer_join(_refused(update.member_id, ErrorCode.UNKNOWN_SERVER_ERROR))
                return
            self._admit(update, protocol_type)
            return
        error = self.roster.check(update.member_id, update.group_instance_id)
        member = self.roster.get(update.member_id)
        if error or member is None:
            update.answer_join(_refused(update.member_id, error))
            return
        changed = not member.prefers_the_same(update.protocols)
        leads = self.roster.leader == member.member_id
        match self.state:
            case GroupState.PREPARING_REBALANCE:
                self._update(member, update)
            case GroupState.COMPLETING_REBALANCE if changed:
                self._update(member, update)
            case GroupState.COMPLETING_REBALANCE:  # it may not have got the answer: give it again
                update.answer_join(self._joined(member, with_members=leads))
            case GroupState.STABLE if leads or changed:  # the leader may know of new partitions
                self._update(member, update)
            case GroupState.STABLE:
                update.answer_join(self._joined(member, with_members=False))
            case _:
                update.answer_join(_refused(update.member_id, ErrorCode.UNKNOWN_MEMBER_ID))

    def _admit(self, newcomer: Member, protocol_type: str) -> None:
        """A new member: the group rebalances."""
        if self._first_round and self.state is GroupState.PREPARING_REBALANCE:
            self._newcomers_in_first_round = True
        if (timer := self.pending.pop(newcomer.member_id, None)) is not None:
            timer.cancel()
        newcomer.is_new = True
        self.roster.add(newcomer, protocol_type)
        self._keep(newcomer, NEW_MEMBER_JOIN_TIMEOUT)
        self._rebalance()

    def _update(self, member: Member, update: Member) -> None:
        """A member comes to the next round, perhaps with other protocols and limits."""
        member.update(update)
        self._rebalance()

    def _take_over(self, holder: Member, newcomer: Member, version: int) -> None:
        """A static member is back under a new id, after a restart; what the old one waits for is fenced."""
        old_leader = self.roster.leader
        holder.answer_join(_refused(holder.member_id, ErrorCode.FENCED_INSTANCE_ID))
        holder.answer_sync(SyncGroupResponse(error_code=ErrorCode.FENCED_INSTANCE_ID))
        if holder.member_id in self._not_synced:
            self._not_synced.remove(holder.member_id)
            self._not_synced.add(newcomer.member_id)
        self.roster.rename(holder, newcomer.member_id)
        holder.update(newcomer)
        holder.client_id, holder.client_host, holder.is_new = newcomer.client_id, newcomer.client_host, False
        self._keep(holder)
        match self.state:
            case GroupState.STABLE if self.roster.vote() == self.protocol:
                response = self._joined(holder, with_members=False)
                if version < SKIPS_ASSIGNMENT:
                    response.leader = (
                        old_leader or ""
                    )  # an id that it does not have, so that it does not assign
                elif self.roster.leader == holder.member_id:
                    response = self._joined(holder, with_members=True)
                    response.skip_assignment = True
                holder.answer_join(response)
            case GroupState.STABLE | GroupState.COMPLETING_REBALANCE:
                # While it completes, the leader may be assigning to the old id: the new one would get nothing.
                self._begin_round()
            case _:
                self._end_round_if_all_came()

    def _joined(self, member: Member, *, with_members: bool) -> JoinGroupResponse:
        return JoinGroupResponse(
            generation_id=self.generation,
            protocol_type=self.roster.protocol_type,
            protocol_name=self.protocol,
            leader=self.roster.leader or "",
            member_id=member.member_id,
            members=self.roster.for_the_leader(self.protocol or "") if with_members else [],
        )

    # SyncGroup, Heartbeat, LeaveGroup

    def sync(self, request: SyncGroupRequest, reply: SyncReply) -> None:
        """A member asks for its assignment; the leader brings everybody's. `reply` is called once."""
        member = self.roster.get(request.member_id)
        if (error := self._check_sync(request)) or member is None:
            reply(SyncGroupResponse(error_code=error))
            return
        if self.state is GroupState.STABLE:
            self._on_synced(member)
            reply(self._synced(member))
            return
        member.sync_reply = reply
        self._on_synced(member)
        if self.roster.leader == member.member_id:
            given = {entry.member_id: entry.assignment for entry in request.assignments}
            for each in self.roster:
                each.assignment = given.get(each.member_id, b"")
            self.state = GroupState.STABLE
            self._answer_syncs()

    def _check_sync(self, request: SyncGroupRequest) -> ErrorCode:
        if error := self.roster.check(request.member_id, request.group_instance_id):
            return error
        if request.generation_id != self.generation:
            return ErrorCode.ILLEGAL_GENERATION
        if request.protocol_type not in (None, self.roster.protocol_type):
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        if self.protocol is not None and request.protocol_name not in (None, self.protocol):
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        match self.state:
            case GroupState.PREPARING_REBALANCE:
                return ErrorCode.REBALANCE_IN_PROGRESS
            case GroupState.COMPLETING_REBALANCE | GroupState.STABLE:
                return ErrorCode.NONE
        return ErrorCode.UNKNOWN_MEMBER_ID

    def _synced(self, member: Member) -> SyncGroupResponse:
        return SyncGroupResponse(
            protocol_type=self.roster.protocol_type,
            protocol_name=self.protocol,
            assignment=member.assignment,
        )

    def _answer_syncs(self, error: ErrorCode = ErrorCode.NONE) -> None:
        for member in self.roster:
            if error:
                member.assignment = b""
            if member.answer_sync(SyncGroupResponse(error_code=error) if error else self._synced(member)):
                self._keep(member)

    def _on_synced(self, member: Member) -> None:
        self._not_synced.discard(member.member_id)
        if not self._not_synced:
            self._stop_sync_timer()

    def heartbeat(self, member_id: str, group_instance_id: str | None, generation: int) -> ErrorCode:
        """A member is alive; the answer tells it to come to the next round, or that it is a member no more."""
        if error := self.roster.check(member_id, group_instance_id):
            return error
        if generation != self.generation:
            return ErrorCode.ILLEGAL_GENERATION
        member = self.roster.get(member_id)
        if member is None or self.state is GroupState.EMPTY:
            return ErrorCode.UNKNOWN_MEMBER_ID
        self._keep(member)
        if self.state is GroupState.PREPARING_REBALANCE:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def leave(self, identities: list[MemberIdentity]) -> list[ErrorCode]:
        """Members leave, or an admin removes static members by their instance ids alone. One verdict for each."""
        verdicts = [self._leave_one(identity) for identity in identities]
        if ErrorCode.NONE in verdicts:
            self._rebalance()
        return verdicts

    def _leave_one(self, identity: MemberIdentity) -> ErrorCode:
        member_id, instance_id = identity.member_id, identity.group_instance_id
        if not member_id:
            holder = None if instance_id is None else self.roster.with_instance(instance_id)
            if holder is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            member_id = holder.member_id
        elif self._forget_pending(member_id):
            return ErrorCode.NONE
        if error := self.roster.check(member_id, instance_id):
            return error
        self._strike_off(member_id)
        return ErrorCode.NONE

    # Commits

    def check_commit(self, member_id: str, group_instance_id: str | None, generation: int) -> ErrorCode:
        """Whether this commit may be stored. A commit is a sign of life, too."""
        if generation < 0 and self.state is GroupState.EMPTY:
            return ErrorCode.NONE  # an admin client, or a consumer that assigns its partitions itself
        if generation < 0 and not member_id and group_instance_id is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if error := self.roster.check(member_id, group_instance_id):
            return error
        if generation != self.generation:
            return ErrorCode.ILLEGAL_GENERATION
        if self.state is GroupState.COMPLETING_REBALANCE:
            return ErrorCode.REBALANCE_IN_PROGRESS
        if (member := self.roster.get(member_id)) is not None:
            self._keep(member)
        return ErrorCode.NONE

    # The round

    def _rebalance(self) -> None:
        """Something changed: begin a round, or see whether the one that is being collected is complete."""
        if self.state is GroupState.PREPARING_REBALANCE:
            self._end_round_if_all_came()
        elif self.state is not GroupState.EMPTY or len(self.roster):
            self._begin_round()

    def _begin_round(self) -> None:
        if self.state is GroupState.COMPLETING_REBALANCE:
            self._answer_syncs(ErrorCode.REBALANCE_IN_PROGRESS)
        self._stop_sync_timer()
        self._first_round = self.state is GroupState.EMPTY
        self._newcomers_in_first_round = False
        self.state = GroupState.PREPARING_REBALANCE
        if self._first_round:
            remaining = max(self.roster.rebalance_timeout - self._initial_delay, 0.0)
            self._collect(
                self._initial_delay, partial(self._on_initial_delay, self._initial_delay, remaining)
            )
        elif self._all_came():
            self._end_round()
        else:
            self._collect(self.roster.rebalance_timeout, self._end_round)

    def _collect(self, delay: float, then: Callable[[], None]) -> None:
        if delay <= 0:
            then()
            return
        self._stop_join_timer()
        self._join_timer = self._clock.call_later(delay, then)

    def _on_initial_delay(self, waited: float, remaining: float) -> None:
        """The first round of a group waits for more members as long as some keep coming."""
        if not self._newcomers_in_first_round or remaining <= 0:
            self._end_round()
            return
        self._newcomers_in_first_round = False
        delay = min(self._initial_delay, remaining)
        self._collect(delay, partial(self._on_initial_delay, delay, max(remaining - waited, 0.0)))

    def _all_came(self) -> bool:
        return not self.pending and self.roster.waiting_to_join == len(self.roster)

    def _end_round_if_all_came(self) -> None:
        if self.state is GroupState.PREPARING_REBALANCE and not self._first_round and self._all_came():
            self._end_round()

    def _end_round(self) -> None:
        """The round is complete, or its time is up: those who came are the next generation."""
        self._stop_join_timer()
        for late in self.roster.not_rejoined():
            if late.group_instance_id is None:
                self._drop(late)
        if len(self.roster) and not self.roster.elect():
            # Static members only, none of which is here yet: wait until they come or their sessions end.
            self._collect(max(self.roster.rebalance_timeout, SHORTEST_ROUND), self._end_round)
            return
        self._first_round = False
        self.generation += 1
        self._not_synced.clear()
        if not len(self.roster):
            self.protocol = None
            self.subscribed_topics = self.roster.subscribed_topics(None)
            self.state = GroupState.EMPTY
            return
        self.protocol = self.roster.vote()
        self.subscribed_topics = self.roster.subscribed_topics(self.protocol)
        self.state = GroupState.COMPLETING_REBALANCE
        for member in self.roster:
            self._not_synced.add(member.member_id)
            member.is_new = False
            self._keep(member)
        self._sync_timer = self._clock.call_later(
            self.roster.rebalance_timeout, partial(self._on_sync_over, self.generation)
        )
        for member in self.roster:
            leads = self.roster.leader == member.member_id
            member.answer_join(self._joined(member, with_members=leads))

    def _on_sync_over(self, generation: int) -> None:
        """Who joined and did not ask for its assignment in time is out."""
        self._sync_timer = None
        if generation != self.generation or not self._not_synced:
            return
        for member_id in list(self._not_synced):
            if (member := self.roster.get(member_id)) is not None:
                self._drop(member)
        self._not_synced.clear()
        self._begin_round()

    # Staying and going

    def _keep(self, member: Member, timeout: float | None = None) -> None:
        """A sign of life: the session begins anew."""
        member.stop_timer()
        member.session_timer = self._clock.call_later(
            member.session_timeout if timeout is None else timeout, partial(self._on_session_over, member)
        )

    def _on_session_over(self, member: Member) -> None:
        if not member.is_new and (member.join_reply is not None or member.sync_reply is not None):
            return  # it waits for us: its session begins anew with the answer
        self._strike_off(member.member_id)
        self._rebalance()

    def _on_pending_over(self, member_id: str) -> None:
        if self._forget_pending(member_id):
            self._end_round_if_all_came()

    def _stop_join_timer(self) -> None:
        if self._join_timer is not None:
            self._join_timer.cancel()
            self._join_timer = None

    def _stop_sync_timer(self) -> None:
        if self._sync_timer is not None:
            self._sync_timer.cancel()
            self._sync_timer = None

    def _forget_pending(self, member_id: str) -> bool:
        timer = self.pending.pop(member_id, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def _strike_off(self, member_id: str) -> None:
        if (member := self.roster.get(member_id)) is not None:
            self._drop(member)
            # A client that still waits for the answer joins again, as somebody new.
            member.answer_join(_refused("", ErrorCode.UNKNOWN_MEMBER_ID))
            member.answer_sync(SyncGroupResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID))

    def _drop(self, member: Member) -> None:
        self.roster.remove(member.member_id)
        self._not_synced.discard(member.member_id)


def _refused(member_id: str, error: ErrorCode) -> JoinGroupResponse:
    return JoinGroupResponse(error_code=error, member_id=member_id, protocol_name=None)
