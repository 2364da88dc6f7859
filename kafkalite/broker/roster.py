"""Who is in a classic group, and what they can agree on. Called by `group`; knows nothing of time. Thread: loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.messages.consumer_protocol_assignment import ConsumerProtocolAssignment
from kafkalite.protocol.messages.consumer_protocol_subscription import ConsumerProtocolSubscription
from kafkalite.protocol.messages.join_group import JoinGroupResponse, JoinGroupResponseMember
from kafkalite.protocol.messages.sync_group import SyncGroupResponse

from .clock import Timer

__all__ = ["CONSUMER", "Member", "Roster", "assigned_partitions"]

CONSUMER = "consumer"
"""The protocol type whose bytes the broker understands: those of Kafka's consumers."""

JoinReply = Callable[[JoinGroupResponse], None]
SyncReply = Callable[[SyncGroupResponse], None]


class Member:
    """One member. `protocols` are in its order of preference. A reply that is set is owed to somebody who waits."""

    __slots__ = (
        "assignment",
        "client_host",
        "client_id",
        "group_instance_id",
        "is_new",
        "join_reply",
        "member_id",
        "protocols",
        "rebalance_timeout",
        "session_timeout",
        "session_timer",
        "sync_reply",
    )

    def __init__(
        self,
        member_id: str,
        *,
        group_instance_id: str | None,
        client_id: str,
        client_host: str,
        protocols: dict[str, bytes],
        session_timeout: float,
        rebalance_timeout: float,
    ) -> None:
        self.member_id = member_id
        self.group_instance_id = group_instance_id
        self.client_id = client_id
        self.client_host = client_host
        self.protocols = protocols
        self.session_timeout = session_timeout
        self.rebalance_timeout = rebalance_timeout
        self.assignment = b""
        self.is_new = False
        """Until its first join is answered: it cannot send heartbeats yet, so another limit holds for it."""
        self.join_reply: JoinReply | None = None
        self.sync_reply: SyncReply | None = None
        self.session_timer: Timer | None = None

    def prefers_the_same(self, protocols: dict[str, bytes]) -> bool:
        """Whether these protocols, their order included, are what the member had said before."""
        return list(self.protocols.items()) == list(protocols.items())

    def update(self, newer: Member) -> None:
        """Take what the member says of itself in a new JoinGroup, which now waits instead of the last."""
        self.protocols = newer.protocols
        self.session_timeout = newer.session_timeout
        self.rebalance_timeout = newer.rebalance_timeout
        self.join_reply = newer.join_reply

    def answer_join(self, response: JoinGroupResponse) -> None:
        """Answer a waiting JoinGroup, if there is one."""
        reply, self.join_reply = self.join_reply, None
        if reply is not None:
            reply(response)

    def answer_sync(self, response: SyncGroupResponse) -> bool:
        """Answer a waiting SyncGroup, if there is one; says whether there was."""
        reply, self.sync_reply = self.sync_reply, None
        if reply is None:
            return False
        reply(response)
        return True

    def stop_timer(self) -> None:
        """Forget the session timer."""
        if self.session_timer is not None:
            self.session_timer.cancel()
            self.session_timer = None


class Roster:
    """The members in the order in which they came, their instance ids, and the leader."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._by_instance: dict[str, str] = {}
        self.leader: str | None = None
        self.protocol_type: str | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self._members.values()))

    def __contains__(self, member_id: str) -> bool:
        return member_id in self._members

    def get(self, member_id: str) -> Member | None:
        """The member with that id."""
        return self._members.get(member_id)

    def with_instance(self, group_instance_id: str) -> Member | None:
        """The static member that holds that instance id."""
        member_id = self._by_instance.get(group_instance_id)
        return None if member_id is None else self._members[member_id]

    def check(self, member_id: str, group_instance_id: str | None) -> ErrorCode:
        """Whether these two ids belong to a member, and to the same one."""
        if group_instance_id is None:
            return ErrorCode.NONE if member_id in self._members else ErrorCode.UNKNOWN_MEMBER_ID
        holder = self._by_instance.get(group_instance_id)
        if holder is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        return ErrorCode.NONE if holder == member_id else ErrorCode.FENCED_INSTANCE_ID

    def add(self, member: Member, protocol_type: str) -> None:
        """A new member. The first one is the leader and says what the group is for."""
        if not self._members:
            self.protocol_type = protocol_type
        if self.leader is None:
            self.leader = member.member_id
        self._members[member.member_id] = member
        if member.group_instance_id is not None:
            self._by_instance[member.group_instance_id] = member.member_id

    def remove(self, member_id: str) -> Member | None:
        """Strike a member off. If it led, the one who has been here longest leads."""
        member = self._members.pop(member_id, None)
        if member is None:
            return None
        member.stop_timer()
        if member.group_instance_id is not None:
            self._by_instance.pop(member.group_instance_id, None)
        if self.leader == member_id:
            self.leader = next(iter(self._members), None)
        return member

    def rename(self, member: Member, new_id: str) -> None:
        """A static member came back under a new id: it takes over everything, leadership included (KIP-345)."""
        was_leader = self.leader == member.member_id
        del self._members[member.member_id]
        member.member_id = new_id
        self._members[new_id] = member
        if member.group_instance_id is not None:
            self._by_instance[member.group_instance_id] = new_id
        if was_leader:
            self.leader = new_id

    @property
    def waiting_to_join(self) -> int:
        """How many members have a JoinGroup that waits for the round to end."""
        return sum(member.join_reply is not None for member in self._members.values())

    @property
    def rebalance_timeout(self) -> float:
        """How long the slowest member may need to come to a new round."""
        return max((member.rebalance_timeout for member in self._members.values()), default=0.0)

    def not_rejoined(self) -> list[Member]:
        """Those who have not come to the round that is being collected."""
        return [member for member in self._members.values() if member.join_reply is None]

    def elect(self) -> bool:
        """Keep the leader if it rejoined, else take the first member that did; False if nobody did."""
        leader = None if self.leader is None else self._members.get(self.leader)
        if leader is not None and leader.join_reply is not None:
            return True
        for member in self._members.values():
            if member.join_reply is not None:
                self.leader = member.member_id
                return True
        return False

    def in_common(self) -> set[str]:
        """The protocols that every member supports."""
        counts = Counter(name for member in self._members.values() for name in member.protocols)
        return {name for name, count in counts.items() if count == len(self._members)}

    def supports(self, protocol_type: str, protocols: Iterable[str]) -> bool:
        """Whether somebody with these protocols could become, or stay, a member."""
        names = set(protocols)
        if not self._members:
            return bool(protocol_type) and bool(names)
        return protocol_type == self.protocol_type and bool(names & self.in_common())

    def vote(self) -> str:
        """The protocol that most members like best among those all support; the eldest member breaks a tie."""
        candidates = self.in_common()
        votes = Counter(
            next(name for name in member.protocols if name in candidates) for member in self._members.values()
        )
        return votes.most_common(1)[0][0]

    def for_the_leader(self, protocol: str) -> list[JoinGroupResponseMember]:
        """What the leader needs to know to assign."""
        return [
            JoinGroupResponseMember(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                metadata=member.protocols[protocol],
            )
            for member in self._members.values()
        ]

    def subscribed_topics(self, protocol: str | None) -> frozenset[str] | None:
        """What the members of a group of consumers read; None if the group is something else or unreadable."""
        if self.protocol_type != CONSUMER:
            return None
        topics: set[str] = set()
        try:
            for member in self._members.values():
                topics.update(_subscription(member.protocols[protocol or ""]).topics)
        except (DecodeError, KeyError):
            return None
        return frozenset(topics)


def _subscription(metadata: bytes) -> ConsumerProtocolSubscription:
    """A newer version is read as the newest known one, without what follows."""
    version = _version_of(metadata, ConsumerProtocolSubscription.max_version)
    return ConsumerProtocolSubscription.decode_from(metadata, 2, version)[0]


def assigned_partitions(assignment: bytes) -> list[tuple[str, int]]:
    """The partitions that a member was given, if these bytes are a consumer's assignment; else none."""
    try:
        version = _version_of(assignment, ConsumerProtocolAssignment.max_version)
        decoded, _ = ConsumerProtocolAssignment.decode_from(assignment, 2, version)
    except DecodeError:
        return []
    return [(topic.topic, index) for topic in decoded.assigned_partitions for index in topic.partitions]


def _version_of(data: bytes, highest: int) -> int:
    version = int.from_bytes(data[:2], "big", signed=True)
    if len(data) < 2 or version < 0:
        raise DecodeError(f"{len(data)} bytes do not begin with a version")
    return min(version, highest)
