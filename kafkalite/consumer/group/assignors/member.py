"""What an assignor gets to see: what each member said about itself, and where the partitions are. Thread: loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kafkalite.types import TopicPartition

__all__ = ["MemberSubscription", "TopicRacks", "in_order"]

TopicRacks = Mapping[str, Sequence[frozenset[str]]]
"""Topic -> for each of its partitions, the index being its number, the racks that hold a copy of it."""


class MemberSubscription(NamedTuple):
    """What one member said about itself when it joined."""

    topics: frozenset[str]
    user_data: bytes | None = None
    """What the member's own assignor gave it to say."""
    owned: tuple[TopicPartition, ...] = ()
    """What it still owns; members that give everything up before they join own nothing."""
    generation: int = -1
    """The generation in which it came to own that; -1: unknown."""
    rack: str | None = None
    group_instance_id: str | None = None


def in_order(members: Mapping[str, MemberSubscription]) -> list[str]:
    """Member ids as Kafka orders them: static members by instance id, then the others by member id.

    Instance ids outlive restarts, so a static member that comes back under a new id keeps its place.
    """

    def place(member_id: str) -> tuple[bool, str]:
        instance = members[member_id].group_instance_id
        return instance is None, member_id if instance is None else instance

    return sorted(members, key=place)
