"""Waiting for what a record needs, through the engine that sends calls there."""

import asyncio

import pytest

from kafkalite.errors import (
    BufferExhaustedError,
    InvalidTopicError,
    KafkaConnectionError,
    MetadataTimeoutError,
    ProducerClosed,
    TopicAuthorizationFailedError,
)
from kafkalite.protocol.codes import ErrorCode

from .stand_ins import PATIENCE, Bench, FakeClient


class TestWaitingForMetadata:
    async def test_until_the_topic_is_known(self):
        client = FakeClient({})
        async with Bench(client) as bench:
            assert bench.send(topic="new") is None
            waiting = asyncio.create_task(bench.engine.make_room("new", bench.soon()))
            await client.quiet()
            assert client.wanted == {"new"}
            client.learn({}, errors={"new": ErrorCode.LEADER_NOT_AVAILABLE})
            await client.quiet()
            assert not waiting.done()
            client.learn({"new": 1})
            await waiting
            assert bench.send(topic="new")

    async def test_what_waiting_cannot_mend_is_raised_at_once(self):
        client = FakeClient({})
        async with Bench(client) as bench:
            waiting = asyncio.create_task(bench.engine.make_room("secret", bench.soon()))
            await client.quiet()
            client.learn({}, errors={"secret": ErrorCode.TOPIC_AUTHORIZATION_FAILED})
            with pytest.raises(TopicAuthorizationFailedError, match="topic 'secret'"):
                await waiting

    async def test_but_not_because_of_what_was_true_some_time_ago(self):
        client = FakeClient({}, errors={"secret": ErrorCode.TOPIC_AUTHORIZATION_FAILED})
        async with Bench(client) as bench:
            assert bench.send(topic="secret") is None
            waiting = asyncio.create_task(bench.engine.make_room("secret", bench.soon()))
            await client.quiet()
            assert client.updates == 1
            client.learn({"secret": 1})
            await waiting

    @pytest.mark.parametrize(
        ("errors", "failure", "cause"),
        [
            ({"x": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}, None, "UNKNOWN_TOPIC_OR_PARTITION"),
            ({"x": ErrorCode.LEADER_NOT_AVAILABLE}, None, "LEADER_NOT_AVAILABLE"),
            ({"x": 0}, None, "none of its partitions yet"),
            ({}, KafkaConnectionError("node 1 refused"), "no broker gave metadata: node 1 refused"),
            ({}, None, "no fresh metadata came in time"),
        ],
    )
    async def test_time_is_up(self, errors, failure, cause):
        client = FakeClient({}, errors=errors)
        client.last_metadata_failure = failure
        async with Bench(client, max_block_ms=1234) as bench:
            with pytest.raises(MetadataTimeoutError, match=rf"topic 'x'.*max_block_ms 1234.*{cause}"):
                await bench.engine.make_room("x", bench.soon(0.01))

    async def test_closing_ends_it(self):
        client = FakeClient({})
        async with Bench(client) as bench:
            waiting = asyncio.create_task(bench.engine.make_room("new", bench.soon()))
            await client.quiet()
            await bench.engine.close(0)
            with pytest.raises(ProducerClosed):
                await waiting

    async def test_partitions_for(self):
        client = FakeClient({"t": 3})
        async with Bench(client, max_block_ms=10) as bench:
            assert await bench.engine.partitions_for("t") == frozenset({0, 1, 2})
            with pytest.raises(MetadataTimeoutError, match="'other'"):
                await bench.engine.partitions_for("other")
            with pytest.raises(InvalidTopicError):
                await bench.engine.partitions_for("no topic")

    async def test_for_ever_is_allowed(self):
        client = FakeClient({})
        async with Bench(client, max_block_ms=float("inf")) as bench:
            waiting = asyncio.create_task(bench.engine.make_room("new", float("inf")))
            await client.quiet()
            client.learn({"new": 1})
            await waiting


class TestWaitingForMemory:
    async def test_until_something_is_settled(self):
        async with Bench(buffer_memory=1024, linger_ms=60_000) as bench:
            bench.fill()
            waiting = asyncio.create_task(bench.engine.make_room("t", bench.soon()))
            request = await bench.client.next()  # in spite of linger_ms
            assert not waiting.done()
            assert bench.engine.metrics()["waiting-threads"] == 1
            request.answer()
            await waiting
            assert bench.send(b"x" * 100)
            assert bench.engine.metrics()["bufferpool-wait-total"] == 1

    async def test_time_is_up_and_the_cause_is_named(self):
        async with Bench(buffer_memory=1024, max_block_ms=5) as bench:
            bench.fill()
            with pytest.raises(
                BufferExhaustedError,
                match=r"buffer_memory \(1024 bytes\) is full, 1 batches.*t-0: node 1 at host1:9092 has not answered",
            ):
                await bench.engine.make_room("t", bench.soon(0.01))
            assert bench.engine.metrics()["waiting-threads"] == 0

    async def test_first_come_first_served(self):
        async with Bench(buffer_memory=1024, linger_ms=60_000) as bench:
            bench.fill()
            order = []

            async def send(number):
                await bench.engine.make_room("t", bench.soon())
                order.append(number)

            tasks = []
            for number in range(3):
                assert bench.send(b"x" * 100) is None
                tasks.append(asyncio.create_task(send(number)))
                await asyncio.sleep(0)
            (await bench.client.next()).answer()
            await asyncio.gather(*tasks)
            assert order == [0, 1, 2]

    async def test_who_was_woken_and_did_not_come_holds_nobody_up(self):
        async with Bench(buffer_memory=1024, linger_ms=60_000) as bench:
            bench.fill()
            assert bench.send(b"x" * 800) is None
            first = bench.engine.make_room("t", bench.soon())
            assert bench.send(b"x" * 800) is None
            second = bench.engine.make_room("t", bench.soon())
            tasks = [asyncio.create_task(first), asyncio.create_task(second)]
            (await bench.client.next()).answer()
            await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)

    async def test_closing_ends_it(self):
        async with Bench(buffer_memory=1024) as bench:
            bench.fill()
            waiting = asyncio.create_task(bench.engine.make_room("t", bench.soon()))
            await bench.client.quiet(but_for=1)
            await bench.engine.close(0)
            with pytest.raises(ProducerClosed):
                await waiting

    async def test_a_size_is_its_threads_own(self):
        async with Bench(buffer_memory=1024, linger_ms=60_000) as bench:
            bench.fill()
            here = bench.engine.make_room("t", bench.soon())
            there = await asyncio.to_thread(bench.engine.make_room, "t", bench.soon())
            await there  # that thread was not refused anything
            waiting = asyncio.create_task(here)
            request = await bench.client.next()
            assert not waiting.done()
            request.answer()
            await waiting
