"""What the client itself finds wrong, without a broker having said so. Thread: any."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kafkalite.errors.kinds import InvalidMetadataError, KafkaError, RetriableError

if TYPE_CHECKING:
    from kafkalite.types import BulkMetadata, OffsetAndMetadata, TopicPartition

__all__ = [
    "BufferExhaustedError",
    "BulkSendError",
    "Cancelled",
    "CodecNotAvailableError",
    "CommitFailedError",
    "ConsumerStoppedError",
    "CorrelationIdError",
    "DeliveryTimeoutError",
    "DeserializationError",
    "ForkedError",
    "IllegalArgumentError",
    "IllegalOperation",
    "IllegalStateError",
    "InvalidReceiveError",
    "KafkaConfigurationError",
    "KafkaConnectionError",
    "KafkaProtocolError",
    "KafkaTimeoutError",
    "KafkaUnavailableError",
    "KeyDeserializationError",
    "KeySerializationError",
    "LogTruncationError",
    "MetadataEmptyBrokerList",
    "MetadataTimeoutError",
    "NoBrokersAvailable",
    "NoOffsetForPartitionError",
    "NodeNotReadyError",
    "ProducerClosed",
    "QuotaViolationError",
    "SerializationError",
    "StaleMetadata",
    "TooManyInFlightRequests",
    "TransactionAbortedError",
    "UnknownBrokerIdError",
    "UnrecognizedBrokerVersion",
    "UnrecognizedOptionError",
    "UnsupportedCodecError",
    "ValueDeserializationError",
    "ValueSerializationError",
]

# How the program uses the client ---------------------------------------------------------------------------------


class KafkaConfigurationError(KafkaError, ValueError):
    """An option has a wrong value, contradicts another one, or asks for something kafkalite does not do."""


class UnrecognizedOptionError(KafkaConfigurationError, TypeError):
    """No option has that name. It is a `TypeError` too, like any call with an unknown keyword argument."""


class IllegalArgumentError(KafkaError, ValueError):
    """An argument of a call makes no sense: a negative offset, a partition that does not exist."""


class IllegalStateError(KafkaError):
    """The call does not fit what the client is doing, for instance `seek` on a partition that is not assigned."""


class IllegalOperation(IllegalStateError):
    """The options rule this call out, for instance `commit` without a `group_id`."""


class ProducerClosed(IllegalStateError):
    """The producer was closed. Records that it still held have failed with this error."""

    fatal = True


class ConsumerStoppedError(IllegalStateError):
    """The consumer was closed, maybe by another task while this call was waiting."""

    fatal = True


class ForkedError(IllegalStateError):
    """The client was created in another process: threads and connections do not survive a fork.

    Create clients after the fork (gunicorn: in `post_fork`; celery: in `worker_process_init`).
    """

    fatal = True


class SerializationError(KafkaError, TypeError, ValueError):
    """A key or value could not be turned into bytes. The serializer's own exception is the `__cause__`."""


class KeySerializationError(SerializationError):
    """The key serializer failed, or did not return bytes."""


class ValueSerializationError(SerializationError):
    """The value serializer failed, or did not return bytes."""


class DeserializationError(SerializationError):
    """The bytes of a record could not be turned into a key or value. The cause is the `__cause__`.

    The consumer adds where the record is, so that a program can step over it:
    `consumer.seek(error.topic_partition, error.offset + 1)`.
    """

    topic_partition: TopicPartition | None = None
    offset: int | None = None

    def __str__(self) -> str:
        text = super().__str__()
        if self.topic_partition is None:
            return text
        topic, partition = self.topic_partition
        return f"{topic}-{partition} at offset {self.offset}: {text}"


class KeyDeserializationError(DeserializationError):
    """The key deserializer failed."""


class ValueDeserializationError(DeserializationError):
    """The value deserializer failed."""


# Waiting too long ------------------------------------------------------------------------------------------------


class KafkaTimeoutError(RetriableError):
    """A deadline passed. The message says what was awaited and why it did not come."""


class MetadataTimeoutError(KafkaTimeoutError):
    """The topic's partitions did not become known in time (`max_block_ms`)."""


class BufferExhaustedError(KafkaTimeoutError):
    """The producer's memory (`buffer_memory`) stayed full for `max_block_ms`: brokers take less than is sent."""


class DeliveryTimeoutError(KafkaTimeoutError):
    """A record was not acknowledged within `delivery_timeout_ms`. Whether it was written is not known."""


# Sending many ----------------------------------------------------------------------------------------------------


class BulkSendError(KafkaError):
    """Some of the records of a `send_many` failed, or were never handed over.

    It is raised by the delivery when it knows the outcome of all, and by `send_many` itself if that had to stop in the
    middle. Sending all of them again would send again what was written: look at `errors`.
    """

    errors: Mapping[int, KafkaError] = MappingProxyType({})
    """What went wrong, by the record's index in the lists; what is not in here was written, or is on its way."""
    written: BulkMetadata | None = None
    """Where the others went; None if it is `send_many` that raised this."""
    delivery: Any = None
    """If `send_many` raised this: the delivery of the records that it had handed over before."""

    def __reduce__(self) -> tuple[object, ...]:
        # The rest belongs to a producer, which cannot leave its process.
        kept = {name: value for name, value in vars(self).items() if name not in ("written", "delivery")}
        return type(self), self.args, kept


# Reaching the cluster --------------------------------------------------------------------------------------------


class KafkaConnectionError(InvalidMetadataError):
    """A connection could not be opened, or was lost while an answer was awaited."""


class NoBrokersAvailable(KafkaConnectionError, KafkaTimeoutError):
    """None of `bootstrap_servers` answered in time. The message lists each address with its cause.

    aiokafka raises a `KafkaConnectionError` then, kafka-python 3 a `KafkaTimeoutError`: this is both.
    """


class NodeNotReadyError(RetriableError):
    """The broker is known, but there is no usable connection to it yet."""


class TooManyInFlightRequests(RetriableError):
    """The connection already carries as many unanswered requests as allowed."""


class MetadataEmptyBrokerList(RetriableError):
    """A broker answered with an empty list of brokers, as one that is still starting does."""


class StaleMetadata(InvalidMetadataError):
    """The metadata no longer fits what the brokers say."""


class UnknownBrokerIdError(KafkaError):
    """No broker of the cluster has that id."""


class KafkaUnavailableError(KafkaError):
    """The cluster as a whole cannot be reached."""


class Cancelled(RetriableError):
    """The request was given up before it was answered, because the client was closed."""


class QuotaViolationError(KafkaError):
    """A quota of the client itself was exceeded."""


# Bytes -----------------------------------------------------------------------------------------------------------


class KafkaProtocolError(KafkaError):
    """A broker sent bytes that are not what the protocol says."""


class CorrelationIdError(RetriableError, KafkaProtocolError):
    """An answer does not belong to the oldest unanswered request; the connection is given up."""


class InvalidReceiveError(KafkaProtocolError):
    """An answer claims a negative size, or one above `receive_message_max_bytes`."""


class UnrecognizedBrokerVersion(KafkaError):
    """The broker is too old or too strange to talk to."""


class UnsupportedCodecError(KafkaError):
    """Records use a compression that kafkalite does not know."""


class CodecNotAvailableError(UnsupportedCodecError):
    """The library for this compression is not installed. `package` is the name to give to pip."""

    def __init__(self, *args: object, package: str = "") -> None:
        super().__init__(*args)
        self.package = package


# Consuming and transactions --------------------------------------------------------------------------------------


class CommitFailedError(KafkaError):
    """The group has moved on without this consumer: its partitions belong to others, so it may not commit."""

    def __init__(self, *args: object) -> None:
        super().__init__(
            *args
            or (
                "The offsets were not committed: the group has rebalanced and given the partitions to other"
                " members. Usually the time between two polls exceeded max_poll_interval_ms: poll more often,"
                " lower max_poll_records, or raise max_poll_interval_ms. The records will be delivered again.",
            )
        )


class NoOffsetForPartitionError(KafkaError):
    """No offset is committed for a partition, and `auto_offset_reset='none'` forbids choosing one."""


class LogTruncationError(KafkaError):
    """Records that were already read no longer exist: a broker with a shorter log became leader (KIP-320).

    `divergent_offsets` maps each partition to the offset that is safe to seek to, or None if unknown.
    """

    def __init__(
        self, divergent_offsets: Mapping[TopicPartition, OffsetAndMetadata | None], *args: object
    ) -> None:
        self.divergent_offsets = dict(divergent_offsets)
        super().__init__(
            *args
            or (
                f"The log was cut back below what was already read: {self.divergent_offsets}. Seek to the given"
                " offsets, or set auto_offset_reset.",
            )
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.divergent_offsets, *self.args)


class TransactionAbortedError(KafkaError):
    """The record was still waiting to be sent when its transaction was aborted (KIP-654)."""
