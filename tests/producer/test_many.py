"""`send_many`, as the doors see it."""

import asyncio
from collections import defaultdict

import pytest

from kafkalite.errors import (
    BufferExhaustedError,
    BulkSendError,
    MessageSizeTooLargeError,
    MetadataTimeoutError,
    ProducerClosed,
)
from kafkalite.producer import many
from kafkalite.producer.delivery import Delivery
from kafkalite.producer.murmur2 import hash_of_key

from .stand_ins import Bench, FakeClient


async def send_many(bench, values, keys=None, headers=None, timestamps=None, partition=None, *, topic="t"):
    """What the aio door does."""
    engine = bench.engine
    call = engine.many(topic, values, keys, headers, timestamps, partition)
    while not engine.try_send_many(call):
        if call.waits:
            await engine.make_room_for(call)
        else:
            await asyncio.sleep(0)
    return call.delivery


def values(found):
    return {number: [row[1] for row in rows] for number, rows in found.items()}


async def test_plain_values_go_to_one_partition_after_the_other():
    sent = [b"%03d" % n for n in range(1000)]
    async with Bench(linger_ms=60_000, batch_size=2000) as bench:
        delivery = await send_many(bench, sent)
        assert type(delivery) is Delivery
        found = values(await bench.records())
        metadata = delivery.get()
    assert len(found) == 3
    assert sorted(value for listed in found.values() for value in listed) == sent
    assert all(listed == sorted(listed) for listed in found.values())
    assert [index for part in metadata.parts for index in part.indexes] == list(range(1000))
    full = {len(part.indexes) for part in metadata.parts[:-1]}
    assert full == {(2000 - 61) // 28}


async def test_what_it_says_is_where_they_are():
    sent = [b"v" * (n % 7) + b"%d" % n for n in range(500)]
    keys = [None if n % 5 == 0 else b"key-%d" % (n % 50) for n in range(500)]
    async with Bench(linger_ms=60_000, batch_size=1000) as bench:
        found = defaultdict(list)

        async def answer():
            while True:
                request = await bench.client.produced.get()
                (batch,) = request.batches.values()
                ((_, partition),) = request.batches
                base = len(found[partition])
                found[partition] += batch.columns().values
                request.answer(offset=base)

        bench.client.learn({"t": 1})
        answering = asyncio.create_task(answer())
        delivery = await send_many(bench, sent, keys)
        await bench.engine.flush(None)
        answering.cancel()
        metadata = delivery.get()
    assert len(metadata) == 500
    for index, value in enumerate(sent):
        one = metadata.metadata(index)
        assert found[one.partition][one.offset] == value
        assert one.serialized_value_size == len(value)
        assert one.serialized_key_size == (-1 if keys[index] is None else len(keys[index]))


@pytest.mark.parametrize("chunk", [many.CHUNK, 100, 1])
async def test_keys_go_where_single_sends_go(chunk, monkeypatch):
    monkeypatch.setattr(many, "CHUNK", chunk)
    keys = [b"user-%d" % (n * n) for n in range(300)]
    async with Bench(linger_ms=60_000) as bench:
        await send_many(bench, [b"%d" % n for n in range(300)], keys)
        found = await bench.records()
    assert sum(map(len, found.values())) == 300
    for number, rows in found.items():
        assert all(hash_of_key(key) % 3 == number for key, *_ in rows)
        order = [int(value) for _, value, *_ in rows]
        assert order == sorted(order)


async def test_everything_that_a_record_can_have():
    async with Bench(linger_ms=60_000) as bench:
        await send_many(bench, [b"a", None], [b"k", None], [None, [("h", b"1")]], [1000, 2000], partition=1)
        await send_many(bench, [b"b"], headers=[("all", b"")], timestamps=3000, partition=1)
        bench.send(b"c", timestamp_ms=4000, partition=1)
        rows = (await bench.records())[1]
    assert rows == [
        (b"k", b"a", (), 1000),
        (None, None, (("h", b"1"),), 2000),
        (None, b"b", (("all", b""),), 3000),
        (None, b"c", (), 4000),
    ]


async def test_ignored_keys_and_a_partition_keep_records_together():
    async with Bench(linger_ms=60_000, partitioner_ignore_keys=True) as bench:
        await send_many(bench, [b"v"] * 50, [b"%d" % n for n in range(50)])
        ((_, rows),) = (await bench.records()).items()
    assert [row[0] for row in rows] == [b"%d" % n for n in range(50)]
    async with Bench(linger_ms=60_000) as bench:
        await send_many(bench, [b"v"] * 50, [b"%d" % n for n in range(50)], partition=2)
        assert list(await bench.records()) == [2]


async def test_the_users_partitioner_is_asked_for_each_before_any_is_sent(monkeypatch):
    monkeypatch.setattr(many, "CHUNK", 2)
    asked = []

    def choose(key, partitions, available):
        asked.append(key)
        if key == b"bad":
            raise ZeroDivisionError
        return len(asked) % 3

    async with Bench(linger_ms=60_000, partitioner=choose) as bench:
        await send_many(bench, [b"0", b"1", b"2", b"3", b"4"])
        await send_many(bench, [b"5"], [b"k"])
        with pytest.raises(ZeroDivisionError):
            await send_many(bench, [b"x"] * 5, [b"k"] * 4 + [b"bad"])
        found = values(await bench.records())
    assert found == {1: [b"0", b"3"], 2: [b"1", b"4"], 0: [b"2", b"5"]}


async def test_nothing_is_a_call_too():
    async with Bench() as bench:
        delivery = await send_many(bench, [])
        assert delivery.is_done
        assert len(delivery.get()) == 0
        await bench.client.quiet()


async def test_nothing_is_sent_of_a_list_with_something_wrong_in_it():
    async with Bench(max_request_size=1000) as bench:
        with pytest.raises(
            MessageSizeTooLargeError, match=r"topic 't', record 1: .*max_request_size \(1000\)"
        ):
            await send_many(bench, [b"v", b"v" * 1000])
        with pytest.raises(TypeError, match="record 1"):
            await send_many(bench, [b"v", "v"])
        with pytest.raises(ValueError, match="no partition 3"):
            await send_many(bench, [b"v"], partition=3)
        await bench.client.quiet()
        await bench.engine.close(0)
        with pytest.raises(ProducerClosed):
            await send_many(bench, [b"v"])


async def test_a_topic_that_is_not_known_yet():
    client = FakeClient({})
    async with Bench(client) as bench:
        sending = asyncio.create_task(send_many(bench, [b"v"] * 3, partition=0, topic="new"))
        await client.quiet()
        assert not sending.done()
        client.learn({"new": 1})
        (await client.next()).answer(offset=4)
        delivery = await sending
        await bench.engine.flush(None)
        assert delivery.get().metadata(2).offset == 6
        sending = asyncio.create_task(send_many(bench, [b"v"], topic="none"))
        await client.quiet()
        await bench.engine.close(0)
        with pytest.raises(ProducerClosed):
            await sending


async def test_a_topic_that_never_becomes_known():
    async with Bench(FakeClient({}), max_block_ms=5) as bench:
        with pytest.raises(MetadataTimeoutError, match="'none'"):
            await send_many(bench, [b"v"], topic="none")


async def test_a_list_that_is_longer_than_the_memory():
    sent = [b"%04d" % n for n in range(2000)]
    async with Bench(buffer_memory=4096, batch_size=1000, linger_ms=60_000) as bench:
        bench.client.learn({"t": 1})
        sending = asyncio.create_task(send_many(bench, sent))
        found, most = [], 0
        while len(found) < 2000:
            request = await bench.client.next()
            memory = bench.engine._accumulator.memory
            assert memory.free >= 0
            most = max(most, memory.total - memory.free)
            request.answer(offset=len(found))
            found += request.values
            if len(found) > 1900:
                bench.engine._accumulator.begin_flush()
        assert found == sent
        assert most <= 4096
        delivery = await sending
        await bench.engine.flush(None)
        assert delivery.get().metadata(1999).offset == 1999


async def test_time_is_up_in_the_middle():
    async with Bench(buffer_memory=4096, batch_size=1000, max_block_ms=5) as bench:
        keys = [b"%d" % n for n in range(200)]
        with pytest.raises(
            BulkSendError, match=r"of 200 records .* were handed over .*max_block_ms"
        ) as caught:
            await send_many(bench, [b"v" * 50] * 200, keys)
        error = caught.value
        assert type(error.__cause__) is BufferExhaustedError
        assert set(map(type, error.errors.values())) == {BufferExhaustedError}
        sent = set(range(200)) - set(error.errors)
        assert 0 < len(sent) < 200
        assert error.written is None
        found = await bench.records()
        assert {row[0] for rows in found.values() for row in rows} == {keys[index] for index in sent}
        metadata = error.delivery.get()
        assert {index for part in metadata.parts for index in part.indexes} == sent


async def test_time_is_up_at_the_beginning():
    async with Bench(buffer_memory=1024, max_block_ms=5) as bench:
        bench.fill()
        with pytest.raises(BufferExhaustedError, match="max_block_ms"):
            await send_many(bench, [b"v" * 100] * 10)


async def test_time_begins_anew_whenever_something_moved():
    async with Bench(batch_size=1000) as bench:
        call = bench.engine.many("t", [b"v"] * 10, None, None, None, None)
        assert call.deadline(5.0) == 5.0
        assert call.deadline(6.0) == 5.0
        assert bench.engine.try_send_many(call)
        assert call.deadline(7.0) == 7.0


async def test_closing_in_the_middle():
    async with Bench(buffer_memory=4096, batch_size=1000) as bench:
        sending = asyncio.create_task(send_many(bench, [b"v" * 50] * 200))
        await bench.client.next()
        await bench.engine.close(0)
        with pytest.raises(BulkSendError, match="closed") as caught:
            await sending
        assert caught.value.delivery.is_done
        with pytest.raises(BulkSendError, match=r"(\d+) of \1 records"):
            caught.value.delivery.get()


async def test_closing_between_two_moves(monkeypatch):
    monkeypatch.setattr(many, "AT_ONCE", 1)
    async with Bench(batch_size=1000) as bench:
        call = bench.engine.many("t", [b"v" * 50] * 200, None, None, None, None)
        assert not bench.engine.try_send_many(call)
        assert not call.waits
        await bench.engine.close(0)
        with pytest.raises(BulkSendError, match="closed") as caught:
            bench.engine.try_send_many(call)
        assert type(caught.value.__cause__) is ProducerClosed


async def test_a_long_list_lets_others_have_a_turn(monkeypatch):
    monkeypatch.setattr(many, "AT_ONCE", 1)
    async with Bench(batch_size=1000, linger_ms=60_000) as bench:
        sending = asyncio.create_task(send_many(bench, [b"v" * 50] * 1000))
        await bench.client.next()
        assert not sending.done()
        await sending


async def test_it_mixes_with_single_sends():
    async with Bench(linger_ms=60_000) as bench:
        for round_ in range(3):
            bench.send(b"single-%d" % round_, partition=0)
            await send_many(bench, [b"many-%d" % round_] * 2, partition=0)
        found = values(await bench.records())[0]
    assert found == [
        b"single-0",
        *[b"many-0"] * 2,
        b"single-1",
        *[b"many-1"] * 2,
        b"single-2",
        *[b"many-2"] * 2,
    ]
