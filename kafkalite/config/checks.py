"""What values an option may have, and what becomes of them. Thread: caller.

Each check is a small value: it knows the words for "must be ..." and turns a good value into the one that the rooms
use (milliseconds become seconds, names become numbers).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeAlias

from kafkalite.errors import KafkaConfigurationError

__all__ = [
    "ANY_TIME",
    "INT32_MAX",
    "ApiVersion",
    "Assignors",
    "Flag",
    "Integer",
    "Milliseconds",
    "OffsetReset",
    "OneOf",
    "Shaped",
    "SocketOptions",
    "Text",
]

INT32_MAX = 2**31 - 1

Reset: TypeAlias = str | tuple[str, float]


class Milliseconds:
    """A span of time; becomes seconds."""

    def __init__(self, minimum: float = 0, *, endless: bool = False) -> None:
        self.minimum = minimum
        self.endless = endless

    @property
    def expects(self) -> str:
        return f"a number of milliseconds >= {self.minimum:g}" + (" or float('inf')" if self.endless else "")

    def __call__(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        if not value >= self.minimum or (math.isinf(value) and not self.endless):  # "not >=": NaN too
            raise ValueError
        return value / 1000


ANY_TIME = Milliseconds()


class Integer:
    """A whole number. `none` and `endless` say what None and infinity stand for, if they are allowed."""

    def __init__(
        self,
        minimum: int,
        *,
        maximum: int = INT32_MAX,
        unit: str = "",
        none: int | None = None,
        allows_none: bool = False,
        endless: int | None = None,
    ) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.unit = unit
        self.none = none
        self.allows_none = allows_none
        self.endless = endless

    @property
    def expects(self) -> str:
        text = f"a whole number{self.unit} from {self.minimum} to {self.maximum}"
        if self.maximum >= INT32_MAX:
            text = f"a whole number{self.unit} >= {self.minimum}"
        if self.endless is not None:
            text += " or float('inf')"
        return f"{text} or None" if self.allows_none else text

    def __call__(self, value: object) -> int | None:
        if value is None and self.allows_none:
            return self.none
        if self.endless is not None and value == math.inf:
            return self.endless
        if isinstance(value, bool) or not isinstance(value, int) or not self.minimum <= value <= self.maximum:
            raise ValueError
        return value


class Flag:
    """True or False, and nothing that merely looks like them."""

    expects: ClassVar[str] = "True or False"

    def __call__(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value


class Text:
    """A text, or None, which becomes `none`; `legal` is a regular expression for the whole of it."""

    def __init__(
        self,
        *,
        none: str | None = None,
        legal: str = ".+",
        described: str = "a text that is not empty",
    ) -> None:
        self.none = none
        self.legal = legal
        self.expects = f"{described} or None"

    def __call__(self, value: object) -> str | None:
        if value is None:
            return self.none
        if not isinstance(value, str) or not re.fullmatch(self.legal, value, re.DOTALL):
            raise ValueError
        return value


class OneOf:
    """One of a few values; becomes what stands beside it."""

    def __init__(self, choices: Mapping[object, object], expects: str) -> None:
        self.choices = choices
        self.expects = expects

    def __call__(self, value: object) -> object:
        try:
            if isinstance(value, bool):  # True would be found as 1
                raise ValueError
            return self.choices[value]
        except (KeyError, TypeError):
            raise ValueError from None


class Shaped:
    """A function, or an object that has one of the given methods; or None."""

    def __init__(self, *methods: str, expects: str = "a function or None") -> None:
        self.methods = methods
        self.expects = expects

    def __call__(self, value: object) -> object:
        if value is None or callable(value) or any(callable(getattr(value, m, None)) for m in self.methods):
            return value
        raise ValueError


class SocketOptions:
    """Arguments for `socket.setsockopt`, one triple each."""

    expects: ClassVar[str] = "a list of (level, option, value) for socket.setsockopt"

    def __call__(self, value: object) -> tuple[tuple[int, int, int | bytes], ...]:
        if value is None:
            return ()
        if not isinstance(value, Iterable):
            raise ValueError
        triples = []
        for item in value:
            match item:
                case (int(level), int(option), int() | bytes() as setting):
                    triples.append((level, option, setting))
                case _:
                    raise ValueError
        return tuple(triples)


class OffsetReset:
    """Where to start without a committed offset (KIP-1106 for durations)."""

    expects: ClassVar[str] = (
        "'earliest', 'latest', 'none', or 'by_duration:' and an ISO 8601 duration like PT1H or P2DT30M"
    )

    _names: ClassVar[Mapping[object, str]] = {
        "earliest": "earliest",
        "latest": "latest",
        "none": "none",
        # What clients of before Kafka 0.9, and librdkafka's until today, call them.
        "smallest": "earliest",
        "beginning": "earliest",
        "largest": "latest",
        "end": "latest",
        "error": "none",
    }

    def __call__(self, value: object) -> Reset:
        if not isinstance(value, str):
            raise ValueError
        if value in self._names:
            return self._names[value]
        policy, _, duration = value.partition(":")
        if policy != "by_duration":
            raise ValueError
        return policy, _seconds(duration)


def _seconds(duration: str) -> float:
    number = r"(?:(\d+){})?"
    pattern = (
        f"P{number.format('D')}(?:T(?=.){number.format('H')}{number.format('M')}(?:(\\d+(?:\\.\\d+)?)S)?)?"
    )
    found = re.fullmatch(pattern, duration)
    if found is None or not any(found.groups()):
        raise ValueError
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


class ApiVersion:
    """The broker's version, as kafka-python's programs state it. It is only looked at, see `Option.says`."""

    expects: ClassVar[str] = "None, 'auto', or a version such as (2, 6) or '2.6'"

    def __call__(self, value: object) -> tuple[int, ...] | None:
        if value is None or value == "auto":
            return None
        if isinstance(value, str):
            value = tuple(int(part) for part in value.split("."))  # ValueError: not a version
        if not isinstance(value, tuple) or not value or not all(type(part) is int for part in value):
            raise ValueError
        if value < (0, 10):
            raise KafkaConfigurationError(
                f"api_version={value} asks for a broker older than Kafka 0.10, which cannot say what it supports."
                " kafkalite talks to newer brokers only; there, leave api_version out."
            )
        return value


class Assignors:
    """Names or objects that share partitions out between the members of a group, in order of preference."""

    def __init__(self, known: tuple[str, ...], later: tuple[str, ...]) -> None:
        self.known = known
        self.later = later
        self.names = ", ".join(map(repr, known))
        self.expects = f"a list of assignors: {self.names}, or objects with `name` and `assign`"

    def __call__(self, value: object) -> tuple[object, ...]:
        listed = value.split(",") if isinstance(value, str) else value
        if not isinstance(listed, Iterable):
            raise ValueError
        chosen = tuple(self._one(item) for item in listed)
        if not chosen:
            raise ValueError
        return chosen

    def _one(self, item: object) -> object:
        if isinstance(item, str):
            name = item.strip()
            if name in self.known:
                return name
            if name in self.later:
                raise KafkaConfigurationError(
                    f"partition_assignment_strategy: the assignor '{name}' comes in a later release;"
                    f" now there is {self.names}"
                )
            raise ValueError
        owner = item if isinstance(item, type) else type(item)
        if owner.__module__.partition(".")[0] in ("kafka", "aiokafka"):
            raise KafkaConfigurationError(
                f"partition_assignment_strategy: {owner.__name__} belongs to another client;"
                f" give the name of an assignor ({self.names})"
            )
        if not hasattr(item, "name") or not callable(getattr(item, "assign", None)):
            raise ValueError
        return item
