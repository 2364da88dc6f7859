import asyncio
import threading

import pytest

from kafkalite.errors import Cancelled, CommitFailedError, KafkaTimeoutError, NotCoordinatorError
from kafkalite.sync.commits import Commit, Commits
from kafkalite.types import OffsetAndMetadata, TopicPartition

OFFSETS = {TopicPartition("t", 0): OffsetAndMetadata(7)}


async def well():
    await asyncio.sleep(0)


async def badly():
    raise CommitFailedError("the group has moved on")


async def test_a_commit_that_succeeds():
    commits, commit, told = Commits(), Commit(OFFSETS), []
    commit.add_callback(told.append).add_errback(told.append).add_both(
        lambda *a, **k: told.append((a, k)), 1, x=2
    )
    assert repr(commit) == "<Commit of 1 partitions, under way>"
    commits.start(commit, well)
    assert (commit.is_done, commit.succeeded(), commit.failed(), commit.retriable()) == (False,) * 4
    assert commit.value is commit.exception is None
    await commits.all_done()
    await asyncio.sleep(0)
    assert (commit.is_done, commit.succeeded(), commit.failed(), commit.retriable()) == (
        True,
        True,
        False,
        False,
    )
    assert commit.get() == commit.value == OFFSETS
    assert commit.exception is None
    assert told == [OFFSETS, ((1, OFFSETS), {"x": 2})]
    assert repr(commit) == "<Commit of 1 partitions, done>"


async def test_a_commit_that_fails():
    commits, commit, told = Commits(), Commit(OFFSETS), []
    commit.add_callback(told.append).add_errback(told.append)
    commits.start(commit, badly)
    await commits.all_done()
    await asyncio.sleep(0)
    assert (commit.is_done, commit.succeeded(), commit.failed(), commit.retriable()) == (
        True,
        False,
        True,
        False,
    )
    assert commit.value is None
    assert told == [commit.exception]
    with pytest.raises(CommitFailedError, match="moved on"):
        commit.get()
    assert "moved on" in repr(commit)


async def test_retriable_failures_say_so():
    async def not_here():
        raise NotCoordinatorError("moved")

    commits, commit = Commits(), Commit(OFFSETS)
    commits.start(commit, not_here)
    await commits.all_done()
    await asyncio.sleep(0)
    assert commit.retriable()


async def test_callbacks_that_come_late_are_called_at_once():
    commits, good, bad, told = Commits(), Commit(OFFSETS), Commit(OFFSETS), []
    commits.start(good, well)
    commits.start(bad, badly)
    await commits.all_done()
    await asyncio.sleep(0)
    good.add_callback(told.append)
    bad.add_errback(told.append)
    assert told == [OFFSETS, bad.exception]


def test_waiting_for_one_that_is_under_way_ends():
    with pytest.raises(KafkaTimeoutError, match=r"within 0\.01 s"):
        Commit(OFFSETS).get(0.01)


async def test_the_order_is_kept():
    commits, order, gate = Commits(), [], asyncio.Event()

    async def first():
        order.append("first begins")
        await gate.wait()
        order.append("first ends")
        raise CommitFailedError("which does not stop the others")

    async def second():
        order.append("second")

    commits.start(Commit(OFFSETS), first)
    last = Commit(OFFSETS)
    commits.start(last, second)
    for _ in range(5):
        await asyncio.sleep(0)
    assert order == ["first begins"]
    gate.set()
    await commits.all_done()
    assert order == ["first begins", "first ends", "second"]


async def test_all_done_when_there_was_none():
    await Commits().all_done()


async def test_the_end_of_the_loop_settles_what_is_under_way():
    commits, commit = Commits(), Commit(OFFSETS)
    commits.start(commit, well)
    commits._last.cancel()  # before it has begun
    await commits.all_done()
    await asyncio.sleep(0)
    with pytest.raises(Cancelled, match="closed before"):
        commit.get()


def test_callbacks_run_where_somebody_asks_for_them():
    commits, called = Commits(), []

    def callback(offsets, outcome):
        called.append((threading.current_thread(), offsets, outcome))

    other = threading.Thread(target=commits.tell, args=(callback, OFFSETS, None))
    other.start()
    other.join()
    assert called == []
    commits.run_callbacks()
    commits.run_callbacks()
    assert called == [(threading.current_thread(), OFFSETS, None)]


def test_a_callback_that_fails_does_not_take_the_next_ones_along():
    commits, called = Commits(), []

    def fail(offsets, outcome):
        raise ValueError("the user's own")

    commits.tell(fail, OFFSETS, None)
    commits.tell(lambda *_: called.append(1), OFFSETS, None)
    with pytest.raises(ValueError, match="own"):
        commits.run_callbacks()
    commits.run_callbacks()
    assert called == [1]
