"""The admin client's options. Thread: caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from kafkalite.config.connection import RETRIES, ConnectionConfig, ConnectionOptions
from kafkalite.config.option import CLIENTS
from kafkalite.config.resolve import choose

__all__ = ["AdminConfig", "AdminOptions"]


class AdminOptions(ConnectionOptions, total=False):
    """Everything that an admin client can be told."""

    retries: Annotated[float, RETRIES]


CLIENTS["admin client"] = AdminOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class AdminConfig:
    """Resolved; an admin client has nothing but its connections. It never creates topics by asking for them."""

    connection: ConnectionConfig

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        """Check and complete what the user passed. Raises `KafkaConfigurationError`."""
        return cls(connection=ConnectionConfig.chosen(choose("admin client", AdminOptions, options)))
