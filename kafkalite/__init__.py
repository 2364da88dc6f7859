"""kafkalite: a Kafka client in pure Python, for ordinary programs and for asyncio.

    from kafkalite import KafkaProducer, KafkaConsumer            # ordinary programs
    from kafkalite import AsyncKafkaProducer, AsyncKafkaConsumer  # asyncio

The front porch: every public name, nothing else. Exceptions are in `kafkalite.errors`, the embedded broker for tests
in `kafkalite.broker`, aiokafka's spellings in `kafkalite.aio`. Thread: any.

Names are loaded when they are first asked for: a program that only produces never pays for a consumer.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .admin import NewPartitions, NewTopic
    from .aio import AsyncKafkaAdminClient, AsyncKafkaConsumer, AsyncKafkaProducer
    from .consumer.listener import ConsumerRebalanceListener
    from .consumer.record_batch import RecordBatch
    from .errors import KafkaError
    from .producer.delivery import Delivery
    from .serializers import (
        BytesSerializer,
        DefaultSerializer,
        Deserializer,
        JsonSerializer,
        Serializer,
        StringSerializer,
    )
    from .sync import KafkaAdminClient, KafkaConsumer, KafkaProducer
    from .types import (
        BrokerMetadata,
        BulkMetadata,
        BulkPart,
        ConsumerGroupMetadata,
        ConsumerRecord,
        OffsetAndMetadata,
        OffsetAndTimestamp,
        PartitionMetadata,
        RecordMetadata,
        TopicPartition,
        TopicPartitionReplica,
    )

__version__ = "0.1.0"

__all__ = [
    "AsyncKafkaAdminClient",
    "AsyncKafkaConsumer",
    "AsyncKafkaProducer",
    "BrokerMetadata",
    "BulkMetadata",
    "BulkPart",
    "BytesSerializer",
    "ConsumerGroupMetadata",
    "ConsumerRebalanceListener",
    "ConsumerRecord",
    "DefaultSerializer",
    "Delivery",
    "Deserializer",
    "JsonSerializer",
    "KafkaAdminClient",
    "KafkaConsumer",
    "KafkaError",
    "KafkaProducer",
    "NewPartitions",
    "NewTopic",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "PartitionMetadata",
    "RecordBatch",
    "RecordMetadata",
    "Serializer",
    "StringSerializer",
    "TopicPartition",
    "TopicPartitionReplica",
    "__version__",
]

_ROOMS = {
    "admin": ("NewPartitions", "NewTopic"),
    "aio.admin": ("AsyncKafkaAdminClient",),
    "aio.consumer": ("AsyncKafkaConsumer",),
    "aio.producer": ("AsyncKafkaProducer",),
    "consumer.listener": ("ConsumerRebalanceListener",),
    "consumer.record_batch": ("RecordBatch",),
    "errors": ("KafkaError",),
    "producer.delivery": ("Delivery",),
    "serializers": (
        "BytesSerializer",
        "DefaultSerializer",
        "Deserializer",
        "JsonSerializer",
        "Serializer",
        "StringSerializer",
    ),
    "sync.admin": ("KafkaAdminClient",),
    "sync.consumer": ("KafkaConsumer",),
    "sync.producer": ("KafkaProducer",),
    "types": (
        "BrokerMetadata",
        "BulkMetadata",
        "BulkPart",
        "ConsumerGroupMetadata",
        "ConsumerRecord",
        "OffsetAndMetadata",
        "OffsetAndTimestamp",
        "PartitionMetadata",
        "RecordMetadata",
        "TopicPartition",
        "TopicPartitionReplica",
    ),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}


if not TYPE_CHECKING:  # a checker shall go by the imports above, and complain about any other name

    def __getattr__(name: str) -> object:
        room = _HOMES.get(name)
        if room is None:
            raise AttributeError(f"module 'kafkalite' has no attribute {name!r}")
        value: object = getattr(import_module(f"{__name__}.{room}"), name)
        globals()[name] = value  # the next look-up finds it without coming here
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
