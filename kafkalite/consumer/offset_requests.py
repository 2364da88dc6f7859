"""What offset look-ups and validations ask brokers, and what the answers mean. A brain, called by `offsets`.

Thread: loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Final, NamedTuple

from kafkalite.errors import LogTruncationError
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from kafkalite.protocol.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from kafkalite.types import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

from .positions import PartitionState, Position

__all__ = [
    "EARLIEST",
    "LATEST",
    "Finding",
    "Question",
    "Validity",
    "epoch_ends",
    "epoch_ends_request",
    "judge",
    "list_offsets_request",
    "offsets_found",
    "reset_timestamp",
    "truncation",
]

LATEST: Final = -1
EARLIEST: Final = -2


class Question(NamedTuple):
    """What to ask about one partition; `leader_epoch` is that of the leader as we know it."""

    timestamp: int
    leader_epoch: int = -1


class Finding(NamedTuple):
    """What a leader said: an error code, or an offset; neither if there is none at or after that time."""

    error_code: int
    offset: OffsetAndTimestamp | None


def reset_timestamp(policy: str | tuple[str, float], now: float) -> int | None:
    """The timestamp to look up for auto_offset_reset; None for 'none'. `now`: seconds since 1970."""
    if isinstance(policy, tuple):  # KIP-1106
        return max(0, int((now - policy[1]) * 1000))
    return {"earliest": EARLIEST, "latest": LATEST}.get(policy)


def list_offsets_request(
    asked: Mapping[TopicPartition, Question], isolation_level: int, timeout: float
) -> ListOffsetsRequest:
    """Look up one offset per partition. `timeout`: seconds that a broker may spend on remote storage."""
    topics: dict[str, list[ListOffsetsPartition]] = {}
    for tp, question in asked.items():
        topics.setdefault(tp.topic, []).append(
            ListOffsetsPartition(
                partition_index=tp.partition,
                current_leader_epoch=question.leader_epoch,
                timestamp=question.timestamp,
            )
        )
    return ListOffsetsRequest(
        replica_id=-1,
        isolation_level=isolation_level,
        topics=[ListOffsetsTopic(name=name, partitions=found) for name, found in topics.items()],
        timeout_ms=int(timeout * 1000),
    )


def offsets_found(
    asked: Mapping[TopicPartition, Question], response: ListOffsetsResponse
) -> dict[TopicPartition, Finding]:
    """The answer, by partition. One that the broker left out gets UNKNOWN_TOPIC_OR_PARTITION."""
    found = dict.fromkeys(asked, Finding(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, None))
    for topic in response.topics:
        for data in topic.partitions:
            tp = TopicPartition(topic.name, data.partition_index)
            if tp not in found:
                continue
            if data.error_code == ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT:
                found[tp] = Finding(0, None)
            elif data.error_code or data.offset < 0:
                found[tp] = Finding(data.error_code, None)
            else:
                offset = OffsetAndTimestamp(data.offset, data.timestamp, data.leader_epoch)
                found[tp] = Finding(0, offset)
    return found


def epoch_ends_request(
    positions: Mapping[TopicPartition, tuple[Position, int]],
) -> OffsetForLeaderEpochRequest:
    """Ask where the epochs of positions end (KIP-320); with each, the epoch of the leader as we know it."""
    topics: dict[str, list[OffsetForLeaderPartition]] = {}
    for tp, (position, leader_epoch) in positions.items():
        topics.setdefault(tp.topic, []).append(
            OffsetForLeaderPartition(
                partition=tp.partition,
                current_leader_epoch=leader_epoch,
                leader_epoch=position.leader_epoch,
            )
        )
    return OffsetForLeaderEpochRequest(
        replica_id=-1,
        topics=[OffsetForLeaderTopic(topic=name, partitions=found) for name, found in topics.items()],
    )


def epoch_ends(response: OffsetForLeaderEpochResponse) -> Iterator[tuple[TopicPartition, EpochEndOffset]]:
    """The answer, by partition."""
    for topic in response.topics:
        for end in topic.partitions:
            yield TopicPartition(topic.topic, end.partition), end


class Validity(Enum):
    """Whether the new leader's log still holds what was fetched."""

    VALID = auto()
    UNDELIVERED_LOST = auto()
    """What the user has got is still there; what is waiting for him is not."""
    TRUNCATED = auto()
    UNKNOWN = auto()
    """The log was cut back, and nobody knows to where."""


def judge(fetched: Position, position: Position, end: EpochEndOffset) -> Validity:
    """Compare where we fetch and where the user reads with the end of their epoch in the leader's log."""
    if end.end_offset < 0 or end.leader_epoch < 0:
        return Validity.UNKNOWN
    if end.end_offset >= fetched.offset:
        return Validity.VALID
    return Validity.UNDELIVERED_LOST if end.end_offset >= position.offset else Validity.TRUNCATED


def truncation(state: PartitionState, back: Position | None) -> LogTruncationError:
    """What the user is told where auto_offset_reset forbids to choose a new position. `back`: what is safe."""
    safe = None if back is None else OffsetAndMetadata(back.offset, "", back.leader_epoch)
    to = "an unknown offset" if back is None else f"offset {back.offset}"
    read = "?" if state.position is None else state.position.offset
    return LogTruncationError(
        {state.tp: safe},
        f"{state.tp.topic}-{state.tp.partition} was read up to offset {read}, but its log was cut back to {to}:"
        " a broker that lacked the rest became leader, or the topic was created again. Seek to where you want to"
        " go on, or set auto_offset_reset.",
    )
