"""Background tasks with an owner: whoever spawns them can end them all, and no failure goes unseen. Thread: loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Tasks"]

log = logging.getLogger(__name__)

T = TypeVar("T")


class Tasks:
    """The background tasks of one room."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str, *, quiet: bool = False) -> asyncio.Task[T]:
        """Start a task. A failure is logged, unless it is `quiet`: then somebody else looks at its result."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended_quietly if quiet else self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background task %s failed", task.get_name(), exc_info=error)

    def _ended_quietly(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen: that nobody waits any more is no reason to complain

    async def cancel_all(self) -> None:
        """End every task and wait until each has ended. The task that calls is left alone."""
        current = asyncio.current_task()
        while others := [task for task in self._running if task is not current]:
            for task in others:
                task.cancel()
            await asyncio.wait(others)

    def __len__(self) -> int:
        return len(self._running)
