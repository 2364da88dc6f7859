"""The small values that users hold: where a record is, what it holds, what was committed. Thread: any.

Field names follow kafka-python and aiokafka. Nearly everything is a NamedTuple: immutable, hashable, and the cheapest
thing Python can build a hundred thousand times a second.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    import typing_extensions

    from kafkalite.errors import KafkaError

    # Any: a bare `ConsumerRecord` says nothing about what the deserializers return.
    K = typing_extensions.TypeVar("K", default=Any)
    V = typing_extensions.TypeVar("V", default=Any)
else:
    K = TypeVar("K")
    V = TypeVar("V")

__all__ = [
    "BrokerMetadata",
    "BulkMetadata",
    "BulkPart",
    "ConsumerGroupMetadata",
    "ConsumerRecord",
    "GroupInformation",
    "Headers",
    "MemberInformation",
    "MemberState",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "PartitionMetadata",
    "RecordMetadata",
    "TopicPartition",
    "TopicPartitionReplica",
]

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]
"""Pairs of name and bytes, in order; a name may come twice."""


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


class TopicPartitionReplica(NamedTuple):
    """One broker's copy of a partition."""

    topic: str
    partition: int
    broker_id: int


class OffsetAndMetadata(NamedTuple):
    """What a group has committed for a partition: the offset of the *next* record to read, and a text of its own.

    `leader_epoch` is the epoch of the last record read (-1: unknown); it lets the broker notice that the log was cut
    back since (KIP-320).
    """

    offset: int
    metadata: str = ""
    leader_epoch: int = -1


class OffsetAndTimestamp(NamedTuple):
    """The answer to "which record is the first at or after this time?"; `timestamp` is in milliseconds since 1970."""

    offset: int
    timestamp: int
    leader_epoch: int = -1


class RecordMetadata(NamedTuple):
    """Where a sent record went. `offset` is -1 where nobody knows: with acks=0, or for a duplicate."""

    topic: str
    partition: int
    topic_partition: TopicPartition
    offset: int
    timestamp: int | None = None
    """Milliseconds since 1970: the record's own, or the broker's if the topic uses LogAppendTime."""
    timestamp_type: int = 0
    """0: set by the producer (CreateTime); 1: set by the broker (LogAppendTime)."""
    log_start_offset: int | None = None
    """The oldest offset that the partition still held at the time."""
    checksum: int | None = None
    """Always None: records have had no checksum of their own since Kafka 0.11."""
    serialized_key_size: int = -1
    """Bytes; -1 for no key."""
    serialized_value_size: int = -1
    """Bytes; -1 for no value."""
    serialized_header_size: int = -1
    """Bytes of all header names and values; -1 for no headers."""


class BulkPart(NamedTuple):
    """Records of one `send_many` that were written side by side: the one with index `indexes[k]` of the lists has offset
    `base_offset + k`."""

    partition: int
    base_offset: int
    """-1 where nobody knows: with acks=0, or for a duplicate."""
    indexes: Sequence[int]
    """A range where the records were side by side in the lists too; ascending in any case."""


class BulkMetadata:
    """Where the records of one `send_many` went, part by part; and, for whoever asks, record by record."""

    __slots__ = ("_part_of", "_sources", "parts", "topic")

    def __init__(
        self, topic: str, parts: Sequence[BulkPart], sources: Sequence[Callable[[int], RecordMetadata]]
    ) -> None:
        self.topic = topic
        self.parts = parts
        self._sources = sources
        self._part_of: dict[int, int] | None = None

    def __len__(self) -> int:
        """How many records were written."""
        return sum(len(part.indexes) for part in self.parts)

    def metadata(self, index: int) -> RecordMetadata:
        """Where the record with that index in the lists went. KeyError for one that was not written."""
        if self._part_of is None:
            self._part_of = {index: part for part, found in enumerate(self.parts) for index in found.indexes}
        part = self._part_of[index]
        return self._sources[part](bisect_left(self.parts[part].indexes, index))

    def __repr__(self) -> str:
        partitions = len({part.partition for part in self.parts})
        return f"<BulkMetadata: {len(self)} records in {partitions} partitions of {self.topic}>"


class ConsumerRecord(NamedTuple, Generic[K, V]):
    """One record that was read; generic in what the deserializers make of its key and value."""

    # The consumer builds these by columns, so the order of the fields is part of its code.
    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970; -1 if unknown."""
    timestamp_type: int
    """0: set by the producer (CreateTime); 1: set by the broker (LogAppendTime); -1: none."""
    key: K
    value: V
    headers: Headers = ()
    leader_epoch: int = -1
    """Epoch of the leader that wrote the record; -1 if unknown."""
    serialized_key_size: int = -1
    """Bytes; -1 for no key."""
    serialized_value_size: int = -1
    """Bytes; -1 for no value (a tombstone)."""

    @property
    def topic_partition(self) -> TopicPartition:
        """The partition that the record was read from."""
        return TopicPartition(self.topic, self.partition)

    @property
    def checksum(self) -> None:
        """Always None: records have had no checksum of their own since Kafka 0.11."""
        return None

    @property
    def serialized_header_size(self) -> int:
        """Bytes of all header names and values; -1 for no headers."""
        if not self.headers:
            return -1
        return sum(len(name.encode()) + len(value or b"") for name, value in self.headers)


class BrokerMetadata(NamedTuple):
    """A broker of the cluster."""

    nodeId: int  # noqa: N815 - the peers' spelling
    host: str
    port: int
    rack: str | None = None

    @property
    def node_id(self) -> int:
        """The broker's id; `nodeId` is the spelling that kafka-python and aiokafka use."""
        return self.nodeId


class PartitionMetadata(NamedTuple):
    """A partition as the brokers describe it."""

    topic: str
    partition: int
    leader: int
    """Node id; -1 while there is none."""
    replicas: list[int]
    isr: list[int]
    """The replicas that are in sync."""
    error: KafkaError | None = None


class MemberState:
    """Where a consumer stands in its group."""

    UNJOINED = "<unjoined>"
    REBALANCING = "<rebalancing>"
    STABLE = "<stable>"


class ConsumerGroupMetadata(NamedTuple):
    """Who this consumer is in its group; a transactional producer commits offsets in its name (KIP-447)."""

    group_id: str | None = None
    generation_id: int = -1
    member_id: str = ""
    group_instance_id: str | None = None
    state: str = MemberState.UNJOINED
    """One of `MemberState`'s."""


class MemberInformation(NamedTuple):
    """A member of a group, as the coordinator describes it."""

    member_id: str
    client_id: str
    client_host: str
    member_metadata: object
    member_assignment: object


class GroupInformation(NamedTuple):
    """A group, as its coordinator describes it."""

    error_code: int
    group: str
    state: str
    protocol_type: str
    protocol: str
    members: list[MemberInformation]
    authorized_operations: list[str] | None = None
