"""Tests of foreign clients find the same fixtures here as in tests/clients; only `bootstrap` is another one."""

from tests.clients.conftest import client, start_member, topic

__all__ = ["client", "start_member", "topic"]
