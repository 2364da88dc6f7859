"""Asks a handler without a network: every request and every answer still goes through its bytes, in its version."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

from kafkalite.broker.call import Call
from kafkalite.broker.clock import SteppedClock
from kafkalite.broker.cluster import Cluster
from kafkalite.broker.config import BrokerConfig
from kafkalite.broker.error_answers import error_answer
from kafkalite.broker.handlers import load
from kafkalite.broker.refusal import Refusal
from kafkalite.protocol.message import Request, Response

R = TypeVar("R", bound=Response)


class Asking:
    """A cluster with a clock that stands still."""

    def __init__(self, *, nodes: int = 1, config: dict[str, object] | None = None) -> None:
        self.clock = SteppedClock()
        self.cluster = Cluster(
            BrokerConfig(config), self.clock, Random(1), nodes=nodes, host="127.0.0.1", port=9092
        )

    def coordinator(self, group_id: str) -> int:
        return self.cluster.coordinator_of(group_id).id

    def ask(self, request: Request[R], version: int | None = None, *, node: int = 1) -> R:
        """The answer, which must come at once."""
        outcome = self._begin(request, version, node)
        try:
            outcome.send(None)
        except StopIteration as stop:
            answer: R = stop.value
            return answer
        outcome.close()
        raise AssertionError(f"{type(request).__name__} waits")

    def begin(self, request: Request[R], version: int | None = None, *, node: int = 1) -> asyncio.Task[R]:
        """The answer, whenever it comes. Needs a running loop; the request is handed over before this returns."""
        return asyncio.get_running_loop().create_task(self._begin(request, version, node))

    def _begin(self, request: Request[R], version: int | None, node: int) -> Coroutine[Any, Any, R]:
        spoken = request.max_version if version is None else version
        call = Call(
            type(request).decode(request.encode(spoken), spoken),
            spoken,
            node=self.cluster.nodes[node],
            cluster=self.cluster,
            client_id="client",
        )
        handler = load()[request.api_key]
        assert handler.min_version <= spoken <= handler.max_version
        try:
            outcome: Any = handler.function(call)
        except Refusal as refusal:
            outcome = error_answer(call, refusal.code, refusal.message)
        return self._finish(call, spoken, outcome)

    async def _finish(self, call: Call, spoken: int, outcome: Any) -> Any:
        try:
            if isinstance(outcome, Coroutine):
                outcome = await outcome
        except Refusal as refusal:
            outcome = error_answer(call, refusal.code, refusal.message)
        return type(outcome).decode(outcome.encode(spoken), spoken)
