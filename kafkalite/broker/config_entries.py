"""Settings as clients see them: the value, where it comes from, and what it hides. Called by the handlers of topics and
configs. Thread: loop.

All nodes share the broker's settings, so what is changed on one node is changed on all.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from kafkalite.protocol.codes import ConfigSource, ConfigType

from .config import BROKER_CONFIGS, BrokerConfig, TopicSettings
from .topic_configs import TOPIC_CONFIGS

__all__ = ["Entry", "Synonym", "broker_entries", "is_dynamic", "topic_entries"]

UNSET: Final = frozenset(("log.flush.interval.ms", "log.retention.ms", "log.roll.jitter.ms", "log.roll.ms"))
"""Without a default in Kafka: it has coarser settings (hours) that decide then, which this broker does not have."""

INTERNAL: Final = frozenset(("producer.id.expiration.check.interval.ms",))
"""Not shown to anybody."""

_DYNAMIC: Final = frozenset(("producer.id.expiration.ms",))


class Synonym(NamedTuple):
    """A setting that gives the value, or would if those before it did not."""

    name: str
    value: str
    source: ConfigSource


class Entry(NamedTuple):
    """One setting."""

    name: str
    value: str | None
    source: ConfigSource
    read_only: bool
    type: ConfigType
    synonyms: list[Synonym]
    documentation: str


def is_dynamic(name: str) -> bool:
    """Whether a broker's setting can be changed while it runs."""
    return name in _DYNAMIC or BROKER_CONFIGS[name].topic_name is not None


def topic_entries(config: BrokerConfig, settings: TopicSettings) -> list[Entry]:
    """Every setting of a topic."""
    entries = []
    for name, known in TOPIC_CONFIGS.items():
        synonyms = [] if known.broker_name is None else _broker_synonyms(config, known.broker_name)
        if name in settings.explicit:
            synonyms.insert(0, Synonym(name, settings.explicit[name], ConfigSource.TOPIC_CONFIG))
        source = synonyms[0].source if synonyms else ConfigSource.DEFAULT_CONFIG
        entries.append(Entry(name, settings[name], source, False, known.type, synonyms, known.documentation))
    return entries


def broker_entries(config: BrokerConfig) -> list[Entry]:
    """Every setting of a node."""
    entries = []
    for name, known in BROKER_CONFIGS.items():
        if name in INTERNAL:
            continue
        synonyms = _broker_synonyms(config, name)
        value = synonyms[0].value if synonyms else None
        source = synonyms[0].source if synonyms else ConfigSource.DEFAULT_CONFIG
        entries.append(
            Entry(name, value, source, not is_dynamic(name), known.type, synonyms, known.documentation)
        )
    return entries


def _broker_synonyms(config: BrokerConfig, name: str) -> list[Synonym]:
    synonyms = []
    if name in config.dynamic:
        synonyms.append(Synonym(name, config[name], config.dynamic[name]))
    if name in config.started_with:
        synonyms.append(Synonym(name, config.started_with[name], ConfigSource.STATIC_BROKER_CONFIG))
    if name not in UNSET:
        synonyms.append(Synonym(name, BROKER_CONFIGS[name].default, ConfigSource.DEFAULT_CONFIG))
    return synonyms
