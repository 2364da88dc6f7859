import asyncio
import time

import pytest

from kafkalite.aio import AsyncDelivery, AsyncKafkaProducer
from kafkalite.aio.producer import BREATH
from kafkalite.errors import IllegalStateError, KafkaConfigurationError, NoBrokersAvailable, ProducerClosed
from tests.doors.engines import FakeProducerEngine


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr("kafkalite.aio.producer.ProducerEngine", FakeProducerEngine)
    FakeProducerEngine.made.clear()


@pytest.fixture
async def make():
    made = []

    async def make(**options):
        producer = AsyncKafkaProducer(**options)
        await producer.start()
        made.append(producer)
        return producer, FakeProducerEngine.made[-1]

    yield make
    for producer in made:
        await producer.stop()


def test_it_is_made_without_a_loop():
    assert repr(AsyncKafkaProducer()) == "<AsyncKafkaProducer kafkalite>"


def test_options_are_checked():
    with pytest.raises(KafkaConfigurationError, match=r"lingr_ms.*linger_ms"):
        AsyncKafkaProducer(lingr_ms=5)


async def test_a_start_that_failed_may_be_repeated():
    producer = AsyncKafkaProducer()
    engine = FakeProducerEngine.made[-1]
    engine.start_error = NoBrokersAvailable("nobody there")
    with pytest.raises(NoBrokersAvailable):
        await producer.start()
    engine.start_error = None
    await producer.start()
    await producer.start()
    await producer.stop()
    with pytest.raises(IllegalStateError, match="create a new one"):
        await producer.start()


async def test_before_the_start():
    producer = AsyncKafkaProducer()
    FakeProducerEngine.made[-1].no_room = 9  # an engine that was not started knows no topic
    for call in (
        lambda: producer.send("t", b"v"),
        lambda: producer.send_and_wait("t", b"v"),
        lambda: producer.send_batch(producer.create_batch(), "t", partition=0),
        producer.flush,
        lambda: producer.partitions_for("t"),
    ):
        with pytest.raises(IllegalStateError, match="was not started"):
            await call()


async def test_send_returns_a_delivery_that_can_be_awaited(make):
    producer, engine = await make()
    delivery = await producer.send("t", b"v", b"k", [("h", b"1")], 1, 5)
    assert type(delivery) is AsyncDelivery
    assert engine.sent == [("t", b"v", b"k", [("h", b"1")], 1, 5)]
    await producer.flush()
    assert (await delivery).offset == 100


async def test_send_does_not_pause_where_it_need_not(make):
    producer, _ = await make()
    with pytest.raises(StopIteration):
        producer.send("t", b"v").send(None)


async def test_others_have_their_turn(make):
    producer, _ = await make()
    breaths, done = 0, False

    async def breathe():
        nonlocal breaths
        while not done:
            breaths += 1
            await asyncio.sleep(0)

    breathing = asyncio.create_task(breathe())
    await asyncio.sleep(0)
    began = breaths
    for _ in range(BREATH * 4):
        await producer.send("t", b"v")
    assert 3 <= breaths - began <= 5
    done = True
    await breathing


async def test_send_and_wait(make):
    producer, engine = await make()
    waiting = asyncio.create_task(producer.send_and_wait("t", b"v", partition=1, headers=[("h", b"1")]))
    await asyncio.sleep(0)
    assert engine.sent == [("t", b"v", None, [("h", b"1")], 1, None)]
    engine.settle()
    assert (await waiting).offset == 100


async def test_serializers(make):
    producer, engine = await make(key_serializer=str.encode, value_serializer=str.encode)
    await producer.send("t", "v", "k")
    assert engine.sent[0][1:3] == (b"v", b"k")


async def test_a_send_waits_for_room(make):
    producer, engine = await make(max_block_ms=5000)
    engine.no_room = 2
    await producer.send("t", b"v")
    assert len(engine.sent) == 1
    (topic, first), (_, second) = engine.named("make_room")
    assert topic == "t"
    assert first == second
    assert 4 < first - time.monotonic() <= 5


async def test_a_send_that_is_cancelled_sends_nothing(make):
    producer, engine = await make()
    engine.no_room, engine.room_gate = 1, asyncio.Event()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(producer.send("t", b"1"), 0.001)
    engine.room_gate.set()
    await producer.send("t", b"2")
    assert [record[1] for record in engine.sent] == [b"2"]


async def test_batches_filled_by_hand(make):
    producer, engine = await make()
    batch = producer.create_batch()
    engine.no_room = 1
    delivery = await producer.send_batch(batch, "t", partition=1)
    assert engine.sent == [(batch, "t", 1)]
    assert len(engine.named("make_room")) == 1
    engine.settle()
    assert (await delivery).offset == 100


async def test_flush_partitions_metrics(make):
    producer, engine = await make()
    await producer.send("t", b"v")
    await producer.flush()
    await producer.flush(timeout=2)
    (first,), (second,) = engine.named("flush")
    assert first is None
    assert 1 < second - time.monotonic() <= 2
    assert await producer.partitions_for("t") == {0, 1}
    assert producer.metrics(raw=True) == {"record-send-total": 1.0}
    assert producer.metrics() == {"producer-metrics": {"record-send-total": 1.0}}


async def test_stop_twice_and_no_call_after(make):
    producer, engine = await make()
    delivery = await producer.send("t", b"v")
    with pytest.raises(ValueError, match="not negative"):
        await producer.stop(timeout=-1)
    await producer.stop(timeout=3)
    await producer.stop()
    assert engine.named("close") == [(3,)]
    assert delivery.result().offset == 100
    for call in (lambda: producer.send("t", b"v"), producer.flush, lambda: producer.partitions_for("t")):
        with pytest.raises(ProducerClosed):
            await call()


async def test_stop_while_a_send_waits(make):
    producer, engine = await make()
    engine.no_room, engine.room_gate = 99, asyncio.Event()
    sending = asyncio.create_task(producer.send("t", b"v"))
    await asyncio.sleep(0)
    await producer.stop()
    with pytest.raises(ProducerClosed):
        await sending


async def test_stop_goes_on_when_it_is_cancelled(make, monkeypatch):
    producer, engine = await make()
    gate, closed = asyncio.Event(), []

    async def close(timeout):
        await gate.wait()
        closed.append(timeout)

    monkeypatch.setattr(engine, "close", close)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(producer.stop(), 0.01)
    gate.set()
    await producer.stop()
    assert closed == [None]


async def test_a_block_starts_and_stops():
    async with AsyncKafkaProducer() as producer:
        await producer.send("t", b"v")
    assert FakeProducerEngine.made[-1].closing


async def test_one_that_is_thrown_away_says_so():
    held = [AsyncKafkaProducer()]
    await held[0].start()
    with pytest.warns(ResourceWarning, match="unclosed <AsyncKafkaProducer"):
        held.clear()
