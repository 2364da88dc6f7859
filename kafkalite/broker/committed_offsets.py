"""The committed positions of one group. Called by `groups` once a commit has been found legal. Thread: loop.

Not emulated: `offsets.retention.minutes`. A commit stays until its group or topic is deleted, or OffsetDelete names
it. There are no transactional commits yet either, so nothing committed is ever unstable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["CommittedOffset", "CommittedOffsets"]


class CommittedOffset(NamedTuple):
    """The next offset to read, and what the consumer said with it."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""


NOTHING = CommittedOffset(-1)


class CommittedOffsets:
    """Topic and partition -> position; the last write wins."""

    def __init__(self) -> None:
        self._by_topic: dict[str, dict[int, CommittedOffset]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_topic.values()))

    def __iter__(self) -> Iterator[tuple[str, int, CommittedOffset]]:
        for topic, partitions in self._by_topic.items():
            for index, committed in partitions.items():
                yield topic, index, committed

    def store(self, topic: str, partition: int, offset: int, leader_epoch: int, metadata: str | None) -> None:
        """Commit. Metadata that is null is kept as the empty string, as Kafka keeps it."""
        committed = CommittedOffset(offset, leader_epoch, metadata or "")
        self._by_topic.setdefault(topic, {})[partition] = committed

    def get(self, topic: str, partition: int) -> CommittedOffset:
        """The position, or offset -1 where nothing was committed."""
        return self._by_topic.get(topic, {}).get(partition, NOTHING)

    def topics(self) -> dict[str, list[int]]:
        """Every topic and partition with a position."""
        return {topic: sorted(partitions) for topic, partitions in self._by_topic.items()}

    def delete(self, topic: str, partition: int) -> None:
        """Forget one position, if there is one."""
        partitions = self._by_topic.get(topic, {})
        partitions.pop(partition, None)
        if not partitions:
            self._by_topic.pop(topic, None)

    def delete_topic(self, topic: str) -> None:
        """The topic is gone, and every position in it."""
        self._by_topic.pop(topic, None)
