"""What coordinators answer: consumer, share and streams groups, committed offsets, transactions. Thread: any."""

from __future__ import annotations

from kafkalite.errors.kinds import (
    AuthorizationError,
    BrokerResponseError,
    RetriableError,
)
from kafkalite.protocol.codes import ErrorCode

__all__ = [
    "ConcurrentTransactions",
    "ConcurrentTransactionsError",
    "CoordinatorLoadInProgressError",
    "CoordinatorNotAvailableError",
    "FencedInstanceIdError",
    "FencedMemberEpochError",
    "FencedStateEpochError",
    "GroupAuthorizationFailedError",
    "GroupCoordinatorNotAvailableError",
    "GroupIdNotFound",
    "GroupIdNotFoundError",
    "GroupLoadInProgressError",
    "GroupMaxSizeReachedError",
    "GroupSubscribedToTopicError",
    "IllegalGenerationError",
    "InconsistentGroupProtocolError",
    "InvalidCommitOffsetSizeError",
    "InvalidGroupIdError",
    "InvalidProducerEpoch",
    "InvalidProducerEpochError",
    "InvalidProducerIdMapping",
    "InvalidProducerIdMappingError",
    "InvalidRecordStateError",
    "InvalidRegularExpressionError",
    "InvalidSessionTimeoutError",
    "InvalidShareSessionEpochError",
    "InvalidTransactionTimeout",
    "InvalidTransactionTimeoutError",
    "InvalidTxnState",
    "InvalidTxnStateError",
    "MemberIdRequired",
    "MemberIdRequiredError",
    "NonEmptyGroup",
    "NonEmptyGroupError",
    "NotCoordinatorError",
    "NotCoordinatorForGroupError",
    "OffsetMetadataTooLargeError",
    "ProducerFenced",
    "ProducerFencedError",
    "RebalanceInProgressError",
    "ShareSessionLimitReachedError",
    "ShareSessionNotFoundError",
    "StaleMemberEpochError",
    "StreamsInvalidTopologyEpochError",
    "StreamsInvalidTopologyError",
    "StreamsTopologyFencedError",
    "TransactionAbortableError",
    "TransactionCoordinatorFenced",
    "TransactionCoordinatorFencedError",
    "TransactionalIdAuthorizationFailed",
    "TransactionalIdAuthorizationFailedError",
    "TransactionalIdNotFoundError",
    "UnknownMemberIdError",
    "UnreleasedInstanceIdError",
    "UnstableOffsetCommitError",
    "UnsupportedAssignorError",
]


class OffsetMetadataTooLargeError(BrokerResponseError, code=ErrorCode.OFFSET_METADATA_TOO_LARGE):
    """The metadata text of a committed offset is too long."""

    advice = "Shorten it, or raise the broker's offset.metadata.max.bytes."


class CoordinatorLoadInProgressError(
    RetriableError, BrokerResponseError, code=ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
):
    """The coordinator is still reading its state, as it does after a restart."""


class CoordinatorNotAvailableError(
    RetriableError, BrokerResponseError, code=ErrorCode.COORDINATOR_NOT_AVAILABLE
):
    """The group or transaction has no coordinator at the moment."""

    advice = "If it stays, the partitions of __consumer_offsets or __transaction_state have no leader."


class NotCoordinatorError(RetriableError, BrokerResponseError, code=ErrorCode.NOT_COORDINATOR):
    """The coordinator of the group or transaction has moved to another broker."""


class IllegalGenerationError(BrokerResponseError, code=ErrorCode.ILLEGAL_GENERATION):
    """The group has rebalanced since this member joined."""

    advice = "Go on polling: the consumer joins again. Offsets of the former generation cannot be committed."


class InconsistentGroupProtocolError(BrokerResponseError, code=ErrorCode.INCONSISTENT_GROUP_PROTOCOL):
    """This member and the group have no assignment strategy in common."""

    advice = "Give all members of the group a partition_assignment_strategy that the others know."


class InvalidGroupIdError(BrokerResponseError, code=ErrorCode.INVALID_GROUP_ID):
    """The group id is empty or illegal."""

    advice = "Set group_id."


class UnknownMemberIdError(BrokerResponseError, code=ErrorCode.UNKNOWN_MEMBER_ID):
    """The coordinator has removed this member from the group, or never knew it."""

    advice = "It was silent longer than session_timeout_ms, or did not poll for max_poll_interval_ms."


class InvalidSessionTimeoutError(BrokerResponseError, code=ErrorCode.INVALID_SESSION_TIMEOUT):
    """The session timeout is outside what the broker allows."""

    advice = "Choose session_timeout_ms between the broker's group.min. and group.max.session.timeout.ms."


class RebalanceInProgressError(BrokerResponseError, code=ErrorCode.REBALANCE_IN_PROGRESS):
    """The group is rebalancing."""

    advice = "Poll, so that the consumer can join again, then repeat what failed."


class InvalidCommitOffsetSizeError(BrokerResponseError, code=ErrorCode.INVALID_COMMIT_OFFSET_SIZE):
    """The commit is larger than a record of __consumer_offsets may be."""

    advice = "Shorten the metadata, or commit fewer partitions at once."


class GroupAuthorizationFailedError(AuthorizationError, code=ErrorCode.GROUP_AUTHORIZATION_FAILED):
    """This client may not use the consumer group."""

    fatal = True
    advice = "Ask for an ACL that allows Read on the group."


class InvalidProducerEpochError(BrokerResponseError, code=ErrorCode.INVALID_PRODUCER_EPOCH):
    """Another producer with the same transactional id has started, or the transaction timed out."""


class InvalidTxnStateError(BrokerResponseError, code=ErrorCode.INVALID_TXN_STATE):
    """The coordinator's transaction is in another state than this producer believes."""

    fatal = True
    advice = "Close this producer and start a new one."


class InvalidProducerIdMappingError(BrokerResponseError, code=ErrorCode.INVALID_PRODUCER_ID_MAPPING):
    """The producer id does not belong to this transactional id any more."""

    advice = "Abort the transaction; if that fails too, start a new producer."


class InvalidTransactionTimeoutError(BrokerResponseError, code=ErrorCode.INVALID_TRANSACTION_TIMEOUT):
    """The transaction timeout is above what the broker allows."""

    advice = "Lower transaction_timeout_ms to at most the broker's transaction.max.timeout.ms."


class ConcurrentTransactionsError(
    RetriableError, BrokerResponseError, code=ErrorCode.CONCURRENT_TRANSACTIONS
):
    """The transaction before this one is still being finished."""


class TransactionCoordinatorFencedError(BrokerResponseError, code=ErrorCode.TRANSACTION_COORDINATOR_FENCED):
    """A former transaction coordinator spoke to a broker; clients never see this."""


class TransactionalIdAuthorizationFailedError(
    AuthorizationError, code=ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
):
    """This client may not use the transactional id."""

    fatal = True
    advice = "Ask for an ACL that allows Write on the transactional id."


class NonEmptyGroupError(BrokerResponseError, code=ErrorCode.NON_EMPTY_GROUP):
    """The group still has members."""

    advice = "Stop its consumers first."


class GroupIdNotFoundError(BrokerResponseError, code=ErrorCode.GROUP_ID_NOT_FOUND):
    """There is no such group."""


class MemberIdRequiredError(BrokerResponseError, code=ErrorCode.MEMBER_ID_REQUIRED):
    """The coordinator has given out a member id; the consumer joins again with it."""


class GroupMaxSizeReachedError(BrokerResponseError, code=ErrorCode.GROUP_MAX_SIZE_REACHED):
    """The group has as many members as the broker's group.max.size allows."""


class FencedInstanceIdError(BrokerResponseError, code=ErrorCode.FENCED_INSTANCE_ID):
    """Another consumer has joined with the same group_instance_id."""

    fatal = True
    advice = "Give every running consumer of the group an id of its own."


class GroupSubscribedToTopicError(BrokerResponseError, code=ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC):
    """The group still consumes the topic."""

    advice = "Unsubscribe or stop its consumers first."


class UnstableOffsetCommitError(RetriableError, BrokerResponseError, code=ErrorCode.UNSTABLE_OFFSET_COMMIT):
    """An open transaction is about to change the committed offset."""


class ProducerFencedError(BrokerResponseError, code=ErrorCode.PRODUCER_FENCED):
    """A newer producer with the same transactional id has started."""

    fatal = True
    advice = "Only one may run at a time; close this one."


class TransactionalIdNotFoundError(BrokerResponseError, code=ErrorCode.TRANSACTIONAL_ID_NOT_FOUND):
    """The coordinator knows no such transactional id."""


class FencedMemberEpochError(BrokerResponseError, code=ErrorCode.FENCED_MEMBER_EPOCH):
    """The coordinator has fenced this member; it gives its partitions up and joins again."""


class UnreleasedInstanceIdError(BrokerResponseError, code=ErrorCode.UNRELEASED_INSTANCE_ID):
    """The group_instance_id is still held by a member that has not left."""

    fatal = True
    advice = "Wait for its session to time out, or close it."


class UnsupportedAssignorError(BrokerResponseError, code=ErrorCode.UNSUPPORTED_ASSIGNOR):
    """The broker does not know the assignor asked for."""

    fatal = True
    advice = "Leave group_remote_assignor unset, or use one of the broker's group.consumer.assignors."


class StaleMemberEpochError(BrokerResponseError, code=ErrorCode.STALE_MEMBER_EPOCH):
    """The member's epoch has moved on since the request was made."""


class TransactionAbortableError(BrokerResponseError, code=ErrorCode.TRANSACTION_ABORTABLE):
    """The transaction cannot be committed."""

    advice = "Abort it; the producer stays usable."


class InvalidRecordStateError(BrokerResponseError, code=ErrorCode.INVALID_RECORD_STATE):
    """The record is no longer held by this member of the share group."""

    advice = "It will be delivered again; process records within the group's lock duration."


class ShareSessionNotFoundError(RetriableError, BrokerResponseError, code=ErrorCode.SHARE_SESSION_NOT_FOUND):
    """The broker has dropped the share session; a new one is opened."""


class InvalidShareSessionEpochError(
    RetriableError, BrokerResponseError, code=ErrorCode.INVALID_SHARE_SESSION_EPOCH
):
    """The share session is out of step; a new one is opened."""


class FencedStateEpochError(BrokerResponseError, code=ErrorCode.FENCED_STATE_EPOCH):
    """A former share coordinator spoke; clients never see this."""


class InvalidRegularExpressionError(BrokerResponseError, code=ErrorCode.INVALID_REGULAR_EXPRESSION):
    """The broker cannot read the pattern of the subscription."""

    advice = "It must be an RE2 expression."


class StreamsInvalidTopologyError(BrokerResponseError, code=ErrorCode.STREAMS_INVALID_TOPOLOGY):
    """The broker refuses the topology of a streams group."""


class StreamsInvalidTopologyEpochError(BrokerResponseError, code=ErrorCode.STREAMS_INVALID_TOPOLOGY_EPOCH):
    """The member's topology of the streams group is out of date."""


class StreamsTopologyFencedError(BrokerResponseError, code=ErrorCode.STREAMS_TOPOLOGY_FENCED):
    """The streams group has a newer topology than this member."""


class ShareSessionLimitReachedError(
    RetriableError, BrokerResponseError, code=ErrorCode.SHARE_SESSION_LIMIT_REACHED
):
    """The broker has no room for another share session."""


# The same errors by the names that aiokafka and older kafka-python programs know.
GroupLoadInProgressError = CoordinatorLoadInProgressError
GroupCoordinatorNotAvailableError = CoordinatorNotAvailableError
NotCoordinatorForGroupError = NotCoordinatorError
InvalidProducerEpoch = InvalidProducerEpochError
InvalidTxnState = InvalidTxnStateError
InvalidProducerIdMapping = InvalidProducerIdMappingError
InvalidTransactionTimeout = InvalidTransactionTimeoutError
ConcurrentTransactions = ConcurrentTransactionsError
TransactionCoordinatorFenced = TransactionCoordinatorFencedError
TransactionalIdAuthorizationFailed = TransactionalIdAuthorizationFailedError
NonEmptyGroup = NonEmptyGroupError
GroupIdNotFound = GroupIdNotFoundError
MemberIdRequired = MemberIdRequiredError
ProducerFenced = ProducerFencedError
