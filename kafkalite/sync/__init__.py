"""The door for ordinary programs: the engine runs on a thread of its own, and calls wait for it.

`KafkaProducer`, `KafkaConsumer` and `KafkaAdminClient` are drop-in for kafka-python's. Thread: caller.
"""

from .admin import KafkaAdminClient
from .consumer import KafkaConsumer
from .producer import KafkaProducer

__all__ = ["KafkaAdminClient", "KafkaConsumer", "KafkaProducer"]
