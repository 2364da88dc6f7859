"""Produce and consume in an asyncio program.

python examples/asyncio_round_trip.py                      # on the embedded broker
python examples/asyncio_round_trip.py localhost:9092       # on your cluster
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid

from kafkalite import AsyncKafkaConsumer, AsyncKafkaProducer
from kafkalite.broker import EmbeddedBroker

COUNT = 10


async def round_trip(bootstrap: str, topic: str) -> list[bytes]:
    """Send a few messages and read them back."""
    async with AsyncKafkaProducer(bootstrap_servers=bootstrap) as producer:
        first = await producer.send_and_wait(topic, b"message 0")
        print(f"message 0 is at offset {first.offset} of partition {first.partition}")
        for number in range(1, COUNT):
            await producer.send(topic, b"message %d" % number)
        await producer.flush()

    received: list[bytes] = []
    async with AsyncKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        async for message in consumer:
            received.append(message.value)
            if len(received) == COUNT:
                break
    return received


async def main() -> int:
    topic = f"round-trip-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as stack:
        bootstrap = sys.argv[1] if len(sys.argv) > 1 else None
        if bootstrap is None:
            bootstrap = stack.enter_context(EmbeddedBroker()).bootstrap_servers
        async with asyncio.timeout(60):
            received = await round_trip(bootstrap, topic)
    print(f"received {len(received)} messages, the last one {received[-1].decode()!r}")
    return 0 if len(set(received)) == COUNT else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
