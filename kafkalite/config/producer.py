"""The producer's options. Thread: caller."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from kafkalite.config.checks import ANY_TIME, Flag, Integer, Milliseconds, OneOf, Shaped
from kafkalite.config.connection import ALLOW_AUTO_CREATE_TOPICS, RETRIES, ConnectionConfig, ConnectionOptions
from kafkalite.config.option import CLIENTS, Option
from kafkalite.config.resolve import Chosen, choose
from kafkalite.errors import CodecNotAvailableError, KafkaConfigurationError
from kafkalite.protocol.codes import CompressionType
from kafkalite.protocol.errors import CodecMissingError
from kafkalite.serializers import Serialize, Serializer, resolve_serializer

__all__ = ["ProducerConfig", "ProducerOptions"]

log = logging.getLogger(__name__)

_SERIALIZER = Shaped(
    "serialize", expects="a function, an object with serialize(topic, headers, data), or None"
)


class ProducerOptions(ConnectionOptions, total=False):
    """Everything that a producer can be told."""

    acks: Annotated[
        Literal[0, 1, -1, "all"],
        Option(
            "all",
            OneOf({0: 0, 1: 1, -1: -1, "all": -1}, "0, 1, -1 or 'all'"),
            "Who must have a record before it counts as sent: nobody (0), the leader (1), all in-sync replicas.",
            kafka="acks",
        ),
    ]
    key_serializer: Annotated[
        Callable[[Any], bytes | None] | Serializer | type[Serializer] | None,
        Option(None, _SERIALIZER, "Turns keys into bytes; None: keys are bytes.", kafka="key.serializer"),
    ]
    value_serializer: Annotated[
        Callable[[Any], bytes | None] | Serializer | type[Serializer] | None,
        Option(
            None, _SERIALIZER, "Turns values into bytes; None: values are bytes.", kafka="value.serializer"
        ),
    ]
    compression_type: Annotated[
        Literal["none", "gzip", "snappy", "lz4", "zstd"] | None,
        Option(
            None,
            OneOf(
                {
                    None: CompressionType.NONE,
                    "none": CompressionType.NONE,
                    "gzip": CompressionType.GZIP,
                    "snappy": CompressionType.SNAPPY,
                    "lz4": CompressionType.LZ4,
                    "zstd": CompressionType.ZSTD,
                },
                "None, 'none', 'gzip', 'snappy', 'lz4' or 'zstd'",
            ),
            "How batches are compressed.",
            kafka="compression.type",
        ),
    ]
    compression_level: Annotated[
        int | None,
        Option(
            None,
            Integer(-131072, allows_none=True),
            "Level for compression_type: gzip 1 to 9, lz4 1 to 17, zstd up to 22; None: the codec's usual one.",
            kafka="compression.{gzip,lz4,zstd}.level",
        ),
    ]
    batch_size: Annotated[
        int,
        Option(
            # With Kafka's 16384 a Python program spends more on batches than on records: measured, 256 KiB is 1.4 to
            # 4 times as fast. Memory is only used for what was appended, and buffer_memory bounds the whole.
            262_144,
            Integer(0, unit=" of bytes"),
            "Aim for the size of one partition's batch; 0: every record alone.",
            kafka="batch.size",
        ),
    ]
    linger_ms: Annotated[
        float,
        Option(
            # kafka-python's and aiokafka's. Java's 5 would put 5 ms on every send that is waited for; under load
            # batches fill anyway while earlier ones are on their way.
            0,
            ANY_TIME,
            "Wait this long for more records before a batch is sent.",
            kafka="linger.ms",
        ),
    ]
    buffer_memory: Annotated[
        int,
        Option(
            33_554_432,
            Integer(1024, maximum=2**63 - 1, unit=" of bytes"),
            "Bytes of records that may wait in the producer; then send() waits too, up to max_block_ms.",
            kafka="buffer.memory",
        ),
    ]
    max_block_ms: Annotated[
        float,
        Option(
            60_000,
            Milliseconds(endless=True),
            "How long send() may wait for metadata or for room.",
            kafka="max.block.ms",
        ),
    ]
    max_request_size: Annotated[
        int,
        Option(
            1_048_576,
            Integer(1, unit=" of bytes"),
            "Largest request, and largest record before compression.",
            kafka="max.request.size",
        ),
    ]
    delivery_timeout_ms: Annotated[
        float,
        Option(
            120_000,
            Milliseconds(1, endless=True),
            "From send() to success or failure, retries included; at least linger_ms + request_timeout_ms.",
            kafka="delivery.timeout.ms",
        ),
    ]
    retries: Annotated[float, RETRIES]
    max_in_flight_requests_per_connection: Annotated[
        int,
        Option(
            5,
            Integer(1),
            "Unanswered requests per connection; at most 5 with idempotence.",
            kafka="max.in.flight.requests.per.connection",
        ),
    ]
    enable_idempotence: Annotated[
        bool,
        Option(
            True,
            Flag(),
            "Every record is written once and in order, whatever is retried; needs acks='all'.",
            kafka="enable.idempotence",
        ),
    ]
    partitioner: Annotated[
        object,
        Option(
            None,
            Shaped("partition", expects="a function of (key, all partitions, available ones), or None"),
            "Chooses the partition; None: Java's choice, murmur2 of the key, else one partition per batch.",
            kafka="partitioner.class",
        ),
    ]
    partitioner_ignore_keys: Annotated[
        bool,
        Option(
            False, Flag(), "Spread records with keys like those without.", kafka="partitioner.ignore.keys"
        ),
    ]
    partitioner_adaptive_partitioning_enable: Annotated[
        bool,
        Option(
            True,
            Flag(),
            "Send more to partitions whose queue is shorter (KIP-794).",
            kafka="partitioner.adaptive.partitioning.enable",
        ),
    ]
    partitioner_availability_timeout_ms: Annotated[
        float,
        Option(
            0,
            ANY_TIME,
            "Leave out partitions whose broker took nothing for this long; 0: never.",
            kafka="partitioner.availability.timeout.ms",
        ),
    ]
    allow_auto_create_topics: Annotated[bool, ALLOW_AUTO_CREATE_TOPICS]


CLIENTS["producer"] = ProducerOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class ProducerConfig:
    """Resolved: names without `_ms` are in seconds."""

    connection: ConnectionConfig
    acks: int
    key_serializer: Serialize | None
    value_serializer: Serialize | None
    compression_type: int
    compression_level: int | None
    batch_size: int
    linger: float
    buffer_memory: int
    max_block: float
    max_request_size: int
    delivery_timeout: float
    retries: int
    max_in_flight_requests_per_connection: int
    enable_idempotence: bool
    partitioner: object | None
    partitioner_ignore_keys: bool
    partitioner_adaptive_partitioning_enable: bool
    partitioner_availability_timeout: float

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        """Check and complete what the user passed. Raises `KafkaConfigurationError`."""
        chosen = choose("producer", ProducerOptions, options)
        values = chosen.values
        values["key_serializer"] = resolve_serializer(values["key_serializer"], "key")
        values["value_serializer"] = resolve_serializer(values["value_serializer"], "value")
        values["enable_idempotence"] = _idempotence(chosen)
        values["delivery_timeout"] = _delivery_timeout(chosen)
        # No batch can be sent that does not fit a request.
        values["batch_size"] = min(values["batch_size"], values["max_request_size"])
        _check_compression(values["compression_type"], values["compression_level"])
        return cls(connection=ConnectionConfig.chosen(chosen), **chosen.fields_of(cls))


def _idempotence(chosen: Chosen) -> bool:
    """Whether to be idempotent: if nothing speaks against it, or the user insists (then what speaks is an error)."""
    values = chosen.values
    if not values["enable_idempotence"]:
        return False
    against = []
    if values["acks"] != -1:
        against.append(f"acks={values['acks']} (it needs 'all')")
    if values["retries"] == 0:
        against.append("retries=0 (it needs retries)")
    if values["max_in_flight_requests_per_connection"] > 5:
        against.append(
            f"max_in_flight_requests_per_connection={values['max_in_flight_requests_per_connection']}"
            " (it needs at most 5)"
        )
    if against and chosen.given("enable_idempotence"):
        raise KafkaConfigurationError(f"enable_idempotence=True does not go with {' and '.join(against)}")
    if against:
        log.info("The producer is not idempotent because of %s", " and ".join(against))
    return not against


def _delivery_timeout(chosen: Chosen) -> float:
    values = chosen.values
    least: float = values["linger"] + values["request_timeout"]
    timeout: float = values["delivery_timeout"]
    if timeout >= least:
        return timeout
    if chosen.given("delivery_timeout_ms"):
        raise KafkaConfigurationError(
            f"delivery_timeout_ms ({timeout * 1000:g}) must be at least linger_ms + request_timeout_ms"
            f" ({values['linger'] * 1000:g} + {values['request_timeout'] * 1000:g}):"
            " raise it, or lower request_timeout_ms"
        )
    return least


def _check_compression(codec: CompressionType, level: int | None) -> None:
    if codec is CompressionType.NONE:
        return
    from kafkalite.protocol.records.compression import LEVELS, require

    if level is not None:
        levels = LEVELS.get(codec)
        if levels is None:
            raise KafkaConfigurationError(
                f"compression_level: {codec.name.lower()} has no levels; leave it out"
            )
        if level not in levels:
            raise KafkaConfigurationError(
                f"compression_level for {codec.name.lower()} must be from {levels[0]} to {levels[-1]}, not {level}"
            )
    try:
        require(codec)  # now rather than when the first batch is sent
    except CodecMissingError as error:
        raise CodecNotAvailableError(
            f"compression_type={codec.name.lower()!r}: {error}", package=error.package
        ) from None
