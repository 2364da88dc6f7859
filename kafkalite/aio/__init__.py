"""The door for asyncio programs: the engine runs on the program's own loop, and calls are awaited.

`AsyncKafkaProducer`, `AsyncKafkaConsumer` and `AsyncKafkaAdminClient`, with aiokafka's method names; and, so that an
aiokafka program runs with only its imports changed, `AIOKafkaProducer`, `AIOKafkaConsumer`, `AIOKafkaAdminClient` and
the other names that such a program imports (its exceptions are in `kafkalite.errors`). Each is loaded when it is first
asked for. Thread: loop (the user's).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkalite.admin import NewPartitions, NewTopic
    from kafkalite.consumer.listener import ConsumerRebalanceListener
    from kafkalite.errors import ConsumerStoppedError, IllegalOperation
    from kafkalite.types import (
        ConsumerRecord,
        OffsetAndMetadata,
        OffsetAndTimestamp,
        RecordMetadata,
        TopicPartition,
    )

    from .admin import AsyncKafkaAdminClient
    from .aiokafka import AIOKafkaAdminClient, AIOKafkaConsumer, AIOKafkaProducer
    from .consumer import AsyncKafkaConsumer
    from .delivery import AsyncDelivery
    from .producer import AsyncKafkaProducer

__all__ = [
    "AIOKafkaAdminClient",
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "AsyncDelivery",
    "AsyncKafkaAdminClient",
    "AsyncKafkaConsumer",
    "AsyncKafkaProducer",
    "ConsumerRebalanceListener",
    "ConsumerRecord",
    "ConsumerStoppedError",
    "IllegalOperation",
    "NewPartitions",
    "NewTopic",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "RecordMetadata",
    "TopicPartition",
]

_ROOMS = {
    "kafkalite.admin": ("NewPartitions", "NewTopic"),
    "kafkalite.aio.admin": ("AsyncKafkaAdminClient",),
    "kafkalite.aio.aiokafka": ("AIOKafkaAdminClient", "AIOKafkaConsumer", "AIOKafkaProducer"),
    "kafkalite.aio.consumer": ("AsyncKafkaConsumer",),
    "kafkalite.aio.delivery": ("AsyncDelivery",),
    "kafkalite.aio.producer": ("AsyncKafkaProducer",),
    "kafkalite.consumer.listener": ("ConsumerRebalanceListener",),
    "kafkalite.errors": ("ConsumerStoppedError", "IllegalOperation"),
    "kafkalite.types": (
        "ConsumerRecord",
        "OffsetAndMetadata",
        "OffsetAndTimestamp",
        "RecordMetadata",
        "TopicPartition",
    ),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}


if not TYPE_CHECKING:  # a checker shall go by the imports above, and complain about any other name

    def __getattr__(name: str) -> object:
        room = _HOMES.get(name)
        if room is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(room), name)
        globals()[name] = value
        return value
