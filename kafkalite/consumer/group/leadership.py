"""What the leader of a group knows and does: who the members are, their shares, and when to share out anew. A brain.

Made by `classic` when an answer to JoinGroup names this consumer the leader. The cluster may change later: then
`outdated` says so, and the leader calls for a new round. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kafkalite.net.metadata import Cluster
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.join_group import JoinGroupResponseMember
from kafkalite.protocol.messages.sync_group import SyncGroupRequestAssignment

from .assignors import Strategy
from .assignors.member import MemberSubscription
from .protocol_bytes import decode_subscription, encode_assignment

__all__ = ["Leadership"]


class Leadership:
    """One generation, seen by its leader."""

    def __init__(self, strategy: Strategy, members: Mapping[str, MemberSubscription]) -> None:
        self._strategy = strategy
        self.members = members
        self.topics = frozenset[str]().union(*(member.topics for member in members.values()))
        """All that is subscribed to by anybody: what the metadata has to show."""
        self._racks_matter = any(member.rack is not None for member in members.values())
        self._seen: dict[str, tuple[frozenset[str], ...]] = {}

    @classmethod
    def of(cls, strategy: Strategy, members: Iterable[JoinGroupResponseMember]) -> Leadership:
        """Read what the members said. Raises KafkaProtocolError."""
        said = {
            member.member_id: decode_subscription(member.metadata, member.member_id, member.group_instance_id)
            for member in members
        }
        return cls(strategy, said)

    def unknown_topics(self, cluster: Cluster) -> set[str]:
        """Topics that no answer of a broker has been about yet."""
        return {topic for topic in self.topics if topic not in cluster.topics}

    def watch(self, cluster: Cluster) -> None:
        """Shares follow from this picture of the cluster."""
        self._seen = {topic: self._partitions(cluster, topic) or () for topic in self.topics}

    def share_out(self, cluster: Cluster) -> list[SyncGroupRequestAssignment]:
        """Everybody's partitions. Raises KafkaError if the assignor fails."""
        self.watch(cluster)
        existing = {topic: racks for topic, racks in self._seen.items() if racks}
        shares = self._strategy.assign(existing, self.members)
        return [
            SyncGroupRequestAssignment(member_id=member_id, assignment=encode_assignment(share))
            for member_id, share in shares.items()
        ]

    def outdated(self, cluster: Cluster) -> str | None:
        """Why the shares do not fit any more; None if they do."""
        for topic, seen in self._seen.items():
            now = self._partitions(cluster, topic)
            if now is None or now == seen:
                continue
            if len(now) != len(seen):
                return f"topic {topic!r} has {len(now)} partitions instead of {len(seen)}"
            return f"replicas of topic {topic!r} are in other racks than before"
        return None

    def _partitions(self, cluster: Cluster, topic: str) -> tuple[frozenset[str], ...] | None:
        """The racks of each partition; none for a topic that does not exist; None while nobody can tell."""
        known = cluster.topics.get(topic)
        if known is None:
            return None
        if known.error_code and known.error_code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            return None  # not now, or not for us: no reason to take partitions from anybody
        if not self._racks_matter:
            return (frozenset(),) * len(known.partitions)
        nodes = cluster.nodes
        return tuple(
            frozenset(
                rack
                for node in partition.replicas
                if node in nodes and (rack := nodes[node].rack) is not None
            )
            for partition in known.partitions
        )
