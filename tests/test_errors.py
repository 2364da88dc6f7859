"""The tree of exceptions: codes, verdicts, names that users' `except` clauses rely on."""

from __future__ import annotations

import pickle

import pytest

from kafkalite import errors
from kafkalite.errors import (
    BrokerResponseError,
    InvalidMetadataError,
    KafkaError,
    RetriableError,
    error_class,
    error_for,
)
from kafkalite.protocol.codes import ErrorCode
from kafkalite.types import OffsetAndMetadata, TopicPartition
from tests import peers

CLASSES = sorted(
    {
        c
        for name in errors.__all__
        if isinstance(c := getattr(errors, name), type) and issubclass(c, BaseException)
    },
    key=lambda c: c.__name__,
)

# Kafka's flags, as the Java client's exception classes have them.
RETRIABLE = {
    2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 84, 88, 89, 100, 103, 106,
    122, 123, 133,
}  # fmt: skip
REFRESH_METADATA = {3, 5, 6, 9, 13, 56, 72, 74, 80, 83, 84, 100, 103}
FATAL = {30, 31, 33, 34, 48, 53, 58, 82, 90, 111, 112}


def test_every_code_has_its_own_class() -> None:
    assert set(errors.kafka_errors) == {int(code) for code in ErrorCode}
    assert len(set(errors.kafka_errors.values())) == len(errors.kafka_errors)
    for code, cls in errors.kafka_errors.items():
        assert cls.errno == code
        assert cls.message == ErrorCode(code).name
        assert cls.description.endswith(".")
        assert not cls.advice or cls.advice.endswith((".", ")"))


def test_verdicts_are_kafkas() -> None:
    by_code = errors.kafka_errors.items()
    assert {code for code, cls in by_code if cls.retriable} == RETRIABLE
    assert {code for code, cls in by_code if cls.refresh_metadata} == REFRESH_METADATA
    assert {code for code, cls in by_code if cls.fatal} == FATAL


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_verdicts_and_bases_agree(cls: type[KafkaError]) -> None:
    assert issubclass(cls, KafkaError)
    assert cls.retriable == issubclass(cls, RetriableError)
    assert cls.refresh_metadata == cls.invalid_metadata == issubclass(cls, InvalidMetadataError)
    assert not (cls.fatal and cls.retriable)
    assert cls.__doc__
    assert cls.__module__ == "kafkalite.errors"


@pytest.mark.parametrize("name", sorted(peers.KAFKA_PYTHON_ERRORS | peers.AIOKAFKA_ERRORS))
def test_the_names_of_others_are_here(name: str) -> None:
    assert hasattr(errors, name)
    assert name in errors.__all__


def test_all_names_are_listed_once() -> None:
    assert len(errors.__all__) == len(set(errors.__all__))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_every_exception_survives_a_pickle(cls: type[KafkaError]) -> None:
    error = (
        cls({TopicPartition("t", 0): OffsetAndMetadata(3)})
        if cls is errors.LogTruncationError
        else cls("why")
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert (copy.args, str(copy), vars(copy)) == (error.args, str(error), vars(error))


def test_a_message_says_what_where_and_what_to_do() -> None:
    error = error_for(3, "orders-3 at node 2", "not here")
    assert str(error) == (
        "[Error 3] UNKNOWN_TOPIC_OR_PARTITION: orders-3 at node 2: The broker does not have this topic or partition."
        " Check the name, create the topic, or wait if it was created a moment ago. The broker says: not here"
    )
    assert isinstance(error, errors.UnknownTopicOrPartitionError)


def test_a_message_may_be_short() -> None:
    assert str(error_for(6)) == (
        "[Error 6] NOT_LEADER_OR_FOLLOWER: The leader of the partition has moved to another broker."
    )
    assert str(errors.NotLeaderForPartitionError()) == str(error_for(6))
    assert str(errors.NotLeaderForPartitionError("mine")) == "[Error 6] NOT_LEADER_OR_FOLLOWER: mine"
    assert str(BrokerResponseError()) == "[Error -1] BrokerResponseError"


def test_a_code_of_the_future_is_an_unknown_error() -> None:
    error = error_for(999, "node 1")
    assert type(error) is errors.UnrecognizedBrokerError is error_class(999)
    assert isinstance(error, errors.UnknownError)
    assert error.errno == 999
    assert not error.retriable
    assert str(error).startswith("[Error 999] UNRECOGNIZED_ERROR: node 1: ")
    assert errors.UnrecognizedBrokerError.errno == -1
    assert pickle.loads(pickle.dumps(error)).errno == 999


def test_a_users_own_subclass_keeps_its_module() -> None:
    class MineError(errors.OffsetOutOfRangeError):
        """Narrower."""

    assert MineError.__module__ == __name__
    assert MineError.errno == 1
    assert error_class(1) is errors.OffsetOutOfRangeError


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (errors.NoBrokersAvailable, errors.KafkaConnectionError),  # what aiokafka raises
        (errors.NoBrokersAvailable, errors.KafkaTimeoutError),  # what kafka-python raises
        (errors.RecordTooLargeError, errors.MessageSizeTooLargeError),
        (errors.KafkaConfigurationError, ValueError),
        (errors.UnrecognizedOptionError, TypeError),
        (errors.SerializationError, TypeError),
        (errors.SerializationError, ValueError),
        (errors.DeliveryTimeoutError, errors.KafkaTimeoutError),
        (errors.BufferExhaustedError, errors.KafkaTimeoutError),
        (errors.MetadataTimeoutError, errors.KafkaTimeoutError),
        (errors.ForkedError, errors.IllegalStateError),
        (errors.CodecNotAvailableError, errors.UnsupportedCodecError),
        (errors.SaslAuthenticationFailedError, errors.AuthenticationFailedError),
        (errors.UnsupportedSaslMechanismError, errors.AuthenticationMethodNotSupported),
        (errors.TopicAuthorizationFailedError, errors.AuthorizationError),
    ],
)
def test_wider_except_clauses_catch_it(narrow: type[Exception], wide: type[Exception]) -> None:
    assert issubclass(narrow, wide)


def test_an_error_without_words_is_its_name() -> None:
    assert str(KafkaError()) == "KafkaError"
    assert str(errors.KafkaTimeoutError("no answer")) == "no answer"


def test_a_failed_commit_explains_itself() -> None:
    assert "max_poll_interval_ms" in str(errors.CommitFailedError())
    assert str(errors.CommitFailedError("orders-1")) == "orders-1"


def test_a_truncation_names_the_safe_offsets() -> None:
    offsets = {TopicPartition("t", 0): OffsetAndMetadata(3), TopicPartition("t", 1): None}
    error = errors.LogTruncationError(offsets)
    assert error.divergent_offsets == offsets
    assert "offset=3" in str(error)
    assert str(errors.LogTruncationError({}, "mine")) == "mine"


def test_a_missing_codec_names_its_package() -> None:
    error = errors.CodecNotAvailableError("lz4 is not installed", package="lz4")
    assert pickle.loads(pickle.dumps(error)).package == "lz4"


def test_a_deserialization_error_says_where_once_the_consumer_knows() -> None:
    error = errors.ValueDeserializationError("bad")
    assert str(error) == "bad"
    error.topic_partition, error.offset = TopicPartition("orders", 3), 42
    assert str(error) == "orders-3 at offset 42: bad"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
