"""Engines that do what a test tells them, to test a door without a broker behind it."""

from __future__ import annotations

import asyncio
import threading

from kafkalite.consumer.listener import ConsumerRebalanceListener, ListenerCall
from kafkalite.errors import ConsumerStoppedError, IllegalStateError, ProducerClosed
from kafkalite.producer.batch import Batch, Owner
from kafkalite.producer.delivery import Delivery
from kafkalite.types import (
    ConsumerGroupMetadata,
    ConsumerRecord,
    OffsetAndMetadata,
    OffsetAndTimestamp,
    TopicPartition,
)

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


def records(tp, first, count):
    """Some records of a partition; their values are their offsets."""
    return [
        ConsumerRecord(tp.topic, tp.partition, offset, 0, 0, None, b"%d" % offset)
        for offset in range(first, first + count)
    ]


class Diary(ConsumerRebalanceListener):
    """Writes down what it is told, where, and does what a test wants done then."""

    def __init__(self, act=lambda kind, partitions: None):
        self.told = []
        self.threads = []
        self.act = act

    def on_partitions_revoked(self, revoked):
        return self._note("revoked", revoked)

    def on_partitions_assigned(self, assigned):
        return self._note("assigned", assigned)

    def _note(self, kind, partitions):
        self.told.append((kind, set(partitions)))
        self.threads.append(threading.current_thread())
        return self.act(kind, partitions)


class FakeConsumerEngine:
    """The consumer engine's face, on a list of records per partition.

    What belongs to the loop insists on being called there, once the engine was started.
    """

    made: list[FakeConsumerEngine] = []  # noqa: RUF012

    def __init__(self, config, *, client=None):
        self.config = config
        self.client = client
        self.log = {A: [], B: []}
        self.positions = {}
        self.calls = []
        self.errors = []
        """What the next takes raise."""
        self.listener_call = None
        self.listener_outcomes = []
        self.on_auto_commit = None
        self.commit_gate = None
        """An asyncio.Event that commits wait for."""
        self.commit_error = None
        self.start_error = None
        self.listener = None
        self._topics = frozenset()
        self._paused = set()
        self._event = asyncio.Event()
        self._loop = None
        self.waiting = 0
        self._arrived = asyncio.Event()
        self.seen_waiting = threading.Event()
        self.closing = False
        FakeConsumerEngine.made.append(self)

    # What a test does.

    def write(self, tp, count):
        """Append records; from any thread."""
        self.log[tp] += records(tp, len(self.log[tp]), count)
        self.poke()

    def call_listener(self, kind, *partitions):
        """Have the door call the listener; from any thread."""
        self.listener_call = ListenerCall(kind, frozenset(partitions), self.listener)
        self.poke()

    def poke(self):
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._event.set)

    async def until_waiting(self, count=1):
        """Until so many tasks wait for records."""
        async with asyncio.timeout(10):
            while self.waiting < count:
                self._arrived.clear()
                await self._arrived.wait()

    def named(self, name):
        return [call[1:] for call in self.calls if call[0] == name]

    def _note(self, name, *args):
        if self._loop is not None:
            assert asyncio.get_running_loop() is self._loop, f"{name} was called off the loop"
        self.calls.append((name, *args))

    def _state(self, tp):
        if tp not in self.positions:
            raise IllegalStateError(f"{tp.topic}-{tp.partition} is not assigned to this consumer")
        return self.positions[tp]

    # What the door does.

    async def start(self):
        if self.start_error is not None:
            raise self.start_error
        self._loop = asyncio.get_running_loop()

    def _ready(self, partitions):
        return [
            tp
            for tp, position in self.positions.items()
            if position < len(self.log[tp])
            and tp not in self._paused
            and (partitions is None or tp in partitions)
        ]

    def take(self, max_records, partitions=None):
        if self.closing:
            raise ConsumerStoppedError("this consumer is closed")
        if self.errors:
            raise self.errors.pop(0)
        if self.listener_call is not None:
            return {}
        self.calls.append(("take", max_records, partitions))
        taken = {}
        for tp in self._ready(partitions):
            position = self.positions[tp]
            found = self.log[tp][position : position + max_records]
            if found:
                taken[tp] = found
                self.positions[tp] += len(found)
                max_records -= len(found)
        return taken

    async def wait_for_records(self, deadline, partitions=None):
        looked = False
        self.waiting += 1
        self._arrived.set()
        try:
            while True:
                if self.closing:
                    raise ConsumerStoppedError("this consumer is closed")
                if self.errors or self.listener_call is not None or self._ready(partitions):
                    return True
                if self._loop.time() >= deadline and looked:
                    return False
                looked = True
                self._event.clear()
                self.seen_waiting.set()
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._event.wait()
                except TimeoutError:
                    pass
        finally:
            self.waiting -= 1

    def listener_done(self, error):
        self._note("listener_done", error)
        self.listener_outcomes.append(error)
        self.listener_call = None
        self._event.set()

    async def close(self, timeout, stop_at=None, *, autocommit=True):
        self._note("close", timeout, dict(stop_at or {}), autocommit)
        self.closing = True
        self._event.set()

    def subscribe(self, *, topics=None, pattern=None, listener=None):
        self._note("subscribe", None if topics is None else set(topics), pattern)
        self._topics, self.listener = frozenset(topics or ()), listener
        self.positions = {A: 0, B: 0}

    def assign(self, partitions):
        self._note("assign", list(partitions))
        self.positions = {tp: self.positions.get(tp, 0) for tp in partitions}

    def unsubscribe(self):
        self._note("unsubscribe")
        self._topics, self.positions = frozenset(), {}

    def subscription(self):
        self._note("subscription")
        return self._topics

    def assignment(self):
        self._note("assignment")
        return frozenset(self.positions)

    def pause(self, partitions):
        self._note("pause", set(partitions))
        for tp in partitions:
            self._state(tp)
        self._paused |= set(partitions)

    def resume(self, partitions):
        self._note("resume", set(partitions))
        self._paused -= set(partitions)
        self._event.set()

    def paused(self):
        self._note("paused")
        return frozenset(self._paused)

    def seek(self, partition, offset, leader_epoch=-1):
        self._note("seek", partition, offset)
        self._state(partition)
        if offset < 0:
            raise ValueError(f"an offset is not negative: {offset}")
        self.positions[partition] = offset
        self._event.set()

    async def seek_to_beginning(self, partitions, deadline):
        self._note("seek_to_beginning", set(partitions), deadline)
        for tp in partitions or self.positions:
            self.positions[tp] = 0

    async def seek_to_end(self, partitions, deadline):
        self._note("seek_to_end", set(partitions), deadline)
        for tp in partitions or self.positions:
            self.positions[tp] = len(self.log[tp])

    async def seek_to_committed(self, partitions, deadline):
        self._note("seek_to_committed", set(partitions), deadline)
        return dict.fromkeys(partitions or self.positions)

    async def position(self, partition, deadline):
        self._note("position", partition, deadline)
        return self._state(partition)

    def consumed(self, stop_at=None):
        self._note("consumed", dict(stop_at or {}))
        return {
            tp: OffsetAndMetadata(min(position, (stop_at or {}).get(tp, position)))
            for tp, position in self.positions.items()
        }

    async def commit(self, offsets, deadline, stop_at=None):
        self._note("commit", None if offsets is None else dict(offsets), dict(stop_at or {}))
        if self.config.group_id is None:
            raise IllegalStateError("commit() needs a group_id: this consumer was created without one")
        if self.commit_gate is not None:
            await self.commit_gate.wait()
        if self.commit_error is not None:
            raise self.commit_error
        return self.consumed(stop_at) if offsets is None else offsets

    async def committed(self, partitions, deadline):
        self._note("committed", list(partitions), deadline)
        return {tp: OffsetAndMetadata(7, "note") if tp == A else None for tp in partitions}

    def highwater(self, partition):
        self._note("highwater", partition)
        return len(self.log[partition])

    def last_stable_offset(self, partition):
        return len(self.log[partition]) - 1

    def last_poll_timestamp(self, partition):
        return 1_600_000_000_000

    async def beginning_offsets(self, partitions, deadline):
        self._note("beginning_offsets", list(partitions), deadline)
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions, deadline):
        self._note("end_offsets", list(partitions), deadline)
        return {tp: len(self.log[tp]) for tp in partitions}

    async def offsets_for_times(self, timestamps, deadline):
        self._note("offsets_for_times", dict(timestamps), deadline)
        return {tp: OffsetAndTimestamp(1, time) for tp, time in timestamps.items()}

    async def topics(self, deadline):
        self._note("topics", deadline)
        return {"t"}

    async def partitions_for_topic(self, topic, deadline):
        self._note("partitions_for_topic", topic, deadline)
        return {0, 1} if topic == "t" else None

    def group_metadata(self):
        self._note("group_metadata")
        if self.config.group_id is None:
            raise IllegalStateError("this consumer has no group_id")
        return ConsumerGroupMetadata(self.config.group_id, 3, "me")

    def metrics(self):
        self._note("metrics")
        return {"records-consumed-total": 1.0}


class FakeProducerEngine:
    """The producer engine's face: what is sent lies in one batch until a flush."""

    made: list[FakeProducerEngine] = []  # noqa: RUF012

    def __init__(self, config, *, delivery_type=Delivery):
        self.config = config
        self.delivery_type = delivery_type
        self.calls = []
        self.sent = []
        self.batch = self._new_batch()
        self.no_room = 0
        """How often the next sends have to wait."""
        self.room_gate = None
        """An asyncio.Event that make_room waits for."""
        self.seen_waiting = threading.Event()
        self.start_error = None
        self.closing = False
        self._loop = None
        FakeProducerEngine.made.append(self)

    def _new_batch(self):
        return Batch(Owner(), A, created=0.0, deadline=0.0, capacity=1_000_000, limit=1_000_000)

    def named(self, name):
        return [call[1:] for call in self.calls if call[0] == name]

    def _note(self, name, *args):
        assert asyncio.get_running_loop() is self._loop, f"{name} was called off the loop"
        self.calls.append((name, *args))
        if self.closing:
            raise ProducerClosed("this producer is closed")

    def settle(self):
        batch, self.batch = self.batch, self._new_batch()
        batch.close()
        batch.settle(100)

    def _deliver(self, record):
        if self.closing:
            raise ProducerClosed("this producer is closed")
        if self.no_room:
            self.no_room -= 1
            return None
        self.sent.append(record)
        delivery = self.delivery_type.__new__(self.delivery_type)
        delivery.batch, delivery.index = self.batch, self.batch.append(10, b"", None, (), 0, 0.0)
        return delivery

    def try_send(self, topic, value, key=None, headers=None, partition=None, timestamp_ms=None):
        return self._deliver((topic, value, key, headers, partition, timestamp_ms))

    def create_batch(self):
        return object()

    def try_send_batch(self, batch, topic, partition):
        return self._deliver((batch, topic, partition))

    def metrics(self):
        return {"record-send-total": float(len(self.sent))}

    async def start(self):
        if self.start_error is not None:
            raise self.start_error
        self._loop = asyncio.get_running_loop()

    async def make_room(self, topic, deadline):
        self._note("make_room", topic, deadline)
        self.seen_waiting.set()
        if self.room_gate is not None:
            await self.room_gate.wait()
        if self.closing:
            raise ProducerClosed("this producer is closed")

    async def flush(self, deadline):
        self._note("flush", deadline)
        self.settle()

    async def partitions_for(self, topic):
        self._note("partitions_for", topic)
        return frozenset({0, 1})

    async def close(self, timeout):
        if not self.closing:
            self.calls.append(("close", timeout))
            self.closing = True
            self.settle()
            if self.room_gate is not None:
                self.room_gate.set()


class FakeAdmin:
    """In place of `kafkalite.admin`: notes which function was called with what, and answers with its name."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        async def function(client, *args, **kwargs):
            assert client.started
            assert not client.closed
            self.calls.append((name, args, kwargs))
            return name

        return function


class FakeClient:
    """The network, as far as the admin doors see it."""

    made: list[FakeClient] = []  # noqa: RUF012
    start_error = None

    def __init__(self, config):
        self.config = config
        self.started = self.closed = False
        FakeClient.made.append(self)

    async def start(self):
        if self.start_error is not None:
            raise self.start_error
        self.started = True

    async def close(self):
        self.closed = True


ADMIN_CALLS = {
    "create_topics": (
        {"new_topics": ["t"], "validate_only": True, "raise_errors": False, "wait_for_metadata": True}
    ),
    "delete_topics": {"topics": ["t"], "raise_errors": False},
    "create_partitions": {"topic_partitions": {"t": 3}, "validate_only": True, "raise_errors": False},
    "list_topics": {},
    "describe_topics": {"topics": ["t"]},
    "describe_cluster": {},
    "wait_for_topics": {"topic_names": ["t"]},
}
"""Every method of the admin clients, with arguments that are not the defaults."""
