"""What to tell one broker in a fetch: everything, or only what changed since the last one (KIP-227). A brain.

The fetcher keeps one session per node. It asks `next_request` what to send and tells it what became of that;
`read` gives the answer's partitions by name, whichever version it came in. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    ForgottenTopic,
    PartitionData,
)
from kafkalite.types import TopicPartition

__all__ = ["LAST_BY_NAME", "FetchSession", "Wanted"]

LAST_BY_NAME: Final = 12
"""Fetch from version 13 on names topics by id (KIP-516)."""

_NO_SESSION = 0
_FINAL_EPOCH = -1
_LAST_EPOCH = 2**31 - 1


class Wanted(NamedTuple):
    """What to ask about one partition."""

    offset: int
    leader_epoch: int = -1
    topic_id: UUID = ZERO_UUID


class FetchSession:
    """The fetch session with one broker."""

    def __init__(self, *, incremental: bool = True) -> None:
        self._incremental = incremental
        self._id = _NO_SESSION
        self._epoch = 0
        self._known: dict[TopicPartition, Wanted] = {}
        """What the broker believes that we want, in the order of turns."""
        self._names: dict[UUID, str] = {}
        self._full = True
        self._by_id = False

    @property
    def is_open(self) -> bool:
        """Whether the broker keeps a session for us."""
        return self._id != _NO_SESSION

    @property
    def max_version(self) -> int | None:
        """The version that the last request may have at most: a topic without id allows none by id."""
        return None if self._by_id else LAST_BY_NAME

    def next_request(self, wanted: Mapping[TopicPartition, Wanted], partition_max_bytes: int) -> FetchRequest:
        """A request with its session fields and topics filled in; the rest is the caller's."""
        by_id = all(want.topic_id != ZERO_UUID for want in wanted.values())
        if by_id != self._by_id and self.is_open:
            self._epoch = 0  # a session cannot change between names and ids
        self._by_id = by_id
        self._full = not self._incremental or self._epoch == 0
        if self._full:
            asked: dict[TopicPartition, Wanted] = self._in_turn(wanted)
            forgotten: list[tuple[TopicPartition, UUID]] = []
        else:
            asked = {tp: want for tp, want in wanted.items() if self._known.get(tp) != want}
            forgotten = [
                (tp, old.topic_id)
                for tp, old in self._known.items()
                if tp not in wanted or wanted[tp].topic_id != old.topic_id
            ]
        before, self._known = self._known, self._in_turn(wanted)
        # Answers that were asked for under an old id may still name it.
        self._names = {want.topic_id: tp.topic for tp, want in (before | self._known).items()}
        return FetchRequest(
            session_id=self._id,
            session_epoch=self._epoch if self._incremental else _FINAL_EPOCH,
            topics=_topics(asked, partition_max_bytes),
            forgotten_topics_data=_forgotten(forgotten),
        )

    def closing_request(self) -> FetchRequest:
        """A request that ends the session and asks for nothing."""
        request = FetchRequest(
            session_id=self._id, session_epoch=_FINAL_EPOCH, max_wait_ms=0, min_bytes=0, topics=[]
        )
        self._id, self._epoch, self._known = _NO_SESSION, 0, {}
        return request

    def _in_turn(self, wanted: Mapping[TopicPartition, Wanted]) -> dict[TopicPartition, Wanted]:
        """In the order of turns: whoever got something last comes last."""
        known = {tp: wanted[tp] for tp in self._known if tp in wanted}
        return known | {tp: want for tp, want in wanted.items() if tp not in known}

    # What became of it.

    def on_lost(self) -> None:
        """No answer came: the broker may or may not have seen the request."""
        self._epoch = 0

    def on_response(self, response: FetchResponse) -> list[tuple[TopicPartition, PartitionData]]:
        """Follow the broker's view of the session. Returns the answer's partitions; none for a refused request."""
        if response.error_code:
            if response.error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND:
                self._id = _NO_SESSION
            self._epoch = 0
            return []
        found = list(self._read(response))
        if self._incremental:
            self._follow(response, [tp for tp, _ in found])
        for tp, data in found:
            if (data.records or data.error_code) and tp in self._known:
                self._known[tp] = self._known.pop(tp)
        return [(tp, data) for tp, data in found if tp in self._known]

    def _follow(self, response: FetchResponse, answered: Iterable[TopicPartition]) -> None:
        strangers = any(tp not in self._known for tp in answered)
        if self._full:
            incomplete = response.session_id != _NO_SESSION and set(answered) != set(self._known)
            if strangers or incomplete:
                # Throttled answers carry no partitions at all: then nothing is known of a session.
                self._id, self._epoch = (response.session_id if strangers else _NO_SESSION), 0
                return
            self._id = response.session_id
            self._epoch = 0 if response.session_id == _NO_SESSION else 1
            return
        if response.session_id == _NO_SESSION:
            self._id, self._epoch = _NO_SESSION, 0
        elif strangers:
            self._epoch = 0
        else:
            self._epoch = 1 if self._epoch == _LAST_EPOCH else self._epoch + 1

    def _read(self, response: FetchResponse) -> Iterator[tuple[TopicPartition, PartitionData]]:
        for topic in response.responses:
            name = topic.topic or self._names.get(topic.topic_id, "")
            for data in topic.partitions:
                yield TopicPartition(name, data.partition_index), data

    def __repr__(self) -> str:
        return f"<FetchSession {self._id}, epoch {self._epoch}, {len(self._known)} partitions>"


def _topics(wanted: Mapping[TopicPartition, Wanted], partition_max_bytes: int) -> list[FetchTopic]:
    """Neighbours of one topic share an entry; the order of turns is kept."""
    topics: list[FetchTopic] = []
    for tp, want in wanted.items():
        if not topics or (topics[-1].topic, topics[-1].topic_id) != (tp.topic, want.topic_id):
            topics.append(FetchTopic(topic=tp.topic, topic_id=want.topic_id, partitions=[]))
        topics[-1].partitions.append(
            FetchPartition(
                partition=tp.partition,
                current_leader_epoch=want.leader_epoch,
                fetch_offset=want.offset,
                partition_max_bytes=partition_max_bytes,
            )
        )
    return topics


def _forgotten(gone: Iterable[tuple[TopicPartition, UUID]]) -> list[ForgottenTopic]:
    topics: dict[tuple[str, UUID], list[int]] = {}
    for tp, topic_id in gone:
        topics.setdefault((tp.topic, topic_id), []).append(tp.partition)
    return [
        ForgottenTopic(topic=name, topic_id=topic_id, partitions=partitions)
        for (name, topic_id), partitions in topics.items()
    ]
