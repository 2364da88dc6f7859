"""How the leader of a group shares partitions out: what an assignor is, and which ones there are. Brains.

The group coordinator calls them when this consumer is the leader, and to compose what it tells the leader when it
joins. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Protocol

from kafkalite.errors import KafkaConfigurationError, KafkaError
from kafkalite.types import TopicPartition

from .member import MemberSubscription, TopicRacks
from .range import Range

__all__ = ["Assignor", "MemberSubscription", "Strategy", "TopicRacks", "resolve"]


class Assignor(Protocol):
    """Shares partitions out. An object, or a class to be made without arguments, with `name` and `assign`.

    Give it as `partition_assignment_strategy=[MyAssignor()]`; every member of the group has to know it by its name.
    The two members below are required. Two more are called if they are there:

    * `user_data(topics: frozenset[str]) -> bytes | None`: what to tell the leader, whose `assign` finds it in
      `MemberSubscription.user_data`. Called on every member, each time that it joins.
    * `on_assignment(assigned: frozenset[TopicPartition], generation: int) -> None`: what this member was given.

    All of them run on the thread that also sends heartbeats, so they must not wait for anything. What they raise is
    raised by the next poll, as the cause of a KafkaError.
    """

    name: str
    """What the group calls it; Kafka's own names are range, roundrobin, sticky and cooperative-sticky."""

    def assign(
        self, topics: TopicRacks, members: Mapping[str, MemberSubscription]
    ) -> Mapping[str, Collection[TopicPartition]]:
        """Member id -> partitions. Called on the leader; topics that do not exist (yet) are not in `topics`."""


class Strategy:
    """An assignor as the coordinator uses it: what it may leave out does nothing, what it raises is explained."""

    def __init__(self, assignor: Any) -> None:
        self.name: str = assignor.name
        self._assign: Callable[..., Mapping[str, Collection[TopicPartition]]] = assignor.assign
        self._user_data: Callable[..., bytes | None] | None = getattr(assignor, "user_data", None)
        self._on_assignment: Callable[..., object] | None = getattr(assignor, "on_assignment", None)

    def user_data(self, topics: frozenset[str]) -> bytes | None:
        """What to tell the leader."""
        if self._user_data is None:
            return None
        found = self._guarded("user_data", self._user_data, topics)
        if found is not None and not isinstance(found, bytes):
            raise KafkaError(
                f"user_data of the assignor {self.name!r} returned {type(found).__name__}, not bytes"
            )
        return found

    def assign(
        self, topics: TopicRacks, members: Mapping[str, MemberSubscription]
    ) -> dict[str, list[TopicPartition]]:
        """Share the partitions out: every member is in the result. Raises KafkaError for what makes no sense."""
        result = self._guarded("assign", self._assign, topics, members)
        try:
            shares = {
                member_id: [TopicPartition(*partition) for partition in partitions]
                for member_id, partitions in result.items()
            }
        except (AttributeError, TypeError) as error:
            raise KafkaError(
                f"assign of the assignor {self.name!r} must return a mapping of member ids to partitions: {error}"
            ) from error
        if strangers := shares.keys() - members.keys():
            raise KafkaError(f"the assignor {self.name!r} gave partitions to {sorted(strangers)}, no members")
        return {member_id: shares.get(member_id, []) for member_id in members}

    def on_assignment(self, assigned: frozenset[TopicPartition], generation: int) -> None:
        """This is what we were given."""
        if self._on_assignment is not None:
            self._guarded("on_assignment", self._on_assignment, assigned, generation)

    def _guarded(self, what: str, function: Callable[..., Any], *arguments: object) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            raise KafkaError(f"{what} of the assignor {self.name!r} failed: {error!r}") from error


KNOWN: Final[Mapping[str, type[Assignor]]] = {Range.name: Range}
"""Those that can be chosen by name."""


def resolve(chosen: Iterable[object]) -> dict[str, Strategy]:
    """Name -> strategy, in order of preference. Raises KafkaConfigurationError for names that are none, or double."""
    strategies: dict[str, Strategy] = {}
    for choice in chosen:
        made = (
            KNOWN[choice]() if isinstance(choice, str) else choice() if isinstance(choice, type) else choice
        )
        strategy = Strategy(made)
        if not isinstance(strategy.name, str) or not strategy.name:
            raise KafkaConfigurationError(
                f"partition_assignment_strategy: the name of {made!r} must be a text, not {strategy.name!r}"
            )
        if strategy.name in strategies:
            raise KafkaConfigurationError(
                f"partition_assignment_strategy: two assignors have the name {strategy.name!r}"
            )
        strategies[strategy.name] = strategy
    return strategies
