"""Memory stays within the limits that were set, whatever the broker does."""

import asyncio
import tracemalloc

import pytest

from kafkalite import TopicPartition
from kafkalite.errors import BufferExhaustedError
from kafkalite.protocol.messages.fetch import FetchRequest
from kafkalite.protocol.messages.produce import ProduceRequest
from tests.doors.drive import PATIENCE

MIB = 1024 * 1024


async def test_producing_for_a_dead_broker_stays_within_buffer_memory(door, broker):
    topic = await door.topic()
    producer = await door.producer(buffer_memory=4 * MIB, max_block_ms=50, batch_size=256 * 1024)
    await producer.send_and_wait(topic, b"before")
    broker.on(ProduceRequest, drop=True, times=None)
    sent = 0

    async def send_for_ever():
        nonlocal sent
        while True:
            await producer.send(topic, sent.to_bytes(4, "big") * 256)
            sent += 1

    tracemalloc.start()
    try:
        with pytest.raises(BufferExhaustedError, match=r"buffer_memory \(4194304 bytes\) is full"):
            await send_for_ever()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    metrics = await producer.metrics(raw=True)
    assert 3 * MIB < sent * 1024 <= 4 * MIB
    assert 0 <= metrics["buffer-available-bytes"] < 2048
    # The records themselves, each batch once more as bytes for the wire, and that again in the socket's queue.
    assert peak < 4 * 4 * MIB
    broker.drop_connections()
    await producer.close(timeout=0)


async def test_reading_far_more_than_memory_stays_within_the_fetch_limits(door, broker):
    topic = await door.topic(partitions=4)
    value = bytes(1000)
    for number in range(4):
        for _ in range(8):
            broker.append(topic, [value] * 1000, partition=number)  # 32 MB in all
    consumer = await door.consumer(fetch_max_bytes=2 * MIB, max_partition_fetch_bytes=MIB // 2)
    watch = broker.on(FetchRequest)
    await consumer.assign([TopicPartition(topic, number) for number in range(4)])
    tracemalloc.start()
    try:
        records = await consumer.read(1)
        await asyncio.to_thread(watch.wait, 2, PATIENCE)
        seen = len(records)
        while seen < 32_000:
            for batch in (await consumer.poll(timeout_ms=1000, max_records=500)).values():
                seen += len(batch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Two fetches ahead, the broker's own answer under way in this same process, and a batch of each partition decoded.
    assert peak < 16 * MIB
