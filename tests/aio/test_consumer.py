import asyncio
import contextlib
import sys
import time

import pytest

from kafkalite.aio import AsyncKafkaConsumer
from kafkalite.aio.consumer import BREATH
from kafkalite.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    KafkaConfigurationError,
    NoBrokersAvailable,
    OffsetOutOfRangeError,
)
from kafkalite.types import ConsumerGroupMetadata, OffsetAndMetadata, OffsetAndTimestamp
from tests.doors.engines import A, B, Diary, FakeConsumerEngine


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr("kafkalite.aio.consumer.ConsumerEngine", FakeConsumerEngine)
    FakeConsumerEngine.made.clear()


@pytest.fixture
async def make():
    made = []

    async def make(*topics, **options):
        consumer = AsyncKafkaConsumer(*topics, **options)
        await consumer.start()
        made.append(consumer)
        return consumer, FakeConsumerEngine.made[-1]

    yield make
    for consumer in made:
        await consumer.stop()


@pytest.fixture
async def pair(make):
    """A consumer of both partitions, and its engine."""
    return await make("t", group_id="g")


def offsets(found):
    return {tp: [r.offset for r in records] for tp, records in found.items()}


async def turns(count=5):
    """Let everything that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


# --- constructing, starting


def test_it_is_made_without_a_loop():
    AsyncKafkaConsumer("t", "u")
    engine = FakeConsumerEngine.made[-1]
    assert engine.calls[0] == ("subscribe", {"t", "u"}, None)


def test_options_are_checked():
    with pytest.raises(KafkaConfigurationError, match=r"group_ids.*group_id"):
        AsyncKafkaConsumer("t", group_ids="g")


async def test_a_start_that_failed_may_be_repeated():
    consumer = AsyncKafkaConsumer("t")
    engine = FakeConsumerEngine.made[-1]
    engine.start_error = NoBrokersAvailable("nobody there")
    with pytest.raises(NoBrokersAvailable):
        await consumer.start()
    engine.start_error = None
    await consumer.start()
    await consumer.start()
    await consumer.stop()


async def test_before_the_start_and_after_the_end():
    consumer = AsyncKafkaConsumer()
    consumer.subscribe(["t"])
    consumer.unsubscribe()
    consumer.assign([A])
    calls = [consumer.getone, consumer.getmany, consumer.commit, consumer.topics, lambda: consumer.getone(A)]
    calls += [lambda: consumer.position(A), consumer.seek_to_end, lambda: consumer.committed(A)]
    for call in calls:
        with pytest.raises(IllegalStateError, match="was not started"):
            await call()
    await consumer.start()
    await consumer.stop()
    for call in calls:
        with pytest.raises(ConsumerStoppedError, match="closed"):
            await call()
    with pytest.raises(IllegalStateError, match="create a new one"):
        await consumer.start()


async def test_one_that_was_never_started_can_be_stopped():
    await AsyncKafkaConsumer("t").stop()
    assert FakeConsumerEngine.made[-1].closing


async def test_repr(pair):
    assert repr(pair[0]) == "<AsyncKafkaConsumer kafkalite group=g>"


# --- getmany


async def test_getmany_returns_what_is_there(pair):
    consumer, engine = pair
    engine.write(A, 3)
    assert offsets(await consumer.getmany()) == {A: [0, 1, 2]}
    assert await consumer.getmany() == {}


async def test_getmany_waits_for_what_comes_and_no_longer_than_told(pair):
    consumer, engine = pair
    getting = asyncio.create_task(consumer.getmany(timeout_ms=60_000))
    await engine.until_waiting()
    engine.write(A, 1)
    assert offsets(await getting) == {A: [0]}
    began = time.monotonic()
    assert await consumer.getmany(timeout_ms=50) == {}
    assert time.monotonic() - began >= 0.05


async def test_getmany_limits(make):
    consumer, engine = await make("t", max_poll_records=2)
    engine.write(A, 5)
    assert offsets(await consumer.getmany()) == {A: [0, 1]}
    assert offsets(await consumer.getmany(max_records=1)) == {A: [2]}
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="max_records"):
            await consumer.getmany(max_records=wrong)
    with pytest.raises(ValueError, match="timeout_ms"):
        await consumer.getmany(timeout_ms=-1)


async def test_getmany_of_certain_partitions(pair):
    consumer, engine = pair
    engine.write(A, 2)
    engine.write(B, 2)
    assert offsets(await consumer.getmany(B)) == {B: [0, 1]}
    assert await consumer.getmany(B) == {}
    assert offsets(await consumer.getmany(A, B)) == {A: [0, 1]}
    waiting = asyncio.create_task(consumer.getmany(B, timeout_ms=60_000, max_records=1))
    await engine.until_waiting()
    engine.write(A, 1)
    engine.write(B, 3)
    assert offsets(await waiting) == {B: [2]}


async def test_errors_come_out_and_reading_goes_on(pair):
    consumer, engine = pair
    engine.write(A, 2)
    for get in (consumer.getmany, consumer.getone, lambda: consumer.getone(A), lambda: anext(consumer)):
        engine.errors.append(OffsetOutOfRangeError("t-0 at 5"))
        with pytest.raises(OffsetOutOfRangeError, match="t-0"):
            await get()
    assert offsets(await consumer.getmany()) == {A: [0, 1]}


# --- getone and iteration


async def test_getone(pair):
    consumer, engine = pair
    engine.write(A, 2)
    assert (await consumer.getone()).offset == 0
    assert await consumer.position(A) == 1
    assert (await consumer.getone()).offset == 1
    getting = asyncio.create_task(consumer.getone())
    await engine.until_waiting()
    engine.write(B, 1)
    assert (await getting).topic_partition == B


async def test_getone_of_certain_partitions(pair):
    consumer, engine = pair
    engine.write(A, 3)
    engine.write(B, 3)
    assert (await consumer.getone()).topic_partition == A
    assert (await consumer.getone(B)).topic_partition == B
    assert (await consumer.getone(A, B)).offset == 1
    assert [(await consumer.getone(B)).offset for _ in range(2)] == [1, 2]
    # What was taken for the first one and not handed out is not lost.
    assert (await consumer.getone()).offset == 2


async def test_iteration_ends_when_the_consumer_stops(pair):
    consumer, engine = pair
    engine.write(A, 2)
    engine.write(B, 1)

    async def read():
        return [(record.partition, record.offset) async for record in consumer]

    reading = asyncio.create_task(read())
    await engine.until_waiting()
    engine.write(A, 1)
    await turns()
    await engine.until_waiting()
    await consumer.stop()
    assert await reading == [(0, 0), (0, 1), (1, 0), (0, 2)]


async def test_iteration_ends_after_consumer_timeout_ms(make):
    consumer, engine = await make("t", consumer_timeout_ms=20)
    engine.write(A, 2)
    assert [r.offset async for r in consumer] == [0, 1]


async def test_what_is_there_is_handed_out_without_a_pause(pair):
    consumer, engine = pair
    engine.write(A, 10)
    await anext(consumer)
    for n in range(1, 9):
        one = consumer.__anext__() if n % 2 else consumer.getone()
        with pytest.raises(StopIteration) as done:
            one.send(None)
        assert done.value.value.offset == n


@pytest.mark.parametrize("way", ["iterate", "getone", "getone of one", "getmany"])
async def test_others_have_their_turn(make, way):
    consumer, engine = await make("t", max_poll_records=None, consumer_timeout_ms=1)
    count = BREATH * 4
    engine.write(A, count)
    breaths, done = 0, False

    async def breathe():
        nonlocal breaths
        while not done:
            breaths += 1
            await asyncio.sleep(0)

    breathing = asyncio.create_task(breathe())
    await asyncio.sleep(0)
    began, got = breaths, 0
    while got < count:
        match way:
            case "iterate":
                async for _ in consumer:
                    got += 1
                    if got == count:
                        break
            case "getone":
                await consumer.getone()
                got += 1
            case "getone of one":
                await consumer.getone(A)
                got += 1
            case "getmany":
                got += sum(map(len, (await consumer.getmany(max_records=64)).values()))
    assert 3 <= breaths - began <= 8
    done = True
    await breathing


async def test_commits_and_positions_go_record_by_record(pair):
    consumer, engine = pair
    engine.write(A, 3)
    async for record in consumer:
        assert await consumer.position(A) == record.offset + 1
        await consumer.commit()
        if record.offset == 2:
            break
    assert [stop_at for _, stop_at in engine.named("commit")] == [{A: 1}, {A: 2}, {}]


async def test_getmany_returns_what_iteration_left(pair):
    consumer, engine = pair
    engine.write(A, 4)
    async for record in consumer:
        if record.offset == 1:
            break
    assert offsets(await consumer.getmany()) == {A: [2, 3]}


async def test_seek_and_pause_inside_a_loop(pair):
    consumer, engine = pair
    engine.write(A, 6)
    assert (await consumer.getone()).offset == 0
    consumer.seek(A, 4)
    assert (await anext(consumer)).offset == 4
    consumer.pause(A)
    assert consumer.paused() == {A}
    assert await consumer.getmany() == {}
    consumer.resume(A)
    assert (await consumer.getone()).offset == 5


async def test_a_seek_that_is_refused_loses_nothing(pair):
    consumer, engine = pair
    engine.write(A, 2)
    await consumer.getone()
    with pytest.raises(ValueError, match="negative"):
        consumer.seek(A, -1)
    assert (await consumer.getone()).offset == 1


@pytest.mark.parametrize("end", ["seek_to_beginning", "seek_to_end", "seek_to_committed"])
@pytest.mark.parametrize("which", [(), (A,)])
async def test_seek_to_somewhere_inside_a_loop(pair, end, which):
    consumer, engine = pair
    engine.write(A, 3)
    await consumer.getone()
    found = await getattr(consumer, end)(*which)
    engine.write(B, 1)
    expected = {"seek_to_beginning": (A, 0), "seek_to_end": (B, 0), "seek_to_committed": (A, 1)}[end]
    record = await consumer.getone()
    assert (record.topic_partition, record.offset) == expected
    ((partitions, deadline),) = engine.named(end)
    assert partitions == set(which)
    assert 0 < deadline - time.monotonic() <= 60
    if end == "seek_to_committed":
        assert found == dict.fromkeys(which or (A, B))


async def test_what_the_group_took_away_is_not_put_back(pair):
    consumer, engine = pair
    engine.write(A, 3)
    await consumer.getone()
    del engine.positions[A]
    assert await consumer.getmany() == {}


# --- cancelling


@pytest.mark.parametrize("way", ["getone", "getone of one", "getmany", "iterate"])
async def test_a_call_that_is_cancelled_loses_nothing(pair, way):
    consumer, engine = pair
    calls = {
        "getone": consumer.getone,
        "getone of one": lambda: consumer.getone(A),
        "getmany": lambda: consumer.getmany(timeout_ms=60_000, max_records=1),
        "iterate": lambda: anext(consumer),
    }

    async def read():
        got = await calls[way]()
        return got[A][0] if way == "getmany" else got

    seen = []
    for n in range(50):
        task = asyncio.ensure_future(read())
        await turns(n % 7)
        if n % 2:
            engine.write(A, 1)
        await turns(n % 3)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            seen.append((await task).offset)
    async with asyncio.timeout(10):
        while len(seen) < 25:
            seen.append((await read()).offset)
    assert seen == list(range(25))


async def test_a_deadline_of_the_users(pair):
    consumer, engine = pair
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(consumer.getone(), 0.001)
    engine.write(A, 1)
    assert (await asyncio.wait_for(consumer.getone(), 10)).offset == 0


# --- several tasks


async def test_each_record_goes_to_one_of_the_tasks(pair):
    consumer, engine = pair
    tasks = [asyncio.create_task(consumer.getone()) for _ in range(3)]
    await engine.until_waiting()
    engine.write(A, 3)
    assert sorted([(await task).offset for task in tasks]) == [0, 1, 2]


async def test_a_short_wait_behind_a_long_one_ends_in_time(pair):
    consumer, engine = pair
    long = asyncio.create_task(consumer.getone())
    await engine.until_waiting()
    assert await consumer.getmany() == {}
    assert await consumer.getmany(timeout_ms=20) == {}
    engine.write(A, 1)
    assert (await long).offset == 0


async def test_who_wants_one_partition_is_not_held_up_by_who_wants_another(pair):
    consumer, engine = pair
    of_a, of_any = asyncio.create_task(consumer.getone(A)), asyncio.create_task(consumer.getone())
    await engine.until_waiting(2)
    of_b = asyncio.create_task(consumer.getone(B))
    await engine.until_waiting(3)
    engine.write(B, 3)
    assert (await of_b).topic_partition == B
    assert (await of_any).topic_partition == B
    engine.write(A, 1)
    assert (await of_a).topic_partition == A


async def test_nothing_is_put_by_while_a_task_waits(pair):
    """A rebalance may come while somebody waits, and counts what was taken as done."""
    consumer, engine = pair
    of_a = asyncio.create_task(consumer.getone(A))
    await engine.until_waiting()
    engine.write(B, 3)
    await consumer.getone()
    assert engine.positions[B] == 1
    engine.write(A, 1)
    await of_a
    await consumer.getone()
    assert engine.positions[B] == 3  # now it may be
    of_a = asyncio.create_task(consumer.getone(A))
    await engine.until_waiting()
    assert engine.positions[B] == 2
    of_a.cancel()


# --- rebalance listeners


async def test_listeners_are_awaited_and_may_call(make):
    consumer, engine = await make(group_id="g")
    seen = {}

    async def act(kind, partitions):
        seen["committed"] = await consumer.committed(A)
        seen["position"] = await consumer.position(A)
        consumer.seek(A, 2)
        await consumer.commit({A: 1})

    diary = Diary(act)
    consumer.subscribe(["t"], listener=diary)
    engine.write(A, 4)
    engine.call_listener("assigned", A, B)
    assert offsets(await consumer.getmany()) == {A: [2, 3]}
    assert diary.told == [("assigned", {A, B})]
    assert seen == {"committed": 7, "position": 0}
    assert engine.listener_outcomes == [None]


async def test_ordinary_listeners_will_do(make):
    consumer, engine = await make(group_id="g")
    diary = Diary()
    consumer.subscribe(["t"], listener=diary)
    getting = asyncio.create_task(consumer.getone())
    await engine.until_waiting()
    engine.call_listener("revoked", A)
    engine.write(A, 1)
    assert (await getting).offset == 0
    assert diary.told == [("revoked", {A})]


async def test_a_listener_is_called_once_and_all_tasks_wait_for_it(make):
    consumer, engine = await make(group_id="g")
    gate = asyncio.Event()
    diary = Diary(lambda *_: gate.wait())
    consumer.subscribe(["t"], listener=diary)
    engine.write(A, 2)
    engine.call_listener("assigned", A)
    tasks = [asyncio.create_task(consumer.getone(A)) for _ in range(2)]
    await turns()
    assert not any(task.done() for task in tasks)
    gate.set()
    assert sorted([(await task).offset for task in tasks]) == [0, 1]
    assert diary.told == [("assigned", {A})]


async def test_a_poll_that_is_cancelled_does_not_cut_the_listener_short(make):
    consumer, engine = await make(group_id="g")
    gate, ended = asyncio.Event(), []

    async def act(kind, partitions):
        await gate.wait()
        ended.append(kind)

    consumer.subscribe(["t"], listener=Diary(act))
    engine.write(A, 1)
    engine.call_listener("assigned", A)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(consumer.getone(), 0.01)
    assert engine.listener_outcomes == []
    getting = asyncio.create_task(consumer.getone())
    await turns()
    gate.set()
    assert (await getting).offset == 0
    assert ended == ["assigned"]
    assert engine.listener_outcomes == [None]


async def test_what_a_listener_raises_comes_out_of_the_next_read(make):
    consumer, engine = await make(group_id="g")

    async def act(kind, partitions):
        await asyncio.sleep(0)
        raise ValueError("the user's own")

    consumer.subscribe(["t"], listener=Diary(act))
    engine.write(A, 1)
    engine.call_listener("assigned", A)
    with pytest.raises(ValueError, match="own") as caught:
        await consumer.getone()
    assert engine.listener_outcomes == [caught.value]
    assert (await consumer.getone()).offset == 0


@pytest.mark.parametrize("outer", ["getone", "getone of one", "getmany"])
async def test_reading_inside_a_listener_is_refused(make, outer):
    consumer, engine = await make(group_id="g")
    polls = {
        "getone": consumer.getone,
        "getone of one": lambda: consumer.getone(A),
        "getmany": lambda: consumer.getmany(timeout_ms=5000),
    }
    for read in (*polls.values(), lambda: anext(consumer)):

        async def act(kind, partitions, read=read):
            # Also from a task that the listener starts and waits for.
            await asyncio.create_task(asyncio.wait_for(read(), 5))

        consumer.subscribe(["t"], listener=Diary(act))
        engine.call_listener("assigned", A)
        with pytest.raises(IllegalStateError, match="inside a rebalance listener"):
            await polls[outer]()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")
async def test_listeners_where_tasks_begin_at_once(make):
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    consumer, engine = await make(group_id="g")
    diary = Diary(lambda *_: consumer.getone())
    consumer.subscribe(["t"], listener=diary)
    engine.call_listener("assigned", A)
    with pytest.raises(IllegalStateError, match="inside a rebalance listener"):
        await consumer.getone()
    diary.act = lambda *_: None
    engine.write(A, 1)
    engine.call_listener("assigned", A)
    assert (await consumer.getone()).offset == 0
    assert len(diary.told) == 2


async def test_a_task_that_a_listener_left_behind_may_read(make):
    consumer, engine = await make(group_id="g")
    left = []

    async def act(kind, partitions):
        async def later():
            await gate.wait()
            return await consumer.getone(B)

        left.append(asyncio.create_task(later()))

    gate = asyncio.Event()
    consumer.subscribe(["t"], listener=Diary(act))
    engine.write(A, 1)
    engine.write(B, 1)
    engine.call_listener("assigned", A)
    assert (await consumer.getone()).topic_partition == A
    gate.set()
    assert (await left[0]).topic_partition == B


# --- everything else


async def test_subscribe(make):
    consumer, engine = await make()
    assert consumer.subscription() == frozenset()
    consumer.subscribe(["t", "u"])
    assert consumer.subscription() == {"t", "u"}
    consumer.subscribe(pattern="^t")
    assert engine.named("subscribe") == [({"t", "u"}, None), (None, "^t")]
    with pytest.raises(ValueError, match="topics or a pattern"):
        consumer.subscribe()
    consumer.unsubscribe()
    assert consumer.assignment() == frozenset()


async def test_a_new_assignment_inside_a_loop(pair):
    consumer, engine = pair
    engine.write(A, 2)
    await consumer.getone()
    consumer.assign([A])
    assert (await consumer.getone()).offset == 1


async def test_commit_takes_offsets_in_every_form(pair):
    consumer, engine = pair
    await consumer.commit({A: 3, B: (4, "note")})
    assert engine.named("commit") == [({A: OffsetAndMetadata(3), B: OffsetAndMetadata(4, "note")}, {})]
    with pytest.raises(TypeError):
        await consumer.commit({A: "3"})


async def test_committed(pair):
    consumer, engine = pair
    assert await consumer.committed(A) == 7
    assert await consumer.committed(A, metadata=True) == OffsetAndMetadata(7, "note")
    assert await consumer.committed(B) is None
    assert await consumer.committed(B, True, 500) is None
    assert engine.named("committed")[-1][1] - time.monotonic() < 1


async def test_the_callback_of_automatic_commits(make):
    called = []
    _, engine = await make(
        "t", group_id="g", default_offset_commit_callback=lambda *args: called.append(args)
    )
    engine.on_auto_commit({A: OffsetAndMetadata(3)}, None)
    assert called == [({A: OffsetAndMetadata(3)}, None)]


async def test_lookups(pair):
    consumer, engine = pair
    engine.write(A, 3)
    assert await consumer.beginning_offsets([A]) == {A: 0}
    assert await consumer.end_offsets([A, B], timeout_ms=100) == {A: 3, B: 0}
    assert await consumer.offsets_for_times({A: 12}) == {A: OffsetAndTimestamp(1, 12)}
    assert await consumer.topics() == {"t"}
    assert await consumer.partitions_for_topic("t") == {0, 1}
    assert await consumer.partitions_for_topic("nowhere") is None
    assert consumer.highwater(A) == 3
    assert consumer.last_stable_offset(A) == 2
    assert consumer.last_poll_timestamp(A) == 1_600_000_000_000
    assert await consumer.position(B) == 0
    assert engine.named("end_offsets")[0][1] - time.monotonic() < 0.2


async def test_who_we_are_and_metrics(make):
    consumer, _ = await make("t", group_id="g")
    assert consumer.group_metadata() == ConsumerGroupMetadata("g", 3, "me")
    assert consumer.metrics(raw=True) == {"records-consumed-total": 1.0}
    assert consumer.metrics() == {"consumer-fetch-manager-metrics": {"records-consumed-total": 1.0}}
    consumer, _ = await make("t")
    assert consumer.group_metadata() == ConsumerGroupMetadata()


async def test_stop_commits_only_what_was_seen(pair):
    consumer, engine = pair
    engine.write(A, 3)
    await consumer.getone()
    await consumer.stop(autocommit=False, timeout_ms=500)
    await consumer.stop()
    assert engine.named("close") == [(0.5, {A: 1}, False)]
    with pytest.raises(ConsumerStoppedError):
        await consumer.getone()
    assert [r async for r in consumer] == []


async def test_stop_goes_on_when_it_is_cancelled(pair, monkeypatch):
    consumer, engine = pair
    gate, closed = asyncio.Event(), []

    async def close(*_, **__):
        await gate.wait()
        closed.append(True)

    monkeypatch.setattr(engine, "close", close)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(consumer.stop(), 0.01)
    gate.set()
    await consumer.stop()
    assert closed == [True]


async def test_a_block_starts_and_stops():
    async with AsyncKafkaConsumer("t") as consumer:
        assert await consumer.getmany() == {}
    assert FakeConsumerEngine.made[-1].closing


async def test_one_that_is_thrown_away_says_so():
    held = [AsyncKafkaConsumer("t")]
    await held[0].start()
    with pytest.warns(ResourceWarning, match="unclosed <AsyncKafkaConsumer"):
        held.clear()
