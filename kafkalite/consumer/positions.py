"""One partition that is ours: where the reader is, where the fetcher is, what lies between, and what stands in the way.

`Subscription` makes and keeps these; `FetchBuffer`, `Fetcher` and `Offsets` work on them. Fields of the first group are
shared with the thread that polls and are touched under the fetch buffer's lock only; those of the second belong to the
loop. Thread: any, locked (first group); loop (second group).
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from kafkalite.errors import KafkaError
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.types import TopicPartition

if TYPE_CHECKING:
    from .unpacking import Part, Unpacker

__all__ = ["Need", "PartitionState", "Position", "Watermarks"]


class Position(NamedTuple):
    """The next offset, and the epoch of the leader that wrote the record before it (-1: unknown, KIP-320)."""

    offset: int
    leader_epoch: int = -1


class Watermarks(NamedTuple):
    """How far a log reaches, as its broker said last; -1: it did not say."""

    high_watermark: int = -1
    last_stable_offset: int = -1
    log_start_offset: int = -1


class Need(Enum):
    """What has to be found out before a partition can be fetched."""

    NOTHING = auto()
    COMMITTED = auto()
    """The offset that the group has committed."""
    RESET = auto()
    """The offset for `reset_to`: a point in time, the beginning, or the end."""
    VALIDATE = auto()
    """Whether the log still holds what was read, now that the leader is another one."""


class PartitionState:
    """Everything known about one assigned partition."""

    __slots__ = (
        "buffered",
        "drain_first",
        "epoch",
        "error",
        "fetched",
        "finished",
        "full_above",
        "held",
        "need",
        "parts",
        "paused",
        "polled_at",
        "position",
        "queued",
        "replica",
        "replica_until",
        "reset_to",
        "retries",
        "retry_at",
        "topic_id",
        "tp",
        "unpacker",
        "validated_epoch",
        "wanted",
        "watermarks",
    )

    def __init__(self, tp: TopicPartition) -> None:
        self.tp = tp

        # Shared with the thread that polls.
        self.epoch = 0
        """Grows with every jump; what was fetched or decoded for an older epoch is thrown away."""
        self.position: Position | None = None
        """The next record that the user gets."""
        self.finished: Position | None = None
        """The position before the last take: up to here the user is done."""
        self.fetched: Position | None = None
        """The next record to ask a broker for."""
        self.parts: deque[Part] = deque()
        self.unpacker: Unpacker | None = None
        self.buffered = 0
        """Bytes of `parts` and of what the unpacker has not opened."""
        self.full_above: int | None = None
        """Set while the fetcher leaves this partition out until no more than this many bytes are undelivered."""
        self.error: KafkaError | None = None
        """What the next take has to raise. Nothing is fetched meanwhile."""
        self.paused = False
        self.held = False
        """Ours, but the rebalance listener has not been told yet: neither fetched nor delivered."""
        self.queued = False
        self.watermarks = Watermarks()
        """What the last answer said about the log."""

        # The loop's own.
        self.need = Need.NOTHING
        self.reset_to: int | None = None
        """The ListOffsets timestamp to reset to; None: what auto_offset_reset says."""
        self.wanted = False
        """Somebody waits for the position, so that it is looked up even while held."""
        self.validated_epoch = -1
        """The leader epoch that `fetched` was checked against."""
        self.drain_first = False
        """The brokers have nothing at `fetched`: what is undelivered comes first, then they are asked again."""
        self.topic_id: UUID = ZERO_UUID
        self.replica: int | None = None
        """The follower that the leader told us to read from (KIP-392), until `replica_until`."""
        self.replica_until = 0.0
        self.retry_at = 0.0
        self.retries = 0
        self.polled_at: int | None = None
        """When a broker last answered for this partition, in milliseconds since 1970."""

    def jump(self, position: Position | None) -> None:
        """Go on from here; everything fetched is void. The caller holds the fetch buffer's lock."""
        self.epoch += 1
        self.position = self.finished = self.fetched = position
        self.parts.clear()
        self.unpacker = None
        self.buffered = 0
        self.full_above = None
        self.error = None

    def __repr__(self) -> str:
        where = "?" if self.position is None else self.position.offset
        flags = [self.need.name.lower()] if self.need is not Need.NOTHING else []
        flags += [name for name in ("paused", "held") if getattr(self, name)]
        flags += [type(self.error).__name__] if self.error is not None else []
        extra = f" ({', '.join(flags)})" if flags else ""
        return f"{self.tp.topic}-{self.tp.partition} at {where}{extra}"
