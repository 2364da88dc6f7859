"""What may be sent: keys, values, headers and timestamps as users pass them, checked and made into what batches hold.

Thread: caller. The engine's fast path does without, for records that are plainly fine.
"""

from __future__ import annotations

import re
from typing import Final

from kafkalite.errors import InvalidTopicError, RecordTooLargeError
from kafkalite.protocol.records.batch import BATCH_OVERHEAD
from kafkalite.types import Headers

__all__ = ["checked_bytes", "checked_headers", "checked_timestamp", "checked_topic", "too_large"]

_LATEST: Final = 2**63 - 1
_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def checked_bytes(what: str, data: object) -> bytes | None:
    """A key or value as bytes. Raises TypeError that says what to do."""
    if data is None or type(data) is bytes:
        return data
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    hint = f"encode it, or give a {what}_serializer"
    raise TypeError(f"a record's {what} is bytes or None, not {type(data).__name__}: {hint}")


def checked_headers(headers: object) -> Headers:
    """Headers as a tuple that nobody changes later. Raises ValueError."""
    if not headers:
        return ()
    if not isinstance(headers, list | tuple):
        raise ValueError(f"headers are a list of (str, bytes), not {type(headers).__name__}")
    found = []
    for header in headers:
        if not isinstance(header, tuple | list) or len(header) != 2:
            raise ValueError(f"a header is a pair (str, bytes), not {header!r}")
        name, content = header
        if type(name) is not str:
            raise ValueError(f"a header's name is a str, not {name!r}")
        if not name.isascii():
            try:
                name.encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"a header's name cannot be written as UTF-8: {error}") from None
        if content is not None and type(content) is not bytes:
            if not isinstance(content, bytes | bytearray | memoryview):
                raise ValueError(f"header {name!r} holds bytes or None, not {type(content).__name__}")
            header = (name, bytes(content))
        found.append(header if type(header) is tuple else (name, content))
    return tuple(found)


def checked_timestamp(timestamp_ms: object) -> int | None:
    """Milliseconds since 1970, or None. Raises ValueError, TypeError."""
    if timestamp_ms is None:
        return None
    if isinstance(timestamp_ms, bool) or not isinstance(timestamp_ms, int):
        raise TypeError(f"timestamp_ms is an int, milliseconds since 1970, not {timestamp_ms!r}")
    if not 0 <= timestamp_ms <= _LATEST:
        raise ValueError(f"timestamp_ms is milliseconds since 1970 and not negative: {timestamp_ms}")
    return timestamp_ms


def checked_topic(topic: object) -> str:
    """A topic's name. Raises TypeError, InvalidTopicError: brokers would refuse it too, but as often as it is asked for."""
    if not isinstance(topic, str):
        raise TypeError(f"a topic is a str, not {topic!r}")
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise InvalidTopicError(f"{topic!r} is no name for a topic: {InvalidTopicError.advice}")
    return topic


def too_large(
    topic: str, size: int, max_request_size: int, buffer_memory: int, index: int | None = None
) -> RecordTooLargeError:
    """The error for records of that many bytes, which no request, or not even the whole memory, has room for.

    `index` says which one of many it is.
    """
    which = "" if index is None else f", record {index}"
    if size + BATCH_OVERHEAD > max_request_size:
        limit, advice = f"max_request_size ({max_request_size})", "max_request_size"
    else:
        limit = f"buffer_memory ({buffer_memory}; max_request_size is {max_request_size})"
        advice = "buffer_memory"
    return RecordTooLargeError(
        f"topic {topic!r}{which}: up to {size} bytes are above {limit}: send smaller records, or raise {advice}"
    )
