"""Which node coordinates which group or transactional id: asked once, remembered until forgotten. A brain.
Thread: loop.
"""

from __future__ import annotations

from kafkalite.errors import CoordinatorNotAvailableError, error_for
from kafkalite.protocol.codes import CoordinatorKeyType
from kafkalite.protocol.messages.find_coordinator import FindCoordinatorRequest, FindCoordinatorResponse

from .metadata import Node

__all__ = ["Coordinators"]


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

    @staticmethod
    def request(kind: CoordinatorKeyType, key: str, *, several_keys: bool) -> FindCoordinatorRequest:
        """The question: with a list of keys since version 4 (KIP-699), with one key before."""
        if several_keys:
            return FindCoordinatorRequest(key_type=kind, coordinator_keys=[key])
        return FindCoordinatorRequest(key_type=kind, key=key)

    def on_response(self, response: FindCoordinatorResponse, kind: CoordinatorKeyType, key: str) -> Node:
        """Read and remember an answer, of either form. Raises the error that it holds."""
        what = f"coordinator of {kind.name.lower()} {key!r}"
        found = next((c for c in response.coordinators if c.key == key), response)
        if found.error_code:
            raise error_for(found.error_code, what, found.error_message)
        if found.node_id < 0 or not found.host:
            raise CoordinatorNotAvailableError(f"{what}: the answer names no node")
        self._known[kind, key] = found.node_id
        return Node(found.node_id, found.host, found.port)
