"""The producer as the doors see it."""

import asyncio
import threading
import time

import pytest

from kafkalite.errors import (
    InvalidTopicError,
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerClosed,
)
from kafkalite.net.client import Client
from kafkalite.producer.delivery import Delivery
from kafkalite.producer.engine import ProducerEngine
from kafkalite.protocol.codes import ErrorCode

from .stand_ins import PATIENCE, Bench, FakeClient, config


class TestSending:
    async def test_every_way_to_send_fast_and_slow(self):
        """The first record of a batch takes the slow path, the second the fast one: both must do the same."""
        headers = [("h", b"1")]
        async with Bench(linger_ms=60_000) as bench:
            for _ in range(2):
                assert bench.send(b"plain", partition=0)
                assert bench.send(b"keyed", b"k", partition=0)
                assert bench.send(b"headers", None, headers, partition=0)
                assert bench.send(b"both", b"k", list(headers), partition=0)
                assert bench.send(None, b"tombstone", partition=0)
                assert bench.send(b"timed", timestamp_ms=77, partition=0)
                assert bench.send(b"other", None, [("x", None)], partition=0)
            found = (await bench.records())[0]
        once = [
            (None, b"plain", ()),
            (b"k", b"keyed", ()),
            (None, b"headers", (("h", b"1"),)),
            (b"k", b"both", (("h", b"1"),)),
            (b"tombstone", None, ()),
            (None, b"timed", ()),
            (None, b"other", (("x", None),)),
        ]
        assert [row[:3] for row in found] == once + once
        assert [row[3] for row in found if row[1] == b"timed"] == [77, 77]

    async def test_the_fast_path_is_taken(self):
        async with Bench(linger_ms=60_000) as bench:
            bench.send()
            bench.send(b"v", b"key")
            bench.send(partition=2)
            bench.send(b"v", None, [("h", b"1")])
            slow = bench.engine._send
            bench.engine._send = lambda *_: pytest.fail("the slow path")
            for _ in range(3):
                assert bench.send().batch.left >= 0
                assert bench.send(b"v", b"key")
                assert bench.send(partition=2)
                assert bench.send(b"v", b"key", partition=2)
                assert bench.send(b"v", None, [("h", b"1")])
            bench.engine._send = slow

    async def test_deliveries_know_their_place(self):
        class Mine(Delivery):
            __slots__ = ()

        async with Bench(delivery_type=Mine) as bench:
            deliveries = [bench.send(partition=1) for _ in range(3)]
            assert all(type(delivery) is Mine for delivery in deliveries)
            request = await bench.client.next()
            request.answer(offset=10)
            await bench.engine.flush(None)
            assert [delivery.get().offset for delivery in deliveries] == [10, 11, 12]
            assert deliveries[0].get().partition == 1

    async def test_records_get_the_time_of_the_call(self):
        before = int(time.time() * 1000)
        async with Bench(linger_ms=60_000) as bench:
            for _ in range(100):
                bench.send(partition=0)
            found = (await bench.records())[0]
        times = [row[3] for row in found]
        assert times == sorted(times)
        assert before <= times[0] <= times[-1] <= time.time() * 1000 + 1

    async def test_keys_go_where_java_puts_them(self):
        java = {b"": 0, b"21": 0, b"a-little-bit-long-string": 2, b"user-42": 1}
        async with Bench(linger_ms=60_000) as bench:
            for _ in range(2):
                for key in java:
                    bench.send(b"v", key)
            found = await bench.records()
        assert {row[0]: number for number, rows in found.items() for row in rows} == java

    async def test_ignored_keys_stay_together(self):
        async with Bench(linger_ms=60_000, partitioner_ignore_keys=True) as bench:
            for number in range(50):
                bench.send(b"v", b"%d" % number)
            assert len(await bench.records()) == 1

    async def test_the_users_partitioner(self):
        calls = []

        def choose(key, partitions, available):
            calls.append((key, partitions, available))
            return 2

        async with Bench(linger_ms=60_000, partitioner=choose) as bench:
            bench.send()
            bench.send(b"v", b"k")
            bench.send(b"v", b"k", partition=0)
            found = await bench.records()
        assert calls == [(None, [0, 1, 2], [0, 1, 2]), (b"k", [0, 1, 2], [0, 1, 2])]
        assert {number: len(rows) for number, rows in found.items()} == {2: 2, 0: 1}

    async def test_what_is_like_bytes_will_do(self):
        async with Bench(linger_ms=60_000) as bench:
            bench.send(bytearray(b"v"), memoryview(b"k"), partition=0)
            assert (await bench.records())[0][0][:2] == (b"k", b"v")

    async def test_headers_that_change_later_were_sent_as_they_were(self):
        headers = [("h", b"1")]
        async with Bench(linger_ms=60_000) as bench:
            for content in (b"2", b"3"):
                bench.send(b"v", None, headers, 0)
                headers[0] = ("h", content)
            bench.send(b"v", None, headers, 0)
            rows = (await bench.records())[0]
        assert [row[2] for row in rows] == [(("h", b"1"),), (("h", b"2"),), (("h", b"3"),)]

    async def test_another_number_of_partitions_is_heeded_at_once(self):
        async with Bench(linger_ms=60_000) as bench:
            for _ in range(2):
                bench.send(b"v", b"user-42")
            bench.client.learn({"t": 1000})
            bench.send(b"v", b"a")
            bench.send(b"v", b"a")
            found = await bench.records()
        assert {number: len(rows) for number, rows in found.items()} == {1: 2, 524: 2}

    async def test_many_threads_lose_nothing_and_mix_nothing_up(self):
        async with Bench(linger_ms=0, batch_size=2000) as bench:
            deliveries = {n: [] for n in range(4)}
            keep_answering = True
            offsets = {}

            async def answer():
                while keep_answering:
                    request = await bench.client.produced.get()
                    batch = request.only
                    base = len(offsets)
                    offsets.update(enumerate(batch.columns().values, base))
                    request.answer(offset=base)

            def work(number):
                for count in range(2000):
                    deliveries[number].append(bench.send(b"%d-%d" % (number, count), partition=0))

            answering = asyncio.create_task(answer())
            await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(4)))
            await bench.engine.flush(None)
            answering.cancel()
            assert len(offsets) == 8000
            for number, listed in deliveries.items():
                for count, delivery in enumerate(listed):
                    assert offsets[delivery.get().offset] == b"%d-%d" % (number, count)


class TestRefusals:
    async def test_what_cannot_be_sent(self):
        async with Bench() as bench:
            for wrong in ({"value": "text"}, {"key": "text"}, {"value": 1, "key": b"k"}):
                with pytest.raises(TypeError, match="bytes"):
                    bench.send(**{"value": b"v", **wrong})
            with pytest.raises(TypeError, match="topic is a str"):
                bench.send(topic=b"t")
            with pytest.raises(InvalidTopicError):
                bench.send(topic="no topic")
            with pytest.raises(ValueError, match="partition 3"):
                bench.send(partition=3)
            with pytest.raises(ValueError, match="1970"):
                bench.send(timestamp_ms=-1)
            with pytest.raises(ValueError, match="header"):
                bench.send(headers={"a": b"b"})

    async def test_they_are_refused_while_a_batch_is_open_too(self):
        async with Bench(linger_ms=60_000) as bench:
            for partition in range(3):
                bench.send(partition=partition)
            with pytest.raises(TypeError, match="bytes"):
                bench.send("text")
            with pytest.raises(TypeError, match="bytes"):
                bench.send(b"v", "text")
            for wrong in (-1, 3):
                with pytest.raises(ValueError, match="no partition"):
                    bench.send(partition=wrong)
                with pytest.raises(ValueError, match="no partition"):
                    bench.send(b"v", b"k", partition=wrong)
            with pytest.raises(TypeError, match="partition is an int"):
                bench.send(partition=True)

    async def test_too_large(self):
        async with Bench(max_request_size=1000, batch_size=500, linger_ms=60_000) as bench:
            assert bench.send(b"x" * (1000 - 61 - 25))
            with pytest.raises(MessageSizeTooLargeError, match=r"max_request_size \(1000\)"):
                bench.send(b"x" * (1000 - 61 - 24))
        async with Bench(buffer_memory=2000) as bench:
            with pytest.raises(MessageSizeTooLargeError, match=r"buffer_memory.*max_request_size"):
                bench.send(b"x" * 2000)

    async def test_closed(self):
        bench = Bench(linger_ms=60_000)
        async with bench:
            bench.send()
            bench.send()
        for call in (bench.send, lambda: bench.send(topic="unknown")):
            with pytest.raises(ProducerClosed, match="closed"):
                call()
        with pytest.raises(ProducerClosed, match="closed"):
            await bench.engine.flush(None)
        with pytest.raises(ProducerClosed, match="closed"):
            await bench.engine.make_room("t", bench.soon())
        with pytest.raises(ProducerClosed, match="closed"):
            await bench.engine.start()

    async def test_an_interrupted_send_does_not_keep_the_lock(self):
        async with Bench(linger_ms=60_000) as bench:
            batch = bench.send(partition=0).batch

            class Values(list):
                def append(self, value):
                    raise KeyboardInterrupt

            batch.values = Values(batch.values)
            with pytest.raises(KeyboardInterrupt):
                bench.send(partition=0)
            batch.values = list(batch.values)
            assert await asyncio.wait_for(asyncio.to_thread(bench.send, partition=0), PATIENCE)


class TestBatches:
    async def test_a_batch_by_hand(self):
        async with Bench(linger_ms=60_000) as bench:
            builder = bench.engine.create_batch()
            builder.append(timestamp=5, key=b"k", value=b"1")
            builder.append(timestamp=6, key=None, value=b"2")
            bench.send(b"before", partition=1)
            delivery = bench.engine.try_send_batch(builder, "t", 1)
            assert builder.append(timestamp=7, key=None, value=b"3") is None
            found = (await bench.records())[1]
        assert [row[1] for row in found] == [b"before", b"1", b"2"]
        assert delivery.get().offset == 0
        assert delivery.get().timestamp == 5

    async def test_its_refusals(self):
        async with Bench(max_request_size=500, batch_size=500, linger_ms=60_000) as bench:
            builder = bench.engine.create_batch()
            with pytest.raises(ValueError, match="empty"):
                bench.engine.try_send_batch(builder, "t", 0)
            builder.append(timestamp=None, key=None, value=b"x" * 600)
            with pytest.raises(MessageSizeTooLargeError, match="max_request_size"):
                bench.engine.try_send_batch(builder, "t", 0)
            builder = bench.engine.create_batch()
            builder.append(timestamp=None, key=None, value=b"x")
            with pytest.raises(ValueError, match="no partition 9"):
                bench.engine.try_send_batch(builder, "t", 9)
            assert bench.engine.try_send_batch(builder, "unknown", 0) is None
            await bench.engine.close(0)
            with pytest.raises(ProducerClosed):
                bench.engine.try_send_batch(builder, "t", 0)

    async def test_it_waits_for_memory_like_others(self):
        async with Bench(buffer_memory=1024, linger_ms=60_000) as bench:
            bench.fill()
            builder = bench.engine.create_batch()
            builder.append(timestamp=None, key=None, value=b"x" * 800)
            assert bench.engine.try_send_batch(builder, "t", 0) is None
            waiting = asyncio.create_task(bench.engine.make_room("t", bench.soon()))
            (await bench.client.next()).answer()
            await waiting
            assert bench.engine.try_send_batch(builder, "t", 0) is not None

    async def test_serializers_come_from_the_options(self):
        async with Bench(value_serializer=str.encode, linger_ms=60_000) as bench:
            builder = bench.engine.create_batch()
            builder.append(timestamp=None, key=None, value="text")
            bench.engine.try_send_batch(builder, "t", 0)
            assert (await bench.records())[0][0][1] == b"text"


class TestEnding:
    async def test_flush_is_done_when_everything_from_before_is(self):
        async with Bench(linger_ms=60_000) as bench:
            await bench.engine.flush(None)
            bench.send(partition=0)
            flushing = asyncio.create_task(bench.engine.flush(None))
            request = await bench.client.next()
            later = bench.send(partition=1)
            request.answer(ErrorCode.INVALID_TIMESTAMP)
            await flushing  # how single records fared is not its business
            assert not later.is_done
            assert later.batch.left >= 0 or later.batch.on_wire

    async def test_flush_has_a_deadline(self):
        async with Bench(linger_ms=60_000) as bench:
            delivery = bench.send(partition=0)
            flushing = asyncio.create_task(bench.engine.flush(bench.soon(0.2)))
            request = await bench.client.next()
            why = r"1 records are not acknowledged yet.*t-0: node 1 at host1:9092 has not"
            with pytest.raises(KafkaTimeoutError, match=why):
                await flushing
            request.answer()
            await bench.engine.flush(None)
            assert delivery.succeeded()

    async def test_close_sends_what_is_left(self):
        bench = Bench(linger_ms=60_000)
        async with bench:
            delivery = bench.send()
            closing = asyncio.create_task(bench.engine.close(None))
            (await bench.client.next()).answer(offset=3)
            await closing
            assert delivery.get().offset == 3
            assert bench.client.closed

    async def test_close_fails_what_cannot_be_sent_in_time(self):
        async with Bench() as bench:
            delivery = bench.send(partition=0)
            await bench.client.next()
            await bench.engine.close(0.01)
            with pytest.raises(
                ProducerClosed, match=r"t-0: the producer was closed before .* has not answered"
            ):
                delivery.get(0)

    async def test_close_is_idempotent_and_outlives_its_caller(self):
        bench = Bench()
        await bench.engine.start()
        delivery = bench.send(partition=0)
        request = await bench.client.next()
        closing = asyncio.create_task(bench.engine.close(None))
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        request.answer()
        await bench.engine.close(None)
        await bench.engine.close(None)
        assert delivery.succeeded()

    async def test_close_without_a_start(self):
        bench = Bench()
        await bench.engine.close(None)
        assert bench.client.closed


class TestStarting:
    async def test_a_start_that_failed_may_be_repeated(self):
        bench = Bench()

        async def refuse():
            raise KafkaConnectionError("nobody there")

        start, bench.client.start = bench.client.start, refuse
        with pytest.raises(KafkaConnectionError):
            await bench.engine.start()
        bench.client.start = start
        async with bench:
            assert bench.send()

    def test_an_engine_needs_no_loop_to_be_made(self):
        engine = ProducerEngine(config())
        assert isinstance(engine._client, Client)
        assert repr(engine).startswith(
            "<ProducerEngine kafkalite: <Accumulator: 0 batches of 0 partitions wait,"
        )
        assert engine.try_send("t", b"v") is None

    async def test_new_metadata_wakes_the_sender(self):
        client = FakeClient({"t": 1}, leaders={("t", 0): -1})
        async with Bench(client) as bench:
            bench.send()
            await client.quiet()
            client.learn({"t": 1})
            assert (await client.next()).values == [b"v"]

    async def test_callbacks_run_on_the_loops_thread_and_may_send(self):
        async with Bench() as bench:
            seen = []

            def again(metadata):
                seen.append(threading.get_ident())
                bench.send(b"again")

            delivery = await asyncio.to_thread(lambda: bench.send(b"first").add_callback(again))
            (await bench.client.next()).answer()
            assert (await bench.client.next()).values == [b"again"]
            assert seen == [threading.get_ident()]
            assert delivery.succeeded()

    async def test_metrics(self):
        async with Bench() as bench:
            bench.send()
            (await bench.client.next()).answer()
            await bench.engine.flush(None)
            numbers = bench.engine.metrics()
            assert numbers["record-send-total"] == 1
            assert numbers["buffer-total-bytes"] == numbers["buffer-available-bytes"] == 33_554_432
            assert all(isinstance(number, int | float) for number in numbers.values())
