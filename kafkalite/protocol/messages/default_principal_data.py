"""DefaultPrincipalData: an authenticated principal, as brokers forward it."""

from __future__ import annotations

from ..fields import boolean, string
from ..message import Message

__all__ = ["DefaultPrincipalData"]


class DefaultPrincipalData(Message):
    versions = 0, 0
    flexible_since = 0

    type: str = string()
    name: str = string()
    token_authenticated: bool = boolean()
