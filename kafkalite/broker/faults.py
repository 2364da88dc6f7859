"""What may go wrong, on demand: requests that are watched, and answers that come late, wrong, or not at all.

`EmbeddedBroker.on` makes a `Watch`, on the test's thread; the server asks `Faults.match` about each request and does
what the rule says. Rules are tried in the order in which they were made: the first one that fits and has turns left
acts, all that fit count. Thread: loop, but a `Watch` is for any.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from kafkalite.protocol.message import Request, Response

__all__ = ["Faults", "Rule", "Watch"]

Answer = Response | Callable[[Any], Response]


class Rule(NamedTuple):
    """Which requests are meant, and what happens to them."""

    request_type: type[Request[Any]]
    node: int | None = None
    when: Callable[[Any], bool] | None = None
    answer: Answer | None = None
    error: int | None = None
    delay: float = 0.0
    drop: bool = False
    disconnect: Literal["before", "after"] | None = None

    @property
    def acts(self) -> bool:
        """Whether it does more than watch."""
        return (
            self.answer is not None
            or self.error is not None
            or self.delay > 0
            or self.drop
            or self.disconnect is not None
        )


def check_rule(rule: Rule) -> None:
    """Raise ValueError for a rule that says two things at once."""
    wanted = {
        "answer": rule.answer is not None,
        "error": rule.error is not None,
        "drop": rule.drop,
        "disconnect='before'": rule.disconnect == "before",
    }
    chosen = [name for name, wants in wanted.items() if wants]
    if len(chosen) > 1:
        raise ValueError(f"on() can do one of these, not all: {', '.join(chosen)}")
    if rule.drop and rule.disconnect:
        raise ValueError("on() can do one of these, not all: drop, disconnect='after'")
    if rule.disconnect not in (None, "before", "after"):
        raise ValueError(f"disconnect is 'before', 'after' or None, not {rule.disconnect!r}")
    if rule.delay < 0:
        raise ValueError(f"delay is not negative: {rule.delay}")
    if isinstance(rule.answer, Response) and type(rule.answer) is not rule.request_type.response_type:
        raise ValueError(
            f"{rule.request_type.__name__} is answered with a {rule.request_type.response_type.__name__},"
            f" not a {type(rule.answer).__name__}"
        )


class Watch:
    """The requests that fitted a rule. As a context manager it ends the rule at the end of the block."""

    def __init__(self, rule: Rule, times: int | None, remove: Callable[[Watch], None]) -> None:
        self.rule = rule
        self._left = times
        self._remove = remove
        self._seen: list[Any] = []
        self._arrived = threading.Condition()

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self._seen)

    @property
    def requests(self) -> list[Any]:
        """They themselves, decoded, in the order in which they came."""
        with self._arrived:
            return list(self._seen)

    def wait(self, count: int = 1, timeout: float = 10.0) -> None:
        """Block until so many have come. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._seen) >= count, timeout):
                raise TimeoutError(
                    f"{count} of {self.rule.request_type.__name__} awaited, {len(self._seen)} came"
                    f" within {timeout:.3g} s"
                )

    def cancel(self) -> None:
        """End the rule: neither watch nor act any more. What was seen stays."""
        self._remove(self)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"<Watch on {self.rule.request_type.__name__}: {self.count} seen>"

    # Thread: loop.

    def fits(self, request: Request[Any], node_id: int) -> bool:
        """Whether the rule means this request. A rule whose turns are over means none."""
        rule = self.rule
        return (
            self._left != 0
            and type(request) is rule.request_type
            and rule.node in (None, node_id)
            and (rule.when is None or bool(rule.when(request)))
        )

    def note(self, request: Request[Any]) -> None:
        """One came."""
        if self._left is not None:
            self._left -= 1
        with self._arrived:
            self._seen.append(request)
            self._arrived.notify_all()


class Faults:
    """The rules of one broker."""

    def __init__(self) -> None:
        self.watches: list[Watch] = []

    def add(self, rule: Rule, times: int | None, remove: Callable[[Watch], None]) -> Watch:
        """A new rule, good for so many requests; None for all."""
        watch = Watch(rule, times, remove)
        self.watches.append(watch)
        return watch

    def remove(self, watch: Watch) -> None:
        """Forget a rule; harmless if it is forgotten already."""
        if watch in self.watches:
            self.watches.remove(watch)

    def match(self, request: Request[Any], node_id: int) -> Rule | None:
        """What to do to a request, or None. Every rule that only watches sees it, and the first that acts."""
        chosen: Rule | None = None
        for watch in self.watches:
            if (chosen is not None and watch.rule.acts) or not watch.fits(request, node_id):
                continue
            watch.note(request)
            if watch.rule.acts:
                chosen = watch.rule
        return chosen
