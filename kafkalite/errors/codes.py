"""From an error code in an answer to the exception that the user sees. Thread: any.

The table is filled by defining the classes, so this module is reached through `kafkalite.errors`, which imports
all of them.
"""

from __future__ import annotations

from kafkalite.errors.data import UnrecognizedBrokerError
from kafkalite.errors.kinds import CLASS_BY_CODE, BrokerResponseError

__all__ = ["error_class", "error_for", "for_code", "kafka_errors"]

kafka_errors = CLASS_BY_CODE
"""Code -> class, under kafka-python's name."""


def error_class(code: int) -> type[BrokerResponseError]:
    """The class of an error code; `UnrecognizedBrokerError` for one that a newer broker invented.

    An unknown code is treated like UNKNOWN_SERVER_ERROR: neither retriable nor fatal.
    """
    return CLASS_BY_CODE.get(code, UnrecognizedBrokerError)


for_code = error_class


def error_for(code: int, where: str = "", detail: str | None = None) -> BrokerResponseError:
    """The exception for an error code, with a message that says what, where and what to do.

    `where` names the thing it happened to ("orders-3 at node 2"), `detail` is the text that the broker may have sent
    along. The caller raises it, or hands it to whoever waits.
    """
    cls = error_class(code)
    parts = [f"{where}: {cls.description}" if where else cls.description, cls.advice]
    if detail:
        parts.append(f"The broker says: {detail}")
    error = cls(" ".join(part for part in parts if part))
    if cls is UnrecognizedBrokerError:
        error.errno = code
    return error
