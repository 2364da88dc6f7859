"""Many records of one call, column by column: checked all at once, cut into batches without looking at each.

Thread: caller.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, repeat
from operator import add
from typing import Any, Final

from kafkalite.errors import IllegalArgumentError
from kafkalite.protocol.records.batch import record_size
from kafkalite.serializers import Serialize
from kafkalite.types import Headers

from .batch import Batch
from .record import checked_bytes, checked_headers, checked_timestamp

__all__ = ["Records", "checked_records"]

_PLAIN: Final = record_size(None, None)
_BYTES: Final = {bytes, type(None)}


class Records:
    """Columns of one length."""

    __slots__ = ("ends", "headers", "keys", "sizes", "times", "values")

    def __init__(
        self,
        values: list[bytes | None],
        keys: list[bytes | None] | None,
        headers: Headers | list[Headers],
        times: int | list[int] | None,
        sizes: int | list[int],
    ) -> None:
        self.values = values
        self.keys = keys
        self.headers = headers
        """A tuple is that of all records; a list has one for each."""
        self.times = times
        """Milliseconds since 1970, of all records or of each; None for now."""
        self.sizes = sizes
        """The most bytes that each takes, or every one of them."""
        self.ends: Sequence[int]
        """The bytes of all records before the first, before the second ... and of all."""
        if isinstance(sizes, int):
            self.ends = range(0, sizes * (len(values) + 1), sizes)
        else:
            self.ends = list(accumulate(sizes, initial=0))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def largest(self) -> tuple[int, int]:
        """The most bytes that one of them takes, and its index."""
        if isinstance(self.sizes, int):
            return self.sizes, 0
        most = max(self.sizes)
        return most, self.sizes.index(most)

    def octets(self, start: int, stop: int) -> int:
        """The most bytes that the records from `start` to `stop` take."""
        return self.ends[stop] - self.ends[start]

    def fitting(self, start: int, room: int) -> int:
        """How many of the records from `start` on fit into so many bytes."""
        return bisect_right(self.ends, self.ends[start] + room, start) - 1 - start

    def pick(self, indexes: Sequence[int]) -> Records:
        """These records only."""

        def column(whole: list[Any]) -> list[Any]:
            return list(map(whole.__getitem__, indexes))

        return Records(
            column(self.values),
            column(self.keys) if self.keys is not None else None,
            column(self.headers) if isinstance(self.headers, list) else self.headers,
            column(self.times) if isinstance(self.times, list) else self.times,
            column(self.sizes) if isinstance(self.sizes, list) else self.sizes,
        )

    def pour(self, batch: Batch, start: int, stop: int, now: float) -> int:
        """Append the records from `start` to `stop`, which fit, to a batch; the index of the first. Its lock is held."""
        index = len(batch.values)
        batch.left -= self.octets(start, stop)
        self._pour_times(batch, start, stop, now)
        if self.keys is not None:
            if batch.keys is None:
                batch.keys = [None] * index
            batch.keys += self.keys[start:stop]
        elif batch.keys is not None:
            batch.keys += repeat(None, stop - start)
        if self.headers:
            if batch.headers is None:
                batch.headers = {}
            if isinstance(self.headers, list):
                some = enumerate(self.headers[start:stop], index)
                batch.headers.update((place, headers) for place, headers in some if headers)
            else:
                batch.headers.update(dict.fromkeys(range(index, index + stop - start), self.headers))
        batch.values += self.values[start:stop]
        return index

    def _pour_times(self, batch: Batch, start: int, stop: int, now: float) -> None:
        times = self.times
        if times is None:
            if now >= batch.tick:
                batch.mark(now)
        elif isinstance(times, int):
            batch.mark_ms(times)
        else:
            batch.mark_ms(times[start])
            last, place = times[start], len(batch.values)
            for ms in times[start:stop]:
                if ms != last:
                    batch.times.append((place, ms))
                    last = ms
                place += 1


def checked_records(
    topic: str,
    values: Iterable[Any],
    keys: Iterable[Any] | None,
    headers: Any,
    timestamps: int | Iterable[int] | None,
    *,
    key_serializer: Serialize | None = None,
    value_serializer: Serialize | None = None,
) -> Records:
    """Records as the user passes them, serialised and checked.

    Raises TypeError, ValueError and SerializationError that say which record is wrong; IllegalArgumentError for columns
    of different lengths.
    """
    # Copies: the user may change a list while the call waits.
    found = _listed("values", values)
    count = len(found)
    key_column = None if keys is None else _listed("keys", keys, count)
    header_column = _headers(headers, count)
    each = header_column if isinstance(header_column, list) else repeat(header_column)
    if key_serializer is not None:
        # With None for each record without a key: send() asks the serializer too.
        key_column = _serialized("key", key_serializer, topic, key_column or [None] * count, each)
    if value_serializer is not None:
        found = _serialized("value", value_serializer, topic, found, each)
    if key_column is not None:
        key_column = _octets("key", key_column)
    found = _octets("value", found)
    sizes = _sizes(found, key_column, header_column)
    return Records(found, key_column, header_column, _times(timestamps, count), sizes)


def _listed(what: str, column: Iterable[Any], count: int | None = None) -> list[Any]:
    if isinstance(column, str | bytes | bytearray | memoryview):
        raise TypeError(f"{what} is a list with one entry per record, not {type(column).__name__}")
    found = list(column)
    if count is not None and len(found) != count:
        raise IllegalArgumentError(f"{what} has {len(found)} entries for {count} values")
    return found


def _serialized(
    what: str, serialize: Serialize, topic: str, column: list[Any], headers: Iterable[Headers]
) -> list[Any]:
    made: list[Any] = []
    try:
        made.extend(map(serialize, repeat(topic), column, headers))
    except Exception as error:
        error.add_note(f"the {what} of record {len(made)} of {len(column)}")
        raise
    return made


def _octets(what: str, column: list[Any]) -> list[bytes | None]:
    if set(map(type, column)) <= _BYTES:
        return column
    return _each(what, lambda item: checked_bytes(what, item), column)


def _headers(headers: Any, count: int) -> Headers | list[Headers]:
    """One tuple for all records, or a list of one for each."""
    if not headers:
        return ()
    if not isinstance(headers, list | tuple):
        return checked_headers(headers)  # which says what they are
    first = next(filter(None, headers), None)
    if isinstance(first, tuple | list) and isinstance(first[0], str):
        return checked_headers(headers)
    listed = _listed("headers", headers, count)
    # Records tend to share their headers: each object is looked at once, and encoded once per batch.
    known = {id(one): one for one in listed}
    checked = dict(zip(known, _each("headers", checked_headers, known.values()), strict=True))
    return [checked[id(one)] for one in listed]


def _times(timestamps: Any, count: int) -> int | list[int] | None:
    if timestamps is None or isinstance(timestamps, int):
        return checked_timestamp(timestamps)
    times = _listed("timestamps", timestamps, count)

    def checked(ms: object) -> int:
        if (found := checked_timestamp(ms)) is None:
            raise TypeError("give each record a timestamp, or timestamps=None for all")
        return found

    return _each("timestamp", checked, times)


def _each(what: str, check: Callable[[Any], Any], column: Iterable[Any]) -> list[Any]:
    """Every entry checked; what is wrong with one names it."""
    made: list[Any] = []
    try:
        made.extend(map(check, column))
    except (TypeError, ValueError) as error:
        raise type(error)(f"record {len(made)}: {error}") from None
    return made


def _sizes(
    values: list[bytes | None], keys: list[bytes | None] | None, headers: Headers | list[Headers]
) -> int | list[int]:
    sizes = _lengths(values)
    if keys is not None:
        sizes = list(map(add, sizes, _lengths(keys)))
    extra = _PLAIN
    if isinstance(headers, list):
        known = {id(one): record_size(None, None, one) - _PLAIN for one in headers}
        sizes = list(map(add, sizes, [known[id(one)] for one in headers]))
    elif headers:
        extra = record_size(None, None, headers)
    if sizes and sizes.count(sizes[0]) == len(sizes):
        return sizes[0] + extra
    return list(map(add, sizes, repeat(extra)))


def _lengths(column: list[bytes | None]) -> list[int]:
    try:
        return list(map(len, column))  # type: ignore[arg-type]
    except TypeError:
        return [len(item) if item is not None else 0 for item in column]
