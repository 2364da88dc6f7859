"""ConsumerProtocolAssignment: what the leader of a classic consumer group gives each member."""

from __future__ import annotations

from ..fields import array, bytes_, int32, string
from ..message import Message, Struct

__all__ = ["ConsumerProtocolAssignment", "TopicPartition"]


class TopicPartition(Struct):
    topic: str = string()
    partitions: list[int] = array(int32())


class ConsumerProtocolAssignment(Message):
    versions = 0, 3

    assigned_partitions: list[TopicPartition] = array(TopicPartition)
    user_data: bytes | None = bytes_(nullable_since=0, default=None)
