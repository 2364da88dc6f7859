"""The handlers: one function per API, registered with `handles`. Each file of this package holds one family.

A handler gets a `Call` and returns the response, or None for no answer at all, or a coroutine that will. A plain
function is answered at once; a coroutine gets a task, and later requests of its connection wait for it. A handler that
raises `Refusal` is answered with that code wherever the API's answer has an error code. Thread: loop.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from kafkalite.protocol.message import Request, Response

if TYPE_CHECKING:
    from ..call import Call

__all__ = ["HANDLERS", "Handler", "Outcome", "handles", "load"]

Outcome = Response | None | Coroutine[Any, Any, Response | None]
"""What a handler returns."""

F = TypeVar("F", bound="Callable[[Call], Outcome]")


class Handler(NamedTuple):
    """A function and the versions of its API that it answers."""

    request_type: type[Request[Any]]
    function: Callable[[Call], Outcome]
    min_version: int
    max_version: int


HANDLERS: Final[dict[int, Handler]] = {}
"""By API key. ApiVersions lists exactly what is in here."""


def handles(
    request_type: type[Request[Any]], *, min_version: int | None = None, max_version: int | None = None
) -> Callable[[F], F]:
    """Register a handler, for every version that is stable unless the range is narrowed."""
    lowest = request_type.min_version if min_version is None else min_version
    highest = request_type.max_version - (1 if request_type.latest_unstable else 0)
    if max_version is not None:
        highest = max_version

    def register(function: F) -> F:
        HANDLERS[request_type.api_key] = Handler(request_type, function, lowest, highest)
        return function

    return register


def load() -> dict[int, Handler]:
    """Import every file of this package, so that all handlers are registered."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f".{module.name}", __name__)
    return HANDLERS
