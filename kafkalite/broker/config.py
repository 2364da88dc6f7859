"""The broker's own settings, under Kafka's names, and what a topic's settings come to. Called by everything in here.

Only settings that change something are known: a name that Kafka has and this broker does nothing with is refused like
a misspelt one, so that no test relies on it. The defaults of topics' settings (`log.retention.ms` for `retention.ms`)
are known as well, because DescribeConfigs shows them. Thread: loop, `BrokerConfig()` any.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from kafkalite.protocol.codes import CompressionType, ConfigSource, ConfigType

from .topic_configs import TOPIC_CONFIGS

__all__ = ["BROKER_CONFIGS", "BrokerConfig", "BrokerSetting", "TopicSettings"]


class BrokerSetting(NamedTuple):
    """One setting of the broker. `low` and `high` bound a number; `topic_name` is what topics call it."""

    name: str
    type: ConfigType
    default: str
    low: int | None
    high: int | None
    documentation: str
    topic_name: str | None = None


_INT_MAX, _LONG_MAX = 2**31 - 1, 2**63 - 1
_B, _I, _L = ConfigType.BOOLEAN, ConfigType.INT, ConfigType.LONG

_OWN = (
    BrokerSetting("auto.create.topics.enable", _B, "true", None, None,
                  "Whether a topic that a client asks about comes into being."),
    BrokerSetting("connections.max.idle.ms", _L, "600000", 1, _LONG_MAX,
                  "A connection on which nothing happened for so long is closed."),
    BrokerSetting("default.replication.factor", _I, "1", 1, 32767,
                  "Replicas of a topic that does not say how many it wants."),
    BrokerSetting("delete.topic.enable", _B, "true", None, None,
                  "Whether DeleteTopics is allowed."),
    BrokerSetting("fetch.max.bytes", _I, "57671680", 1024, _INT_MAX,
                  "The most that one Fetch answer aims for, whatever the client allows."),
    BrokerSetting("group.initial.rebalance.delay.ms", _I, "0", 0, _INT_MAX,
                  "How long a new group waits for more members; Kafka's own default is 3000."),
    BrokerSetting("group.max.session.timeout.ms", _I, "1800000", 0, _INT_MAX,
                  "The longest session.timeout.ms that a member may ask for."),
    BrokerSetting("group.max.size", _I, str(_INT_MAX), 1, _INT_MAX,
                  "The most members that a group may have."),
    BrokerSetting("group.min.session.timeout.ms", _I, "6000", 0, _INT_MAX,
                  "The shortest session.timeout.ms that a member may ask for."),
    BrokerSetting("max.incremental.fetch.session.cache.slots", _I, "1000", 0, _INT_MAX,
                  "How many fetch sessions a node remembers."),
    BrokerSetting("num.partitions", _I, "1", 1, _INT_MAX,
                  "Partitions of a topic that does not say how many it wants."),
    BrokerSetting("offset.metadata.max.bytes", _I, "4096", 0, _INT_MAX,
                  "The longest text that may be committed with an offset."),
    BrokerSetting("offsets.topic.num.partitions", _I, "50", 1, _INT_MAX,
                  "Partitions of __consumer_offsets: they decide which node coordinates a group."),
    BrokerSetting("offsets.topic.replication.factor", ConfigType.SHORT, "3", 1, 32767,
                  "Replicas of __consumer_offsets; fewer if there are fewer nodes."),
    BrokerSetting("producer.id.expiration.check.interval.ms", _I, "600000", 1, _INT_MAX,
                  "How often a partition looks for producers to forget."),
    BrokerSetting("producer.id.expiration.ms", _I, "86400000", 1, _INT_MAX,
                  "A partition forgets the sequences of a producer that wrote nothing for so long."),
    BrokerSetting("socket.request.max.bytes", _I, "104857600", 1, _INT_MAX,
                  "A connection that announces a larger request is closed."),
)  # fmt: skip

BROKER_CONFIGS: Final[dict[str, BrokerSetting]] = {
    setting.name: setting
    for setting in sorted(
        _OWN
        + tuple(
            BrokerSetting(
                topic.broker_name, topic.type, topic.default, None, None, topic.documentation, topic.name
            )
            for topic in TOPIC_CONFIGS.values()
            if topic.broker_name is not None
        )
    )
}
"""Every setting by its name."""

_BROKER_NAME = {name: topic.broker_name for name, topic in TOPIC_CONFIGS.items()}


class BrokerConfig(Mapping[str, str]):
    """The settings of one cluster: all nodes share them. Values are text, as on the wire; `number` and `flag` read them.

    Raises ValueError for a name that is not known, with the nearest one that is, and for a value that does not fit.
    """

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self.explicit: dict[str, str] = {}
        """What was set, as opposed to the defaults."""
        self.dynamic: dict[str, ConfigSource] = {}
        """What a client changed since: for one node or for the cluster, which comes to the same here."""
        for name, value in (values or {}).items():
            self.set(name, _text(value))
        self.started_with = dict(self.explicit)

    def __getitem__(self, name: str) -> str:
        value = self.explicit.get(name)
        return BROKER_CONFIGS[name].default if value is None else value

    def __iter__(self) -> Iterator[str]:
        return iter(BROKER_CONFIGS)

    def __len__(self) -> int:
        return len(BROKER_CONFIGS)

    def set(self, name: str, value: str | None) -> None:
        """Change a setting; None goes back to the default."""
        if name not in BROKER_CONFIGS:
            raise ValueError(_unknown(name))
        if value is None:
            self.explicit.pop(name, None)
            return
        problem = _problem(BROKER_CONFIGS[name], value)
        if problem is not None:
            raise ValueError(f"the broker setting {name} cannot be {value!r}: {problem}")
        self.explicit[name] = value

    def change(self, name: str, value: str | None, source: ConfigSource) -> None:
        """A client changes a setting while the broker runs; None goes back to what the broker was started with."""
        if value is None:
            self.set(name, self.started_with.get(name))
            self.dynamic.pop(name, None)
        else:
            self.set(name, value)
            self.dynamic[name] = source

    def number(self, name: str) -> int:
        """A setting that is a number."""
        return int(self[name])

    def seconds(self, name: str) -> float:
        """A setting in milliseconds, in seconds."""
        return int(self[name]) / 1000

    def flag(self, name: str) -> bool:
        """A setting that is true or false."""
        return self[name].strip().lower() == "true"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, BROKER_CONFIGS, n=1, cutoff=0.6)
    if name in TOPIC_CONFIGS:
        broker_name = _BROKER_NAME[name]
        near = [broker_name] if broker_name is not None else []
        return f"{name} is a setting of topics" + (f"; brokers call it {near[0]}" if near else "")
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"there is no broker setting {name!r}, or the embedded broker does nothing with it.{hint}"


def _problem(setting: BrokerSetting, value: str) -> str | None:
    if setting.topic_name is not None:
        return TOPIC_CONFIGS[setting.topic_name].check(value)
    if setting.type == ConfigType.BOOLEAN:
        return None if value.strip().lower() in ("true", "false") else "expected true or false"
    if not re.fullmatch(r"\s*[+-]?[0-9]+\s*", value):
        return "expected a whole number"
    if setting.low is not None and int(value) < setting.low:
        return f"it must be at least {setting.low}"
    if setting.high is not None and int(value) > setting.high:
        return f"it must be at most {setting.high}"
    return None


_CODECS: Final[dict[str, int]] = {
    "uncompressed": CompressionType.NONE,
    "gzip": CompressionType.GZIP,
    "snappy": CompressionType.SNAPPY,
    "lz4": CompressionType.LZ4,
    "zstd": CompressionType.ZSTD,
}
_LEVELS: Final[dict[int, str]] = {
    CompressionType.GZIP: "compression.gzip.level",
    CompressionType.LZ4: "compression.lz4.level",
    CompressionType.ZSTD: "compression.zstd.level",
}


class TopicSettings:
    """What a topic sets itself, over what the broker sets for all; read once, and again after each change."""

    def __init__(self, broker: BrokerConfig, values: Mapping[str, str] | None = None) -> None:
        self._broker = broker
        self.explicit: dict[str, str] = dict(values or {})
        """What the topic sets itself. Change it with `replace`."""
        self.read()

    def replace(self, values: Mapping[str, str]) -> None:
        """Set exactly these. They were checked with `topic_configs.problem_with_all`."""
        self.explicit = dict(values)
        self.read()

    def __getitem__(self, name: str) -> str:
        """A setting as text: the topic's, or else the broker's, or else the default."""
        value = self.explicit.get(name)
        if value is not None:
            return value
        broker_name = _BROKER_NAME[name]
        return TOPIC_CONFIGS[name].default if broker_name is None else self._broker[broker_name]

    def read(self) -> None:
        """Turn the settings that every batch is checked against into values. Also after the broker's have changed."""
        self.compacted = "compact" in self["cleanup.policy"]
        self.max_message_bytes = int(self["max.message.bytes"])
        self.min_insync_replicas = int(self["min.insync.replicas"])
        self.log_append_time = self["message.timestamp.type"] == "LogAppendTime"
        self.timestamp_before_ms = int(self["message.timestamp.before.max.ms"])
        self.timestamp_after_ms = int(self["message.timestamp.after.max.ms"])
        self.codec: int | None = _CODECS.get(self["compression.type"])
        """What batches are stored with; None leaves them as the producer sent them."""
        level = _LEVELS.get(self.codec) if self.codec is not None else None
        self.level: int | None = None if level is None else int(self[level])
