"""What the coordinator's error codes mean for a member of a classic group: one table, which the docs draw. A brain.

Used by `classic`. A code that is in no row is tried again if its exception's class says so, else raised. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from kafkalite.errors import error_class
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.message import Request
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.join_group import JoinGroupRequest
from kafkalite.protocol.messages.offset_commit import OffsetCommitRequest
from kafkalite.protocol.messages.sync_group import SyncGroupRequest

__all__ = ["VERDICTS", "Verdict", "verdict_on"]


class Verdict(Enum):
    """What to do next."""

    OK = "go on"
    AGAIN = "ask again at once"
    LATER = "ask again after a back-off"
    FIND = "look the coordinator up, then ask again"
    REJOIN = "join the next round; we are still a member"
    RESET_GENERATION = "we lost what we own; join again under the same id"
    RESET_MEMBER = "we lost what we own; join again as somebody new"
    RAISE = "tell the user"


_ANYWHERE: Final[Mapping[int, Verdict]] = {
    ErrorCode.NONE: Verdict.OK,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS: Verdict.LATER,
    ErrorCode.COORDINATOR_NOT_AVAILABLE: Verdict.FIND,
    ErrorCode.NOT_COORDINATOR: Verdict.FIND,
    ErrorCode.UNKNOWN_MEMBER_ID: Verdict.RESET_MEMBER,
    ErrorCode.ILLEGAL_GENERATION: Verdict.RESET_GENERATION,
}

VERDICTS: Final[Mapping[type[Request[Any]], Mapping[int, Verdict]]] = {
    JoinGroupRequest: {
        **_ANYWHERE,
        ErrorCode.MEMBER_ID_REQUIRED: Verdict.AGAIN,
        ErrorCode.REBALANCE_IN_PROGRESS: Verdict.LATER,
    },
    SyncGroupRequest: {**_ANYWHERE, ErrorCode.REBALANCE_IN_PROGRESS: Verdict.REJOIN},
    HeartbeatRequest: {**_ANYWHERE, ErrorCode.REBALANCE_IN_PROGRESS: Verdict.REJOIN},
    OffsetCommitRequest: {
        **_ANYWHERE,
        ErrorCode.REBALANCE_IN_PROGRESS: Verdict.REJOIN,
        ErrorCode.REQUEST_TIMED_OUT: Verdict.FIND,
    },
}
"""Request -> error code in its answer -> verdict."""


def verdict_on(request: type[Request[Any]], code: int) -> Verdict:
    """What an error code in the answer to a request means."""
    known = VERDICTS[request].get(code)
    if known is not None:
        return known
    return Verdict.LATER if error_class(code).retriable else Verdict.RAISE
