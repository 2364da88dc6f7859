import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from kafkalite.errors import IllegalStateError, KafkaError, KafkaTimeoutError
from kafkalite.sync.portal import Portal, Turn

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def portal():
    portal = Portal("TestClient")
    yield portal
    portal.close(5)


async def answer(value):
    await asyncio.sleep(0)
    return value


def run_program(source, *, timeout=30):
    """Run a program of its own, as a user would. Forking inside pytest itself would drag its threads along."""
    program = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert program.returncode == 0, program.stderr
    return program


def test_a_result_comes_back(portal):
    assert portal.run(answer(42)) == 42


def test_an_error_comes_back_as_itself(portal):
    async def fail():
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        portal.run(fail())


def test_calls_run_on_one_thread_that_is_not_the_callers(portal):
    async def who():
        return threading.current_thread()

    first, second = portal.run(who()), portal.run(who())
    assert first is second
    assert first is not threading.current_thread()
    assert first.daemon
    assert first.name == "TestClient I/O"


def test_many_threads_at_once(portal):
    results = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(portal.run(answer(n)) == n)) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 20


def test_a_timeout_is_said_and_the_work_is_cancelled(portal):
    cancelled = threading.Event()

    async def never():
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(KafkaTimeoutError, match=r"TestClient gave no answer within 0\.01 s"):
        portal.run(never(), timeout=0.01)
    assert cancelled.wait(5)


def test_zero_seconds_are_a_timeout_too(portal):
    with pytest.raises(KafkaTimeoutError):
        portal.run(asyncio.sleep(60), timeout=0)


def test_an_interrupt_cancels_the_work(portal, monkeypatch):
    started, cancelled = threading.Event(), threading.Event()

    async def never():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    def interrupted(self, timeout):
        assert started.wait(5)
        raise KeyboardInterrupt

    monkeypatch.setattr("kafkalite.sync.portal._Call._wait_gate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        portal.run(never())
    assert cancelled.wait(5)


def test_waiting_in_slices_where_a_wait_cannot_be_interrupted(portal, monkeypatch):
    monkeypatch.setattr("kafkalite.sync.portal.WAIT_SLICE", 0.001)
    assert portal.run(asyncio.sleep(0.01, "late")) == "late"
    with pytest.raises(KafkaTimeoutError):
        portal.run(asyncio.sleep(60), timeout=0.01)


def test_its_own_thread_is_refused(portal):
    outcome = []
    done = threading.Event()

    def callback():
        try:
            portal.run(answer(1))
        except BaseException as error:
            outcome.append(error)
        done.set()

    assert portal.post(callback)
    assert done.wait(5)
    assert isinstance(outcome[0], IllegalStateError)
    assert "from a callback" in str(outcome[0])


def test_close_is_idempotent_and_refuses_later_calls(portal):
    portal.close(5)
    portal.close(5)
    with pytest.raises(IllegalStateError, match="TestClient is closed"):
        portal.run(answer(1))
    assert not portal.post(lambda: None)
    assert portal.closed


def test_close_wakes_a_call_that_waits(portal):
    started = threading.Event()
    outcome = []

    async def never():
        started.set()
        await asyncio.Event().wait()

    def call():
        try:
            portal.run(never())
        except KafkaError as error:
            outcome.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    assert started.wait(5)
    portal.close(5)
    thread.join(5)
    assert outcome == ["TestClient was closed while a call was waiting"]


def test_close_from_a_callback_does_not_wait_for_itself(portal):
    portal.post(lambda: portal.close())
    portal.join(5)
    assert not portal._thread.is_alive()


def test_the_loop_survives_a_callback_that_tries_to_exit(portal, caplog):
    def leave():
        raise SystemExit(3)

    portal.post(leave)
    assert portal.run(answer(1)) == 1
    assert "tried to end the process" in caplog.text


def test_open_runs_the_first_coroutine(portal):
    said = []

    async def first():
        said.append("hello")

    async def farewell():
        said.append("farewell")

    portal.open(first(), farewell)
    assert said == ["hello"]
    portal.abandon()
    portal.join(5)
    assert said == ["hello", "farewell"]


def test_open_that_fails_says_farewell_and_raises(portal):
    said = []

    async def first():
        raise KafkaError("nobody there")

    async def farewell():
        said.append("farewell")

    with pytest.raises(KafkaError, match="nobody there"):
        portal.open(first(), farewell)
    assert said == ["farewell"]
    assert portal.closed


def test_finish_runs_the_last_coroutine_once_and_stops(portal):
    said = []

    async def last():
        said.append("last")

    portal.finish(last)
    portal.finish(last)
    assert said == ["last"]
    assert portal.closed


def test_finish_stops_even_if_the_last_coroutine_fails(portal):
    async def last():
        raise KafkaError("flush failed")

    with pytest.raises(KafkaError, match="flush failed"):
        portal.finish(last)
    assert portal.closed


def test_finish_from_a_callback_is_refused_and_changes_nothing(portal):
    outcome = []
    done = threading.Event()

    async def last():
        outcome.append("last")

    def callback():
        try:
            portal.finish(last)
        except IllegalStateError as error:
            outcome.append(str(error))
        done.set()

    portal.post(callback)
    assert done.wait(5)
    assert len(outcome) == 1
    assert "from a callback" in outcome[0]
    assert portal.run(answer(1)) == 1


def test_abandon_says_farewell_and_stops(portal):
    said = threading.Event()

    async def farewell():
        said.set()

    portal.farewell = farewell
    portal.abandon()
    portal.abandon()
    assert said.wait(5)
    portal.join(5)
    assert not portal._thread.is_alive()


def test_a_farewell_that_fails_is_logged(portal, caplog):
    async def farewell():
        raise KafkaError("3 records were not sent")

    portal.farewell = farewell
    portal.abandon()
    portal.join(5)
    assert "TestClient did not close in order: 3 records were not sent" in caplog.text


def test_a_loop_of_the_users(portal):
    made = []

    def factory():
        made.append(asyncio.new_event_loop())
        return made[0]

    own = Portal("Own", loop_factory=factory)
    try:
        assert own.run(answer(1)) == 1
    finally:
        own.close(5)
    assert made[0].is_closed()


def test_repr_says_its_state(portal):
    assert repr(portal) == f"<Portal TestClient open pid={os.getpid()}>"
    portal.close(5)
    assert "closed" in repr(portal)


def test_a_call_is_cheap(portal):
    # Not a benchmark: a guard against machinery that costs milliseconds.
    began = time.perf_counter()
    for _ in range(200):
        portal.run(answer(1))
    assert (time.perf_counter() - began) / 200 < 0.01


@needs_fork
def test_a_forked_child_is_told_at_once_and_does_not_hurt_its_parent():
    program = run_program("""
        import asyncio, gc, os, sys
        from kafkalite.errors import ForkedError
        from kafkalite.sync.portal import Portal

        async def answer(value):
            await asyncio.sleep(0.001)
            return value

        portal = Portal("Client")
        told = []
        portal.on_fork = lambda: told.append(True)
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            assert told == [True]
            for call in (lambda: portal.run(answer(1)), portal.check):
                try:
                    call()
                except ForkedError as error:
                    assert f"created in process {parent}" in str(error), error
                    assert "create it again after fork" in str(error), error
                else:
                    os._exit(1)
            assert portal.post(print) is False
            portal.close()
            portal.abandon()
            portal.join(1)
            assert "forked" in repr(portal)
            del portal
            gc.collect()
            fresh = Portal("Client")
            assert fresh.run(answer(7)) == 7
            sys.exit(0)  # the child's atexit hooks run
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert portal.run(answer(2)) == 2
        assert not told
        portal.close()
    """)
    assert program.stderr == ""


def test_the_end_of_the_process_says_farewell():
    program = run_program("""
        import asyncio
        from kafkalite.sync.portal import Portal

        async def farewell():
            await asyncio.sleep(0.01)
            print("flushed", flush=True)

        portal = Portal("Client")
        portal.farewell = farewell
    """)
    assert program.stdout == "flushed\n"
    assert program.stderr == ""


def test_a_turn_is_one_threads_and_nests():
    turn = Turn("KafkaConsumer")
    outcome = []

    def other():
        try:
            with turn:
                outcome.append("in")
        except IllegalStateError as error:
            outcome.append(str(error))

    with turn:
        with turn:
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "one thread at a time" in outcome[0]
    assert repr(threading.current_thread().name) in outcome[0]
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert outcome[1] == "in"


def test_a_thread_that_got_the_number_of_the_ended_one_is_not_taken_for_it(portal):
    portal.close()
    said = []

    def call():
        try:
            portal.check()
        except IllegalStateError as error:
            said.append(str(error))

    for _ in range(20):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    assert len(said) == 20
    assert set(said) == {f"{portal.name} is closed"}
