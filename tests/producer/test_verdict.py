"""What answers mean."""

import pytest

from kafkalite.errors import (
    DeliveryTimeoutError,
    InvalidRecordError,
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    KafkaProtocolError,
    LogTruncationError,
    MessageSizeTooLargeError,
    NotLeaderOrFollowerError,
    OutOfOrderSequenceNumberError,
)
from kafkalite.producer.idempotence import Idempotence
from kafkalite.producer.verdict import Action, judge, timed_out
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.produce import BatchIndexAndErrorMessage, PartitionProduceResponse

from .stand_ins import batch

NODE = "node 1 at host1:9092"


def verdict(made, answer, *, now=0.0, retries=3, idempotence=None):
    if isinstance(answer, int):
        answer = PartitionProduceResponse(error_code=answer)
    return judge(
        made, answer, NODE, now=now, retries=retries, delivery_timeout=120.0, idempotence=idempotence
    )


@pytest.mark.parametrize("code", [ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER])
def test_written(code):
    assert verdict(batch(), code).action is Action.SETTLE


def test_retriable_errors_are_retried():
    found = verdict(batch(), ErrorCode.NOT_LEADER_OR_FOLLOWER)
    assert found.action is Action.RETRY
    assert isinstance(found.error, NotLeaderOrFollowerError)
    assert "t-0 at node 1 at host1:9092" in str(found.error)


def test_errors_of_the_connection_are_those_of_the_partition():
    lost = KafkaConnectionError("the connection to node 1 was lost")
    found = verdict(batch(), lost)
    assert found.action is Action.RETRY
    assert type(found.error) is KafkaConnectionError
    assert str(found.error) == "t-0: the connection to node 1 was lost"
    assert found.error.__cause__ is lost


def test_retries_end():
    made = batch()
    made.attempts = 3
    found = verdict(made, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    assert found.action is Action.FAIL
    assert "attempt 4" in str(found.error)
    assert not found.refused  # an earlier attempt may have been written
    assert verdict(made, KafkaConnectionError("lost")).action is Action.FAIL


def test_no_retry_after_the_deadline():
    found = verdict(batch(deadline=5.0), ErrorCode.NOT_LEADER_OR_FOLLOWER, now=5.0)
    assert found.action is Action.FAIL
    assert isinstance(found.error, DeliveryTimeoutError)
    assert "after 1 attempt; last cause: [Error 6] NOT_LEADER_OR_FOLLOWER: t-0 at node 1" in str(found.error)
    assert isinstance(found.error.__cause__, NotLeaderOrFollowerError)


def test_final_errors():
    found = verdict(batch(), ErrorCode.INVALID_TIMESTAMP)
    assert found.action is Action.FAIL
    assert isinstance(found.error, InvalidTimestampError)
    assert found.refused
    assert found.record_errors is None
    for code in (ErrorCode.UNKNOWN_SERVER_ERROR, 12345):
        assert verdict(batch(), code).action is Action.FAIL
    assert not verdict(batch(), ErrorCode.UNKNOWN_SERVER_ERROR).refused
    found = verdict(batch(), KafkaProtocolError("garbage"))
    assert (found.action, found.refused) == (Action.FAIL, False)


def test_the_brokers_words_are_passed_on():
    answer = PartitionProduceResponse(error_code=ErrorCode.INVALID_TIMESTAMP, error_message="in the future")
    assert "The broker says: in the future" in str(verdict(batch(), answer).error)


def test_an_error_that_is_made_of_more_than_a_text():
    found = verdict(batch(), LogTruncationError({}))
    assert type(found.error) is KafkaError
    assert str(found.error).startswith("t-0: The log was cut back")


def test_too_large_is_split_unless_it_is_one_record():
    assert verdict(batch([b"v"] * 2), ErrorCode.MESSAGE_TOO_LARGE).action is Action.SPLIT
    found = verdict(batch(), ErrorCode.MESSAGE_TOO_LARGE)
    assert found.action is Action.FAIL
    assert isinstance(found.error, MessageSizeTooLargeError)


class TestIdempotence:
    def test_is_asked_about_errors_of_sequences(self):
        brain, made = Idempotence(), batch()
        brain.on_id(7, 0)
        brain.on_leave(made)
        brain.on_back(made)
        found = verdict(made, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, idempotence=brain)
        assert found.action is Action.RETRY
        assert isinstance(found.error, OutOfOrderSequenceNumberError)
        made.attempts = 3
        assert verdict(made, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, idempotence=brain).action is Action.FAIL

    def test_without_it_they_are_final(self):
        assert verdict(batch(), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER).action is Action.FAIL


class TestRecordErrors:
    def answer(self, code, *listed):
        return PartitionProduceResponse(
            error_code=code,
            error_message="for all",
            record_errors=[
                BatchIndexAndErrorMessage(batch_index=i, batch_index_error_message=text) for i, text in listed
            ],
        )

    def test_one_record_has_the_partitions_error(self):
        found = verdict(batch([b"v"] * 3), self.answer(ErrorCode.INVALID_TIMESTAMP, (1, "too old")))
        assert found.action is Action.FAIL
        errors = found.record_errors
        assert isinstance(errors[1], InvalidTimestampError)
        assert "t-0 at node 1 at host1:9092, record 1 of the batch" in str(errors[1])
        assert "too old" in str(errors[1])
        assert errors[0] is errors[2]
        assert type(errors[0]) is KafkaError
        assert "refused 1 of the 3 records of the same batch" in str(errors[0])
        assert "too old" in str(errors[0])

    def test_several_are_invalid(self):
        found = verdict(batch([b"v"] * 3), self.answer(ErrorCode.INVALID_TIMESTAMP, (0, "a"), (2, None)))
        errors = found.record_errors
        assert isinstance(errors[0], InvalidRecordError)
        assert isinstance(errors[2], InvalidRecordError)
        assert "for all" in str(errors[2])
        assert type(errors[1]) is KafkaError


@pytest.mark.parametrize(
    ("attempts", "words"), [(0, "without an attempt"), (1, "after 1 attempt;"), (2, "after 2 attempts;")]
)
def test_timed_out(attempts, words):
    text = str(timed_out(batch(), 1.5, attempts, "because"))
    assert text.startswith("t-0: not acknowledged within delivery_timeout_ms (1500 ms), ")
    assert words in text + ";"
    assert text.endswith("last cause: because")
