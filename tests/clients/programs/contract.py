"""What every program here can do, in any language; this file is what the Python ones share.

    PROGRAM produce BOOTSTRAP TOPIC COUNT CODEC...     COUNT records with each codec; one JSON line per record
    PROGRAM consume BOOTSTRAP TOPIC COUNT              the first COUNT records of the topic; one JSON line per record
    PROGRAM member BOOTSTRAP TOPIC GROUP               a member of a group, until its standard input ends
    PROGRAM send BOOTSTRAP TOPIC KEY...                one record for each key, one JSON line for each (some programs)

A record is {"partition", "offset", "key", "value", "headers": [[name, value], ...]}. A member also prints
{"assigned": [partition, ...]} after each rebalance, commits what it has read, leaves at its end, and prints
{"left": true}. Keys, values and headers are the same for all: see `key`, `value` and `headers`.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable


def key(number: int) -> str:
    return f"key-{number}"


def value(codec: str, number: int) -> str:
    return f"{codec} value {number} " + "so that there is something to compress " * 4


def headers(client: str, codec: str) -> list[tuple[str, bytes]]:
    return [("client", client.encode()), ("codec", codec.encode())]


def show(**what: object) -> None:
    print(json.dumps(what), flush=True)


def show_record(
    partition: int,
    offset: int,
    key: bytes | str | None,
    value: bytes | str | None,
    headers: Iterable[tuple[str, bytes]] | None,
) -> None:
    shown = [[name, text.decode()] for name, text in headers or ()]
    show(partition=partition, offset=offset, key=_text(key), value=_text(value), headers=shown)


def _text(data: bytes | str | None) -> str | None:
    return data.decode() if isinstance(data, bytes) else data


def ended() -> threading.Event:
    """Set once standard input ends: the test wants this member to leave."""
    event = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        event.set()

    threading.Thread(target=wait, daemon=True).start()
    return event


def main(
    produce: Callable[[str, str, int, list[str]], None],
    consume: Callable[[str, str, int], None],
    member: Callable[[str, str, str], None],
    send: Callable[[str, str, list[str]], None] | None = None,
) -> None:
    """Run what the command line names."""
    what, bootstrap, topic, *rest = sys.argv[1:]
    if what == "produce":
        produce(bootstrap, topic, int(rest[0]), rest[1:])
    elif what == "consume":
        consume(bootstrap, topic, int(rest[0]))
    elif what == "member":
        member(bootstrap, topic, rest[0])
        show(left=True)
    else:
        assert send is not None, what
        send(bootstrap, topic, rest)
