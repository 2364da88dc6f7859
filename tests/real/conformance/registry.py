"""The conversations that there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .talk import Talk


class Conversation(NamedTuple):
    name: str
    hold: Callable[[Talk], None]
    newest: bool

    def __str__(self) -> str:
        return f"{self.name}-{'newest' if self.newest else 'oldest'}"


CONVERSATIONS: list[Conversation] = []


def conversation(*versions: str) -> Callable[[Callable[[Talk], None]], Callable[[Talk], None]]:
    """Registers a conversation: held in the `newest` versions that both sides speak, or the `oldest`; by default both."""

    def register(hold: Callable[[Talk], None]) -> Callable[[Talk], None]:
        name = f"{hold.__module__.rpartition('.')[2]}.{hold.__name__}"
        CONVERSATIONS.extend(
            Conversation(name, hold, which == "newest") for which in versions or ("newest", "oldest")
        )
        return hold

    return register
