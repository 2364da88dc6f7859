import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from kafkalite.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaConfigurationError,
    KafkaError,
    NoBrokersAvailable,
    OffsetOutOfRangeError,
)
from kafkalite.sync import KafkaConsumer
from kafkalite.sync.consumer import ITERATION_WAIT
from kafkalite.types import ConsumerGroupMetadata, OffsetAndMetadata, OffsetAndTimestamp
from tests.doors.engines import A, B, Diary, FakeConsumerEngine

PATIENCE = 10


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr("kafkalite.sync.consumer.ConsumerEngine", FakeConsumerEngine)
    FakeConsumerEngine.made.clear()


@pytest.fixture
def make():
    made = []

    def make(*topics, **options):
        options.setdefault("consumer_timeout_ms", 1)
        made.append(KafkaConsumer(*topics, **options))
        return made[-1], FakeConsumerEngine.made[-1]

    yield make
    for consumer in made:
        consumer.close()


@pytest.fixture
def pair(make):
    """A consumer of both partitions, and its engine."""
    return make("t", group_id="g")


@pytest.fixture
def thread():
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit


def offsets(found):
    return {tp: [r.offset for r in records] for tp, records in found.items()}


# --- constructing


def test_topics_are_subscribed_before_the_start(make):
    _, engine = make("t", "u")
    assert engine.calls[0] == ("subscribe", {"t", "u"}, None)


def test_options_are_checked():
    with pytest.raises(KafkaConfigurationError, match=r"group_ids.*group_id"):
        KafkaConsumer("t", group_ids="g")
    assert FakeConsumerEngine.made == []


def test_a_start_that_fails_says_why_and_closes_the_engine(monkeypatch):
    monkeypatch.setattr(FakeConsumerEngine, "start", refuse_to_start)
    with pytest.raises(NoBrokersAvailable, match="nobody"):
        KafkaConsumer("t")
    assert FakeConsumerEngine.made[0].closing


async def refuse_to_start(self):
    raise NoBrokersAvailable("nobody there")


def test_a_loop_of_the_users_is_used(make):
    made = []

    def factory():
        made.append(asyncio.new_event_loop())
        return made[0]

    _, engine = make(loop_factory=factory)
    assert engine._loop is made[0]


def test_repr(pair):
    consumer, _ = pair
    assert repr(consumer) == "<KafkaConsumer kafkalite group=g>"
    consumer.close()
    assert repr(consumer) == "<KafkaConsumer kafkalite group=g closed>"


# --- polling


def test_poll_returns_what_is_there(pair):
    consumer, engine = pair
    engine.write(A, 3)
    assert offsets(consumer.poll()) == {A: [0, 1, 2]}
    assert consumer.poll() == {}


def test_poll_waits_for_what_comes(pair, thread):
    consumer, engine = pair
    polling = thread(consumer.poll, timeout_ms=60_000)
    assert engine.seen_waiting.wait(PATIENCE)
    engine.write(A, 1)
    assert offsets(polling.result(PATIENCE)) == {A: [0]}


def test_poll_waits_no_longer_than_told(pair):
    consumer, _ = pair
    began = time.monotonic()
    assert consumer.poll(timeout_ms=50) == {}
    assert time.monotonic() - began >= 0.05


def test_poll_limits(make):
    consumer, engine = make("t", max_poll_records=2)
    engine.write(A, 5)
    assert offsets(consumer.poll()) == {A: [0, 1]}
    assert offsets(consumer.poll(max_records=1)) == {A: [2]}
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="max_records"):
            consumer.poll(max_records=wrong)
    with pytest.raises(ValueError, match="timeout_ms"):
        consumer.poll(timeout_ms=-1)


def test_poll_raises_what_fetching_raised_and_goes_on(pair):
    consumer, engine = pair
    engine.write(A, 1)
    engine.errors.append(OffsetOutOfRangeError("t-0 at 5"))
    with pytest.raises(OffsetOutOfRangeError, match="t-0"):
        consumer.poll()
    assert offsets(consumer.poll()) == {A: [0]}


def test_two_threads_may_not_poll_at_once(pair, thread):
    consumer, engine = pair
    polling = thread(consumer.poll, timeout_ms=60_000)
    assert engine.seen_waiting.wait(PATIENCE)
    with pytest.raises(IllegalStateError, match="one thread at a time"):
        consumer.poll()
    with pytest.raises(IllegalStateError, match="one thread at a time"):
        next(consumer)
    assert consumer.assignment() == {A, B}  # other calls are welcome
    engine.write(A, 1)
    assert polling.result(PATIENCE)


# --- iterating


def test_iteration_hands_out_record_by_record_and_ends_in_time(pair):
    consumer, engine = pair
    engine.write(A, 3)
    engine.write(B, 2)
    assert [(r.partition, r.offset) for r in consumer] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert list(consumer) == []
    with pytest.raises(StopIteration):
        next(consumer)
    engine.write(A, 1)
    assert next(consumer).offset == 3


def test_iteration_without_an_end_waits_in_pieces(make, thread):
    consumer, engine = make("t", consumer_timeout_ms=float("inf"))
    deadlines = []
    wait = engine.wait_for_records

    async def noted(deadline, partitions=None):
        deadlines.append(deadline - time.monotonic())
        return False if len(deadlines) == 1 else await wait(deadline)

    engine.wait_for_records = noted
    waiting = thread(next, consumer)
    assert engine.seen_waiting.wait(PATIENCE)
    engine.write(A, 1)
    assert waiting.result(PATIENCE).offset == 0
    assert all(0 < d <= ITERATION_WAIT for d in deadlines)


def test_iteration_commits_and_reports_record_by_record(pair):
    consumer, engine = pair
    engine.write(A, 3)
    for record in consumer:
        assert consumer.position(A) == record.offset + 1
        consumer.commit()
    assert [stop_at for _, stop_at in engine.named("commit")] == [{A: 1}, {A: 2}, {}]


def test_what_iteration_left_can_be_polled(pair):
    consumer, engine = pair
    engine.write(A, 4)
    for record in consumer:
        if record.offset == 1:
            break
    assert offsets(consumer.poll()) == {A: [2, 3]}


def test_a_loop_goes_on_where_a_poll_inside_it_ended(pair):
    consumer, engine = pair
    engine.write(A, 6)
    seen = []
    for record in consumer:
        seen.append(record.offset)
        if record.offset == 1:
            seen += offsets(consumer.poll(max_records=2))[A]
    assert seen == [0, 1, 2, 3, 4, 5]


def test_seek_inside_a_loop(pair):
    consumer, engine = pair
    engine.write(A, 5)
    seen = []
    for record in consumer:
        seen.append(record.offset)
        if seen == [0, 1]:
            consumer.seek(A, 4)
    assert seen == [0, 1, 4]


def test_a_seek_that_is_refused_loses_nothing(pair):
    consumer, engine = pair
    engine.write(A, 3)
    assert next(consumer).offset == 0
    with pytest.raises(ValueError, match="negative"):
        consumer.seek(A, -1)
    assert [r.offset for r in consumer] == [1, 2]


def test_pause_inside_a_loop_stops_the_partition_at_once(pair):
    consumer, engine = pair
    engine.write(A, 3)
    engine.write(B, 2)
    assert next(consumer).offset == 0
    consumer.pause(A)
    assert consumer.paused() == {A}
    assert [(r.partition, r.offset) for r in consumer] == [(1, 0), (1, 1)]
    consumer.resume(A)
    assert [(r.partition, r.offset) for r in consumer] == [(0, 1), (0, 2)]


@pytest.mark.parametrize("end", ["seek_to_beginning", "seek_to_end"])
@pytest.mark.parametrize("which", [(), (A,)])
def test_seek_to_an_end_inside_a_loop(pair, end, which):
    consumer, engine = pair
    engine.write(A, 3)
    assert next(consumer).offset == 0
    getattr(consumer, end)(*which)
    assert [r.offset for r in consumer] == ([0, 1, 2] if end == "seek_to_beginning" else [])
    ((partitions, deadline),) = engine.named(end)
    assert partitions == set(which)
    assert 0 < deadline - time.monotonic() <= 60


def test_a_new_assignment_inside_a_loop(pair):
    consumer, engine = pair
    engine.write(A, 3)
    engine.write(B, 1)
    assert next(consumer).offset == 0
    consumer.assign([A])
    assert [(r.partition, r.offset) for r in consumer] == [(0, 1), (0, 2)]


def test_what_the_group_took_away_is_not_put_back(pair):
    consumer, engine = pair
    engine.write(A, 3)
    assert next(consumer).offset == 0
    del engine.positions[A]
    assert consumer.poll() == {}


def test_close_inside_a_loop_ends_it(pair):
    consumer, engine = pair
    engine.write(A, 3)
    seen = []
    for record in consumer:
        seen.append(record.offset)
        consumer.close()
    assert seen == [0]
    ((timeout, stop_at, autocommit),) = engine.named("close")
    assert 50 < timeout <= 60
    assert (stop_at, autocommit) == ({A: 1}, True)
    assert list(consumer) == []


@pytest.mark.parametrize("way", [next, list])
def test_a_close_by_another_thread_ends_iteration(make, thread, way):
    consumer, engine = make("t", consumer_timeout_ms=60_000)
    waiting = thread(lambda: list(consumer) if way is list else next(consumer, []))
    assert engine.seen_waiting.wait(PATIENCE)
    consumer.close()
    assert waiting.result(PATIENCE) == []


def test_iteration_raises_what_fetching_raised(pair):
    consumer, engine = pair
    engine.errors.append(OffsetOutOfRangeError("t-0 at 5"))
    with pytest.raises(OffsetOutOfRangeError):
        next(consumer)


# --- rebalance listeners


def test_listeners_run_on_the_thread_that_polls_and_may_call(make):
    consumer, engine = make(group_id="g")
    seen = {}

    def act(kind, partitions):
        seen["committed"] = consumer.committed(A)
        seen["position"] = consumer.position(A)
        consumer.seek(A, 2)
        consumer.commit({A: 1})

    diary = Diary(act)
    consumer.subscribe(["t"], listener=diary)
    engine.write(A, 4)
    engine.call_listener("assigned", A, B)
    assert offsets(consumer.poll()) == {A: [2, 3]}
    assert diary.told == [("assigned", {A, B})]
    assert diary.threads == [threading.current_thread()]
    assert seen == {"committed": 7, "position": 0}
    assert engine.listener_outcomes == [None]


def test_a_listener_that_is_called_while_a_poll_waits(make, thread):
    consumer, engine = make(group_id="g")
    diary = Diary()
    consumer.subscribe(["t"], listener=diary)
    polling = thread(consumer.poll, timeout_ms=60_000)
    assert engine.seen_waiting.wait(PATIENCE)
    engine.call_listener("revoked", A)
    engine.write(A, 1)
    assert offsets(polling.result(PATIENCE)) == {A: [0]}
    assert diary.told == [("revoked", {A})]
    assert diary.threads[0] is not threading.current_thread()


def test_what_a_listener_raises_comes_out_of_poll_once_the_engine_knows(make):
    consumer, engine = make(group_id="g")

    def act(kind, partitions):
        raise ValueError("the user's own")

    consumer.subscribe(["t"], listener=Diary(act))
    engine.call_listener("assigned", A)
    with pytest.raises(ValueError, match="own") as caught:
        consumer.poll()
    assert engine.listener_outcomes == [caught.value]
    assert consumer.poll() == {}


def test_polling_inside_a_listener_is_refused(make):
    consumer, engine = make(group_id="g")
    consumer.subscribe(["t"], listener=Diary(lambda *_: consumer.poll()))
    engine.call_listener("assigned", A)
    with pytest.raises(IllegalStateError, match="inside a rebalance listener"):
        consumer.poll()
    consumer.subscribe(["t"], listener=Diary(lambda *_: next(consumer)))
    engine.call_listener("assigned", A)
    with pytest.raises(IllegalStateError, match="inside a rebalance listener"):
        consumer.poll()


def test_closing_inside_a_listener(make):
    consumer, engine = make(group_id="g")
    consumer.subscribe(["t"], listener=Diary(lambda *_: consumer.close()))
    engine.call_listener("assigned", A)
    with pytest.raises(IllegalStateError, match="closed"):
        consumer.poll()


def test_an_async_listener_is_refused(make):
    consumer, engine = make(group_id="g")

    async def act(kind, partitions):
        """Never run."""

    consumer.subscribe(["t"], listener=Diary(act))
    engine.call_listener("assigned", A)
    with pytest.raises(TypeError, match=r"Diary.*AsyncKafkaConsumer"):
        consumer.poll()
    assert isinstance(engine.listener_outcomes[0], TypeError)


# --- what to read


def test_subscribe(make):
    consumer, engine = make()
    assert consumer.subscription() is None
    consumer.subscribe(["t", "u"])
    assert consumer.subscription() == {"t", "u"}
    consumer.subscribe(pattern="^t")
    assert engine.named("subscribe") == [({"t", "u"}, None), (None, "^t")]
    with pytest.raises(ValueError, match="topics or a pattern"):
        consumer.subscribe()
    consumer.unsubscribe()
    assert consumer.subscription() is None
    assert consumer.assignment() == set()


def test_unsubscribe_commits_before_it_leaves(pair):
    consumer, engine = pair
    engine.write(A, 3)
    next(consumer)
    consumer.unsubscribe()
    assert engine.named("commit") == [(None, {A: 1})]
    names = [name for name, *_ in engine.calls]
    assert names.index("commit") < names.index("unsubscribe")


def test_unsubscribe_does_not_mind_a_commit_that_fails(pair):
    consumer, engine = pair
    engine.commit_error = CommitFailedError("moved on")
    consumer.unsubscribe()
    assert engine.named("unsubscribe")


def test_unsubscribe_commits_nothing_that_is_not_automatic(make):
    consumer, engine = make("t", group_id="g", enable_auto_commit=False)
    consumer.unsubscribe()
    assert not engine.named("commit")


def test_assign(make):
    consumer, engine = make()
    consumer.assign([A])
    assert consumer.assignment() == {A}
    assert engine.named("assign") == [([A],)]


# --- committing


def test_commit_takes_offsets_in_every_form(pair):
    consumer, engine = pair
    assert consumer.commit({A: 3, B: OffsetAndMetadata(4, "note")}) is None
    assert engine.named("commit") == [({A: OffsetAndMetadata(3), B: OffsetAndMetadata(4, "note")}, {})]
    with pytest.raises(TypeError):
        consumer.commit({A: "3"})


def test_commit_needs_a_group(make):
    consumer, _ = make("t")
    for commit in (consumer.commit, consumer.commit_async):
        with pytest.raises(IllegalStateError, match="group_id"):
            commit()


def test_committed(pair):
    consumer, engine = pair
    assert consumer.committed(A) == 7
    assert consumer.committed(A, metadata=True) == OffsetAndMetadata(7, "note")
    assert consumer.committed(B) is None
    assert consumer.committed(B, True, 500) is None
    assert engine.named("committed")[-1][1] - time.monotonic() < 1


def test_commit_async_calls_back_where_the_program_polls(pair):
    consumer, engine = pair
    engine.write(A, 3)
    next(consumer)
    called = []
    commit = consumer.commit_async(callback=lambda *args: called.append((threading.current_thread(), *args)))
    assert commit.get(PATIENCE) == {A: OffsetAndMetadata(1), B: OffsetAndMetadata(0)}
    assert called == []
    consumer.poll()
    assert called == [(threading.current_thread(), commit.offsets, commit.offsets)]


def test_commit_async_commits_what_was_read_when_it_was_called(pair):
    consumer, engine = pair
    engine.write(A, 3)
    engine.commit_gate = asyncio.Event()
    consumer.poll(max_records=1)
    first = consumer.commit_async()
    consumer.poll(max_records=1)
    second = consumer.commit_async({A: 9})
    engine._loop.call_soon_threadsafe(engine.commit_gate.set)
    assert first.get(PATIENCE)[A].offset == 1
    assert second.get(PATIENCE) == {A: OffsetAndMetadata(9)}
    assert [given[A].offset for given, _ in engine.named("commit")] == [1, 9]


def test_commit_async_that_fails(pair):
    consumer, engine = pair
    engine.commit_error = CommitFailedError("moved on")
    called = []
    commit = consumer.commit_async({A: 1}, callback=lambda *args: called.append(args))
    with pytest.raises(CommitFailedError, match="moved on"):
        commit.get(PATIENCE)
    consumer.commit_async({A: 2})  # also a call that calls back
    assert called == [({A: OffsetAndMetadata(1)}, commit.exception)]


def test_the_default_callback(make):
    called = []
    consumer, engine = make(
        "t", group_id="g", default_offset_commit_callback=lambda *args: called.append(args)
    )
    consumer.commit_async({A: 1}).get(PATIENCE)
    own = []
    consumer.commit_async({A: 2}, callback=lambda *args: own.append(args)).get(PATIENCE)
    engine.on_auto_commit({A: OffsetAndMetadata(3)}, None)
    consumer.close()
    assert [sent[A].offset for sent, _ in called] == [1, 3]
    assert [sent[A].offset for sent, _ in own] == [2]


def test_a_commit_that_is_waited_for_is_not_overtaken(pair):
    consumer, engine = pair
    engine.commit_gate = asyncio.Event()
    consumer.commit_async({A: 1})

    async def scenario():
        waiting = asyncio.create_task(consumer._commit({A: OffsetAndMetadata(2)}, time.monotonic() + 9, {}))
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(engine.named("commit")) == 1
        engine.commit_gate.set()
        await waiting

    consumer._portal.run(scenario())
    assert [given[A].offset for given, _ in engine.named("commit")] == [1, 2]


def test_close_waits_for_commits_under_way(pair):
    consumer, engine = pair
    called = []
    commit = consumer.commit_async({A: 1}, callback=lambda *args: called.append(args))
    consumer.close()
    assert commit.succeeded()
    assert called == [({A: OffsetAndMetadata(1)}, {A: OffsetAndMetadata(1)})]
    names = [name for name, *_ in engine.calls]
    assert names.index("commit") < names.index("close")


def test_close_waits_for_commits_no_longer_than_told(pair):
    consumer, engine = pair
    engine.commit_gate = asyncio.Event()
    commit = consumer.commit_async({A: 1})
    consumer.close(timeout_ms=10)
    assert commit.failed()
    assert engine.named("close")[0][0] < 0.01


# --- looking up


def test_lookups(pair):
    consumer, engine = pair
    engine.write(A, 3)
    assert consumer.beginning_offsets([A]) == {A: 0}
    assert consumer.end_offsets([A, B], timeout_ms=100) == {A: 3, B: 0}
    assert consumer.offsets_for_times({A: 12}) == {A: OffsetAndTimestamp(1, 12)}
    assert consumer.topics() == {"t"}
    assert consumer.partitions_for_topic("t") == {0, 1}
    assert consumer.partitions_for_topic("nowhere") is None
    assert consumer.highwater(A) == 3
    assert consumer.position(B) == 0
    assert engine.named("end_offsets")[0][1] - time.monotonic() < 0.2
    with pytest.raises(IllegalStateError, match="u-0"):
        consumer.position(A._replace(topic="u"))


def test_who_we_are(make):
    consumer, _ = make("t", group_id="g")
    assert consumer.group_metadata() == ConsumerGroupMetadata("g", 3, "me")
    consumer, _ = make("t")
    assert consumer.group_metadata() == ConsumerGroupMetadata()


def test_metrics(pair):
    consumer, _ = pair
    assert consumer.metrics(raw=True) == {"records-consumed-total": 1.0}
    assert consumer.metrics() == {"consumer-fetch-manager-metrics": {"records-consumed-total": 1.0}}


def test_connected_until_it_is_closed(pair):
    consumer, _ = pair
    assert consumer.bootstrap_connected()
    consumer.close()
    assert not consumer.bootstrap_connected()


# --- closing


def test_close_twice_and_no_call_after(pair):
    consumer, engine = pair
    consumer.close(autocommit=False, timeout_ms=500)
    consumer.close()
    ((timeout, stop_at, autocommit),) = engine.named("close")
    assert (stop_at, autocommit) == ({}, False)
    assert 0 < timeout <= 0.5
    for call in (
        consumer.poll,
        consumer.assignment,
        consumer.commit,
        consumer.topics,
        consumer.group_metadata,
        lambda: consumer.seek(A, 1),
        lambda: consumer.position(A),
        lambda: consumer.subscribe(["t"]),
    ):
        with pytest.raises(KafkaError, match="closed"):
            call()


def test_close_while_a_poll_waits(pair, thread):
    consumer, engine = pair
    polling = thread(consumer.poll, timeout_ms=60_000)
    assert engine.seen_waiting.wait(PATIENCE)
    consumer.close()
    with pytest.raises(ConsumerStoppedError, match="closed"):
        polling.result(PATIENCE)


def test_a_with_block_closes():
    with KafkaConsumer("t") as consumer:
        engine = FakeConsumerEngine.made[-1]
        assert consumer.poll() == {}
    assert engine.closing


def test_one_that_is_thrown_away_says_so_and_commits_only_what_was_seen():
    held = [KafkaConsumer("t", consumer_timeout_ms=1)]
    engine = FakeConsumerEngine.made[-1]
    engine.write(A, 3)
    assert next(held[0]).offset == 0
    portal = held[0]._portal
    with pytest.warns(ResourceWarning, match="unclosed KafkaConsumer"):
        held.clear()
    portal.join(PATIENCE)
    ((_, stop_at, autocommit),) = engine.named("close")
    assert (stop_at, autocommit) == ({A: 1}, True)


def test_waiting_inside_a_callback_is_refused_and_loses_nothing(pair):
    consumer, engine = pair
    engine.write(A, 3)
    assert next(consumer).offset == 0
    told, done = [], threading.Event()

    def callback(_):
        for call in (consumer.poll, consumer.commit, lambda: consumer.assign([A]), consumer.close):
            try:
                call()
            except IllegalStateError as error:
                told.append("from a callback" in str(error))
        done.set()

    engine.commit_gate = asyncio.Event()
    consumer.commit_async().add_callback(callback)
    engine._loop.call_soon_threadsafe(engine.commit_gate.set)
    assert done.wait(PATIENCE)
    assert told == [True] * 4
    assert [r.offset for r in consumer] == [1, 2]
