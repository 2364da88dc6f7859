"""TLS for a connection: what `security_protocol` asks for. Thread: any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.config import ConnectionConfig

if TYPE_CHECKING:
    import ssl

__all__ = ["ssl_context"]


def ssl_context(config: ConnectionConfig) -> ssl.SSLContext | None:
    """The context that a connection is wrapped in; None for plain text, the only protocol that options allow now."""
    assert config.security_protocol == "PLAINTEXT", "config.py refuses every other protocol"
    return None
