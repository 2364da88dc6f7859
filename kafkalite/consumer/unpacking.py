"""From the raw bytes of one fetch answer to the records that the user gets, a batch at a time. A brain.

The fetch buffer gives each part to an `Unpacker` on the thread that polls, outside its lock. A batch is decoded by
columns when its first record is wanted; records are made of the columns as they are asked for, so that a small poll
costs little even if batches are large. Thread: caller.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice, repeat
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
from kafkalite.protocol.records.batch import Batch, Columns, read_batches
from kafkalite.serializers import Deserialize
from kafkalite.types import ConsumerRecord, TopicPartition

from .positions import Position

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
        "_columns",
        "_deserializers",
        "_node",
        "_rows",
        "_taken",
        "_total",
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
        self._columns: Columns | None = None
        self._rows: Iterator[ConsumerRecord] = iter(())
        self._taken = self._total = 0
        try:
            self._batches = iter(read_batches(part.data))
        except ProtocolError as error:
            self._fail(error, position.offset)

    def read(self, limit: int) -> list[ConsumerRecord]:
        """The next records, `limit` at most. Fewer: look at `failure`, else the part is at its end.

        What a deserializer raises that is no ordinary exception (KeyboardInterrupt) comes through, and nothing is
        lost: the same records come again.
        """
        records: list[ConsumerRecord] = []
        while self.failure is None and len(records) < limit:
            if self._batch is None and not self._open():
                break
            got = self._next(limit - len(records))
            if records:
                records += got
            else:
                records = got
        return records

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
                        self._begin(batch, columns, start)
                        return True
            except ProtocolError as error:
                self._fail(error, max(batch.base_offset, wanted), batch)
                return False
            self._pass(batch)
            wanted = self.position.offset
        return False

    def _begin(self, batch: Batch, columns: Columns, start: int) -> None:
        self._batch = batch
        self._taken, self._total = start, len(columns)
        if self._deserializers is None:
            if start:
                columns = Columns(*(getattr(columns, name)[start:] for name in _COLUMNS))
            self._rows = self._records(columns, columns.keys, columns.values)
        else:
            self._columns = columns

    def _pass(self, batch: Batch) -> None:
        self.position = Position(batch.next_offset, batch.leader_epoch)
        self._batch = self._columns = None

    def _records(
        self, columns: Columns, keys: Iterable[Any], values: Iterable[Any]
    ) -> Iterator[ConsumerRecord]:
        batch = self._batch
        assert batch is not None, "a batch is open"
        return map(
            tuple.__new__,
            repeat(ConsumerRecord),
            zip(  # the rows end with the columns; the constants never do
                repeat(self.tp.topic),
                repeat(self.tp.partition),
                columns.offsets,
                columns.timestamps,
                repeat(int(batch.timestamp_type)),
                keys,
                values,
                columns.headers,
                repeat(batch.leader_epoch),
                _sizes(columns.keys),
                _sizes(columns.values),
                strict=False,
            ),
        )

    def _next(self, limit: int) -> list[ConsumerRecord]:
        """Records of the open batch."""
        batch = self._batch
        assert batch is not None, "a batch is open"
        records = (
            list(islice(self._rows, limit)) if self._deserializers is None else self._deserialized(limit)
        )
        self._taken += len(records)
        if self._taken >= self._total:
            self._pass(batch)
        elif records:
            self.position = Position(records[-1].offset + 1, batch.leader_epoch)
        return records

    def _deserialized(self, limit: int) -> list[ConsumerRecord]:
        """The same through the user's functions, record by record, up to the one that fails."""
        assert self._columns is not None
        assert self._deserializers is not None
        stop = self._taken + limit
        columns = Columns(*(getattr(self._columns, name)[self._taken : stop] for name in _COLUMNS))
        keys, values = columns.keys, columns.values
        made_keys: list[Any] = []
        made_values: list[Any] = []
        topic = self.tp.topic
        key_of, value_of = self._deserializers
        try:
            for key, value, headers in zip(keys, values, columns.headers, strict=True):
                made_key = key if key_of is None else key_of(topic, key, headers)
                made_values.append(value if value_of is None else value_of(topic, value, headers))
                made_keys.append(made_key)
        except DeserializationError as error:
            error.topic_partition, error.offset = self.tp, columns.offsets[len(made_keys)]
            self.failure = error
        return list(self._records(columns, made_keys, made_values))

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


_COLUMNS = ("offsets", "timestamps", "keys", "values", "headers")


def _sizes(column: list[bytes | None]) -> Iterable[int]:
    if column[0] is None and column.count(None) == len(column):
        return repeat(-1)
    try:
        return list(map(len, column))  # type: ignore[arg-type]
    except TypeError:
        return [-1 if item is None else len(item) for item in column]
