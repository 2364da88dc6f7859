"""What brokers answer to those who write and read records and ask for metadata. Thread: any."""

from __future__ import annotations

from kafkalite.errors.kinds import (
    AuthorizationError,
    BrokerResponseError,
    InvalidMetadataError,
    RetriableError,
)
from kafkalite.protocol.codes import ErrorCode

__all__ = [
    "BrokerNotAvailableError",
    "ClusterAuthorizationFailedError",
    "CorruptRecordError",
    "CorruptRecordException",
    "DuplicateSequenceNumber",
    "DuplicateSequenceNumberError",
    "FencedLeaderEpochError",
    "FetchSessionIdNotFound",
    "FetchSessionIdNotFoundError",
    "FetchSessionTopicIdError",
    "IncompatibleBrokerVersion",
    "InconsistentTopicIdError",
    "InvalidFetchRequestError",
    "InvalidFetchSessionEpoch",
    "InvalidFetchSessionEpochError",
    "InvalidMessageError",
    "InvalidRecordError",
    "InvalidRequiredAcksError",
    "InvalidTimestampError",
    "InvalidTopicError",
    "KafkaStorageError",
    "LeaderNotAvailableError",
    "ListenerNotFound",
    "ListenerNotFoundError",
    "MessageSizeTooLargeError",
    "NetworkExceptionError",
    "NoError",
    "NotEnoughReplicasAfterAppendError",
    "NotEnoughReplicasError",
    "NotLeaderForPartitionError",
    "NotLeaderOrFollowerError",
    "OffsetMovedToTieredStorageError",
    "OffsetNotAvailableError",
    "OffsetOutOfRangeError",
    "OutOfOrderSequenceNumber",
    "OutOfOrderSequenceNumberError",
    "RebootstrapRequiredError",
    "RecordListTooLargeError",
    "RecordTooLargeError",
    "ReplicaNotAvailableError",
    "RequestTimedOutError",
    "StaleControllerEpochError",
    "StaleLeaderEpochCodeError",
    "ThrottlingQuotaExceededError",
    "TopicAuthorizationFailedError",
    "UnknownError",
    "UnknownLeaderEpochError",
    "UnknownProducerId",
    "UnknownProducerIdError",
    "UnknownTopicIdError",
    "UnknownTopicOrPartitionError",
    "UnrecognizedBrokerError",
    "UnsupportedCompressionTypeError",
    "UnsupportedForMessageFormatError",
    "UnsupportedVersionError",
]


class UnknownError(BrokerResponseError, code=ErrorCode.UNKNOWN_SERVER_ERROR):
    """Something went wrong inside the broker."""

    advice = "The broker's own log says what; the same call may work later."


class NoError(BrokerResponseError, code=ErrorCode.NONE):
    """Success; never raised."""


class OffsetOutOfRangeError(BrokerResponseError, code=ErrorCode.OFFSET_OUT_OF_RANGE):
    """The partition holds no such offset: it was deleted by retention, or never written."""

    advice = "Seek to an offset between beginning_offsets() and end_offsets(), or set auto_offset_reset."


class CorruptRecordError(RetriableError, BrokerResponseError, code=ErrorCode.CORRUPT_MESSAGE):
    """Records were damaged: their checksum does not match, or they are malformed."""

    advice = "If it stays, the log on the broker is damaged: seek past the batch to go on without it."


class UnknownTopicOrPartitionError(
    InvalidMetadataError, BrokerResponseError, code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
):
    """The broker does not have this topic or partition."""

    advice = "Check the name, create the topic, or wait if it was created a moment ago."


class InvalidFetchRequestError(BrokerResponseError, code=ErrorCode.INVALID_FETCH_SIZE):
    """The broker refuses the size asked for in a fetch."""

    advice = "Check fetch_max_bytes and max_partition_fetch_bytes."


class LeaderNotAvailableError(InvalidMetadataError, BrokerResponseError, code=ErrorCode.LEADER_NOT_AVAILABLE):
    """The partition has no leader at the moment; one is being elected."""

    advice = "If it stays, all brokers that hold its replicas are down."


class NotLeaderOrFollowerError(
    InvalidMetadataError, BrokerResponseError, code=ErrorCode.NOT_LEADER_OR_FOLLOWER
):
    """The leader of the partition has moved to another broker."""


class RequestTimedOutError(RetriableError, BrokerResponseError, code=ErrorCode.REQUEST_TIMED_OUT):
    """The broker could not finish the request within the time that the request allows."""

    advice = "Look for overloaded brokers or slow replicas, or raise request_timeout_ms."


class BrokerNotAvailableError(BrokerResponseError, code=ErrorCode.BROKER_NOT_AVAILABLE):
    """A broker that is needed for the answer is not alive."""


class ReplicaNotAvailableError(
    InvalidMetadataError, BrokerResponseError, code=ErrorCode.REPLICA_NOT_AVAILABLE
):
    """The replica that was asked is not there; the leader is asked next."""


class MessageSizeTooLargeError(BrokerResponseError, code=ErrorCode.MESSAGE_TOO_LARGE):
    """The record is larger than the topic or the broker allows."""

    advice = "Send smaller records, turn compression on, or raise the topic's max.message.bytes."


class StaleControllerEpochError(BrokerResponseError, code=ErrorCode.STALE_CONTROLLER_EPOCH):
    """A former controller spoke to a broker; clients never see this."""


class NetworkExceptionError(InvalidMetadataError, BrokerResponseError, code=ErrorCode.NETWORK_EXCEPTION):
    """The connection was lost before the answer came."""


class InvalidTopicError(BrokerResponseError, code=ErrorCode.INVALID_TOPIC_EXCEPTION):
    """The topic's name is illegal, or it is an internal topic that clients may not write to."""

    advice = "Names have 1 to 249 of the characters a-z A-Z 0-9 . _ - and are not '.' or '..'."


class RecordListTooLargeError(BrokerResponseError, code=ErrorCode.RECORD_LIST_TOO_LARGE):
    """A batch is larger than a log segment of the topic."""

    advice = "Lower batch_size, or raise the topic's segment.bytes."


class NotEnoughReplicasError(RetriableError, BrokerResponseError, code=ErrorCode.NOT_ENOUGH_REPLICAS):
    """Fewer replicas are in sync than min.insync.replicas demands; nothing was written."""

    advice = "Bring brokers back, or lower the topic's min.insync.replicas."


class NotEnoughReplicasAfterAppendError(
    RetriableError, BrokerResponseError, code=ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
):
    """The record was written, but to fewer replicas than min.insync.replicas demands."""

    advice = "Without idempotence, sending it again may write it twice."


class InvalidRequiredAcksError(BrokerResponseError, code=ErrorCode.INVALID_REQUIRED_ACKS):
    """The broker does not know this value of acks."""

    advice = "Use 0, 1 or 'all'."


class TopicAuthorizationFailedError(AuthorizationError, code=ErrorCode.TOPIC_AUTHORIZATION_FAILED):
    """This client may not use the topic that way."""

    advice = "Ask for an ACL on the topic: Write to produce, Read to consume, Describe for metadata."


class ClusterAuthorizationFailedError(AuthorizationError, code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED):
    """This client may not do that to the cluster."""

    fatal = True
    advice = "Ask for an ACL on the cluster. (An idempotent producer needs IdempotentWrite before Kafka 2.8.)"


class InvalidTimestampError(BrokerResponseError, code=ErrorCode.INVALID_TIMESTAMP):
    """A record's timestamp is further from now than the topic allows."""

    advice = "Timestamps are milliseconds since 1970, not seconds. Limits: message.timestamp.*.max.ms of the topic."


class UnsupportedVersionError(BrokerResponseError, code=ErrorCode.UNSUPPORTED_VERSION):
    """The broker does not know this request, or not in a version that can carry what was asked."""

    advice = "The broker is too old (or too new) for this feature."


class UnsupportedForMessageFormatError(BrokerResponseError, code=ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT):
    """The topic still stores an old record format, which cannot do that."""


class OutOfOrderSequenceNumberError(BrokerResponseError, code=ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER):
    """An earlier record of this idempotent producer is missing in the log."""

    advice = "Records may have been lost; the producer goes on under a new id where the guarantees allow it."


class DuplicateSequenceNumberError(BrokerResponseError, code=ErrorCode.DUPLICATE_SEQUENCE_NUMBER):
    """The record was already written by an earlier attempt."""


class KafkaStorageError(InvalidMetadataError, BrokerResponseError, code=ErrorCode.KAFKA_STORAGE_ERROR):
    """A disk of the broker failed; the partition's leader will move."""


class UnknownProducerIdError(BrokerResponseError, code=ErrorCode.UNKNOWN_PRODUCER_ID):
    """The broker no longer remembers this idempotent producer: its records were deleted."""


class FetchSessionIdNotFoundError(
    RetriableError, BrokerResponseError, code=ErrorCode.FETCH_SESSION_ID_NOT_FOUND
):
    """The broker has dropped the fetch session; a new one is opened."""


class InvalidFetchSessionEpochError(
    RetriableError, BrokerResponseError, code=ErrorCode.INVALID_FETCH_SESSION_EPOCH
):
    """The fetch session is out of step; a new one is opened."""


class ListenerNotFoundError(InvalidMetadataError, BrokerResponseError, code=ErrorCode.LISTENER_NOT_FOUND):
    """The leader has no listener like the one that this client is connected to."""

    advice = "Check the listeners of that broker."


class FencedLeaderEpochError(InvalidMetadataError, BrokerResponseError, code=ErrorCode.FENCED_LEADER_EPOCH):
    """The partition has a newer leader than this client knows."""


class UnknownLeaderEpochError(RetriableError, BrokerResponseError, code=ErrorCode.UNKNOWN_LEADER_EPOCH):
    """The broker has not yet heard of the leader that this client knows."""


class UnsupportedCompressionTypeError(BrokerResponseError, code=ErrorCode.UNSUPPORTED_COMPRESSION_TYPE):
    """The broker does not accept this compression."""

    advice = "Choose another compression_type."


class OffsetNotAvailableError(RetriableError, BrokerResponseError, code=ErrorCode.OFFSET_NOT_AVAILABLE):
    """The leader is new and does not yet know how far the log is committed."""


class InvalidRecordError(BrokerResponseError, code=ErrorCode.INVALID_RECORD):
    """The broker refuses a record, for instance one without a key in a compacted topic."""


class ThrottlingQuotaExceededError(
    RetriableError, BrokerResponseError, code=ErrorCode.THROTTLING_QUOTA_EXCEEDED
):
    """A quota is used up; the broker asks to wait."""


class UnknownTopicIdError(InvalidMetadataError, BrokerResponseError, code=ErrorCode.UNKNOWN_TOPIC_ID):
    """The broker does not know the topic's id: the topic was deleted, created again, or is very new."""


class InconsistentTopicIdError(
    InvalidMetadataError, BrokerResponseError, code=ErrorCode.INCONSISTENT_TOPIC_ID
):
    """The topic was deleted and created again."""


class FetchSessionTopicIdError(
    RetriableError, BrokerResponseError, code=ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
):
    """Topic ids and names were mixed in one fetch session; a new one is opened."""


class OffsetMovedToTieredStorageError(BrokerResponseError, code=ErrorCode.OFFSET_MOVED_TO_TIERED_STORAGE):
    """The offset lies in tiered storage; only replicas see this."""


class RebootstrapRequiredError(BrokerResponseError, code=ErrorCode.REBOOTSTRAP_REQUIRED):
    """The broker asks clients to start again from bootstrap_servers."""


class UnrecognizedBrokerError(UnknownError):
    """A code that this version of kafkalite does not know; `errno` of the instance holds it."""

    message = "UNRECOGNIZED_ERROR"
    description = "The broker answered with an error code that this version of kafkalite does not know."


class RecordTooLargeError(MessageSizeTooLargeError):
    """The record is larger than this client's own limit: `max_request_size`, or the whole of `buffer_memory`."""

    description = "The record is larger than this client's own limit."
    advice = "Send smaller records, or raise max_request_size."


class IncompatibleBrokerVersion(UnsupportedVersionError):
    """The brokers are older than the feature that was asked for; found out before anything was sent."""


# The same errors by the names that aiokafka and older kafka-python programs know.
CorruptRecordException = CorruptRecordError
InvalidMessageError = CorruptRecordError
NotLeaderForPartitionError = NotLeaderOrFollowerError
StaleLeaderEpochCodeError = NetworkExceptionError
OutOfOrderSequenceNumber = OutOfOrderSequenceNumberError
DuplicateSequenceNumber = DuplicateSequenceNumberError
UnknownProducerId = UnknownProducerIdError
FetchSessionIdNotFound = FetchSessionIdNotFoundError
InvalidFetchSessionEpoch = InvalidFetchSessionEpochError
ListenerNotFound = ListenerNotFoundError
