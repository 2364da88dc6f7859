"""What is subscribed, what is ours, and what each partition still needs before it can be read. A brain.

The engine, the fetcher, the offset look-ups and the group coordinator share one. Positions live in the fetch buffer,
under its lock, because the thread that polls moves them. Thread: loop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from kafkalite.errors import IllegalStateError
from kafkalite.net.metadata import Cluster
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.types import OffsetAndMetadata, TopicPartition

from .fetch_buffer import FetchBuffer
from .listener import ConsumerRebalanceListener
from .positions import Need, PartitionState, Position

__all__ = ["Subscription"]

_NOTHING: Mapping[TopicPartition, int] = {}
_EXCLUSIVE = "subscribe to topics, subscribe to a pattern, and assign partitions exclude each other: unsubscribe() first"


class Subscription:
    """One consumer's subscription and assignment."""

    def __init__(
        self,
        buffer: FetchBuffer,
        *,
        starts_from_committed: bool = False,
        exclude_internal_topics: bool = True,
    ) -> None:
        self._buffer = buffer
        self._first_need = Need.COMMITTED if starts_from_committed else Need.RESET
        self._exclude_internal = exclude_internal_topics
        self._states: dict[TopicPartition, PartitionState] = {}
        self._assigned_by_user = False
        self.topics: frozenset[str] = frozenset()
        """The topics subscribed to; for a pattern those that match now."""
        self.pattern: re.Pattern[str] | None = None
        self.listener: ConsumerRebalanceListener | None = None
        self.version = 0
        """Grows with every change of what is subscribed."""
        self._generation = self._pattern_after = 0
        """The newest picture seen, and the newest that was asked for when not all topics were wanted yet."""
        self.on_assignment: Callable[[], None] = _nobody
        """Called after every change of the assignment, and when what was held is released."""

    # What is subscribed.

    @property
    def uses_group_assignment(self) -> bool:
        """Whether the partitions follow from subscribed topics, rather than being assigned by the user."""
        return bool(self.topics) or self.pattern is not None

    def subscribe(
        self,
        *,
        topics: Iterable[str] | None = None,
        pattern: str | None = None,
        listener: ConsumerRebalanceListener | None = None,
    ) -> None:
        """Replace the subscription; no topics at all: unsubscribe.

        Raises IllegalStateError when partitions were assigned, or for topics and pattern one after the other;
        ValueError or TypeError for what is no topic, no pattern, no listener.
        """
        if (topics is None) == (pattern is None):
            raise ValueError("subscribe() takes either topics or a pattern")
        names = None if topics is None else _topic_names(topics)
        if names is not None and not names:
            self.unsubscribe()
            return
        switches = self.uses_group_assignment and (self.pattern is None) != (pattern is None)
        if self._assigned_by_user or switches:
            raise IllegalStateError(_EXCLUSIVE)
        if listener is not None and not isinstance(listener, ConsumerRebalanceListener):
            raise TypeError(f"listener must be a ConsumerRebalanceListener, not {type(listener).__name__}")
        if pattern is not None:
            try:
                compiled = re.compile(pattern)
            except re.error as error:
                raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from error
            self.pattern, self.topics = compiled, frozenset()
            self._pattern_after = self._generation
        else:
            self.pattern, self.topics = None, names or frozenset()
        self.listener = listener
        self.version += 1

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        """Read exactly these partitions. Raises IllegalStateError after subscribe()."""
        if self.uses_group_assignment:
            raise IllegalStateError(_EXCLUSIVE)
        self._assigned_by_user = bool(partitions)
        self.version += 1
        self.set_assignment(partitions)

    def unsubscribe(self) -> None:
        """Nothing is subscribed or assigned any more."""
        self._assigned_by_user = False
        self.topics, self.pattern, self.listener = frozenset(), None, None
        self.version += 1
        self.set_assignment(())

    def wanted_topics(self) -> frozenset[str] | None:
        """The topics whose metadata is needed; None for all, so that a pattern can choose."""
        if self.pattern is not None:
            return None
        return self.topics | {tp.topic for tp in self._states}

    def on_cluster(self, cluster: Cluster) -> bool:
        """Look for topics that match the pattern. True if others match than before."""
        self._generation = cluster.generation
        if self.pattern is None or cluster.generation <= self._pattern_after:
            return False
        found = frozenset(
            topic.name
            for topic in cluster.topics.values()
            if topic.partitions
            and not (topic.is_internal and self._exclude_internal)
            and self.pattern.match(topic.name)
        )
        if found == self.topics:
            return False
        self.topics = found
        self.version += 1
        return True

    # What is ours.

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that are ours now."""
        return frozenset(self._states)

    def set_assignment(self, partitions: Collection[TopicPartition], *, held: bool = False) -> None:
        """These partitions are ours from now on, and no others. Those kept keep their positions.

        `held`: nothing is fetched or delivered until `release`, because the listener has not been told.
        """
        now = dict.fromkeys(partitions)
        gone = [state for tp, state in self._states.items() if tp not in now]
        self._buffer.remove(gone)
        kept, self._states = self._states, {}
        for tp in now:
            self._states[tp] = kept.get(tp) or self._new(tp)
        if held:
            self._buffer.hold(self._states.values())
        self.on_assignment()

    def _new(self, tp: TopicPartition) -> PartitionState:
        state = PartitionState(tp)
        state.need = self._first_need
        return state

    def release(self) -> None:
        """What was held may be fetched and delivered now."""
        self._buffer.release(self._states.values())
        self.on_assignment()

    def states(self) -> Iterator[PartitionState]:
        """What is known of each partition that is ours."""
        return iter(self._states.values())

    def state(self, tp: TopicPartition) -> PartitionState:
        """What is known of one. Raises IllegalStateError if it is not ours."""
        state = self._states.get(tp)
        if state is None:
            raise IllegalStateError(f"{tp.topic}-{tp.partition} is not assigned to this consumer")
        return state

    def get(self, tp: TopicPartition) -> PartitionState | None:
        """What is known of one, or None."""
        return self._states.get(tp)

    # Where we are.

    def consumed_positions(
        self, stop_at: Mapping[TopicPartition, int] = _NOTHING
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """The positions of everything taken so far; partitions without a position are left out.

        `stop_at`: the next record that was taken but not handed out to the user, by partition.
        """
        taken = _committable(self._buffer.consumed(self._states.values()))
        for tp in stop_at.keys() & taken.keys():
            taken[tp] = taken[tp]._replace(offset=min(taken[tp].offset, stop_at[tp]))
        return taken

    def finished_positions(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """The positions before the last take: what automatic commits use."""
        return _committable(self._buffer.finished(self._states.values()))

    def lag(self, *, committed_only: bool) -> int | None:
        """How many offsets the reader is behind, at most, over all partitions; None: nothing was fetched yet.

        `committed_only`: counted up to the last stable offset, further than which a reader of committed data cannot go.
        """
        positions = self._buffer.consumed(self._states.values())
        lags = []
        for tp, position in positions.items():
            marks = self._states[tp].watermarks
            end = marks.last_stable_offset if committed_only else marks.high_watermark
            if end >= 0:
                lags.append(max(0, end - position.offset))
        return max(lags, default=None)

    def seek(self, state: PartitionState, position: Position) -> None:
        """Go on from here. With a leader epoch the position is validated before anything is fetched (KIP-320)."""
        state.need = Need.VALIDATE if position.leader_epoch >= 0 else Need.NOTHING
        state.validated_epoch = -1
        self._settle(state, position)

    def found(self, state: PartitionState, position: Position, leader_epoch: int) -> None:
        """The leader of this epoch said where to go on: nothing is left to validate."""
        state.need = Need.NOTHING
        state.validated_epoch = leader_epoch
        self._settle(state, position)

    def reset(self, state: PartitionState, reset_to: int | None) -> None:
        """Forget the position; look the given ListOffsets timestamp up (None: as auto_offset_reset says)."""
        state.need, state.reset_to = Need.RESET, reset_to
        self._settle(state, None)

    def _settle(self, state: PartitionState, position: Position | None) -> None:
        state.drain_first = state.wanted = False
        state.retry_at, state.retries = 0.0, 0
        self._buffer.jump(state, position)

    def check_leaders(self, cluster: Cluster) -> list[PartitionState]:
        """Compare with a new picture of the cluster: positions that another leader must confirm are marked (KIP-320).

        Returns the partitions whose topic was deleted and created again: their positions mean nothing any more.
        """
        recreated = []
        for tp, state in self._states.items():
            topic_id = cluster.topic_id(tp.topic)
            if topic_id != ZERO_UUID:
                if state.topic_id not in (ZERO_UUID, topic_id):
                    recreated.append(state)
                    state.validated_epoch = -1
                    state.replica = None
                state.topic_id = topic_id
            epoch = cluster.leader_epoch_of(*tp)
            fetched = state.fetched
            if state.need is not Need.NOTHING or fetched is None or epoch in (-1, state.validated_epoch):
                continue
            state.replica = None
            if fetched.leader_epoch >= 0:
                state.need = Need.VALIDATE
            else:
                state.validated_epoch = epoch
        return recreated

    def __repr__(self) -> str:
        what = (
            f"pattern {self.pattern.pattern!r}"
            if self.pattern
            else ", ".join(sorted(self.topics)) or "nothing"
        )
        ours = "; ".join(map(repr, self._states.values()))
        return f"<Subscription to {what}: {ours or 'no partitions'}>"


def _nobody() -> None:
    """Nobody wants to know yet."""


def _topic_names(topics: Iterable[str]) -> frozenset[str]:
    if isinstance(topics, str):
        raise TypeError(f"topics must be a list of names, not the string {topics!r}")
    names = frozenset(topics)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a topic is named by a string, not by {name!r}")
        if not re.fullmatch(r"(?!\.\.?\Z)[A-Za-z0-9._-]{1,249}", name):
            raise ValueError(
                f"{name!r} is no legal topic name: 1 to 249 of the characters A-Z a-z 0-9 . _ - are allowed"
            )
    return names


def _committable(positions: dict[TopicPartition, Position]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {tp: OffsetAndMetadata(p.offset, "", p.leader_epoch) for tp, p in positions.items()}
