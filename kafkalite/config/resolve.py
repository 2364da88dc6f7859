"""From what the user passed to checked values: every option once, complaints in words. Thread: caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from kafkalite.config.option import CLIENTS, Option, options_of
from kafkalite.config.unsupported import REFUSED, RENAMED
from kafkalite.errors import KafkaConfigurationError, UnrecognizedOptionError

__all__ = ["Chosen", "choose"]


class Chosen:
    """The values of one client's options, given or default, by the names of the resolved configuration.

    A name loses its `_ms`, because the value is in seconds then.
    """

    def __init__(self, values: dict[str, Any], given: frozenset[str]) -> None:
        self.values = values
        self._given = given

    def given(self, option: str) -> bool:
        """Whether the user set this option (even to its default)."""
        return option in self._given

    def fields_of(self, config: type) -> dict[str, Any]:
        """The values that a configuration dataclass has fields for, ready to be passed to it."""
        return {f.name: self.values[f.name] for f in fields(config) if f.name in self.values}


def choose(client: str, declared: type, options: Mapping[str, object]) -> Chosen:
    """Check `options` against what `declared` (an options TypedDict) declares, and fill in defaults.

    `client` names the client for messages. Raises `UnrecognizedOptionError` and `KafkaConfigurationError`.
    """
    known = options_of(declared)
    unknown = []
    for name, value in options.items():
        if name in known:
            continue
        if name in REFUSED:
            _refuse(name, value)
        else:
            unknown.append(_unknown(client, name, known))
    if unknown:
        raise UnrecognizedOptionError("; ".join(unknown))
    values = {
        name.removesuffix("_ms"): _checked(name, option, options.get(name, option.default))
        for name, option in known.items()
    }
    return Chosen(values, frozenset(options))


def _checked(name: str, option: Option, value: object) -> object:
    try:
        return option.check(value)
    except KafkaConfigurationError:
        raise
    except ValueError:
        raise KafkaConfigurationError(f"{name} must be {option.check.expects}, not {value!r:.200}") from None


def _refuse(name: str, value: object) -> None:
    refused = REFUSED[name]
    # The value is not shown: it may be a password. Types are compared so that 1 is not taken for True.
    if not any(value is ok or (type(value) is type(ok) and value == ok) for ok in refused.neutral):
        raise KafkaConfigurationError(f"{name} is not supported: {refused.reason}")


def _unknown(client: str, name: str, known: Mapping[str, Option]) -> str:
    complaint = f"a {client} has no option '{name}'"
    plain = name.strip().lower().replace(".", "_").replace("-", "_")
    for candidate in (plain, f"{plain}_ms", RENAMED.get(plain, plain)):
        if candidate in known:
            return f"{complaint}; did you mean '{candidate}'?"
        if candidate in REFUSED:
            return f"{complaint}; it would be '{candidate}', but {REFUSED[candidate].reason}"
        owners = [f"the {c}'s" for c, declared in CLIENTS.items() if candidate in options_of(declared)]
        if owners:
            return f"{complaint}; '{candidate}' is one of {' and '.join(owners)}"
    import difflib  # only for people who mistyped

    names = {*known, *REFUSED, *(RENAMED.keys() - REFUSED.keys())}
    for close in difflib.get_close_matches(plain, names, n=3, cutoff=0.7):
        suggestion = RENAMED.get(close, close)
        if suggestion in known:
            return f"{complaint}; did you mean '{suggestion}'?"
    return complaint
