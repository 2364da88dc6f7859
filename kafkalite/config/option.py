"""One option of a client, declared once: default, check, a sentence, Kafka's name. Thread: caller.

The user-facing `ProducerOptions` and its sisters are TypedDicts whose values are `Annotated[type, Option(...)]`, so
that type checkers, the resolver and the documentation read the same line.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple, Protocol

__all__ = ["CLIENTS", "Check", "Option", "options_of"]


class Check(Protocol):
    """Turns what the user passed into what the rooms work with.

    Raises `ValueError` for anything else; then `expects` finishes the sentence "linger_ms must be ...". A check that
    has more to say raises `KafkaConfigurationError` itself.
    """

    @property
    def expects(self) -> str: ...

    def __call__(self, value: object, /) -> object: ...


class Option(NamedTuple):
    """What there is to know about one option."""

    default: object
    """In the user's units, as the user would write it."""
    check: Check
    says: str
    """One sentence for the documentation."""
    kafka: str | None = None
    """The name in Java's client; None for options that only Python clients have."""


CLIENTS: dict[str, type] = {}
"""Each kind of client, as messages call it, and the TypedDict of its options; filled where those are declared."""


@cache
def options_of(declared: type) -> Mapping[str, Option]:
    """Every option that an options TypedDict declares, by name."""
    found = {}
    for name, annotation in declared.__annotations__.items():
        found[name] = next(note for note in annotation.__metadata__ if isinstance(note, Option))
    return found
