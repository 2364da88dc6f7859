"""Fetch sessions: what a consumer asked for last time, so that it need not say it again (KIP-227).

A brain. A session lists partitions in the order in which they are served; one that gave records goes to the end, so
that a busy partition does not starve the others. Called by the Fetch handler; each node has its own cache. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Final
from uuid import UUID

from kafkalite.protocol.codes import ErrorCode, FetchSessionEpoch
from kafkalite.protocol.messages.fetch import FetchPartition, FetchRequest, PartitionData

from .refusal import Refusal

__all__ = ["FetchSession", "FetchSessions", "Wanted"]

NO_SESSION: Final = 0
MAY_BE_EVICTED_AFTER: Final = 120.0
"""A session that was not used for so long gives way when the cache is full."""

IDS_SINCE: Final = 13
"""The version that names topics by id."""

_LAST_EPOCH = 2147483647
_NEVER_ANSWERED = -1

Key = tuple[str | UUID, int]


class Wanted:
    """One partition of a fetch: what the client asked, and what it was told last."""

    __slots__ = ("high_watermark", "log_start_offset", "part", "topic")

    def __init__(self, topic: str | UUID, part: FetchPartition) -> None:
        self.topic = topic
        """Name or id, as the client names topics."""
        self.part = part
        self.high_watermark = _NEVER_ANSWERED
        self.log_start_offset = _NEVER_ANSWERED

    @property
    def key(self) -> Key:
        """What identifies it in a session."""
        return self.topic, self.part.partition

    def has_news(self, data: PartitionData) -> bool:
        """Whether an incremental answer must list it; remembers what it says."""
        news = (
            bool(data.records)
            or data.high_watermark != self.high_watermark
            or data.log_start_offset != self.log_start_offset
            or data.error_code != ErrorCode.NONE
            or data.diverging_epoch.epoch >= 0
        )
        self.high_watermark = data.high_watermark
        self.log_start_offset = data.log_start_offset
        if data.error_code != ErrorCode.NONE:
            self.high_watermark = _NEVER_ANSWERED  # once the error is gone, the client hears of it
        return news


class FetchSession:
    """The partitions of one client at one node. `id` is 0 for a fetch that is no session."""

    def __init__(self, session_id: int, *, by_id: bool, now: float) -> None:
        self.id = session_id
        self.by_id = by_id
        self.epoch = 1
        """The epoch that the next request must have."""
        self.incremental = False
        """Whether the request at hand changed the session, and its answer lists changes only."""
        self.used = now
        self.partitions: dict[Key, Wanted] = {}

    def update(self, request: FetchRequest) -> None:
        """Add and change what the request lists, drop what it forgets."""
        for forgotten in request.forgotten_topics_data:
            topic = forgotten.topic_id if self.by_id else forgotten.topic
            for index in forgotten.partitions:
                self.partitions.pop((topic, index), None)
        for wanted in _listed(request, self.by_id):
            known = self.partitions.get(wanted.key)
            if known is None:
                self.partitions[wanted.key] = wanted
            else:
                known.part = wanted.part

    def answered(self, listed: Iterable[tuple[Wanted, PartitionData]]) -> list[tuple[Wanted, PartitionData]]:
        """What the answer must list of these, in this order; those with records go to the end of the session."""
        shown = []
        for wanted, data in listed:
            if not wanted.has_news(data) and self.incremental:
                continue
            shown.append((wanted, data))
            if data.records and self.partitions.pop(wanted.key, None) is not None:
                self.partitions[wanted.key] = wanted
        return shown


def _listed(request: FetchRequest, by_id: bool) -> list[Wanted]:
    return [
        Wanted(topic.topic_id if by_id else topic.topic, part)
        for topic in request.topics
        for part in topic.partitions
    ]


class FetchSessions:
    """The sessions of one node."""

    def __init__(self, slots: int, rng: Random) -> None:
        self._slots = slots
        self._rng = rng
        self._sessions: dict[int, FetchSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, request: FetchRequest, version: int, now: float) -> FetchSession:
        """The session, old, new or none, that a request is about, brought up to date.

        Raises Refusal with an error for the whole answer. A request that may have a session of its own gets an id if
        there is room.
        """
        by_id = version >= IDS_SINCE
        if request.session_epoch in (FetchSessionEpoch.OPEN, FetchSessionEpoch.NO_SESSION_OR_CLOSE):
            self._sessions.pop(request.session_id, None)
            session_id = NO_SESSION
            if request.session_epoch == FetchSessionEpoch.OPEN:
                session_id = self._new_id(now)
            session = FetchSession(session_id, by_id=by_id, now=now)
            session.update(request)
            if session_id != NO_SESSION:
                self._sessions[session_id] = session
            return session
        known = self._sessions.get(request.session_id)
        if known is None:
            raise Refusal(
                ErrorCode.FETCH_SESSION_ID_NOT_FOUND, f"there is no fetch session {request.session_id}"
            )
        if request.session_epoch != known.epoch:
            raise Refusal(
                ErrorCode.INVALID_FETCH_SESSION_EPOCH,
                f"fetch session {known.id} expects epoch {known.epoch}, not {request.session_epoch}",
            )
        if by_id != known.by_id:
            raise Refusal(
                ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR, f"fetch session {known.id} mixes names and topic ids"
            )
        known.update(request)
        known.used = now
        if not known.partitions:
            del self._sessions[known.id]
            return FetchSession(NO_SESSION, by_id=by_id, now=now)
        known.incremental = True
        known.epoch = known.epoch + 1 if known.epoch < _LAST_EPOCH else 1
        return known

    def _new_id(self, now: float) -> int:
        if len(self._sessions) >= self._slots:
            idle = min(self._sessions.values(), key=lambda session: session.used, default=None)
            if idle is None or now - idle.used <= MAY_BE_EVICTED_AFTER:
                return NO_SESSION
            del self._sessions[idle.id]
        while True:
            session_id = self._rng.randrange(1, 1 << 31)
            if session_id not in self._sessions:
                return session_id
