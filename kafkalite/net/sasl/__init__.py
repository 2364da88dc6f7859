"""SASL mechanisms: bytes in, bytes out. The handshake carries their tokens; they know of no socket. Thread: loop."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Mechanism"]


class Mechanism(Protocol):
    """One authentication of one connection."""

    @property
    def name(self) -> str:
        """What SaslHandshake asks for: "PLAIN", "SCRAM-SHA-256" ..."""

    def first(self) -> bytes:
        """The client's first token."""

    def answer(self, challenge: bytes) -> bytes | None:
        """The token that answers the broker's; None when nothing more is to be said.

        Raises AuthenticationFailedError for a broker that cannot prove itself or refuses.
        """
