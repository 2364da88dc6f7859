"""What is known of the cluster: an immutable snapshot, replaced whole, and the brain that merges answers into it.

Anyone may read `Metadata.snapshot` from any thread: it never changes, a newer one takes its place. Everything else
here belongs to the loop; the refreshing itself is `client`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseTopic,
)

from .backoff import Backoff

__all__ = ["Cluster", "Metadata", "Node", "PartitionInfo", "TopicInfo"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Node:
    """A broker and where it listens."""

    id: int
    host: str
    port: int
    rack: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port


@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """A partition: who leads it (-1: nobody) and who has copies."""

    topic: str
    partition: int
    leader: int = -1
    leader_epoch: int = -1
    replicas: tuple[int, ...] = ()
    isr: tuple[int, ...] = ()
    offline_replicas: tuple[int, ...] = ()
    error_code: int = 0


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic: `partitions` is dense, its index is the partition's number."""

    name: str
    topic_id: UUID = ZERO_UUID
    error_code: int = 0
    is_internal: bool = False
    partitions: tuple[PartitionInfo, ...] = ()
    with_leader: tuple[int, ...] = ()
    """Numbers of the partitions that have a leader."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One picture of the cluster. `generation` grows by one with each new picture."""

    generation: int = 0
    cluster_id: str | None = None
    controller_id: int = -1
    nodes: Mapping[int, Node] = field(default_factory=dict)
    topics: Mapping[str, TopicInfo] = field(default_factory=dict)
    topic_names: Mapping[UUID, str] = field(default_factory=dict)

    def partitions_of(self, topic: str) -> tuple[PartitionInfo, ...] | None:
        """The partitions of a topic; None if it is not known, or known not to exist."""
        known = self.topics.get(topic)
        return known.partitions if known is not None and known.partitions else None

    def leader_of(self, topic: str, partition: int) -> int | None:
        """The node that leads a partition, or None."""
        known = self.topics.get(topic)
        if known is None or not 0 <= partition < len(known.partitions):
            return None
        leader = known.partitions[partition].leader
        return leader if leader in self.nodes else None

    def leader_epoch_of(self, topic: str, partition: int) -> int:
        """The epoch of a partition's leader; -1 if unknown."""
        known = self.topics.get(topic)
        if known is None or not 0 <= partition < len(known.partitions):
            return -1
        return known.partitions[partition].leader_epoch

    def topic_id(self, topic: str) -> UUID:
        """A topic's id; `ZERO_UUID` if unknown."""
        known = self.topics.get(topic)
        return known.topic_id if known is not None else ZERO_UUID

    def topic_name(self, topic_id: UUID) -> str | None:
        """The topic that has this id, or None."""
        return self.topic_names.get(topic_id)


_KEEP_ERRORS: Final = frozenset({ErrorCode.INVALID_TOPIC_EXCEPTION, ErrorCode.TOPIC_AUTHORIZATION_FAILED})
"""Asking again changes nothing by itself."""

_LEAST_GAP: Final = 0.001
"""Seconds between two requests even if no back-off is configured: asking is never a busy loop."""


class Metadata:
    """Which topics to ask for, when to ask, and what came back. A brain: time comes in as `now`."""

    def __init__(
        self,
        *,
        max_age: float,
        max_idle: float | None = None,
        allow_auto_create: bool = False,
        backoff: Backoff | None = None,
    ) -> None:
        self.snapshot = Cluster()
        self.listeners: list[Callable[[Cluster], None]] = []
        self.max_age = max_age
        self.max_idle = max_idle
        self.allow_auto_create = allow_auto_create
        self.answered = 0
        """The generation of the newest picture that an answer made; hints and forgotten nodes make others."""
        self.failures = 0
        """Requests in a row that brought nothing."""
        self.wake: Callable[[], None] = _nobody
        """Called whenever an update became wanted."""
        self._backoff = backoff
        self._topics: dict[str, float] = {}  # topic -> when it was last wanted
        self._all = False
        self._wanted = True
        self._asking = False
        self._asked_for_all = False
        self._hurry = False
        self._updated_at: float | None = None
        self._failing_since: float | None = None
        self._quiet = 0  # answers in a row without news
        self._not_before = float("-inf")

    # What is wanted.

    def add_topics(self, topics: Iterable[str], now: float = 0.0) -> bool:
        """Want these topics too. True if one of them is not in the snapshot, so that an update was asked for."""
        missing = news = False
        for topic in topics:
            if topic not in self.snapshot.topics:
                missing = True
                news = news or topic not in self._topics
            self._topics[topic] = now
        if missing and not self._all:
            self._request_update(at_once=news)
        return missing

    def set_topics(self, topics: Iterable[str] | None, now: float = 0.0) -> None:
        """Want exactly these topics; None for all there are."""
        everything_before, before = self._all, self._topics
        self._all = topics is None
        self._topics = dict.fromkeys(topics or (), now)
        if self._all != everything_before or self._topics.keys() - before.keys():
            self._request_update(at_once=True)

    def wants(self, topic: str) -> bool:
        """Whether this topic is asked for."""
        return self._all or topic in self._topics

    def request_update(self) -> int:
        """Ask for an update soon; returns the generation that it will be newer than.

        A request that is under way does not count: what it brings may be older than the reason to ask.
        """
        self._request_update()
        return self.snapshot.generation + (1 if self._asking else 0)

    def _request_update(self, *, at_once: bool = False) -> None:
        if at_once and not self.failures:  # what was never asked for does not wait for a back-off
            self._hurry, self._not_before = True, float("-inf")
        self._wanted = True
        self.wake()

    @property
    def pending(self) -> bool:
        """Whether an update is wanted or under way."""
        return self._wanted or self._asking

    # When to ask.

    def next_update(self, now: float) -> float:
        """When to ask next: `now` or earlier means at once. Never sooner than the back-off after the last time."""
        due = now if self._wanted or self._updated_at is None else self._updated_at + self.max_age
        return max(due, self._not_before)

    def age(self, now: float) -> float:
        """Seconds since the last good answer; since never, infinity."""
        return float("inf") if self._updated_at is None else now - self._updated_at

    def failing_for(self, now: float) -> float:
        """Seconds since the first of those requests in a row that brought nothing."""
        return 0.0 if self._failing_since is None else now - self._failing_since

    def next_request(self, now: float) -> MetadataRequest:
        """The request to send now. Topics that nobody wanted for `max_idle` are forgotten."""
        self._wanted, self._asking, self._hurry, self._asked_for_all = False, True, False, self._all
        if self._failing_since is None:
            self._failing_since = now
        if self._backoff is not None and now >= self._not_before + self._backoff.maximum:
            self._quiet = 0
        if self.max_idle is not None:
            self._topics = {t: at for t, at in self._topics.items() if now - at < self.max_idle}
        topics = None if self._all else [MetadataRequestTopic(name=topic) for topic in self._topics]
        return MetadataRequest(topics=topics, allow_auto_topic_creation=self.allow_auto_create)

    def _wait(self, now: float, attempts: int) -> None:
        if self._backoff is not None:
            self._not_before = now + max(_LEAST_GAP, self._backoff.delay(attempts))

    # What came back.

    def on_failure(self, now: float) -> None:
        """The request brought nothing: it is still wanted."""
        self._wanted, self._asking = True, False
        self._wait(now, self.failures)
        self.failures += 1

    def on_response(self, response: MetadataResponse, now: float) -> Cluster:
        """Merge an answer; listeners are told of the new picture."""
        old = self.snapshot
        if response.cluster_id and old.cluster_id and response.cluster_id != old.cluster_id:
            log.warning("this was cluster %s, now it is cluster %s", old.cluster_id, response.cluster_id)
        nodes = {b.node_id: Node(b.node_id, b.host, b.port, b.rack) for b in response.brokers}
        topics: dict[str, TopicInfo] = {}
        for answered in response.topics:
            if answered.name is not None:
                topics[answered.name] = _merged(answered, old.topics.get(answered.name))
        if not self._asked_for_all:
            for name, known in old.topics.items():
                if name not in topics and self.wants(name):
                    topics[name] = known  # asked for after the request had gone out
        self._updated_at, self._failing_since, self.failures, self._asking = now, None, 0, False
        wanted = topics.keys() if self._all else self._topics.keys()
        if any(name not in topics or _unsettled(topics[name]) for name in wanted):
            self._wanted = True
        news = nodes != old.nodes or topics != old.topics or response.controller_id != old.controller_id
        self._quiet = 0 if news else self._quiet + 1
        if not self._hurry:
            self._wait(now, self._quiet)
        self.answered = old.generation + 1
        return self._publish(
            replace(
                old,
                cluster_id=response.cluster_id or old.cluster_id,
                controller_id=response.controller_id,
                nodes=nodes,
                topics=topics,
            )
        )

    def update_leader(
        self, topic: str, partition: int, leader: int, epoch: int, endpoints: Iterable[Node] = ()
    ) -> bool:
        """Believe a hint that came with an error (KIP-951). False if it is no news or its node is unknown."""
        known = self.snapshot.topics.get(topic)
        nodes = dict(self.snapshot.nodes) | {node.id: node for node in endpoints}
        if known is None or not 0 <= partition < len(known.partitions) or leader not in nodes:
            return False
        if epoch <= known.partitions[partition].leader_epoch:
            return False
        partitions = list(known.partitions)
        partitions[partition] = replace(
            partitions[partition], leader=leader, leader_epoch=epoch, error_code=0
        )
        changed = _with_leaders(replace(known, partitions=tuple(partitions)))
        self._publish(replace(self.snapshot, nodes=nodes, topics={**self.snapshot.topics, topic: changed}))
        return True

    def forget_nodes(self) -> None:
        """Start again from the bootstrap servers: topics stay known, where their leaders live does not (KIP-899)."""
        self._wanted = True
        if self.snapshot.nodes:
            self._publish(replace(self.snapshot, nodes={}))

    def _publish(self, cluster: Cluster) -> Cluster:
        names = {t.topic_id: t.name for t in cluster.topics.values() if t.topic_id != ZERO_UUID}
        self.snapshot = replace(cluster, generation=self.snapshot.generation + 1, topic_names=names)
        for listener in list(self.listeners):
            listener(self.snapshot)
        return self.snapshot


def _nobody() -> None:
    """Nobody is waiting to ask yet."""


def _merged(answered: MetadataResponseTopic, known: TopicInfo | None) -> TopicInfo:
    """A topic of an answer, with leaders of an older epoch than one already seen left out."""
    name = answered.name or ""
    if answered.error_code and not answered.partitions:
        return TopicInfo(name, answered.topic_id, answered.error_code, answered.is_internal)
    same_topic = known is not None and (
        known.topic_id == answered.topic_id or ZERO_UUID in (known.topic_id, answered.topic_id)
    )
    count = max((p.partition_index for p in answered.partitions), default=-1) + 1
    if count > 4 * len(answered.partitions) + 16:
        count = 0  # numbers that no broker gives
    partitions = [PartitionInfo(name, index) for index in range(count)]
    for p in answered.partitions:
        if not 0 <= p.partition_index < count:
            continue
        fresh = PartitionInfo(
            name,
            p.partition_index,
            p.leader_id,
            p.leader_epoch,
            tuple(p.replica_nodes),
            tuple(p.isr_nodes),
            tuple(p.offline_replicas),
            p.error_code,
        )
        if same_topic and known is not None and p.partition_index < len(known.partitions):
            seen = known.partitions[p.partition_index]
            if -1 < fresh.leader_epoch < seen.leader_epoch:
                fresh = seen
        partitions[p.partition_index] = fresh
    return _with_leaders(
        TopicInfo(name, answered.topic_id, answered.error_code, answered.is_internal, tuple(partitions))
    )


def _with_leaders(topic: TopicInfo) -> TopicInfo:
    return replace(topic, with_leader=tuple(p.partition for p in topic.partitions if p.leader >= 0))


def _unsettled(topic: TopicInfo) -> bool:
    """Whether asking again soon may bring more: the topic is being created, or a leader elected."""
    if topic.error_code:
        return topic.error_code not in _KEEP_ERRORS
    return len(topic.with_leader) < len(topic.partitions)
