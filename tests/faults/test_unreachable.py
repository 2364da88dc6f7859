"""A broker that cannot be talked to: the error comes within the configured time, and names the cause."""

import asyncio
import socket
import struct
import time

import pytest

from kafkalite.errors import DeliveryTimeoutError, KafkaTimeoutError, NoBrokersAvailable
from kafkalite.protocol.messages.produce import ProduceRequest
from tests.doors.drive import PATIENCE

LIMIT_MS = 400


@pytest.fixture
async def silent():
    """A server that accepts, and never says a word."""
    held = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    for writer in held:
        writer.close()
    server.close()


@pytest.fixture
async def resetting():
    """A server that resets every connection."""

    def reset(_, writer):
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    server.close()


@pytest.fixture
async def web():
    """A server that speaks HTTP."""

    def answer(_, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    server.close()


async def fails(door, address, match):
    """All three clients say so in time."""
    for make in (door.producer, door.consumer, door.admin):
        began = time.monotonic()
        with pytest.raises(NoBrokersAvailable, match=match) as caught:
            await make(
                bootstrap_servers=address,
                bootstrap_timeout_ms=LIMIT_MS,
                socket_connection_setup_timeout_ms=LIMIT_MS / 2,
            )
        assert time.monotonic() - began < PATIENCE
        assert isinstance(caught.value, KafkaTimeoutError)
        assert address in str(caught.value)


async def test_a_silent_server(door, silent):
    await fails(door, f"127.0.0.1:{silent[1]}", "no answer")


async def test_a_server_that_resets(door, resetting):
    await fails(door, f"127.0.0.1:{resetting[1]}", r"reset|closed|lost")


async def test_a_server_that_is_not_kafka(door, web):
    await fails(door, f"127.0.0.1:{web[1]}", "HTTP server")


async def test_a_port_where_nobody_listens(door, unused_tcp_port):
    await fails(door, f"127.0.0.1:{unused_tcp_port}", "refused")


async def test_a_name_that_does_not_resolve(door):
    await fails(door, "no-such-host.invalid:9092", "resolve")


async def test_a_broker_that_falls_silent(door, broker):
    topic = await door.topic()
    producer = await door.producer(request_timeout_ms=100, delivery_timeout_ms=LIMIT_MS)
    await producer.send_and_wait(topic, b"before")
    broker.on(ProduceRequest, drop=True, times=None)
    delivery = await producer.send(topic, b"v")
    with pytest.raises(DeliveryTimeoutError, match=rf"{topic}-0.*did not answer Produce") as caught:
        await producer.outcome(delivery)
    assert f"delivery_timeout_ms ({LIMIT_MS} ms)" in str(caught.value)
