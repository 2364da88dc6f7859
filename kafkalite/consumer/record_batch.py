"""Records of one partition as columns: what `poll_batches` gives, and what records are made of.

The consumer decodes into columns anyway; whoever takes them as they are saves the objects that `poll` makes of each
record. Made by `Unpacker`, handed to the user. Thread: caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, repeat
from typing import TYPE_CHECKING, Any, overload

from kafkalite.protocol.records.batch import Columns
from kafkalite.types import ConsumerRecord, Headers, TopicPartition

if TYPE_CHECKING:
    import pyarrow

__all__ = ["RecordBatch", "joined"]


class RecordBatch:
    """Consecutive records of one partition, column by column.

    Item `n` of each column belongs to record `n`. Iterating over the batch, or indexing it, makes `ConsumerRecord`s; a
    slice is a batch again. The columns are read-only by convention: a batch and its slices may share them.
    """

    __slots__ = ("_columns", "keys", "leader_epoch", "timestamp_type", "topic_partition", "values")

    topic_partition: TopicPartition
    """Where the records were read."""
    keys: Sequence[Any]
    """Bytes or None, or what `key_deserializer` made of them."""
    values: Sequence[Any]
    """Bytes or None, or what `value_deserializer` made of them."""
    leader_epoch: int
    """Epoch of the leader that wrote the records; -1 if unknown."""
    timestamp_type: int
    """0: set by the producer (CreateTime); 1: set by the broker (LogAppendTime); -1: none."""

    def __init__(
        self,
        topic_partition: TopicPartition,
        columns: Columns,
        *,
        leader_epoch: int = -1,
        timestamp_type: int = 0,
        keys: Sequence[Any] | None = None,
        values: Sequence[Any] | None = None,
    ) -> None:
        """`keys` and `values`, if given, are what deserializers made of those in `columns`."""
        self.topic_partition = topic_partition
        self.leader_epoch = leader_epoch
        self.timestamp_type = timestamp_type
        self.keys = columns.keys if keys is None else keys
        self.values = columns.values if values is None else values
        self._columns = columns

    @property
    def topic(self) -> str:
        """The topic that the records were read from."""
        return self.topic_partition.topic

    @property
    def partition(self) -> int:
        """The number of the partition that the records were read from."""
        return self.topic_partition.partition

    @property
    def offsets(self) -> Sequence[int]:
        """Ascending. A `range` where there are no gaps."""
        return self._columns.offsets

    @property
    def timestamps(self) -> Sequence[int]:
        """Milliseconds since 1970; -1 if unknown."""
        return self._columns.timestamps

    @property
    def headers(self) -> Sequence[Headers]:
        """Pairs of name and bytes; an empty sequence for a record without headers."""
        return self._columns.headers

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[ConsumerRecord]:
        columns = self._columns
        topic, partition = self.topic_partition
        return map(
            tuple.__new__,
            repeat(ConsumerRecord),
            zip(  # the rows end with the columns; the constants never do
                repeat(topic),
                repeat(partition),
                columns.offsets,
                columns.timestamps,
                repeat(self.timestamp_type),
                self.keys,
                self.values,
                columns.headers,
                repeat(self.leader_epoch),
                _sizes(columns.keys),
                _sizes(columns.values),
                strict=False,
            ),
        )

    @overload
    def __getitem__(self, index: int) -> ConsumerRecord: ...
    @overload
    def __getitem__(self, index: slice) -> RecordBatch: ...
    def __getitem__(self, index: int | slice) -> ConsumerRecord | RecordBatch:
        if isinstance(index, slice):
            return self._cut(index)
        at = range(len(self))[index]  # raises IndexError, and understands negative ones
        return next(iter(self._cut(slice(at, at + 1))))

    def _cut(self, where: slice) -> RecordBatch:
        columns = self._columns
        return RecordBatch(
            self.topic_partition,
            Columns(*(getattr(columns, name)[where] for name in _COLUMNS)),
            leader_epoch=self.leader_epoch,
            timestamp_type=self.timestamp_type,
            keys=None if self.keys is columns.keys else self.keys[where],
            values=None if self.values is columns.values else self.values[where],
        )

    def holding(self, keys: Sequence[Any], values: Sequence[Any]) -> RecordBatch:
        """The same records with what deserializers made of their keys and values."""
        return RecordBatch(
            self.topic_partition,
            self._columns,
            leader_epoch=self.leader_epoch,
            timestamp_type=self.timestamp_type,
            keys=keys,
            values=values,
        )

    def to_arrow(self) -> pyarrow.RecordBatch:
        """The batch as Arrow data, for pandas, Polars, DuckDB or Parquet files. Needs pyarrow: `kafkalite[arrow]`.

        Columns: topic, partition, offset, timestamp (in UTC; null if unknown), key and value (binary, or what Arrow
        takes the deserialized ones for), headers (a list of name and value for each record).

        Raises ImportError without pyarrow, and what pyarrow raises for deserialized objects that it has no type for.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise ImportError("to_arrow() needs pyarrow: pip install 'kafkalite[arrow]'") from error
        count, columns = len(self), self._columns
        header = pa.struct([("name", pa.string()), ("value", pa.binary())])
        index = pa.array([0] * count, pa.int32())
        known = [None if at < 0 else at for at in columns.timestamps]
        return pa.RecordBatch.from_pydict(
            {
                "topic": pa.DictionaryArray.from_arrays(index, pa.array([self.topic])),
                "partition": pa.array([self.partition] * count, pa.int32()),
                "offset": pa.array(columns.offsets, pa.int64()),
                "timestamp": pa.array(known, pa.timestamp("ms", tz="UTC")),
                "key": pa.array(self.keys, pa.binary() if self.keys is columns.keys else None),
                "value": pa.array(self.values, pa.binary() if self.values is columns.values else None),
                "headers": pa.array(columns.headers, pa.list_(header)),
            }
        )

    def __repr__(self) -> str:
        offsets = self.offsets
        what = f"{offsets[0]}-{offsets[-1]}, {len(offsets)} records" if len(offsets) else "empty"
        return f"<RecordBatch {self.topic}-{self.partition}: {what}>"


_COLUMNS = ("offsets", "timestamps", "keys", "values", "headers")


def joined(pieces: Iterable[RecordBatch]) -> list[RecordBatch]:
    """Consecutive pieces of one partition as few batches: small ones are put together where they say the same."""
    batches: list[RecordBatch] = []
    for _, alike in groupby(pieces, lambda piece: (piece.leader_epoch, piece.timestamp_type)):
        first, *more = alike
        batches.append(_join([first, *more]) if more else first)
    return batches


def _join(pieces: list[RecordBatch]) -> RecordBatch:
    first = pieces[0]

    def together(name: str) -> list[Any]:
        return list(chain.from_iterable(getattr(piece, name) for piece in pieces))

    return RecordBatch(
        first.topic_partition,
        Columns(
            _offsets([piece.offsets for piece in pieces]),
            together("timestamps"),
            list(chain.from_iterable(piece._columns.keys for piece in pieces)),
            list(chain.from_iterable(piece._columns.values for piece in pieces)),
            together("headers"),
        ),
        leader_epoch=first.leader_epoch,
        timestamp_type=first.timestamp_type,
        keys=None if first.keys is first._columns.keys else together("keys"),
        values=None if first.values is first._columns.values else together("values"),
    )


def _offsets(parts: list[Sequence[int]]) -> Sequence[int]:
    together: Sequence[int] = parts[0]
    for part in parts[1:]:
        if not (type(together) is type(part) is range and together.stop == part.start):
            return list(chain.from_iterable(parts))
        together = range(together.start, part.stop)
    return together


def _sizes(column: Sequence[bytes | None]) -> Iterable[int]:
    if not column or (column[0] is None and column.count(None) == len(column)):
        return repeat(-1)
    try:
        return list(map(len, column))  # type: ignore[arg-type]
    except TypeError:
        return [-1 if item is None else len(item) for item in column]
