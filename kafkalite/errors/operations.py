"""What brokers answer about security and to those who run a cluster, and what clients never see. Thread: any."""

from __future__ import annotations

from kafkalite.errors.kinds import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    AuthorizationError,
    BrokerResponseError,
    InvalidMetadataError,
    RetriableError,
)
from kafkalite.protocol.codes import ErrorCode

__all__ = [
    "BrokerIdNotRegisteredError",
    "DelegationTokenAuthDisabled",
    "DelegationTokenAuthDisabledError",
    "DelegationTokenAuthorizationFailed",
    "DelegationTokenAuthorizationFailedError",
    "DelegationTokenExpired",
    "DelegationTokenExpiredError",
    "DelegationTokenNotFound",
    "DelegationTokenNotFoundError",
    "DelegationTokenOwnerMismatch",
    "DelegationTokenOwnerMismatchError",
    "DelegationTokenRequestNotAllowed",
    "DelegationTokenRequestNotAllowedError",
    "DuplicateBrokerRegistrationError",
    "DuplicateResourceError",
    "DuplicateVoterError",
    "ElectionNotNeededError",
    "EligibleLeadersNotAvailableError",
    "FeatureUpdateFailedError",
    "IllegalSaslStateError",
    "InconsistentClusterIdError",
    "InconsistentVoterSetError",
    "IneligibleReplicaError",
    "InvalidConfigurationError",
    "InvalidPartitionsError",
    "InvalidPrincipalType",
    "InvalidPrincipalTypeError",
    "InvalidRegistrationError",
    "InvalidReplicationAssignmentError",
    "InvalidReplicationFactorError",
    "InvalidRequestError",
    "InvalidUpdateVersionError",
    "InvalidVoterKeyError",
    "LogDirNotFound",
    "LogDirNotFoundError",
    "MismatchedEndpointTypeError",
    "NewLeaderElectedError",
    "NoReassignmentInProgressError",
    "NotControllerError",
    "OperationNotAttempted",
    "OperationNotAttemptedError",
    "PolicyViolationError",
    "PositionOutOfRangeError",
    "PreferredLeaderNotAvailableError",
    "PrincipalDeserializationFailureError",
    "ReassignmentInProgress",
    "ReassignmentInProgressError",
    "ResourceNotFoundError",
    "SaslAuthenticationFailed",
    "SaslAuthenticationFailedError",
    "SecurityDisabled",
    "SecurityDisabledError",
    "SnapshotNotFoundError",
    "StaleBrokerEpochError",
    "TelemetryTooLargeError",
    "TopicAlreadyExistsError",
    "TopicDeletionDisabledError",
    "UnacceptableCredentialError",
    "UnknownControllerIdError",
    "UnknownSubscriptionIdError",
    "UnsupportedEndpointTypeError",
    "UnsupportedSaslMechanismError",
    "VoterNotFoundError",
]


class UnsupportedSaslMechanismError(
    AuthenticationMethodNotSupported, BrokerResponseError, code=ErrorCode.UNSUPPORTED_SASL_MECHANISM
):
    """The broker does not offer this SASL mechanism."""

    advice = "Set sasl_mechanism to one that it offers."


class IllegalSaslStateError(
    AuthenticationFailedError, BrokerResponseError, code=ErrorCode.ILLEGAL_SASL_STATE
):
    """The broker did not expect this step of SASL."""

    advice = "The listener may not speak SASL: check security_protocol and the port."


class TopicAlreadyExistsError(BrokerResponseError, code=ErrorCode.TOPIC_ALREADY_EXISTS):
    """A topic of that name exists already."""


class InvalidPartitionsError(BrokerResponseError, code=ErrorCode.INVALID_PARTITIONS):
    """The number of partitions is not possible."""

    advice = "It must be at least 1, and can only grow."


class InvalidReplicationFactorError(BrokerResponseError, code=ErrorCode.INVALID_REPLICATION_FACTOR):
    """The replication factor is not possible."""

    advice = "It must be at least 1 and at most the number of brokers."


class InvalidReplicationAssignmentError(BrokerResponseError, code=ErrorCode.INVALID_REPLICA_ASSIGNMENT):
    """The partitions cannot be placed on those brokers."""


class InvalidConfigurationError(BrokerResponseError, code=ErrorCode.INVALID_CONFIG):
    """The broker refuses a setting of the topic, broker or group."""


class NotControllerError(RetriableError, BrokerResponseError, code=ErrorCode.NOT_CONTROLLER):
    """Another broker is the controller now."""


class InvalidRequestError(BrokerResponseError, code=ErrorCode.INVALID_REQUEST):
    """The broker finds the request malformed or contradictory."""


class PolicyViolationError(BrokerResponseError, code=ErrorCode.POLICY_VIOLATION):
    """A policy of the cluster forbids that."""


class SecurityDisabledError(BrokerResponseError, code=ErrorCode.SECURITY_DISABLED):
    """The cluster has no authorizer, so there are no ACLs."""


class OperationNotAttemptedError(BrokerResponseError, code=ErrorCode.OPERATION_NOT_ATTEMPTED):
    """Not tried, because another part of the same request was refused."""

    advice = "See the error of that other part."


class LogDirNotFoundError(BrokerResponseError, code=ErrorCode.LOG_DIR_NOT_FOUND):
    """The broker has no such log directory."""


class SaslAuthenticationFailedError(
    AuthenticationFailedError, BrokerResponseError, code=ErrorCode.SASL_AUTHENTICATION_FAILED
):
    """The broker refuses the credentials."""

    advice = "Check user name, password or token."


class ReassignmentInProgressError(BrokerResponseError, code=ErrorCode.REASSIGNMENT_IN_PROGRESS):
    """The partition is being moved between brokers."""


class DelegationTokenAuthDisabledError(BrokerResponseError, code=ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED):
    """The cluster does not use delegation tokens."""


class DelegationTokenNotFoundError(BrokerResponseError, code=ErrorCode.DELEGATION_TOKEN_NOT_FOUND):
    """The broker does not know this delegation token."""


class DelegationTokenOwnerMismatchError(BrokerResponseError, code=ErrorCode.DELEGATION_TOKEN_OWNER_MISMATCH):
    """The delegation token belongs to someone else."""


class DelegationTokenRequestNotAllowedError(
    BrokerResponseError, code=ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
):
    """Delegation tokens cannot be asked for over this connection."""

    advice = "It needs SASL or mutual TLS, without a delegation token."


class DelegationTokenAuthorizationFailedError(
    AuthorizationError, code=ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED
):
    """This client may not use the delegation token."""


class DelegationTokenExpiredError(BrokerResponseError, code=ErrorCode.DELEGATION_TOKEN_EXPIRED):
    """The delegation token has expired."""


class InvalidPrincipalTypeError(BrokerResponseError, code=ErrorCode.INVALID_PRINCIPAL_TYPE):
    """The broker does not know this type of principal."""

    advice = "Use 'User'."


class TopicDeletionDisabledError(BrokerResponseError, code=ErrorCode.TOPIC_DELETION_DISABLED):
    """The brokers do not allow topics to be deleted."""

    advice = "It needs delete.topic.enable=true on the brokers."


class StaleBrokerEpochError(BrokerResponseError, code=ErrorCode.STALE_BROKER_EPOCH):
    """A broker spoke under a former registration; clients never see this."""


class PreferredLeaderNotAvailableError(
    InvalidMetadataError, BrokerResponseError, code=ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
):
    """The preferred leader is not alive or not in sync."""


class EligibleLeadersNotAvailableError(
    InvalidMetadataError, BrokerResponseError, code=ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE
):
    """No replica may become leader without losing records."""


class ElectionNotNeededError(InvalidMetadataError, BrokerResponseError, code=ErrorCode.ELECTION_NOT_NEEDED):
    """The partition already has the leader that was asked for."""


class NoReassignmentInProgressError(BrokerResponseError, code=ErrorCode.NO_REASSIGNMENT_IN_PROGRESS):
    """The partition is not being moved."""


class ResourceNotFoundError(BrokerResponseError, code=ErrorCode.RESOURCE_NOT_FOUND):
    """There is no such resource."""


class DuplicateResourceError(BrokerResponseError, code=ErrorCode.DUPLICATE_RESOURCE):
    """The request names the same thing twice."""


class UnacceptableCredentialError(BrokerResponseError, code=ErrorCode.UNACCEPTABLE_CREDENTIAL):
    """The credential is too weak or malformed for the broker."""


class InconsistentVoterSetError(BrokerResponseError, code=ErrorCode.INCONSISTENT_VOTER_SET):
    """The controllers disagree about who votes; clients never see this."""


class InvalidUpdateVersionError(BrokerResponseError, code=ErrorCode.INVALID_UPDATE_VERSION):
    """The version to update to is not possible."""


class FeatureUpdateFailedError(BrokerResponseError, code=ErrorCode.FEATURE_UPDATE_FAILED):
    """The features of the cluster could not be updated."""


class PrincipalDeserializationFailureError(
    BrokerResponseError, code=ErrorCode.PRINCIPAL_DESERIALIZATION_FAILURE
):
    """A broker could not pass the caller's identity on to the controller."""

    advice = "The cluster's security settings do not fit together."


class SnapshotNotFoundError(BrokerResponseError, code=ErrorCode.SNAPSHOT_NOT_FOUND):
    """A controller asked for a snapshot that is gone; clients never see this."""


class PositionOutOfRangeError(BrokerResponseError, code=ErrorCode.POSITION_OUT_OF_RANGE):
    """A controller asked for a position beyond a snapshot; clients never see this."""


class DuplicateBrokerRegistrationError(BrokerResponseError, code=ErrorCode.DUPLICATE_BROKER_REGISTRATION):
    """Two brokers have the same id; clients never see this."""


class BrokerIdNotRegisteredError(BrokerResponseError, code=ErrorCode.BROKER_ID_NOT_REGISTERED):
    """The controller knows no broker of that id."""


class InconsistentClusterIdError(BrokerResponseError, code=ErrorCode.INCONSISTENT_CLUSTER_ID):
    """The request was meant for another cluster."""


class IneligibleReplicaError(BrokerResponseError, code=ErrorCode.INELIGIBLE_REPLICA):
    """A replica may not become in sync; clients never see this."""


class NewLeaderElectedError(BrokerResponseError, code=ErrorCode.NEW_LEADER_ELECTED):
    """The leader changed meanwhile; clients never see this."""


class MismatchedEndpointTypeError(BrokerResponseError, code=ErrorCode.MISMATCHED_ENDPOINT_TYPE):
    """A controller was asked what only brokers answer, or the other way round."""

    advice = "Check the port in bootstrap_servers."


class UnsupportedEndpointTypeError(BrokerResponseError, code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE):
    """This kind of endpoint does not answer that."""

    advice = "Check the port in bootstrap_servers."


class UnknownControllerIdError(BrokerResponseError, code=ErrorCode.UNKNOWN_CONTROLLER_ID):
    """There is no controller of that id."""


class UnknownSubscriptionIdError(BrokerResponseError, code=ErrorCode.UNKNOWN_SUBSCRIPTION_ID):
    """The broker has changed which metrics it wants."""


class TelemetryTooLargeError(BrokerResponseError, code=ErrorCode.TELEMETRY_TOO_LARGE):
    """The metrics sent are larger than the broker accepts."""


class InvalidRegistrationError(BrokerResponseError, code=ErrorCode.INVALID_REGISTRATION):
    """The controller refuses a broker's registration; clients never see this."""


class InvalidVoterKeyError(BrokerResponseError, code=ErrorCode.INVALID_VOTER_KEY):
    """The voter's key does not match that controller."""


class DuplicateVoterError(BrokerResponseError, code=ErrorCode.DUPLICATE_VOTER):
    """That controller is a voter already."""


class VoterNotFoundError(BrokerResponseError, code=ErrorCode.VOTER_NOT_FOUND):
    """That controller is not a voter."""


# The same errors by the names that aiokafka and older kafka-python programs know.
SecurityDisabled = SecurityDisabledError
OperationNotAttempted = OperationNotAttemptedError
LogDirNotFound = LogDirNotFoundError
SaslAuthenticationFailed = SaslAuthenticationFailedError
ReassignmentInProgress = ReassignmentInProgressError
DelegationTokenAuthDisabled = DelegationTokenAuthDisabledError
DelegationTokenNotFound = DelegationTokenNotFoundError
DelegationTokenOwnerMismatch = DelegationTokenOwnerMismatchError
DelegationTokenRequestNotAllowed = DelegationTokenRequestNotAllowedError
DelegationTokenAuthorizationFailed = DelegationTokenAuthorizationFailedError
DelegationTokenExpired = DelegationTokenExpiredError
InvalidPrincipalType = InvalidPrincipalTypeError
