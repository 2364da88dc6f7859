"""The consumer's options. Thread: caller."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from kafkalite.config.checks import (
    INT32_MAX,
    Assignors,
    Flag,
    Integer,
    Milliseconds,
    OffsetReset,
    OneOf,
    Shaped,
    Text,
)
from kafkalite.config.connection import ALLOW_AUTO_CREATE_TOPICS, ConnectionConfig, ConnectionOptions
from kafkalite.config.option import CLIENTS, Option
from kafkalite.config.resolve import Chosen, choose
from kafkalite.errors import KafkaConfigurationError
from kafkalite.protocol.codes import IsolationLevel
from kafkalite.serializers import Deserialize, Deserializer, resolve_deserializer

__all__ = ["ConsumerConfig", "ConsumerOptions"]

log = logging.getLogger(__name__)

_DESERIALIZER = Shaped(
    "deserialize", expects="a function, an object with deserialize(topic, headers, data), or None"
)


class ConsumerOptions(ConnectionOptions, total=False):
    """Everything that a consumer can be told."""

    group_id: Annotated[
        str | None,
        Option(
            None,
            Text(),
            "Consumer group to join for subscribe(), and to commit offsets for; None: no group.",
            kafka="group.id",
        ),
    ]
    group_instance_id: Annotated[
        str | None,
        Option(
            None,
            Text(
                legal=r"(?!\.\.?\Z)[A-Za-z0-9._-]{1,249}",
                described="1 to 249 of the characters A-Z a-z 0-9 . _ -",
            ),
            "Makes this consumer a static member, which keeps its partitions over a restart (KIP-345).",
            kafka="group.instance.id",
        ),
    ]
    key_deserializer: Annotated[
        Callable[[Any], object] | Deserializer | type[Deserializer] | None,
        Option(None, _DESERIALIZER, "Turns bytes into keys; None: keys are bytes.", kafka="key.deserializer"),
    ]
    value_deserializer: Annotated[
        Callable[[Any], object] | Deserializer | type[Deserializer] | None,
        Option(
            None,
            _DESERIALIZER,
            "Turns bytes into values; None: values are bytes.",
            kafka="value.deserializer",
        ),
    ]
    partition_assignment_strategy: Annotated[
        str | Sequence[object],
        Option(
            ("range",),
            Assignors(("range",), ("roundrobin", "sticky", "cooperative-sticky")),
            "How members of a group share partitions out, in order of preference.",
            kafka="partition.assignment.strategy",
        ),
    ]
    session_timeout_ms: Annotated[
        float,
        Option(
            45_000,
            Milliseconds(1),
            "The group gives up a member that sent no heartbeat for this long.",
            kafka="session.timeout.ms",
        ),
    ]
    heartbeat_interval_ms: Annotated[
        float,
        Option(
            3_000,
            Milliseconds(1),
            "Time between heartbeats; below session_timeout_ms, at most a third of it is wise.",
            kafka="heartbeat.interval.ms",
        ),
    ]
    max_poll_interval_ms: Annotated[
        float,
        Option(
            300_000,
            Milliseconds(1),
            "A member that does not poll for this long leaves the group; also the limit of a rebalance.",
            kafka="max.poll.interval.ms",
        ),
    ]
    max_poll_records: Annotated[
        int | None,
        Option(
            500,
            Integer(1, none=INT32_MAX, allows_none=True),
            "Most records per poll; None: as many as there are.",
            kafka="max.poll.records",
        ),
    ]
    enable_auto_commit: Annotated[
        bool,
        Option(
            True,
            Flag(),
            "Commit the position of what poll() has returned, in the background.",
            kafka="enable.auto.commit",
        ),
    ]
    auto_commit_interval_ms: Annotated[
        float,
        Option(5_000, Milliseconds(1), "How often that happens.", kafka="auto.commit.interval.ms"),
    ]
    auto_offset_reset: Annotated[
        str,
        Option(
            "latest",
            OffsetReset(),
            "Where to start without a committed offset: 'earliest', 'latest', 'by_duration:PT1H' (an hour back) or"
            " 'none' (raise).",
            kafka="auto.offset.reset",
        ),
    ]
    isolation_level: Annotated[
        Literal["read_uncommitted", "read_committed"] | IsolationLevel,
        Option(
            "read_uncommitted",
            OneOf(
                {
                    "read_uncommitted": IsolationLevel.READ_UNCOMMITTED,
                    "read_committed": IsolationLevel.READ_COMMITTED,
                    0: IsolationLevel.READ_UNCOMMITTED,
                    1: IsolationLevel.READ_COMMITTED,
                },
                "'read_uncommitted' or 'read_committed'",
            ),
            "Whether to see records of open and aborted transactions.",
            kafka="isolation.level",
        ),
    ]
    fetch_min_bytes: Annotated[
        int,
        Option(1, Integer(0, unit=" of bytes"), "A broker waits for this much ...", kafka="fetch.min.bytes"),
    ]
    fetch_max_wait_ms: Annotated[
        float,
        Option(
            500,
            Milliseconds(),
            "... at most this long before it answers; below request_timeout_ms.",
            kafka="fetch.max.wait.ms",
        ),
    ]
    fetch_max_bytes: Annotated[
        int,
        Option(
            52_428_800,
            Integer(1, unit=" of bytes"),
            "Aim for the size of one answer.",
            kafka="fetch.max.bytes",
        ),
    ]
    max_partition_fetch_bytes: Annotated[
        int,
        Option(
            1_048_576,
            Integer(1, unit=" of bytes"),
            "Aim for one partition's share of an answer; a larger batch still comes whole.",
            kafka="max.partition.fetch.bytes",
        ),
    ]
    check_crcs: Annotated[
        bool, Option(True, Flag(), "Check the checksum of every batch.", kafka="check.crcs")
    ]
    exclude_internal_topics: Annotated[
        bool,
        Option(
            True,
            Flag(),
            "A pattern never matches internal topics such as __consumer_offsets.",
            kafka="exclude.internal.topics",
        ),
    ]
    client_rack: Annotated[
        str | None,
        Option(
            "",
            Text(none="", legal=".*", described="a text"),
            "Where this consumer runs; brokers may then serve it from a near replica (KIP-392).",
            kafka="client.rack",
        ),
    ]
    consumer_timeout_ms: Annotated[
        float,
        Option(
            float("inf"),
            Milliseconds(endless=True),
            "Iterating over the consumer ends after this long without a record.",
        ),
    ]
    default_offset_commit_callback: Annotated[
        Callable[..., object] | None,
        Option(
            None, Shaped(), "Called with (offsets, result) after commits that have no callback of their own."
        ),
    ]
    enable_incremental_fetch_sessions: Annotated[
        bool,
        Option(True, Flag(), "Tell brokers only what changed since the last fetch (KIP-227)."),
    ]
    allow_auto_create_topics: Annotated[bool, ALLOW_AUTO_CREATE_TOPICS]


CLIENTS["consumer"] = ConsumerOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerConfig:
    """Resolved: names without `_ms` are in seconds."""

    connection: ConnectionConfig
    group_id: str | None
    group_instance_id: str | None
    key_deserializer: Deserialize | None
    value_deserializer: Deserialize | None
    partition_assignment_strategy: tuple[object, ...]
    session_timeout: float
    heartbeat_interval: float
    max_poll_interval: float
    max_poll_records: int
    enable_auto_commit: bool
    auto_commit_interval: float
    auto_offset_reset: str | tuple[str, float]
    isolation_level: int
    fetch_min_bytes: int
    fetch_max_wait: float
    fetch_max_bytes: int
    max_partition_fetch_bytes: int
    check_crcs: bool
    exclude_internal_topics: bool
    client_rack: str
    consumer_timeout: float
    default_offset_commit_callback: Callable[..., object] | None
    enable_incremental_fetch_sessions: bool
    allow_auto_create_topics: bool

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        """Check and complete what the user passed. Raises `KafkaConfigurationError`."""
        chosen = choose("consumer", ConsumerOptions, options)
        values = chosen.values
        values["key_deserializer"] = resolve_deserializer(values["key_deserializer"], "key")
        values["value_deserializer"] = resolve_deserializer(values["value_deserializer"], "value")
        values["heartbeat_interval"] = _heartbeat_interval(chosen)
        _check_group(chosen)
        _check_fetch(chosen)
        return cls(connection=ConnectionConfig.chosen(chosen), **chosen.fields_of(cls))


def _heartbeat_interval(chosen: Chosen) -> float:
    interval: float = chosen.values["heartbeat_interval"]
    session: float = chosen.values["session_timeout"]
    if not chosen.given("heartbeat_interval_ms"):
        return min(interval, session / 3)
    if interval >= session:
        raise KafkaConfigurationError(
            f"heartbeat_interval_ms ({interval * 1000:g}) must be below session_timeout_ms ({session * 1000:g}),"
            " better a third of it"
        )
    return interval


def _check_group(chosen: Chosen) -> None:
    values = chosen.values
    if values["group_id"] is not None:
        return
    if values["group_instance_id"] is not None:
        raise KafkaConfigurationError("group_instance_id needs a group_id")
    if values["enable_auto_commit"] and chosen.given("enable_auto_commit"):
        # Java refuses this; programs written for kafka-python, which only warns, pass it often.
        log.warning("enable_auto_commit has no effect without a group_id: nothing will be committed")
    values["enable_auto_commit"] = False


def _check_fetch(chosen: Chosen) -> None:
    values = chosen.values
    if values["fetch_max_wait"] >= values["request_timeout"]:
        raise KafkaConfigurationError(
            f"fetch_max_wait_ms ({values['fetch_max_wait'] * 1000:g}) must be below request_timeout_ms"
            f" ({values['request_timeout'] * 1000:g}), or every quiet fetch times out"
        )
    # An answer may exceed fetch_max_bytes by one batch, and carries names and numbers besides the records.
    least = values["fetch_max_bytes"] + values["max_partition_fetch_bytes"]
    if values["receive_message_max_bytes"] < least:
        if chosen.given("receive_message_max_bytes"):
            raise KafkaConfigurationError(
                f"receive_message_max_bytes ({values['receive_message_max_bytes']}) must be at least"
                f" fetch_max_bytes + max_partition_fetch_bytes ({least})"
            )
        values["receive_message_max_bytes"] = least
