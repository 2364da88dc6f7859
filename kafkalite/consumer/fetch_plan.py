"""Which broker to ask for which partitions now, and what a broker's answer for a partition means. A brain.

A partition is asked for while its undelivered data is below its share, so that one answer is being read while the next
one comes: two fetches ahead, bounded by `max_partition_fetch_bytes` per partition and `fetch_max_bytes` per broker.
Called by the fetcher. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Final, NamedTuple

from kafkalite.net.metadata import Cluster
from kafkalite.protocol.codes import ErrorCode
from kafkalite.types import TopicPartition

from .fetch_buffer import EVERYTHING, Fetchable, FetchBuffer
from .fetch_session import Wanted
from .positions import Need, PartitionState

__all__ = ["VERDICTS", "FetchPlan", "NodeFetch", "Pace", "Verdict", "make_plan", "node_for", "wanted"]


class NodeFetch:
    """What to ask one node for."""

    __slots__ = ("asked", "crowded")

    def __init__(self) -> None:
        self.asked: dict[TopicPartition, Fetchable] = {}
        self.crowded = False
        """A partition of the node was left out because much of it is undelivered. Then the broker must not keep the
        others waiting for news: the one left out may be wanted again at any moment."""

    def without(self, flying: Mapping[TopicPartition, Fetchable]) -> NodeFetch:
        """The same, but for what is being asked for already."""
        rest = NodeFetch()
        rest.crowded = self.crowded
        rest.asked = {
            tp: one for tp, one in self.asked.items() if tp not in flying or flying[tp].epoch != one.epoch
        }
        return rest


def wanted(asked: Mapping[TopicPartition, Fetchable], cluster: Cluster) -> dict[TopicPartition, Wanted]:
    """The same as the fetch session takes it."""
    return {
        tp: Wanted(one.at.offset, cluster.leader_epoch_of(*tp), cluster.topic_id(tp.topic))
        for tp, one in asked.items()
    }


class FetchPlan(NamedTuple):
    """What to do now."""

    nodes: dict[int, NodeFetch]
    leaderless: bool
    """The cluster as known names no node for a partition."""
    wake_at: float | None
    """When the next partition has waited out its back-off."""


def node_for(state: PartitionState, cluster: Cluster, now: float) -> int | None:
    """The follower that the leader sent us to (KIP-392) while that holds, else the leader; None: nobody is known."""
    replica = state.replica
    if replica is not None:
        topic = cluster.topics.get(state.tp.topic)
        known = topic.partitions if topic is not None else ()
        offline = known[state.tp.partition].offline_replicas if state.tp.partition < len(known) else ()
        gone = now >= state.replica_until or replica not in cluster.nodes or replica in offline
        if not gone:
            return replica
        state.replica = None
    return cluster.leader_of(*state.tp)


def make_plan(
    states: Iterable[PartitionState],
    buffer: FetchBuffer,
    cluster: Cluster,
    now: float,
    *,
    share: int,
    total: int,
) -> FetchPlan:
    """`share`: undelivered bytes at which a partition is left out; `total`: at which its whole broker is."""
    by_node: dict[int, list[Fetchable]] = {}
    leaderless, wake_at = False, None
    for one in buffer.fetchable(state for state in states if state.need is Need.NOTHING):
        state = one.state
        if now < state.retry_at:
            wake_at = state.retry_at if wake_at is None else min(wake_at, state.retry_at)
            continue
        if state.drain_first:
            if buffer.leave_out(state, EVERYTHING):
                continue
            state.drain_first = False
        node = node_for(state, cluster, now)
        if node is None:
            leaderless = True
        else:
            by_node.setdefault(node, []).append(one)
    nodes = {node: _for_node(found, buffer, share, total) for node, found in by_node.items()}
    return FetchPlan({node: f for node, f in nodes.items() if f.asked}, leaderless, wake_at)


def _for_node(found: list[Fetchable], buffer: FetchBuffer, share: int, total: int) -> NodeFetch:
    fetch = NodeFetch()
    too_much = sum(one.buffered for one in found) >= total
    waiting = [one for one in found if buffer.leave_out(one.state, 0 if too_much else share)]
    if too_much and waiting:
        return fetch
    left_out = {one.state.tp for one in waiting}
    fetch.crowded = bool(left_out)
    fetch.asked = {one.state.tp: one for one in found if one.state.tp not in left_out}
    return fetch


class Pace:
    """When one node may be asked again."""

    __slots__ = ("_failures", "_quiet", "not_before")

    FIRST: Final = 0.01

    def __init__(self) -> None:
        self.not_before = 0.0
        self._quiet = 0
        self._failures = 0

    def on_failure(self) -> int:
        """A request failed. Returns how many did before, in a row."""
        self._failures += 1
        return self._failures - 1

    def on_answer(self, now: float, *, brought: bool, waited: bool, longest: float) -> None:
        """An answer came. One without news that the broker did not wait with is followed by a growing pause."""
        self._failures = 0
        self._quiet = 0 if brought or waited else self._quiet + 1
        self.not_before = (
            now + min(self.FIRST * 2 ** min(self._quiet - 1, 20), longest) if self._quiet else 0.0
        )

    def on_room(self) -> None:
        """A partition that was left out is wanted again: ask at once, unless the node failed."""
        if self._quiet and not self._failures:
            self._quiet, self.not_before = 0, 0.0


class Verdict(Enum):
    """What an error code in a partition's answer means."""

    REFRESH = auto()
    """Our picture of the cluster is old: ask for metadata, try again."""
    RETRY = auto()
    """Try again."""
    OUT_OF_RANGE = auto()
    RAISE = auto()


VERDICTS: Final = {
    ErrorCode.NOT_LEADER_OR_FOLLOWER: Verdict.REFRESH,
    ErrorCode.LEADER_NOT_AVAILABLE: Verdict.REFRESH,
    ErrorCode.REPLICA_NOT_AVAILABLE: Verdict.REFRESH,
    ErrorCode.KAFKA_STORAGE_ERROR: Verdict.REFRESH,
    ErrorCode.FENCED_LEADER_EPOCH: Verdict.REFRESH,
    ErrorCode.OFFSET_NOT_AVAILABLE: Verdict.REFRESH,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: Verdict.REFRESH,
    ErrorCode.UNKNOWN_TOPIC_ID: Verdict.REFRESH,
    ErrorCode.INCONSISTENT_TOPIC_ID: Verdict.REFRESH,
    ErrorCode.UNKNOWN_LEADER_EPOCH: Verdict.RETRY,
    ErrorCode.UNKNOWN_SERVER_ERROR: Verdict.RETRY,
    ErrorCode.OFFSET_OUT_OF_RANGE: Verdict.OUT_OF_RANGE,
}
"""Every other code is raised from the next poll."""
