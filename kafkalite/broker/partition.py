"""A partition: its log, its producers, who leads it, and who waits for it to change. Called by handlers and `cluster`.

Replicas are virtual: all nodes share the one log, so a replica is in sync whenever its node runs. What remains true to
Kafka is who may be asked: only the leader, in its own epoch. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Callable

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.records import compression
from kafkalite.protocol.records.batch import BATCH_OVERHEAD, HEADER, patch_batch
from kafkalite.protocol.records.crc32c import crc32c

from .config import BrokerConfig, TopicSettings
from .log import PartitionLog, StoredBatch
from .node import Node
from .produce_checks import CheckedBatch
from .producer_state import ProducerStates
from .refusal import Refusal

__all__ = ["NO_LEADER", "Appended", "Partition"]

NO_LEADER = -1
_AFTER_CRC = 21
_KEPT_ATTRIBUTES = 0x10
_LOG_APPEND = 0x08


class Appended:
    """Where a batch was written, now or when it came first."""

    __slots__ = ("base_offset", "log_append_time")

    def __init__(self, base_offset: int, log_append_time: int) -> None:
        self.base_offset = base_offset
        self.log_append_time = log_append_time


class Partition:
    """One partition of a topic."""

    __slots__ = (
        "index",
        "isr",
        "leader",
        "leader_epoch",
        "log",
        "producers",
        "replicas",
        "topic",
        "watchers",
    )

    def __init__(self, topic: str, index: int, replicas: list[int]) -> None:
        self.topic = topic
        self.index = index
        self.replicas = replicas
        self.isr = list(replicas)
        self.leader = NO_LEADER
        self.leader_epoch = -1
        self.log = PartitionLog()
        self.producers = ProducerStates()
        self.watchers: set[Callable[[], None]] = set()
        """Called after each append and each change of leadership."""

    def __repr__(self) -> str:
        return f"<Partition {self}, leader {self.leader} in epoch {self.leader_epoch}>"

    def __str__(self) -> str:
        return f"{self.topic}-{self.index}"

    def changed(self) -> None:
        """Wake whoever waits."""
        for watcher in list(self.watchers):
            watcher()

    # Leadership.

    def lead(self, node_id: int) -> None:
        """Make a node the leader, or nobody: a new epoch either way."""
        self.leader = node_id
        self.leader_epoch += 1
        if node_id != NO_LEADER:
            self.log.begin_epoch(self.leader_epoch)
        self.changed()

    def check_leader(self, node: Node, current_epoch: int = -1) -> None:
        """Raise Refusal unless that node leads, in the epoch that the client knows (-1: it does not say)."""
        if current_epoch >= 0 and current_epoch != self.leader_epoch:
            code = ErrorCode.FENCED_LEADER_EPOCH
            if current_epoch > self.leader_epoch:
                code = ErrorCode.UNKNOWN_LEADER_EPOCH
            raise Refusal(code, f"the leader epoch of {self} is {self.leader_epoch}, not {current_epoch}")
        if self.leader != node.id:
            raise Refusal(
                ErrorCode.NOT_LEADER_OR_FOLLOWER, f"the leader of {self} is node {self.leader}, not {node.id}"
            )

    # Writing.

    def append(
        self, batch: CheckedBatch, settings: TopicSettings, config: BrokerConfig, now_ms: int
    ) -> Appended:
        """Write a batch, unless it was written before (KIP-98). Raises Refusal for a sequence that does not fit."""
        log = self.log
        if batch.producer_id >= 0:
            self.producers.forget_idle(
                now_ms,
                config.number("producer.id.expiration.ms"),
                config.number("producer.id.expiration.check.interval.ms"),
            )
            written = self.producers.check(
                batch.producer_id, batch.producer_epoch, batch.base_sequence, batch.last_sequence
            )
            if written is not None:
                return Appended(written.base_offset, written.timestamp)
        if batch.is_transactional:
            raise Refusal(
                ErrorCode.INVALID_TXN_STATE,
                f"producer {batch.producer_id} has no open transaction (transactions are not emulated yet)",
            )
        base_offset = log.end_offset
        append_time = now_ms if settings.log_append_time else -1
        timestamp = append_time if settings.log_append_time else batch.max_timestamp
        recompress = settings.codec is not None and settings.codec != batch.codec and batch.body is not None
        if recompress or (append_time < 0 and not batch.header_is_right):
            data = self._rewritten(batch, settings, base_offset, append_time)
        else:
            data = patch_batch(
                batch.data,
                base_offset=base_offset,
                leader_epoch=self.leader_epoch,
                append_time=append_time if append_time >= 0 else None,
            )
        log.append(
            StoredBatch(data, base_offset, base_offset + batch.record_count - 1, timestamp, self.leader_epoch)
        )
        if batch.producer_id >= 0:
            self.producers.wrote(
                batch.producer_id,
                batch.producer_epoch,
                batch.base_sequence,
                batch.last_sequence,
                base_offset,
                timestamp,
            )
        if self.watchers:
            self.changed()
        return Appended(base_offset, append_time)

    def _rewritten(
        self, batch: CheckedBatch, settings: TopicSettings, base_offset: int, append_time: int
    ) -> bytearray:
        """The batch in the topic's codec, or with the right highest timestamp: both need a new header."""
        codec, body = batch.codec, bytes(batch.data[BATCH_OVERHEAD:])
        if settings.codec is not None and settings.codec != codec and batch.body is not None:
            codec = settings.codec
            body = compression.compress(codec, batch.body, settings.level)
        stamped = append_time >= 0
        data = bytearray(
            HEADER.pack(
                base_offset,
                BATCH_OVERHEAD - 12 + len(body),
                self.leader_epoch,
                2,
                0,
                (batch.attributes & _KEPT_ATTRIBUTES) | codec | (_LOG_APPEND if stamped else 0),
                batch.record_count - 1,
                batch.base_timestamp,
                append_time if stamped else batch.max_timestamp,
                batch.producer_id,
                batch.producer_epoch,
                batch.base_sequence,
                batch.record_count,
            )
        )
        data += body
        data[17:21] = crc32c(memoryview(data)[_AFTER_CRC:]).to_bytes(4, "big")
        return data
