"""A topic, and the names that topics can have. Called by `cluster`. Thread: loop."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from .config import TopicSettings
from .partition import Partition

__all__ = ["CONSUMER_OFFSETS", "INTERNAL_TOPICS", "Topic", "problem_with_name"]

CONSUMER_OFFSETS: Final = "__consumer_offsets"
INTERNAL_TOPICS: Final = frozenset((CONSUMER_OFFSETS, "__transaction_state", "__share_group_state"))
_LEGAL = re.compile(r"[a-zA-Z0-9._-]+")
_LONGEST = 249


class Topic:
    """A topic and its partitions."""

    __slots__ = ("id", "name", "partitions", "settings")

    def __init__(
        self, name: str, topic_id: UUID, partitions: list[Partition], settings: TopicSettings
    ) -> None:
        self.name = name
        self.id = topic_id
        self.partitions = partitions
        self.settings = settings

    @property
    def is_internal(self) -> bool:
        """Whether clients may read it, but not write to it."""
        return self.name in INTERNAL_TOPICS

    @property
    def replication_factor(self) -> int:
        """Replicas of its first partition."""
        return len(self.partitions[0].replicas)

    def __repr__(self) -> str:
        return f"<Topic {self.name}, {len(self.partitions)} partitions>"


def problem_with_name(name: str) -> str | None:
    """Why a topic cannot be called that, or None."""
    if not name:
        return "a topic name is not empty"
    if name in (".", ".."):
        return f"a topic cannot be called {name!r}"
    if len(name) > _LONGEST:
        return f"a topic name has at most {_LONGEST} characters, not {len(name)}"
    if _LEGAL.fullmatch(name) is None:
        return f"the topic name {name!r} has characters other than a-z, A-Z, 0-9, '.', '_' and '-'"
    return None
