"""What `send` returns: waited for, asked, called back."""

import os
import threading

import pytest

from kafkalite.errors import (
    ForkedError,
    IllegalStateError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderOrFollowerError,
)
from kafkalite.producer.delivery import Delivery

from .stand_ins import batch


def delivery(made, index=0):
    found = object.__new__(Delivery)
    found.batch, found.index = made, index
    return found


def test_get_gives_what_is_known():
    made = batch([b"v"] * 3)
    made.settle(10)
    found = delivery(made, 2)
    assert found.get().offset == 12
    assert found.get(timeout=0).offset == 12
    assert (found.is_done, found.succeeded(), found.failed(), found.retriable()) == (True, True, False, False)
    assert found.value == found.get()
    assert found.exception is None


def test_get_waits_for_another_thread():
    made = batch()
    found, seen = delivery(made), []
    waiting = threading.Thread(target=lambda: seen.append(found.get(10).offset))
    waiting.start()
    made.settle(5)
    waiting.join(10)
    assert seen == [5]
    assert made.waiters is None


def test_get_raises_what_the_record_failed_with_and_tracebacks_do_not_grow():
    made = batch()
    error = MessageSizeTooLargeError("too large")
    made.fail(error)
    found = delivery(made)
    lengths = set()
    for _ in range(3):
        with pytest.raises(MessageSizeTooLargeError) as caught:
            found.get()
        assert caught.value is error
        length, traceback = 0, error.__traceback__
        while traceback is not None:
            length, traceback = length + 1, traceback.tb_next
        lengths.add(length)
    assert len(lengths) == 1
    assert (found.is_done, found.succeeded(), found.failed()) == (True, False, True)
    assert found.exception is error
    assert found.value is None
    assert not found.retriable()


def test_retriable_is_the_errors_word():
    made = batch()
    found = delivery(made)
    assert not found.retriable()
    made.fail(NotLeaderOrFollowerError("moved"))
    assert found.retriable()


def test_time_is_up():
    made = batch()
    found = delivery(made)
    with pytest.raises(KafkaTimeoutError, match=r"the record for t-0 was not acknowledged within 0\.01 s"):
        found.get(0.01)
    assert made.waiters == []
    assert not found.is_done
    assert found.value is found.exception is None
    assert not found.succeeded()
    assert not found.failed()


def test_a_part_of_a_split_batch_that_is_done_need_not_wait():
    made = batch([b"x" * 50] * 4)
    first, last = delivery(made), delivery(made, 3)
    left, _ = made.split(61 + 150)
    left.settle(7)
    assert first.is_done
    assert first.get(0).offset == 7
    assert not last.is_done
    with pytest.raises(KafkaTimeoutError):
        last.get(0)


def test_the_thread_that_delivers_may_not_wait():
    made = batch()
    made.owner.loop_thread = threading.get_ident()
    with pytest.raises(IllegalStateError, match=r"t-0 in a callback.*would never end"):
        delivery(made).get()
    made.settle(0)
    assert delivery(made).get().offset == 0


def test_a_child_may_not_wait():
    made = batch()
    made.owner.pid = os.getpid() + 1
    with pytest.raises(ForkedError, match=rf"t-0 was sent in process {os.getpid() + 1}"):
        delivery(made).get()


def test_callbacks_take_arguments_before_the_outcome():
    made, told = batch([b"v"] * 2), []
    found = delivery(made, 1)
    returned = found.add_callback(lambda *a, **k: told.append((a[:-1], a[-1].offset, k)), 1, 2, x=3)
    assert returned is found
    assert found.add_errback(told.append) is found
    assert found.add_both(lambda outcome: told.append(outcome.offset)) is found
    made.settle(0)
    assert told == [((1, 2), 1, {"x": 3}), 1]


def test_errbacks():
    made, told = batch(), []
    error = MessageSizeTooLargeError("x")
    delivery(made).add_errback(lambda *a: told.append(a), "extra").add_both(told.append)
    delivery(made).add_callback(told.append)
    made.fail(error)
    assert told == [("extra", error), error]


def test_repr():
    made = batch()
    assert repr(delivery(made)) == "<Delivery to t-0: on its way>"
    made.settle(3)
    assert repr(delivery(made)) == "<Delivery to t-0: offset 3>"
    failed = batch()
    failed.fail(MessageSizeTooLargeError("x"))
    assert repr(delivery(failed)) == "<Delivery to t-0: [Error 10] MESSAGE_TOO_LARGE: x>"
