"""ConsumerProtocolSubscription: what a member of a classic group tells its leader: topics, owned partitions, rack."""

from __future__ import annotations

from ..fields import array, bytes_, int32, string
from ..message import Message, Struct

__all__ = ["ConsumerProtocolSubscription", "TopicPartition"]


class TopicPartition(Struct):
    topic: str = string(since=1)
    partitions: list[int] = array(int32(), since=1)


class ConsumerProtocolSubscription(Message):
    versions = 0, 3

    topics: list[str] = array(string())
    user_data: bytes | None = bytes_(nullable_since=0, default=None)
    owned_partitions: list[TopicPartition] = array(TopicPartition, since=1, ignorable=True)
    generation_id: int = int32(since=2, default=-1, ignorable=True)
    rack_id: str | None = string(since=3, nullable_since=3, default=None, ignorable=True)
