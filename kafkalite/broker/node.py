"""One broker node as its cluster sees it: an id, an address, and whether it runs. Thread: loop."""

from __future__ import annotations

from .fetch_session import FetchSessions

__all__ = ["Node"]


class Node:
    """A member of the cluster."""

    __slots__ = ("fetch_sessions", "host", "id", "port", "running")

    def __init__(self, node_id: int, host: str, port: int, fetch_sessions: FetchSessions) -> None:
        self.id = node_id
        self.host = host
        self.port = port
        self.running = True
        self.fetch_sessions = fetch_sessions
        """What it remembers of its consumers; lost when it stops."""

    def __repr__(self) -> str:
        return f"<Node {self.id} at {self.host}:{self.port}, {'running' if self.running else 'stopped'}>"
