"""Which node coordinates which group or transactional id: asked once, remembered until forgotten. Thread: loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from kafkalite.errors import error_for
from kafkalite.protocol.codes import CoordinatorKeyType
from kafkalite.protocol.messages.find_coordinator import FindCoordinatorRequest, FindCoordinatorResponse

from .metadata import Node

__all__ = ["Coordinators"]

Send = Callable[..., Coroutine[Any, Any, Any]]


class Coordinators:
    """The coordinators that one client knows."""

    def __init__(self) -> None:
        self._known: dict[tuple[CoordinatorKeyType, str], int] = {}

    def get(self, kind: CoordinatorKeyType, key: str) -> int | None:
        """The node that was found earlier, or None."""
        return self._known.get((kind, key))

    def forget(self, kind: CoordinatorKeyType, key: str) -> None:
        """It moved or went away."""
        self._known.pop((kind, key), None)

    def forget_all(self) -> None:
        """A new bootstrap begins."""
        self._known.clear()

    async def look_up(self, send: Send, node_id: int, kind: CoordinatorKeyType, key: str) -> Node:
        """Ask a node, once. Raises the error that it answers."""
        request = FindCoordinatorRequest(key=key, key_type=kind, coordinator_keys=[key])
        node = self.on_response(await send(node_id, request), kind, key)
        self._known[kind, key] = node.id
        return node

    def on_response(self, response: FindCoordinatorResponse, kind: CoordinatorKeyType, key: str) -> Node:
        """Read an answer: flat fields below version 4, a list from then on (KIP-699)."""
        where = f"coordinator of {kind.name.lower()} {key!r}"
        found = next((c for c in response.coordinators if c.key == key), response)
        if found.error_code:
            raise error_for(found.error_code, where, found.error_message)
        return Node(found.node_id, found.host, found.port)
