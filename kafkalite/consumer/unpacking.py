"""From the raw bytes of one fetch answer to the columns that the user gets, a batch at a time. A brain.

The fetch buffer gives each part to an `Unpacker` on the thread that polls, outside its lock. A batch is decoded into
columns when its first record is wanted, whole, so that damage is found while the position is still before it; records
are made of the columns later, if at all. Thread: caller.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from operator import length_hint
from typing import Any, NamedTuple

from kafkalite.errors import (
    CodecNotAvailableError,
    CorruptRecordError,
    DeserializationError,
    KafkaError,
    UnsupportedCodecError,
)
from kafkalite.protocol.codes import CompressionType
from kafkalite.protocol.errors import CodecError, CodecMissingError, ProtocolError
from kafkalite.protocol.records.aborted import AbortedFilter
from kafkalite.protocol.records.batch import Batch, read_batches
from kafkalite.serializers import Deserialize
from kafkalite.types import TopicPartition

from .positions import Position
from .record_batch import RecordBatch

__all__ = ["Deserializers", "Part", "Unpacker"]

_CODECS = frozenset(CompressionType)


class Part(NamedTuple):
    """One partition's share of one fetch answer, as the loop hands it over."""

    data: memoryview
    """Whole entries only."""
    node: str
    """Who sent it, for messages: "node 2 at kafka:9092"."""
    aborted: tuple[tuple[int, int], ...] | None = None
    """(producer id, first offset) of aborted transactions, with isolation level read_committed; else None."""


class Deserializers(NamedTuple):
    """What the user wants done with keys and values; None: bytes stay bytes."""

    key: Deserialize | None = None
    value: Deserialize | None = None


class Unpacker:
    """Reads one part. `failure` says why it cannot go on; `position` is where it stands."""

    __slots__ = (
        "_aborted",
        "_batch",
        "_batches",
        "_check_crcs",
        "_deserializers",
        "_node",
        "_taken",
        "_total",
        "_whole",
        "failure",
        "opened",
        "position",
        "tp",
    )

    def __init__(
        self,
        tp: TopicPartition,
        part: Part,
        position: Position,
        *,
        check_crcs: bool = True,
        deserializers: Deserializers | None = None,
    ) -> None:
        self.tp = tp
        self.position = position
        self.failure: KafkaError | None = None
        self.opened = 0
        """Bytes of batches that were opened since the last look; whoever looks sets it back."""
        self._node = part.node
        self._check_crcs = check_crcs
        self._deserializers = (
            deserializers if deserializers is not None and any(d is not None for d in deserializers) else None
        )
        self._aborted = None if part.aborted is None else AbortedFilter(part.aborted)
        self._batches: Iterator[Batch] = iter(())
        self._batch: Batch | None = None
        self._whole: RecordBatch
        self._taken = self._total = 0
        try:
            self._batches = iter(read_batches(part.data))
        except ProtocolError as error:
            self._fail(error, position.offset)

    def read(self, limit: int, *, whole: bool = False) -> list[RecordBatch]:
        """The next records: `limit` at most, or (`whole`) batches as they come until there are so many.

        Fewer: look at `failure`, else the part is at its end. What a deserializer raises that is no ordinary exception
        (KeyboardInterrupt) comes through, and nothing is lost: the same records come again.
        """
        pieces: list[RecordBatch] = []
        left = limit
        while left > 0 and self.failure is None and (self._batch is not None or self._open()):
            if (piece := self._next(self._total if whole else left)) is not None:
                pieces.append(piece)
                left -= len(piece)
        return pieces

    @property
    def exhausted(self) -> bool:
        """Whether `read` has nothing more to give, as far as is known without decoding on."""
        return self.failure is None and self._batch is None and not length_hint(self._batches)

    # A batch.

    def _open(self) -> bool:
        """Decode the next batch that has something for the user. False: there is none."""
        wanted = self.position.offset
        for batch in self._batches:
            self.opened += batch.size
            try:
                if batch.last_offset < wanted:
                    if self._aborted is not None:
                        self._aborted.keep(batch)
                    continue
                if self._check_crcs:
                    batch.check_crc()
                if self._aborted.keep(batch) if self._aborted is not None else not batch.is_control:
                    columns = batch.columns()
                    start = bisect_left(columns.offsets, wanted) if batch.base_offset < wanted else 0
                    if start < len(columns):
                        self._batch, self._taken, self._total = batch, start, len(columns)
                        self._whole = RecordBatch(
                            self.tp,
                            columns,
                            leader_epoch=batch.leader_epoch,
                            timestamp_type=int(batch.timestamp_type),
                        )
                        return True
            except ProtocolError as error:
                self._fail(error, max(batch.base_offset, wanted), batch)
                return False
            self._pass(batch)
            wanted = self.position.offset
        return False

    def _pass(self, batch: Batch) -> None:
        self.position = Position(batch.next_offset, batch.leader_epoch)
        self._batch = None

    def _next(self, limit: int) -> RecordBatch | None:
        """Records of the open batch; None if the very first one cannot be deserialized."""
        batch, start = self._batch, self._taken
        assert batch is not None, "a batch is open"
        piece = self._whole if not start else self._whole[start:]
        if len(piece) > limit:
            piece = piece[:limit]
        if self._deserializers is not None:
            piece = self._deserialized(piece, self._deserializers)
        self._taken += len(piece)
        if self._taken >= self._total:
            self._pass(batch)
        elif len(piece):
            self.position = Position(piece.offsets[-1] + 1, batch.leader_epoch)
        return piece if len(piece) else None

    def _deserialized(self, piece: RecordBatch, deserializers: Deserializers) -> RecordBatch:
        """The same through the user's functions, record by record, up to the one that fails."""
        topic = self.tp.topic
        key_of, value_of = deserializers
        keys: list[Any] = []
        values: list[Any] = []
        try:
            for key, value, headers in zip(piece.keys, piece.values, piece.headers, strict=True):
                made_key = key if key_of is None else key_of(topic, key, headers)
                values.append(value if value_of is None else value_of(topic, value, headers))
                keys.append(made_key)
        except DeserializationError as error:
            error.topic_partition, error.offset = self.tp, piece.offsets[len(keys)]
            self.failure = error
            piece = piece[: len(keys)]
        return piece.holding(
            piece.keys if key_of is None else keys, piece.values if value_of is None else values
        )

    def _fail(self, error: ProtocolError, offset: int, batch: Batch | None = None) -> None:
        where = f"{self.tp.topic}-{self.tp.partition} at offset {offset}, from {self._node}"
        if isinstance(error, CodecMissingError):
            failure: KafkaError = CodecNotAvailableError(f"{where}: {error}", package=error.package)
        elif isinstance(error, CodecError) and batch is not None and batch.codec not in _CODECS:
            failure = UnsupportedCodecError(f"{where}: {error}. This batch was written with a newer codec.")
        else:
            after = "past it" if batch is None else f"to {batch.next_offset}"
            failure = CorruptRecordError(
                f"{where}: records are damaged and cannot be read: {error}. Seek {after} to go on without them."
            )
        failure.__cause__ = error
        self.failure = failure
