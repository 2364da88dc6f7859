"""Scenarios find the same fixtures here as in tests/doors; only `bootstrap` (one floor up) is another one."""

from tests.doors.conftest import door

__all__ = ["door"]
