"""One `send_many`, step by step: which records go to which partition next, and how far it has come.

A brain: `hand_over` moves what there is room for and says whether that was all; the doors wait in between. Memory is
taken batch by batch, so a list may be longer than the producer's memory. Thread: caller.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

from kafkalite.errors import BulkSendError, KafkaError
from kafkalite.net.metadata import Cluster, TopicInfo
from kafkalite.types import BulkMetadata

from .accumulator import Accumulator
from .bulk import Bulk
from .delivery import Delivery
from .partitioner import Choice
from .records import Records

__all__ = ["Many"]

CHUNK: Final = 4096
"""Records whose keys are hashed, and that are sorted by partition, at once."""
AT_ONCE: Final = 1 << 20
"""Bytes after which `hand_over` returns, so that the sender gets its turn: its thread may be the caller's."""


class _Load:
    """Records that go to one partition (None: the sticky one), and how many of them went."""

    __slots__ = ("indexes", "partition", "records", "start", "topic")

    def __init__(
        self, topic: TopicInfo, partition: int | None, records: Records, indexes: Sequence[int]
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.records = records
        self.indexes = indexes
        self.start = 0


class Many:
    """The records of one call on their way into the accumulator."""

    def __init__(
        self,
        topic: str,
        records: Records,
        partition: int | None,
        delivery: Delivery[BulkMetadata],
        bulk: Bulk,
        *,
        accumulator: Accumulator,
        choice: Choice,
    ) -> None:
        self.topic = topic
        self.delivery = delivery
        self.accepted = 0
        self.missing = 0
        """Bytes that the next record needs and did not get; 0 if it is the topic that must become known first."""
        self.waits = True
        """After `hand_over`: whether it ended for want of room, and not because it has gone on long enough."""
        self._bulk = bulk
        self._records = records
        self._partition = partition
        self._accumulator = accumulator
        self._choice = choice
        self._loads: deque[_Load] = deque()
        self._next = 0
        self._numbers: list[int | None] | None = None
        self._deadline = 0.0
        self._accepted_then = -1

    def hand_over(self, cluster: Cluster, topic: TopicInfo, *, now: float, wall: float) -> bool:
        """Move what there is room for, about `AT_ONCE`; True when all records have been moved.

        Raises what is wrong with the partition, before anything was moved; BulkSendError if the producer closed or
        broke in the middle.
        """
        moved = 0
        while self._loads or self._next < len(self._records):
            if moved >= AT_ONCE:
                self.waits = False
                return False
            if not self._loads:
                self._loads.extend(self._next_loads(cluster, topic))
            load = self._loads[0]
            try:
                found = self._accumulator.extend(
                    load.topic, load.partition, load.records, load.start, now=now, wall=wall
                )
            except KafkaError as error:
                self.stop(error)
            if found is None:
                self.waits, self.missing = True, load.records.octets(load.start, load.start + 1)
                return False
            batch, place, count = found
            stop = load.start + count
            moved += load.records.octets(load.start, stop)
            self._bulk.add(batch, place, load.indexes[load.start : stop])
            self.accepted += count
            load.start = stop
            if stop == len(load.indexes):
                self._loads.popleft()
        return True

    def _next_loads(self, cluster: Cluster, topic: TopicInfo) -> Iterable[_Load]:
        records, start, choice = self._records, self._next, self._choice
        if not start and self._partition is not None:
            choice.partition(cluster, topic, self._partition, None, None)  # refuses one that does not exist
        if self._partition is not None or not choice.looks_at(records.keys):
            self._next = len(records)
            return [_Load(topic, self._partition, records, range(len(records)))]
        stop = self._next = min(start + CHUNK, len(records))
        groups: dict[int | None, list[int]] = defaultdict(list)
        numbers = self._chosen(cluster, topic, start, stop)
        for index, number in enumerate(numbers, start):
            groups[number].append(index)
        return [_Load(topic, number, records.pick(indexes), indexes) for number, indexes in groups.items()]

    def _chosen(self, cluster: Cluster, topic: TopicInfo, start: int, stop: int) -> Sequence[int | None]:
        records, choice = self._records, self._choice
        if choice.is_users:
            if (
                self._numbers is None
            ):  # for all at once: what the user's code raises shall come before any is sent
                keys = records.keys or [None] * len(records)
                self._numbers = [
                    choice.partition(cluster, topic, None, key, value)
                    for key, value in zip(keys, records.values, strict=True)
                ]
            return self._numbers[start:stop]
        assert records.keys is not None
        return choice.partitions(topic, records.keys[start:stop])

    def deadline(self, proposed: float) -> float:
        """Until when to wait for room: `proposed`, unless nothing was moved since that was asked last."""
        if self.accepted != self._accepted_then:
            self._accepted_then, self._deadline = self.accepted, proposed
        return self._deadline

    def stop(self, error: KafkaError) -> NoReturn:
        """It cannot go on: raise why, or if records were handed over before, an error that knows which."""
        if not self.accepted:
            raise error.with_traceback(None)
        handed_over = {index for run in self._bulk.runs for index in run.indexes}
        left = (index for index in range(len(self._records)) if index not in handed_over)
        told = BulkSendError(
            f"{self.accepted} of {len(self._records)} records for topic {self.topic!r} were handed over (`delivery`"
            f" tells what becomes of them), the others were not (`errors` has their indexes): {error}"
        )
        told.errors, told.delivery = dict.fromkeys(left, error), self.delivery
        raise told from error
