"""All classic groups of the cluster, whichever node coordinates them. Called by the group handlers and `cluster`.

What is checked before a group is asked is checked here: does it exist, may it come into being. Which node may answer
for a group is the handlers' business (`coordination`). The new protocols (KIP-848, KIP-932) are not emulated: every
group is a classic one. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from kafkalite.protocol.codes import ErrorCode, GroupState, GroupType
from kafkalite.protocol.messages.describe_groups import DescribedGroup, DescribedGroupMember
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse
from kafkalite.protocol.messages.leave_group import MemberIdentity
from kafkalite.protocol.messages.list_groups import ListedGroup
from kafkalite.protocol.messages.offset_commit import OffsetCommitRequest
from kafkalite.protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse

from .clock import Clock
from .committed_offsets import CommittedOffsets
from .config import BrokerConfig
from .group import Group
from .refusal import Refusal
from .roster import CONSUMER, JoinReply, SyncReply, assigned_partitions

__all__ = ["GroupView", "Groups", "MemberView"]

SAYS_NOT_FOUND: Final = 9
"""The OffsetCommit version whose answer to an unknown group is GROUP_ID_NOT_FOUND (KIP-848)."""

DESCRIBES_NOT_FOUND: Final = 6
"""The DescribeGroups version that says that a group does not exist (KIP-1043)."""

CLASSIC: Final = GroupType.CLASSIC.lower()
"""Kafka writes the type in lower case, and reads either."""


class MemberView(NamedTuple):
    """A member, as a test sees it. `partitions` are what it was assigned, if the group is one of consumers."""

    client_id: str
    client_host: str
    group_instance_id: str | None
    partitions: tuple[tuple[str, int], ...]


class GroupView(NamedTuple):
    """A group, as a test sees it. `offsets` are (offset, metadata) by (topic, partition)."""

    state: str
    generation: int
    protocol: str | None
    leader: str | None
    members: dict[str, MemberView]
    offsets: dict[tuple[str, int], tuple[int, str]]


class Groups:
    """Group id -> group."""

    def __init__(self, config: BrokerConfig, clock: Clock, rng: Random) -> None:
        self._config = config
        self._clock = clock
        self._rng = rng
        self._groups: dict[str, Group] = {}

    def close(self) -> None:
        """The broker stops: no timer of a group may fire any more. The groups can still be looked at."""
        for group in self._groups.values():
            group.close()

    def _get_or_create(self, group_id: str) -> Group:
        group = self._groups.get(group_id)
        if group is None:
            group = self._groups[group_id] = Group(
                group_id,
                self._clock,
                initial_delay=self._config.seconds("group.initial.rebalance.delay.ms"),
                max_size=self._config.number("group.max.size"),
                new_uuid=lambda: UUID(int=self._rng.getrandbits(128), version=4),
            )
        return group

    # Membership.

    def check_join(self, request: JoinGroupRequest) -> None:
        """Raise Refusal for a join that no coordinator would look at."""
        lowest = self._config.number("group.min.session.timeout.ms")
        highest = self._config.number("group.max.session.timeout.ms")
        if not lowest <= request.session_timeout_ms <= highest:
            raise Refusal(
                ErrorCode.INVALID_SESSION_TIMEOUT,
                f"session timeout {request.session_timeout_ms} ms is not within {lowest} to {highest} ms",
            )

    def join(
        self, request: JoinGroupRequest, version: int, client_id: str, client_host: str, reply: JoinReply
    ) -> None:
        """`reply` is called once, when the answer is known: now, or at the end of the round.

        The first join makes the group. A join that is refused does so, too, in Kafka as well.
        """
        group = self._groups.get(request.group_id)
        if group is None and request.member_id:
            error = ErrorCode.UNKNOWN_MEMBER_ID
            reply(JoinGroupResponse(error_code=error, member_id=request.member_id, protocol_name=None))
            return
        group = group or self._get_or_create(request.group_id)
        group.join(request, version, client_id, client_host, reply)

    def sync(self, request: SyncGroupRequest, reply: SyncReply) -> None:
        """`reply` is called once, when the assignment is known."""
        group = self._groups.get(request.group_id)
        if group is None:
            reply(SyncGroupResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID))
        else:
            group.sync(request, reply)

    def heartbeat(self, request: HeartbeatRequest) -> ErrorCode:
        """A sign of life, and what the member has to know."""
        group = self._groups.get(request.group_id)
        if group is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        return group.heartbeat(request.member_id, request.group_instance_id, request.generation_id)

    def leave(self, group_id: str, members: list[MemberIdentity]) -> list[ErrorCode]:
        """One verdict for each member that leaves."""
        group = self._groups.get(group_id)
        if group is None:
            return [ErrorCode.UNKNOWN_MEMBER_ID for _ in members]
        return group.leave(members)

    # Offsets.

    def open_for_commit(self, request: OffsetCommitRequest, version: int) -> CommittedOffsets:
        """Where the commit may be stored. A commit outside of any group makes one. Raises Refusal."""
        generation = request.generation_id_or_member_epoch
        group = self._groups.get(request.group_id)
        if group is None:
            if generation >= 0:
                code = (
                    ErrorCode.GROUP_ID_NOT_FOUND
                    if version >= SAYS_NOT_FOUND
                    else ErrorCode.ILLEGAL_GENERATION
                )
                raise Refusal(code, f"there is no group {request.group_id!r}")
            group = self._get_or_create(request.group_id)
        elif error := group.check_commit(request.member_id, request.group_instance_id, generation):
            raise Refusal(error, f"the group {group.group_id!r} is {group.state} in {group.generation}")
        return group.offsets

    def offsets_of(self, group_id: str) -> CommittedOffsets:
        """What a group has committed: nothing, if there is no such group."""
        group = self._groups.get(group_id)
        return CommittedOffsets() if group is None else group.offsets

    def open_for_delete(self, group_id: str) -> tuple[CommittedOffsets, frozenset[str]]:
        """A group's offsets, and the topics whose offsets its members still need (KIP-496). Raises Refusal."""
        group = self._existing(group_id)
        if group.state is GroupState.EMPTY:
            return group.offsets, frozenset()
        if group.protocol_type != CONSUMER:
            raise Refusal(ErrorCode.NON_EMPTY_GROUP, f"the group {group_id!r} is {group.state}")
        return group.offsets, group.subscribed_topics or frozenset()

    def topic_deleted(self, topic: str) -> None:
        """A topic is gone: nobody can go on reading it."""
        for group in self._groups.values():
            group.offsets.delete_topic(topic)

    # Looking, and deleting.

    def _existing(self, group_id: str) -> Group:
        group = self._groups.get(group_id)
        if group is None:
            raise Refusal(ErrorCode.GROUP_ID_NOT_FOUND, f"Group {group_id} not found.")
        return group

    def delete(self, group_id: str) -> None:
        """Delete a group and its offsets. Raises Refusal if it is not there or not empty."""
        group = self._existing(group_id)
        if group.state is not GroupState.EMPTY:
            raise Refusal(ErrorCode.NON_EMPTY_GROUP, f"the group {group_id!r} is {group.state}")
        group.close()
        del self._groups[group_id]

    def listed(self, states: Iterable[str] = (), types: Iterable[str] = ()) -> list[ListedGroup]:
        """All groups, or those in these states and of these types; upper and lower case are the same."""
        wanted = {state.lower() for state in states}
        kinds = {kind.lower() for kind in types}
        if kinds and CLASSIC not in kinds:
            return []
        return [
            ListedGroup(
                group_id=group.group_id,
                protocol_type=group.protocol_type,
                group_state=str(group.state),
                group_type=CLASSIC,
            )
            for group in self._groups.values()
            if not wanted or group.state.lower() in wanted
        ]

    def described(self, group_id: str, version: int) -> DescribedGroup:
        """A group and its members; one that does not exist is called dead."""
        group = self._groups.get(group_id)
        if group is None:
            dead = DescribedGroup(group_id=group_id, group_state=str(GroupState.DEAD))
            if version >= DESCRIBES_NOT_FOUND:
                dead.error_code = ErrorCode.GROUP_ID_NOT_FOUND
                dead.error_message = f"Group {group_id} not found."
            return dead
        stable = group.state is GroupState.STABLE  # what members said and got is of one piece only then
        return DescribedGroup(
            group_id=group_id,
            group_state=str(group.state),
            protocol_type=group.protocol_type,
            protocol_data=(group.protocol or "") if stable else "",
            members=[
                DescribedGroupMember(
                    member_id=member.member_id,
                    group_instance_id=member.group_instance_id,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    member_metadata=member.protocols[group.protocol or ""] if stable else b"",
                    member_assignment=member.assignment if stable else b"",
                )
                for member in group.roster
            ],
        )

    def views(self) -> dict[str, GroupView]:
        """Everything, for `EmbeddedBroker.groups`."""
        return {
            group_id: GroupView(
                state=str(group.state),
                generation=group.generation,
                protocol=group.protocol,
                leader=group.roster.leader,
                members={
                    member.member_id: MemberView(
                        member.client_id,
                        member.client_host,
                        member.group_instance_id,
                        tuple(assigned_partitions(member.assignment)),
                    )
                    for member in group.roster
                },
                offsets={
                    (topic, index): (committed.offset, committed.metadata)
                    for topic, index, committed in group.offsets
                },
            )
            for group_id, group in self._groups.items()
        }
