"""Records that were taken from the engine and are given to the user one at a time. A brain: it never waits.

Used by both doors for iteration. Thread: caller (the one thread, or task, that polls).

`engine.take()` moves the consumer's position past everything it returns; a user who iterates has seen only
part of that. So while a handout is under way, what the user asks about or commits has to stop at the next record
that was not handed out: `positions()` says where that is, and `put_back()` gives up the rest so that the engine can
fetch it again (after a seek, a pause, a poll or a close in the middle of a handout).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Mapping
from operator import length_hint

from kafkalite.types import ConsumerRecord, TopicPartition

_NOTHING: list[ConsumerRecord] = []


class Handout:
    """The rest of one `take()`, in order. `records` is the list iterator that hands out, at a list's speed."""

    __slots__ = ("_current", "_list", "_waiting", "records")

    def __init__(self) -> None:
        self._waiting: deque[tuple[TopicPartition, list[ConsumerRecord]]] = deque()
        self._current: TopicPartition | None = None
        self._list: list[ConsumerRecord] = _NOTHING
        self.records: Iterator[ConsumerRecord] = iter(_NOTHING)

    def __repr__(self) -> str:
        left = length_hint(self.records) + sum(len(records) for _, records in self._waiting)
        return f"<Handout {left} records left>"

    def add(self, taken: Mapping[TopicPartition, list[ConsumerRecord]]) -> None:
        """Hand out these records after those that are left. The lists must not be empty, and are ours now."""
        self._waiting.extend(taken.items())

    def turn(self) -> bool:
        """Called when `records` is exhausted: go on to the next partition. False: nothing is left."""
        if not self._waiting:
            self._current = None
            self._list = _NOTHING
            return False
        self._current, self._list = self._waiting.popleft()
        self.records = iter(self._list)
        return True

    def positions(self) -> dict[TopicPartition, ConsumerRecord]:
        """Per partition, the next record that was not handed out yet."""
        found = {}
        left = length_hint(self.records)
        if left and self._current is not None:
            found[self._current] = self._list[len(self._list) - left]
        for partition, records in list(self._waiting):
            found.setdefault(partition, records[0])
        return found

    def offsets(self) -> dict[TopicPartition, int]:
        """The same as offsets: what a commit, or whoever asks for the position, has to stop at."""
        return {partition: record.offset for partition, record in self.positions().items()}

    def put_back(self, partitions: Container[TopicPartition] | None = None) -> dict[TopicPartition, int]:
        """Hand out nothing more of these partitions (None: of any). Returns where each has to go on."""
        offsets = {
            partition: offset
            for partition, offset in self.offsets().items()
            if partitions is None or partition in partitions
        }
        if self._current in offsets:
            # Whoever is in the middle of `records` holds that very iterator. Emptying the list ends it.
            self._list.clear()
        self._waiting = deque(entry for entry in self._waiting if entry[0] not in offsets)
        return offsets
