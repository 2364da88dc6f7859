"""Kafka's spelling of things, for tests that hold our messages against Kafka's own data."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import kafkalite.protocol.messages as messages
from kafkalite.protocol.fields import Field
from kafkalite.protocol.message import Message, Struct

HERE = Path(__file__).parent


def snake_case(name: str) -> str:
    """`TopicIDs` -> `topic_ids`: how our fields are named after Kafka's."""
    name = name.replace("KRaft", "Kraft")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def all_messages() -> dict[str, type[Message]]:
    """Every declared message, by Kafka's name."""
    found: dict[str, type[Message]] = {}
    for module in pkgutil.iter_modules(messages.__path__):
        declared = importlib.import_module(f"{messages.__name__}.{module.name}")
        for name in declared.__all__:
            cls = getattr(declared, name)
            if issubclass(cls, Message):
                found[name] = cls
    return found


def vectors(section: str) -> list[dict[str, Any]]:
    """One section of the byte vectors."""
    return json.loads((HERE / f"vectors-{section}.json").read_text())


def build(cls: type[Struct], value: dict[str, Any]) -> Any:
    """A message from a vector's `value`, whose names are Kafka's and whose bytes are hexadecimal."""
    fields = {field.name: field for field in cls.fields}
    return cls(**{snake_case(k): _convert(fields[snake_case(k)], v) for k, v in value.items()})


def _convert(field: Field, value: Any) -> Any:
    if value is None:
        return None
    if field.type == "array":
        item = field.item
        return [_convert(item, v) if isinstance(item, Field) else build(item, v) for v in value]
    if field.type == "struct":
        return build(field.item, value)
    if field.type in ("bytes", "records"):
        return bytes.fromhex(value)
    return UUID(hex=value) if field.type == "uuid" else value
