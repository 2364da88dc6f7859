"""The door for ordinary programs: the engine runs on a thread of its own, and calls wait for it.

`KafkaProducer`, `KafkaConsumer` and `KafkaAdminClient` are drop-in for kafka-python's. Each is loaded when it is first
asked for. Thread: caller.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .admin import KafkaAdminClient
    from .consumer import KafkaConsumer
    from .producer import KafkaProducer

__all__ = ["KafkaAdminClient", "KafkaConsumer", "KafkaProducer"]

_HOMES = {"KafkaAdminClient": "admin", "KafkaConsumer": "consumer", "KafkaProducer": "producer"}


if not TYPE_CHECKING:  # a checker shall go by the imports above, and complain about any other name

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value
