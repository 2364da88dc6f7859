"""`bootstrap_servers`, from what people write to host and port. Thread: caller."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from kafkalite.errors import KafkaConfigurationError

__all__ = ["DEFAULT_PORT", "Addresses"]

DEFAULT_PORT = 9092

_HOST = r"\[(?P<v6>[0-9A-Fa-f:.]+(?:%[^\]\s]+)?)\]|(?P<host>[^\s:/\[\]@,]+)"
_SECURE = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")


class Addresses:
    """The check of `bootstrap_servers`; becomes a tuple of (host, port) without repetitions."""

    expects: ClassVar[str] = "'host:port', several of them separated by commas, or a list of them"

    def __call__(self, value: object) -> tuple[tuple[str, int], ...]:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, Iterable) or isinstance(value, bytes | dict):
            raise ValueError
        found: dict[tuple[str, int], None] = {}
        for text in value:
            if not isinstance(text, str):
                raise KafkaConfigurationError(f"bootstrap_servers: {text!r} is not a text like 'host:9092'")
            for entry in filter(None, map(str.strip, text.split(","))):
                found[_address(entry)] = None
        if not found:
            raise KafkaConfigurationError("bootstrap_servers is empty: give at least one 'host:port'")
        return tuple(found)


def _address(entry: str) -> tuple[str, int]:
    scheme, separator, rest = entry.partition("://")
    if not separator:
        scheme, rest = "PLAINTEXT", entry
    if scheme.upper() in _SECURE:
        raise KafkaConfigurationError(
            f"bootstrap_servers: {_shown(entry)} asks for {scheme.upper()};"
            " TLS and SASL come in a later release, only PLAINTEXT works now"
        )
    if scheme.upper() != "PLAINTEXT":
        raise KafkaConfigurationError(
            f"bootstrap_servers: {_shown(entry)} is not an address of a broker: '{scheme}://' means nothing here"
        )
    if rest.count(":") > 1 and "[" not in rest:
        return _bare_ipv6(rest, entry), DEFAULT_PORT
    parts = re.fullmatch(rf"(?:{_HOST})(?::(?P<port>\d+))?", rest)
    if parts is None:
        raise KafkaConfigurationError(
            f"bootstrap_servers: {_shown(entry)} is not an address: expected 'host:port' or '[IPv6]:port'"
        )
    port = int(parts["port"] or DEFAULT_PORT)
    if not 0 < port < 65536:
        raise KafkaConfigurationError(f"bootstrap_servers: {_shown(entry)} has a port outside 1 to 65535")
    return parts["v6"] or parts["host"], port


def _bare_ipv6(text: str, entry: str) -> str:
    import ipaddress  # rarely needed, and slow to import

    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise KafkaConfigurationError(
            f"bootstrap_servers: {_shown(entry)} has more than one colon; write IPv6 addresses as '[::1]:9092'"
        ) from None


def _shown(entry: str) -> str:
    """The entry for an error message, without a user name and password that someone may have put into it."""
    return repr(re.sub(r"[^/@]*@", "***@", entry))
