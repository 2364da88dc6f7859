"""What a user may pass to `commit`, in all the forms that the peers take, made into one. A brain; for both doors.

Thread: any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from kafkalite.types import OffsetAndMetadata, TopicPartition

__all__ = ["Committable", "committable"]

Committable: TypeAlias = Mapping[TopicPartition, OffsetAndMetadata | int | tuple[int, str]]
"""Partition -> the offset of the next record to read, alone or with a text that is kept beside it."""


def committable(offsets: Committable) -> dict[TopicPartition, OffsetAndMetadata]:
    """Check and complete. Raises TypeError and ValueError."""
    if not isinstance(offsets, Mapping):
        raise TypeError(
            f"offsets to commit are a dict of TopicPartition -> offset, not a {type(offsets).__name__}"
        )
    return {_partition(key): _offset(key, value) for key, value in offsets.items()}


def _partition(key: TopicPartition) -> TopicPartition:
    if isinstance(key, TopicPartition):
        return key
    raise TypeError(f"offsets are committed for a TopicPartition, not for {key!r}")


def _offset(key: TopicPartition, value: OffsetAndMetadata | int | tuple[int, str]) -> OffsetAndMetadata:
    where = f"{key.topic}-{key.partition}"
    if isinstance(value, OffsetAndMetadata):
        whole = value
    elif isinstance(value, tuple) and len(value) == 2:
        whole = OffsetAndMetadata(*value)
    elif isinstance(value, int):
        whole = OffsetAndMetadata(value)
    else:
        raise TypeError(f"the offset to commit for {where} is an int or an OffsetAndMetadata, not {value!r}")
    if isinstance(whole.offset, bool) or not isinstance(whole.offset, int):
        raise TypeError(f"the offset to commit for {where} is an int, not {whole.offset!r}")
    if whole.offset < 0:
        raise ValueError(f"the offset to commit for {where} is not negative: {whole.offset}")
    if not isinstance(whole.metadata, str | None):
        raise TypeError(f"the metadata to commit for {where} is a str, not {whole.metadata!r}")
    return whole._replace(metadata=whole.metadata or "")
