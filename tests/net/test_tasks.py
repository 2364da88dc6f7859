from __future__ import annotations

import asyncio
import logging

import pytest

from kafkalite.net.tasks import Tasks


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("broken")


async def test_all_tasks_can_be_ended_at_once() -> None:
    tasks = Tasks()
    spawned = [tasks.spawn(forever(), "a"), tasks.spawn(forever(), "b")]
    await asyncio.sleep(0)
    assert len(tasks) == 2
    await tasks.cancel_all()
    assert all(task.cancelled() for task in spawned)
    assert len(tasks) == 0
    await tasks.cancel_all()


async def test_a_task_that_needs_time_to_end_is_waited_for() -> None:
    ended = []

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    tasks = Tasks()
    tasks.spawn(tidy(), "tidy")
    await asyncio.sleep(0)
    await tasks.cancel_all()
    assert ended == [True]


async def test_a_task_may_end_all_others() -> None:
    tasks = Tasks()
    other = tasks.spawn(forever(), "other")
    ender = tasks.spawn(tasks.cancel_all(), "ender")
    await ender
    assert other.cancelled()


async def test_a_failure_that_nobody_awaits_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    await asyncio.wait([tasks.spawn(fail(), "the broken one")])
    await asyncio.sleep(0)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "the broken one" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
    assert len(tasks) == 0


async def test_a_quiet_task_is_not_complained_about(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    task = tasks.spawn(fail(), "quiet", quiet=True)
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert not caplog.records
    with pytest.raises(ValueError, match="broken"):
        await task
    assert len(tasks) == 0
