import asyncio
import contextvars

import pytest

from kafkalite.aio import AsyncDelivery
from kafkalite.errors import DeliveryTimeoutError, IllegalStateError, MessageSizeTooLargeError
from kafkalite.producer.batch import Batch, Owner
from kafkalite.types import RecordMetadata, TopicPartition

TP = TopicPartition("t", 0)


@pytest.fixture
def batch():
    return Batch(Owner(), TP, created=0.0, deadline=100.0, capacity=1000, limit=1000)


def deliveries(batch, count=1):
    """Append records, and make what the engine's fast path makes for them."""
    made = []
    for _ in range(count):
        delivery = AsyncDelivery.__new__(AsyncDelivery)
        delivery.batch, delivery.index = batch, batch.append(10, b"v", None, (), 1_600_000_000_000, 0.0)
        made.append(delivery)
    return made


def settle(batch, base_offset=5):
    if batch.left >= 0:
        batch.close()
    batch.settle(base_offset)


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_awaiting_gives_the_metadata_as_often_as_wanted(batch):
    first, second = deliveries(batch, 2)
    waiting = [asyncio.ensure_future(d) for d in (first, second, second)]
    await turns()
    assert not any(task.done() for task in waiting)
    settle(batch)
    assert [(await task).offset for task in waiting] == [5, 6, 6]
    assert isinstance(await first, RecordMetadata)
    assert (await first).topic_partition == TP


async def test_awaiting_what_is_settled_does_not_wait(batch):
    (delivery,) = deliveries(batch)
    settle(batch)
    with pytest.raises(StopIteration) as done:
        delivery.__await__().send(None)
    assert done.value.value.offset == 5


async def test_awaiting_raises_what_the_record_failed_with(batch):
    first, second = deliveries(batch, 2)
    waiting = asyncio.ensure_future(first)
    await turns()
    batch.close()
    batch.fail(DeliveryTimeoutError("too late"), {1: MessageSizeTooLargeError("too large")})
    with pytest.raises(DeliveryTimeoutError, match="too late"):
        await waiting
    with pytest.raises(MessageSizeTooLargeError):
        await second


async def test_asked_like_a_future(batch):
    good, bad = deliveries(batch, 2)
    assert not good.done()
    for ask in (good.result, good.exception):
        with pytest.raises(asyncio.InvalidStateError, match="t-0: on its way"):
            ask()
    batch.close()
    batch.fail(DeliveryTimeoutError("too late"))
    assert bad.done()
    assert isinstance(bad.exception(), DeliveryTimeoutError)
    with pytest.raises(DeliveryTimeoutError):
        bad.result()


async def test_asked_like_a_future_when_all_is_well(batch):
    (delivery,) = deliveries(batch)
    settle(batch)
    assert delivery.result().offset == 5
    assert delivery.exception() is None


async def test_a_record_cannot_be_called_back(batch):
    (delivery,) = deliveries(batch)
    assert delivery.cancel() is False
    assert delivery.cancel("please") is False
    settle(batch)
    assert not delivery.cancelled()
    assert (await delivery).offset == 5


async def test_giving_up_waiting_changes_nothing(batch, caplog):
    (delivery,) = deliveries(batch)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(delivery, 0.001)
    settle(batch)
    assert (await delivery).offset == 5
    assert caplog.records == []


async def test_waiting_in_every_way_that_asyncio_has(batch):
    first, second = deliveries(batch, 2)
    ways = [
        asyncio.gather(first, second),
        asyncio.wait([first, second]),
        asyncio.wait_for(first, 5),
        asyncio.shield(first),
        first,
    ]
    tasks = [asyncio.ensure_future(way) for way in ways]
    await turns()
    settle(batch)
    gathered, (done, pending), *others = [await task for task in tasks]
    assert [m.offset for m in gathered] == [5, 6]
    assert (done, pending) == ({first, second}, set())
    assert [m.offset for m in others] == [5, 5, 5]


async def test_asyncio_wait_that_times_out(batch):
    (delivery,) = deliveries(batch)
    done, pending = await asyncio.wait([delivery], timeout=0.001)
    assert (done, pending) == (set(), {delivery})
    settle(batch)
    await turns()


async def test_callbacks_get_the_delivery_through_the_loop(batch):
    (delivery,) = deliveries(batch)
    told = []
    delivery.add_done_callback(told.append)
    settle(batch)
    assert told == []
    await turns()
    assert told == [delivery]
    delivery.add_done_callback(told.append)
    assert told == [delivery]
    await turns()
    assert told == [delivery] * 2


async def test_callbacks_run_in_the_context_that_was_asked_for(batch):
    (delivery,) = deliveries(batch)
    name = contextvars.ContextVar("name", default="nobody")
    context, told = contextvars.copy_context(), []
    context.run(name.set, "somebody")
    delivery.add_done_callback(lambda _: told.append(name.get()), context=context)
    settle(batch)
    await turns()
    assert told == ["somebody"]


async def test_callbacks_can_be_taken_back(batch):
    (delivery,) = deliveries(batch)
    told = []
    assert delivery.remove_done_callback(told.append) == 0
    delivery.add_done_callback(told.append)
    delivery.add_done_callback(told.append)
    delivery.add_done_callback(lambda _: told.append("other"))
    assert delivery.remove_done_callback(told.append) == 2
    settle(batch)
    await turns()
    assert told == ["other"]
    assert delivery.remove_done_callback(told.append) == 0


async def test_callbacks_can_be_taken_back_at_the_last_moment(batch):
    (delivery,) = deliveries(batch)
    told = []
    delivery.add_done_callback(told.append)
    settle(batch)
    assert delivery.remove_done_callback(told.append) == 1
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    await turns()
    assert told == []


async def test_a_callback_that_fails_is_reported_and_harms_nobody(batch):
    (delivery,) = deliveries(batch)
    reported, told = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    delivery.add_done_callback(lambda _: 1 / 0)
    delivery.add_done_callback(told.append)
    settle(batch)
    await turns()
    assert [type(error) for error in reported] == [ZeroDivisionError]
    assert told == [delivery]


async def test_what_kafka_python_has_works_too(batch):
    (delivery,) = deliveries(batch)
    told = []
    delivery.add_callback(told.append).add_errback(told.append)
    with pytest.raises(IllegalStateError, match="await the delivery"):
        delivery.get(timeout=1)
    settle(batch)
    assert [m.offset for m in told] == [5]
    assert delivery.get().offset == 5
    assert delivery.succeeded()
    assert not delivery.failed()
    assert repr(delivery) == "<AsyncDelivery to t-0: offset 5>"


async def test_awaiting_a_record_whose_batch_is_split(batch):
    first, second = deliveries(batch, 2)
    waiting = [asyncio.ensure_future(d) for d in (first, second)]
    await turns()
    batch.close()
    parts = batch.split(70)
    assert len(parts) == 2
    parts[0].settle(5)
    parts[1].settle(9)
    assert [(await task).offset for task in waiting] == [5, 9]
