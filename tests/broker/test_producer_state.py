import pytest

from kafkalite.broker.producer_state import ProducerBatch, ProducerStates
from kafkalite.broker.refusal import Refusal
from kafkalite.protocol.codes import ErrorCode

LAST = 2**31 - 1


def write(
    states: ProducerStates, first: int, last: int, offset: int = 0, *, epoch: int = 0, at: int = 100
) -> None:
    assert states.check(7, epoch, first, last) is None
    states.wrote(7, epoch, first, last, offset, at)


def refused(states: ProducerStates, first: int, last: int, epoch: int = 0) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        states.check(7, epoch, first, last)
    return caught.value.code


def test_sequences_follow_one_another() -> None:
    states = ProducerStates()
    write(states, 0, 2)
    write(states, 3, 3, 3)
    assert refused(states, 5, 6) == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    write(states, 4, 4, 4)


def test_an_unknown_producer_may_begin_anywhere() -> None:
    states = ProducerStates()
    write(states, 17, 20)
    write(states, 21, 21)
    assert len(states) == 1


def test_the_last_five_batches_are_recognised() -> None:
    states = ProducerStates()
    for n in range(6):
        write(states, 2 * n, 2 * n + 1, 10 + 2 * n, at=n)
    assert states.check(7, 0, 10, 11) == ProducerBatch(10, 11, 20, 5)
    assert states.check(7, 0, 2, 3) == ProducerBatch(2, 3, 12, 1)
    assert refused(states, 0, 1) == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert refused(states, 2, 4) == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_after_the_last_sequence_comes_zero() -> None:
    states = ProducerStates()
    write(states, LAST - 1, LAST)
    write(states, 0, 4)
    states = ProducerStates()
    write(states, LAST - 1, 0)
    assert states.check(7, 0, LAST - 1, 0) is not None
    write(states, 1, 1)


def test_a_new_epoch_begins_with_zero_and_ends_the_old_one() -> None:
    states = ProducerStates()
    write(states, 0, 4)
    assert refused(states, 5, 5, epoch=1) == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    write(states, 0, 0, 5, epoch=1)
    assert refused(states, 5, 5, epoch=0) == ErrorCode.INVALID_PRODUCER_EPOCH
    assert refused(states, 0, 4, epoch=0) == ErrorCode.INVALID_PRODUCER_EPOCH
    assert refused(states, 2, 2, epoch=1) == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    write(states, 1, 1, 6, epoch=1)


def test_idle_producers_are_forgotten_now_and_then() -> None:
    states = ProducerStates()
    states.forget_idle(100, 1000, 500)
    write(states, 0, 0, at=100)
    states.forget_idle(599, 1, 500)
    assert len(states) == 1  # not looked at yet
    states.forget_idle(600, 501, 500)
    assert len(states) == 1
    states.forget_idle(1100, 1000, 500)
    assert len(states) == 0
    write(states, 55, 55)
