"""What a handler is called with: one request, and who sent it to whom. Made by the server. Thread: loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cluster import Cluster
    from .node import Node

__all__ = ["Call"]

_EVERYWHERE = ("0.0.0.0", "::", "")


class Call:
    """One request on its way through the broker."""

    __slots__ = (
        "client_host",
        "client_id",
        "cluster",
        "connection",
        "local_host",
        "node",
        "request",
        "version",
    )

    def __init__(
        self,
        request: Any,
        version: int,
        *,
        node: Node,
        cluster: Cluster,
        client_id: str | None = None,
        client_host: str = "127.0.0.1",
        local_host: str = "127.0.0.1",
        connection: object = None,
    ) -> None:
        self.request = request
        """Of the class that the handler was registered for."""
        self.version = version
        self.node = node
        """The node that was asked."""
        self.cluster = cluster
        self.client_id = client_id
        self.client_host = client_host
        self.local_host = local_host
        """The address of ours that this client used."""
        self.connection = connection
        """One object per socket."""

    def host_of(self, node: Node) -> str:
        """Where this client reaches a node: if nodes listen on all addresses, on the one that it has used."""
        return self.local_host if node.host in _EVERYWHERE else node.host
