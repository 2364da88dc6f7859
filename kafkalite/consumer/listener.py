"""What a user implements to be told about rebalances. Thread: where the user polls; awaited in the aio door."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, Literal, NamedTuple

from kafkalite.types import TopicPartition


class ConsumerRebalanceListener(ABC):
    """Is told which partitions come and go. Pass one to `subscribe(topics, listener=...)`.

    The methods run where the program polls: in the sync door on the polling thread, in the aio door in the task that
    polls, where they may be `async def`. The rebalance waits for them; heartbeats go on. Every call of the
    consumer is legal inside them, except polling.
    """

    @abstractmethod
    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> Any:
        """These partitions are about to go to other members: the last chance to commit, or to store state."""

    @abstractmethod
    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> Any:
        """These partitions are ours now; nothing of them has been read yet: the time to seek, or to load state."""

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> Any:
        """These partitions are gone already, because the group gave us up: commits for them would fail.

        Calls `on_partitions_revoked` unless overridden.
        """
        return self.on_partitions_revoked(lost)


class ListenerCall(NamedTuple):
    """A call that the door has to make, where the user polls, before the rebalance goes on."""

    kind: Literal["revoked", "assigned", "lost"]
    partitions: frozenset[TopicPartition]
    listener: ConsumerRebalanceListener

    def run(self) -> object:
        """Make the call. What it returns may have to be awaited."""
        match self.kind:
            case "revoked":
                return self.listener.on_partitions_revoked(self.partitions)
            case "assigned":
                return self.listener.on_partitions_assigned(self.partitions)
            case "lost":
                return self.listener.on_partitions_lost(self.partitions)
