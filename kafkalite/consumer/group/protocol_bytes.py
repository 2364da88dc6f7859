"""What members tell each other through the coordinator, which does not look inside: subscriptions and assignments.

A version number comes first. The newest version known is written; a newer one is read as the newest known, whose
fields it begins with, and what follows is left alone. A brain, used by `classic` and `leadership`. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from kafkalite.errors import KafkaProtocolError
from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.message import Message
from kafkalite.protocol.messages import consumer_protocol_assignment as assignment
from kafkalite.protocol.messages import consumer_protocol_subscription as subscription
from kafkalite.protocol.messages.consumer_protocol_assignment import ConsumerProtocolAssignment
from kafkalite.protocol.messages.consumer_protocol_subscription import ConsumerProtocolSubscription
from kafkalite.types import TopicPartition

from .assignors.member import MemberSubscription

__all__ = [
    "PROTOCOL_TYPE",
    "by_topic",
    "decode_assignment",
    "decode_subscription",
    "encode_assignment",
    "encode_subscription",
]

PROTOCOL_TYPE: Final = "consumer"
"""What the group is for; Kafka Connect's groups have another."""

M = TypeVar("M", bound=Message)


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """Partition numbers by topic, both in order."""
    found: dict[str, list[int]] = {}
    for topic, partition in sorted(partitions):
        found.setdefault(topic, []).append(partition)
    return found


def encode_subscription(said: MemberSubscription) -> bytes:
    """What this member tells the leader. The instance id travels beside it."""
    message = ConsumerProtocolSubscription(
        topics=sorted(said.topics),
        user_data=said.user_data,
        owned_partitions=[
            subscription.TopicPartition(topic=topic, partitions=numbers)
            for topic, numbers in by_topic(said.owned).items()
        ],
        generation_id=said.generation,
        rack_id=said.rack,
    )
    return _written(message)


def decode_subscription(
    data: bytes | memoryview, member_id: str, group_instance_id: str | None
) -> MemberSubscription:
    """What a member said. Raises KafkaProtocolError, which names the member."""
    read = _read(ConsumerProtocolSubscription, data, f"the subscription of member {member_id!r}")
    return MemberSubscription(
        topics=frozenset(read.topics),
        user_data=None if read.user_data is None else bytes(read.user_data),
        owned=tuple(
            TopicPartition(entry.topic, number)
            for entry in read.owned_partitions
            for number in entry.partitions
        ),
        generation=read.generation_id,
        rack=read.rack_id or None,
        group_instance_id=group_instance_id,
    )


def encode_assignment(partitions: Iterable[TopicPartition]) -> bytes:
    """What the leader gives a member."""
    message = ConsumerProtocolAssignment(
        assigned_partitions=[
            assignment.TopicPartition(topic=topic, partitions=numbers)
            for topic, numbers in by_topic(partitions).items()
        ]
    )
    return _written(message)


def decode_assignment(data: bytes | memoryview) -> frozenset[TopicPartition]:
    """What the leader gave us; no bytes at all: nothing. Raises KafkaProtocolError."""
    if not data:
        return frozenset()
    read = _read(ConsumerProtocolAssignment, data, "the assignment that the group's leader sent")
    return frozenset(
        TopicPartition(entry.topic, number)
        for entry in read.assigned_partitions
        for number in entry.partitions
    )


def _written(message: Message) -> bytes:
    version = message.max_version
    return version.to_bytes(2, "big") + message.encode(version)


def _read(kind: type[M], data: bytes | memoryview, what: str) -> M:
    version = int.from_bytes(data[:2], "big", signed=True)
    if len(data) < 2 or version < 0:
        raise KafkaProtocolError(f"{what} cannot be read: it begins with no version")
    try:
        return kind.decode_from(data, 2, min(version, kind.max_version))[0]
    except DecodeError as error:
        raise KafkaProtocolError(f"{what} cannot be read as version {version}: {error}") from error
