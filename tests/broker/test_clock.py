import asyncio
import threading
import time

import pytest

from kafkalite.broker.clock import RealClock, SteppedClock


def test_a_stepped_clock_stands_still() -> None:
    clock = SteppedClock(start=1000.0)
    assert (clock.time(), clock.monotonic(), clock.time_ms()) == (1000.0, 0.0, 1_000_000)
    clock.advance(2.5)
    assert (clock.time(), clock.monotonic(), clock.time_ms()) == (1002.5, 2.5, 1_002_500)


def test_what_is_due_is_called_in_order_and_sees_its_own_time() -> None:
    clock, called = SteppedClock(), []
    clock.call_later(3, lambda: called.append(("late", clock.monotonic())))
    clock.call_later(1, lambda: called.append(("early", clock.monotonic())))
    clock.call_later(1, lambda: called.append(("early too", clock.monotonic())))
    clock.call_later(9, lambda: called.append(("never", clock.monotonic())))
    clock.call_later(2, lambda: called.append(("cancelled", 0.0))).cancel()
    clock.advance(5)
    assert called == [("early", 1), ("early too", 1), ("late", 3)]
    assert clock.monotonic() == 5


def test_a_call_may_set_a_timer_that_is_due_as_well() -> None:
    clock, called = SteppedClock(), []
    clock.call_later(1, lambda: clock.call_later(1, lambda: called.append(clock.monotonic())))
    clock.advance(5)
    assert called == [2]


def test_a_delay_below_zero_is_none() -> None:
    clock, called = SteppedClock(), []
    clock.advance(1)
    clock.call_later(-5, lambda: called.append(clock.monotonic()))
    clock.advance(0)
    assert called == [1]


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="back"):
        SteppedClock().advance(-1)


class _Loop:
    """An event loop in a thread of its own, as the broker has one."""

    def __enter__(self) -> asyncio.AbstractEventLoop:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        return self.loop

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def _on(loop: asyncio.AbstractEventLoop, function):
    async def call():
        return function()

    return asyncio.run_coroutine_threadsafe(call(), loop).result(10)


def test_advance_from_another_thread_returns_when_the_loop_is_done() -> None:
    clock, called = SteppedClock(), []

    async def sleeps_twice() -> None:
        await clock.sleep(1)
        called.append(clock.monotonic())
        await clock.sleep(1)
        called.append(clock.monotonic())

    with _Loop() as loop:
        _on(loop, lambda: clock.attach(loop))
        sleeping = asyncio.run_coroutine_threadsafe(sleeps_twice(), loop)
        _on(loop, lambda: None)
        clock.advance(5)
        assert called == [1, 2]
        sleeping.result(10)
        with pytest.raises(RuntimeError, match="belongs to"):
            _on(loop, lambda: clock.attach(loop))
        with pytest.raises(RuntimeError, match="callback"):
            _on(loop, lambda: clock.advance(1))
        clock.detach()
        _on(loop, lambda: clock.attach(loop))


async def test_a_sleep_that_is_cancelled_leaves_no_timer_to_trip_over() -> None:
    clock = SteppedClock()
    sleeping = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    clock.advance(2)


async def test_the_real_clock_is_the_systems() -> None:
    clock = RealClock()
    clock.attach(asyncio.get_running_loop())
    assert abs(clock.time() - time.time()) < 5
    assert abs(clock.time_ms() - time.time() * 1000) < 5000
    before = clock.monotonic()
    called = asyncio.Event()
    clock.call_later(0.01, called.set)
    await asyncio.wait_for(called.wait(), 10)
    await clock.sleep(0.01)
    assert clock.monotonic() >= before + 0.02
    clock.detach()
