"""The settings that a topic can have: Kafka's names, types, defaults and limits. Called by the handlers of topics and
configs, and by `cluster`. Thread: any (tables and functions).

Values are text, as on the wire. A setting that a topic does not set takes the broker's, under the broker's name for it;
`value_of` does that. Which settings change what this broker does is listed in docs/broker.md: the others are kept,
checked and shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from kafkalite.protocol.codes import ConfigType

__all__ = ["TOPIC_CONFIGS", "TopicConfig", "problem_with", "problem_with_all"]

Check = Callable[[str], str | None]
"""Says what is wrong with a value, or nothing."""

INT: Final = (-(2**31), 2**31 - 1)
LONG: Final = (-(2**63), 2**63 - 1)
FOREVER: Final = str(2**63 - 1)


class TopicConfig(NamedTuple):
    """One setting. `broker_name` is what brokers call it, if they have it."""

    name: str
    type: ConfigType
    default: str
    check: Check
    broker_name: str | None
    documentation: str


def _whole(
    low: int | None = None, high: int | None = None, *, also: int | None = None, bits: int = 64
) -> Check:
    smallest, largest = INT if bits == 32 else LONG

    def check(value: str) -> str | None:
        if not re.fullmatch(r"\s*[+-]?[0-9]+\s*", value) or not smallest <= int(value) <= largest:
            return f"not a number of type {'INT' if bits == 32 else 'LONG'}"
        number = int(value)
        if number == also:
            return None
        if low is not None and number < low:
            return f"value must be at least {low}"
        if high is not None and number > high:
            return f"value must be no more than {high}"
        return None

    return check


def _ratio(value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "not a number of type DOUBLE"
    return None if 0 <= number <= 1 else "value must be between 0 and 1"


def _boolean(value: str) -> str | None:
    return None if value.strip().lower() in ("true", "false") else "expected value to be either true or false"


def _one_of(*choices: str) -> Check:
    def check(value: str) -> str | None:
        return None if value in choices else f"string must be one of: {', '.join(choices)}"

    return check


def _cleanup(value: str) -> str | None:
    parts = [part.strip() for part in value.split(",")] if value.strip() else []
    if any(part not in ("compact", "delete") for part in parts):
        return "string must be one of: compact, delete"
    return None


def _throttled(value: str) -> str | None:
    text = value.strip()
    if text in ("", "*", "none") or all(
        re.fullmatch(r"[0-9]+:[0-9]+", part.strip()) for part in text.split(",")
    ):
        return None
    return "must be the literal '*' or a list of partition:broker"


def _table(*configs: TopicConfig) -> dict[str, TopicConfig]:
    return {config.name: config for config in sorted(configs)}


_B, _S, _I, _L, _D, _T = (
    ConfigType.BOOLEAN,
    ConfigType.STRING,
    ConfigType.INT,
    ConfigType.LONG,
    ConfigType.DOUBLE,
    ConfigType.LIST,
)

TOPIC_CONFIGS: Final[dict[str, TopicConfig]] = _table(
    TopicConfig("cleanup.policy", _T, "delete", _cleanup, "log.cleanup.policy",
                "What becomes of old records: delete them, compact them to the last of each key, or both."),
    TopicConfig("compression.gzip.level", _I, "-1", _whole(1, 9, also=-1, bits=32), "compression.gzip.level",
                "The level used if the broker compresses with gzip; -1 is the library's own."),
    TopicConfig("compression.lz4.level", _I, "9", _whole(1, 17, bits=32), "compression.lz4.level",
                "The level used if the broker compresses with lz4."),
    TopicConfig("compression.type", _S, "producer",
                _one_of("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"), "compression.type",
                "How batches are stored: as the producer sent them, or in one codec."),
    TopicConfig("compression.zstd.level", _I, "3", _whole(-131072, 22, bits=32), "compression.zstd.level",
                "The level used if the broker compresses with zstd."),
    TopicConfig("delete.retention.ms", _L, "86400000", _whole(0), "log.cleaner.delete.retention.ms",
                "How long compaction keeps the mark of a deleted key."),
    TopicConfig("file.delete.delay.ms", _L, "60000", _whole(0), "log.segment.delete.delay.ms",
                "How long a deleted segment's file stays on disk."),
    TopicConfig("flush.messages", _L, FOREVER, _whole(1), "log.flush.interval.messages",
                "After how many records the log is forced to disk."),
    TopicConfig("flush.ms", _L, FOREVER, _whole(0), "log.flush.interval.ms",
                "After what time the log is forced to disk."),
    TopicConfig("follower.replication.throttled.replicas", _T, "", _throttled, None,
                "Replicas, as partition:broker, whose followers replicate at a limited rate."),
    TopicConfig("index.interval.bytes", _I, "4096", _whole(0, bits=32), "log.index.interval.bytes",
                "How many bytes of log lie between two entries of the offset index."),
    TopicConfig("leader.replication.throttled.replicas", _T, "", _throttled, None,
                "Replicas, as partition:broker, that leaders feed at a limited rate."),
    TopicConfig("local.retention.bytes", _L, "-2", _whole(-2), "log.local.retention.bytes",
                "How much of a tiered log stays on the broker; -2 follows retention.bytes."),
    TopicConfig("local.retention.ms", _L, "-2", _whole(-2), "log.local.retention.ms",
                "How long a tiered log stays on the broker; -2 follows retention.ms."),
    TopicConfig("max.compaction.lag.ms", _L, FOREVER, _whole(1), "log.cleaner.max.compaction.lag.ms",
                "The longest time that a record may stay uncompacted."),
    TopicConfig("max.message.bytes", _I, "1048588", _whole(0, bits=32), "message.max.bytes",
                "The largest batch that may be written, after compression."),
    TopicConfig("message.timestamp.after.max.ms", _L, "3600000", _whole(0), "log.message.timestamp.after.max.ms",
                "How far a record's time may be ahead of the broker's."),
    TopicConfig("message.timestamp.before.max.ms", _L, FOREVER, _whole(0), "log.message.timestamp.before.max.ms",
                "How far a record's time may be behind the broker's."),
    TopicConfig("message.timestamp.type", _S, "CreateTime", _one_of("CreateTime", "LogAppendTime"),
                "log.message.timestamp.type",
                "Whether a record carries the time of its making or of its arrival."),
    TopicConfig("min.cleanable.dirty.ratio", _D, "0.5", _ratio, "log.cleaner.min.cleanable.ratio",
                "How much of a log must be uncompacted before compaction starts."),
    TopicConfig("min.compaction.lag.ms", _L, "0", _whole(0), "log.cleaner.min.compaction.lag.ms",
                "The shortest time that a record stays uncompacted."),
    TopicConfig("min.insync.replicas", _I, "1", _whole(1, bits=32), "min.insync.replicas",
                "How many replicas must have a record that was sent with acks=all."),
    TopicConfig("preallocate", _B, "false", _boolean, "log.preallocate",
                "Whether a new segment's file gets its full size at once."),
    TopicConfig("remote.log.copy.disable", _B, "false", _boolean, None,
                "Whether a tiered log is no longer copied to remote storage."),
    TopicConfig("remote.log.delete.on.disable", _B, "false", _boolean, None,
                "Whether turning tiered storage off deletes what is there."),
    TopicConfig("remote.storage.enable", _B, "false", _boolean, None,
                "Whether old segments move to remote storage."),
    TopicConfig("retention.bytes", _L, "-1", _whole(), "log.retention.bytes",
                "How large a partition may grow before its oldest records go; -1 is without limit."),
    TopicConfig("retention.ms", _L, "604800000", _whole(-1), "log.retention.ms",
                "How long a record is kept; -1 is without limit."),
    TopicConfig("segment.bytes", _I, "1073741824", _whole(1048576, bits=32), "log.segment.bytes",
                "The size of one segment file."),
    TopicConfig("segment.index.bytes", _I, "10485760", _whole(4, bits=32), "log.index.size.max.bytes",
                "The size of one segment's index."),
    TopicConfig("segment.jitter.ms", _L, "0", _whole(0), "log.roll.jitter.ms",
                "The largest random part of segment.ms, so that logs do not roll together."),
    TopicConfig("segment.ms", _L, "604800000", _whole(1), "log.roll.ms",
                "After what time a segment is closed even if it is not full."),
    TopicConfig("unclean.leader.election.enable", _B, "false", _boolean, "unclean.leader.election.enable",
                "Whether a replica that is behind may lead when no other is left."),
)  # fmt: skip


def problem_with(name: str, value: str | None) -> str | None:
    """What is wrong with this setting, in one sentence, or None."""
    config = TOPIC_CONFIGS.get(name)
    if config is None:
        return f"Unknown topic config name: {name}"
    if value is None:
        return f"Null value not supported for topic configs: {name}"
    wrong = config.check(value)
    return None if wrong is None else f"Invalid value {value} for configuration {name}: {wrong}"


def problem_with_all(configs: Mapping[str, str | None]) -> str | None:
    """What is wrong with these settings together, or None."""
    for name, value in configs.items():
        if (problem := problem_with(name, value)) is not None:
            return problem
    lag = {name: int(configs.get(name) or TOPIC_CONFIGS[name].default) for name in _LAGS}
    if lag[_LAGS[0]] > lag[_LAGS[1]]:
        return f"{_LAGS[0]} ({lag[_LAGS[0]]}) must not be above {_LAGS[1]} ({lag[_LAGS[1]]})"
    if (configs.get("remote.storage.enable") or "").strip().lower() == "true":
        return "Tiered storage is off in this cluster: remote.storage.enable cannot be true"
    return None


_LAGS: Final = ("min.compaction.lag.ms", "max.compaction.lag.ms")
