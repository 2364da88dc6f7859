"""The state that all nodes share: nodes, topics, groups, and who leads what. Called by handlers and `broker`.

It stands for the whole of a Kafka cluster, its controller included. It never waits. Thread: loop.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final
from uuid import UUID

from kafkalite.protocol.codes import ErrorCode

from .clock import Clock
from .config import BrokerConfig, TopicSettings
from .fetch_session import FetchSessions
from .groups import Groups
from .node import Node
from .partition import NO_LEADER, Partition
from .refusal import Refusal
from .topic import CONSUMER_OFFSETS, Topic, problem_with_name
from .topic_configs import problem_with_all

__all__ = ["Cluster"]

MOST_PARTITIONS: Final = 100_000
"""As many as one topic may have: a slip of the hand must not eat the memory of a test."""


class Cluster:
    """A Kafka cluster without the network."""

    def __init__(
        self,
        config: BrokerConfig,
        clock: Clock,
        rng: Random,
        *,
        nodes: int = 1,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.config = config
        self.clock = clock
        self.rng = rng
        self.nodes: dict[int, Node] = {
            node_id: Node(node_id, host, port + node_id - 1 if port else 0, self._fetch_sessions())
            for node_id in range(1, nodes + 1)
        }
        """By id. Ids begin with 1."""
        self.topics: dict[str, Topic] = {}
        self.groups = Groups(config, clock, rng)
        self.id = self._new_cluster_id()
        self._by_id: dict[UUID, Topic] = {}
        self._next_producer_id = 0

    def _fetch_sessions(self) -> FetchSessions:
        return FetchSessions(self.config.number("max.incremental.fetch.session.cache.slots"), self.rng)

    def _new_cluster_id(self) -> str:
        """A random id in Kafka's spelling, which does not begin with "-": it is an argument of command lines."""
        while (made := urlsafe_b64encode(self.new_uuid().bytes).rstrip(b"=").decode()).startswith("-"):
            pass
        return made

    def new_uuid(self) -> UUID:
        """A random id: the same ones in every run with the same seed."""
        return UUID(int=self.rng.getrandbits(128), version=4)

    def new_producer_id(self) -> int:
        """A producer id that nobody has."""
        self._next_producer_id += 1
        return self._next_producer_id - 1

    # Looking things up.

    @property
    def running_nodes(self) -> list[Node]:
        """The nodes that clients can reach, by id."""
        return [node for node in self.nodes.values() if node.running]

    @property
    def controller(self) -> Node | None:
        """The node that is named as controller: with KRaft, any that runs."""
        return next(iter(self.running_nodes), None)

    def is_running(self, node_id: int) -> bool:
        """Whether that node exists and runs."""
        node = self.nodes.get(node_id)
        return node is not None and node.running

    def topic_by_id(self, topic_id: UUID) -> Topic | None:
        """The topic with that id."""
        return self._by_id.get(topic_id)

    def partition(self, topic: str, index: int) -> Partition | None:
        """One partition."""
        found = self.topics.get(topic)
        return found.partitions[index] if found is not None and 0 <= index < len(found.partitions) else None

    def coordinator_of(self, key: str) -> Node:
        """The node that looks after a group: the leader of the group's partition of `__consumer_offsets`.

        Raises Refusal with COORDINATOR_NOT_AVAILABLE while there is none. The topic is made by the first question
        for a coordinator, which is answered at once: in Kafka the first group of all has to ask again.
        """
        offsets = self.topics.get(CONSUMER_OFFSETS) or self.create_offsets_topic()
        partition = offsets.partitions[self.offsets_partition_of(key)]
        if partition.leader == NO_LEADER:
            raise Refusal(ErrorCode.COORDINATOR_NOT_AVAILABLE, f"{partition} has no leader")
        return self.nodes[partition.leader]

    def offsets_partition_of(self, key: str) -> int:
        """Which partition of `__consumer_offsets` a group belongs to."""
        offsets = self.topics.get(CONSUMER_OFFSETS)
        count = self.config.number("offsets.topic.num.partitions")
        return _java_hash(key) % (count if offsets is None else len(offsets.partitions))

    def create_offsets_topic(self) -> Topic:
        """Make `__consumer_offsets`, as the broker settings for it say."""
        factor = min(self.config.number("offsets.topic.replication.factor"), len(self.nodes))
        return self.create_topic(
            CONSUMER_OFFSETS,
            self.config.number("offsets.topic.num.partitions"),
            factor,
            configs={
                "cleanup.policy": "compact",
                "compression.type": "producer",
                "segment.bytes": "104857600",
            },
        )

    # Topics.

    def create_topic(
        self,
        name: str,
        partitions: int = -1,
        replication_factor: int = -1,
        *,
        configs: Mapping[str, str | None] | None = None,
        assignments: Sequence[Sequence[int]] | None = None,
        validate_only: bool = False,
    ) -> Topic:
        """Make a topic, or only say whether it could be made. -1 takes the broker's default.

        `assignments` lists the nodes of each partition's replicas, the preferred leader first; the numbers must be -1
        then. Raises Refusal.
        """
        self._check_new_name(name)
        problem = problem_with_all(configs or {})
        if problem is not None:
            raise Refusal(ErrorCode.INVALID_CONFIG, problem)
        settings = TopicSettings(
            self.config, {key: value for key, value in (configs or {}).items() if value is not None}
        )
        if assignments is not None:
            replicas = self._checked_assignments(assignments, partitions, replication_factor)
        else:
            replicas = self._placed(partitions, replication_factor)
        topic = Topic(
            name,
            self.new_uuid(),
            [Partition(name, index, nodes) for index, nodes in enumerate(replicas)],
            settings,
        )
        if not validate_only:
            self.topics[name] = topic
            self._by_id[topic.id] = topic
            for partition in topic.partitions:
                self._elect(partition)
        return topic

    def _check_new_name(self, name: str) -> None:
        problem = problem_with_name(name)
        if problem is not None:
            raise Refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
        if name in self.topics:
            raise Refusal(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
        flat = name.replace(".", "_")
        for other in self.topics:
            if other.replace(".", "_") == flat:
                raise Refusal(
                    ErrorCode.INVALID_TOPIC_EXCEPTION,
                    f"Topic '{name}' collides with existing topic: {other} ('.' and '_' count as the same)",
                )

    def _placed(self, partitions: int, replication_factor: int) -> list[list[int]]:
        count = self.config.number("num.partitions") if partitions == -1 else partitions
        factor = (
            self.config.number("default.replication.factor")
            if replication_factor == -1
            else replication_factor
        )
        if factor > 0 and not 0 < count <= MOST_PARTITIONS:  # a factor that is no number of nodes goes first
            raise Refusal(
                ErrorCode.INVALID_PARTITIONS,
                f"Number of partitions must be 1 to {MOST_PARTITIONS}, or -1 for the default; it is {count}.",
            )
        return self._replicas(range(count), factor)

    def _replicas(self, indexes: range, factor: int) -> list[list[int]]:
        """Replicas go round the nodes; running ones come first, so that each partition finds a leader."""
        if factor <= 0 or factor > len(self.nodes):
            raise Refusal(
                ErrorCode.INVALID_REPLICATION_FACTOR,
                f"Replication factor must be 1 to {len(self.nodes)}, the number of nodes; it is {factor}.",
            )
        ids = [node.id for node in sorted(self.nodes.values(), key=lambda node: (not node.running, node.id))]
        running = len(self.running_nodes) or len(ids)
        placed = []
        for index in indexes:
            first = index % running
            turned = ids[first:running] + ids[:first] + ids[running:]
            placed.append(turned[:factor])
        return placed

    def _checked_assignments(
        self, assignments: Sequence[Sequence[int]], partitions: int, factor: int
    ) -> list[list[int]]:
        if partitions != -1 or factor != -1:
            code = ErrorCode.INVALID_REQUEST
            raise Refusal(
                code, "A manual partition assignment leaves the partition count and replication factor at -1."
            )
        if not assignments:
            raise Refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, "The manual partition assignment is empty.")
        self._check_replica_lists(assignments, len(assignments[0]))
        return [list(nodes) for nodes in assignments]

    def _check_replica_lists(self, assignments: Sequence[Sequence[int]], factor: int) -> None:
        for nodes in assignments:
            unknown = [node for node in nodes if node not in self.nodes]
            if not nodes or len(set(nodes)) != len(nodes) or unknown or len(nodes) != factor:
                raise Refusal(
                    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                    f"The replicas {list(nodes)} are not {factor} different nodes out of {sorted(self.nodes)}.",
                )

    def add_partitions(
        self,
        name: str,
        total: int,
        *,
        assignments: Sequence[Sequence[int]] | None = None,
        validate_only: bool = False,
    ) -> None:
        """Give a topic more partitions, `total` in all. Raises Refusal."""
        topic = self._existing(name)
        have = len(topic.partitions)
        if total <= have or total > MOST_PARTITIONS:
            raise Refusal(
                ErrorCode.INVALID_PARTITIONS,
                f"Topic {name} has {have} partitions: it can get more, up to {MOST_PARTITIONS}, not {total}.",
            )
        if assignments is None:
            replicas = self._replicas(range(have, total), topic.replication_factor)
        elif len(assignments) != total - have:
            raise Refusal(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"{total - have} partitions are new, but {len(assignments)} assignments were given.",
            )
        else:
            self._check_replica_lists(assignments, topic.replication_factor)
            replicas = [list(nodes) for nodes in assignments]
        if validate_only:
            return
        for index, nodes in enumerate(replicas, have):
            partition = Partition(name, index, nodes)
            topic.partitions.append(partition)
            self._elect(partition)

    def delete_topic(self, name: str) -> None:
        """Delete a topic and what groups have committed for it. Raises Refusal if there is none."""
        topic = self._existing(name)
        del self.topics[name]
        del self._by_id[topic.id]
        self.groups.topic_deleted(name)
        for partition in topic.partitions:
            partition.changed()

    def _existing(self, name: str) -> Topic:
        topic = self.topics.get(name)
        if topic is None:
            raise Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic {name!r}")
        return topic

    # Leaders.

    def move_leader(self, topic: str, index: int, node_id: int) -> None:
        """Make another replica the leader. Raises Refusal if it is none, or not in sync."""
        partition = self.partition(topic, index)
        if partition is None:
            raise Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {topic}-{index}")
        if node_id not in partition.isr or not self.is_running(node_id):
            raise Refusal(
                ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
                f"node {node_id} cannot lead {partition}: in sync are {self._alive(partition.isr)}",
            )
        if partition.leader != node_id:
            partition.lead(node_id)

    def node_stopped(self, node_id: int) -> None:
        """A node is gone: its partitions go to the replicas that are left."""
        self.nodes[node_id].running = False
        for partition in self._partitions():
            if node_id not in partition.replicas:
                continue
            others = [other for other in partition.isr if other != node_id]
            if (
                node_id in partition.isr and others
            ):  # the last one in sync stays listed: it has all the records
                partition.isr = others
            if partition.leader == node_id:
                self._elect(partition)

    def node_started(self, node_id: int) -> None:
        """A node is back, and catches up at once. It does not take its leaderships back."""
        node = self.nodes[node_id]
        node.running = True
        node.fetch_sessions = self._fetch_sessions()
        for partition in self._partitions():
            if node_id not in partition.replicas:
                continue
            if partition.leader == NO_LEADER:
                self._elect(partition)
            if partition.leader != NO_LEADER:
                partition.isr = self._alive(partition.replicas)

    def _partitions(self) -> list[Partition]:
        return [partition for topic in self.topics.values() for partition in topic.partitions]

    def _alive(self, node_ids: Sequence[int]) -> list[int]:
        return [node_id for node_id in node_ids if self.is_running(node_id)]

    def _elect(self, partition: Partition) -> None:
        """The first replica that is in sync and runs leads; nobody, if there is none."""
        candidates = [node_id for node_id in self._alive(partition.replicas) if node_id in partition.isr]
        if candidates:
            partition.isr = candidates
            partition.lead(candidates[0])
        elif partition.leader != NO_LEADER or partition.leader_epoch < 0:
            partition.lead(NO_LEADER)


def _java_hash(text: str) -> int:
    """`abs(String.hashCode())` as Kafka's Utils.abs takes it: the lowest integer becomes 0."""
    value = 0
    units = text.encode("utf-16-be", "surrogatepass")
    for high, low in zip(units[::2], units[1::2], strict=True):
        value = (value * 31 + (high << 8 | low)) & 0xFFFFFFFF
    signed = value - (1 << 32) if value & 0x80000000 else value
    return 0 if signed == -(1 << 31) else abs(signed)
