"""`python -m kafkalite.broker`: an embedded broker as a program, for clients in any language. Thread: main."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from .broker import EmbeddedBroker

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM. Returns the exit code: 2 for arguments that make no sense, 1 for a port in use."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        broker = EmbeddedBroker(
            nodes=options.nodes,
            host=options.host,
            port=options.port,
            topics=dict(_topic(text) for text in options.topic),
            config=dict(_setting(text) for text in options.config),
        )
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with broker:
            print(f"kafkalite broker ready at {broker.bootstrap_servers}", flush=True)
            while not ended.wait(0.2):  # a wait without a limit cannot be interrupted on Windows
                pass
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kafkalite.broker",
        description="A Kafka broker for tests. It keeps everything in memory and forgets it when it ends.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=9092, help="port of the first node; 0: any (default: 9092)"
    )
    parser.add_argument(
        "--nodes", type=int, default=1, help="nodes of the cluster, each on a port of its own"
    )
    parser.add_argument(
        "--topic", action="append", default=[], metavar="NAME[:PARTITIONS]", help="a topic to begin with"
    )
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a broker setting, by Kafka's name",
    )
    return parser


def _topic(text: str) -> tuple[str, int]:
    name, _, partitions = text.partition(":")
    return name, int(partitions) if partitions else -1


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--config takes NAME=VALUE, not {text!r}")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
