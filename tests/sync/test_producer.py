import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from kafkalite.errors import (
    IllegalStateError,
    KafkaConfigurationError,
    KafkaError,
    NoBrokersAvailable,
    ProducerClosed,
)
from kafkalite.producer.delivery import Delivery
from kafkalite.sync import KafkaProducer
from kafkalite.sync.portal import EXIT_TIMEOUT
from tests.doors.engines import FakeProducerEngine
from tests.sync.test_portal import needs_fork, run_program

PATIENCE = 10


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr("kafkalite.sync.producer.ProducerEngine", FakeProducerEngine)
    FakeProducerEngine.made.clear()


@pytest.fixture
def make():
    made = []

    def make(**options):
        made.append(KafkaProducer(**options))
        return made[-1], FakeProducerEngine.made[-1]

    yield make
    for producer in made:
        producer.close()


@pytest.fixture
def thread():
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit


def test_options_are_checked():
    with pytest.raises(KafkaConfigurationError, match=r"lingr_ms.*linger_ms"):
        KafkaProducer(lingr_ms=5)
    assert FakeProducerEngine.made == []


def test_a_start_that_fails_says_why_and_closes_the_engine(monkeypatch):
    async def refuse(self):
        raise NoBrokersAvailable("nobody there")

    monkeypatch.setattr(FakeProducerEngine, "start", refuse)
    with pytest.raises(NoBrokersAvailable, match="nobody"):
        KafkaProducer()
    assert FakeProducerEngine.made[0].named("close") == [(EXIT_TIMEOUT,)]


def test_send_returns_a_delivery(make):
    producer, engine = make()
    delivery = producer.send("t", b"v", b"k", [("h", b"1")], 1, 5)
    assert type(delivery) is Delivery
    assert engine.sent == [("t", b"v", b"k", [("h", b"1")], 1, 5)]
    assert not delivery.is_done
    producer.flush()
    assert delivery.get(PATIENCE).offset == 100


def test_serializers_see_topic_and_headers(make):
    class Noted:
        def serialize(self, topic, headers, data):
            return f"{topic} {list(headers)} {data}".encode()

    producer, engine = make(key_serializer=Noted(), value_serializer=str.encode)
    producer.send("t", "v", "k", headers=[("h", b"1")])
    producer.send("t", "v")
    assert engine.sent[0][1:3] == (b"v", b"t [('h', b'1')] k")
    assert engine.sent[1][1:3] == (b"v", b"t [] None")


def test_a_send_waits_for_room(make):
    producer, engine = make(max_block_ms=5000)
    engine.no_room = 2
    assert producer.send("t", b"v")
    assert len(engine.sent) == 1
    (topic, first), (_, second) = engine.named("make_room")
    assert topic == "t"
    assert first == second
    assert 4 < first - time.monotonic() <= 5


def test_flush(make):
    producer, engine = make()
    producer.flush()
    producer.flush(timeout=2)
    (first,), (second,) = engine.named("flush")
    assert first is None
    assert 1 < second - time.monotonic() <= 2


def test_partitions_metrics_and_connection(make):
    producer, _ = make()
    producer.send("t", b"v")
    assert producer.partitions_for("t") == {0, 1}
    assert producer.metrics(raw=True) == {"record-send-total": 1.0}
    assert producer.metrics() == {"producer-metrics": {"record-send-total": 1.0}}
    assert producer.bootstrap_connected()
    producer.close()
    assert not producer.bootstrap_connected()


def test_close_twice_and_no_call_after(make):
    producer, engine = make()
    delivery = producer.send("t", b"v")
    with pytest.raises(ValueError, match="not negative"):
        producer.close(timeout=-1)
    producer.close(timeout=3)
    producer.close()
    assert engine.named("close") == [(3,)]
    assert delivery.get(0).offset == 100
    with pytest.raises(ProducerClosed):
        producer.send("t", b"v")
    for call in (producer.flush, lambda: producer.partitions_for("t")):
        with pytest.raises(KafkaError, match="closed"):
            call()


def test_close_while_a_send_waits(make, thread):
    producer, engine = make()
    engine.no_room, engine.room_gate = 99, asyncio.Event()
    sending = thread(producer.send, "t", b"v")
    assert engine.seen_waiting.wait(PATIENCE)
    producer.close()
    with pytest.raises(KafkaError, match="closed"):
        sending.result(PATIENCE)


def test_waiting_inside_a_callback_is_refused(make):
    producer, _ = make()
    told, done = [], threading.Event()

    def callback(_):
        for call in (producer.flush, producer.close):
            with pytest.raises(IllegalStateError, match="from a callback"):
                call()
            told.append(True)
        done.set()

    producer.send("t", b"v").add_callback(callback)
    producer.flush()
    assert done.wait(PATIENCE)
    assert told == [True, True]


def test_a_with_block_closes():
    with KafkaProducer() as producer:
        assert repr(producer) == "<KafkaProducer kafkalite>"
    assert FakeProducerEngine.made[-1].closing
    assert repr(producer) == "<KafkaProducer kafkalite closed>"


def test_one_that_is_thrown_away_says_so_and_is_closed():
    held = [KafkaProducer()]
    engine, portal = FakeProducerEngine.made[-1], held[0]._portal
    with pytest.warns(ResourceWarning, match="unclosed KafkaProducer"):
        held.clear()
    portal.join(PATIENCE)
    assert engine.named("close") == [(EXIT_TIMEOUT,)]


def test_a_loop_of_the_users_is_used(make):
    made = []

    def factory():
        made.append(asyncio.new_event_loop())
        return made[0]

    _, engine = make(loop_factory=factory)
    assert engine._loop is made[0]


@needs_fork
def test_a_forked_child_is_told_at_once():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    program = run_program(f"""
        import os, sys
        sys.path.insert(0, {root!r})
        import kafkalite.sync.producer
        from kafkalite.errors import ForkedError
        from tests.doors.engines import FakeProducerEngine
        kafkalite.sync.producer.ProducerEngine = FakeProducerEngine
        producer = kafkalite.sync.producer.KafkaProducer()
        child = os.fork()
        if child == 0:
            sending = lambda: producer.send("t", b"v"), lambda: producer.send_many("t", [b"v"])
            for call in (*sending, producer.flush, producer.metrics):
                try:
                    call()
                except ForkedError as error:
                    assert "create it again after fork" in str(error)
                else:
                    os._exit(1)
            producer.close()
            del producer
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        producer.send("t", b"v")
        producer.close()
    """)
    assert program.stderr == ""
