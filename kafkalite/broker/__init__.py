"""The embedded broker: a Kafka for tests, in this process, on a real port. Thread: its own.

`docs/broker.md` is the guide. The request classes that `EmbeddedBroker.on` takes are in `kafkalite.protocol.messages`.
Names are imported at first use: pytest loads this package, for its fixture, in projects whose tests need no broker.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .broker import EmbeddedBroker
    from .clock import Clock, RealClock, SteppedClock
    from .faults import Watch
    from .groups import GroupView, MemberView
    from .views import NodeView, StoredRecord

__all__ = [
    "Clock",
    "EmbeddedBroker",
    "GroupView",
    "MemberView",
    "NodeView",
    "RealClock",
    "SteppedClock",
    "StoredRecord",
    "Watch",
]

_FILES = {
    "Clock": "clock",
    "EmbeddedBroker": "broker",
    "GroupView": "groups",
    "MemberView": "groups",
    "NodeView": "views",
    "RealClock": "clock",
    "SteppedClock": "clock",
    "StoredRecord": "views",
    "Watch": "faults",
}


if not TYPE_CHECKING:  # a checker shall go by the imports above, and complain about any other name

    def __getattr__(name: str) -> object:
        if name not in _FILES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(f".{_FILES[name]}", __name__), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
