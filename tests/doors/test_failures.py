"""What goes wrong says so, in time, and names its cause."""

import asyncio
import os
import threading
import time

import pytest

from kafkalite import (
    ConsumerRebalanceListener,
    KafkaConsumer,
    KafkaProducer,
    OffsetAndMetadata,
    TopicPartition,
)
from kafkalite.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    KafkaConfigurationError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NoBrokersAvailable,
)

from .drive import PATIENCE, Drive, unique
from .test_newcomer import run

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


async def test_an_unknown_topic_fails_in_time_and_is_named(door):
    topic = unique("no-such-topic")
    producer = await door.producer(max_block_ms=700, allow_auto_create_topics=False)
    began = time.monotonic()
    with pytest.raises(KafkaTimeoutError, match=topic):
        await producer.send(topic, b"v")
    assert 0.5 < time.monotonic() - began < 10


async def test_a_misspelt_option_is_named_and_corrected(door):
    with pytest.raises(KafkaConfigurationError, match=r"lingr_ms.*linger_ms"):
        await door.producer(lingr_ms=5)
    with pytest.raises(KafkaConfigurationError, match=r"group_ids.*group_id"):
        await door.consumer(group_ids="g")
    with pytest.raises(KafkaConfigurationError, match=r"bootstrap_server.*bootstrap_servers"):
        await door.admin(bootstrap_server="localhost")


async def test_nobody_there_lists_each_address(door, unused_tcp_port):
    address = f"127.0.0.1:{unused_tcp_port}"
    began = time.monotonic()
    with pytest.raises(NoBrokersAvailable, match=address):
        await door.producer(bootstrap_servers=address, bootstrap_timeout_ms=500)
    with pytest.raises(NoBrokersAvailable, match=address):
        await door.consumer(bootstrap_servers=address, bootstrap_timeout_ms=500)
    with pytest.raises(NoBrokersAvailable, match=address):
        await door.admin(bootstrap_servers=address, bootstrap_timeout_ms=500)
    assert time.monotonic() - began < 15


async def test_close_twice_and_no_call_after(door):
    topic = await door.topic()
    producer, consumer = await door.producer(), await door.consumer(topic)
    for client in (producer, consumer):
        await client.close()
        await client.close()
    with pytest.raises(KafkaError, match="closed"):
        await producer.send(topic, b"v")
    with pytest.raises(KafkaError, match="closed"):
        await producer.flush()
    with pytest.raises(KafkaError, match="closed"):
        await consumer.poll()


async def goes_on(task):
    """Whether a call is still waiting after a moment: neither answered nor refused."""
    done, _ = await asyncio.wait({task}, timeout=0.2)
    return not done


async def test_close_while_a_send_waits(door):
    producer = await door.producer(max_block_ms=60_000, allow_auto_create_topics=False)
    waiting = asyncio.create_task(producer.send(unique("no-such-topic"), b"v"))
    assert await goes_on(waiting)
    await asyncio.wait_for(producer.close(), PATIENCE)
    with pytest.raises(KafkaError, match=r"closed|close"):
        await asyncio.wait_for(waiting, PATIENCE)


async def test_close_while_a_poll_waits(door):
    topic = await door.topic()
    consumer = await door.consumer(topic)
    await consumer.until_assigned(1)
    waiting = asyncio.create_task(consumer.poll(timeout_ms=60_000))
    assert await goes_on(waiting)
    await asyncio.wait_for(consumer.close(), PATIENCE)
    with pytest.raises(ConsumerStoppedError, match="closed"):
        await asyncio.wait_for(waiting, PATIENCE)


async def test_a_poll_that_is_cut_short_harms_nothing(door):
    topic = await door.topic()
    async with await door.consumer(topic, group_id=unique("group")) as consumer:
        await consumer.until_assigned(1)
        for _ in range(5):
            await consumer.poll_cut_short()
        async with await door.producer() as producer:
            await producer.send_and_wait(topic, b"v")
        assert [r.value for r in await consumer.read(1)] == [b"v"]


async def test_a_callback_that_fails_harms_nothing(door):
    topic = await door.topic()
    async with await door.producer() as producer:
        called = threading.Event()

        def fail(_):
            called.set()
            raise RuntimeError("the user's own")

        delivery = await producer.send(topic, b"1")
        if door.door == "sync":
            delivery.add_callback(fail)
        else:
            delivery.add_done_callback(fail)
        assert (await producer.outcome(delivery)).offset == 0
        assert await asyncio.to_thread(called.wait, PATIENCE)
        assert (await producer.send_and_wait(topic, b"2")).offset == 1


# --- what only the sync door can do wrong


@pytest.fixture
async def topic(bootstrap):
    drive = Drive("aio", bootstrap)
    return await drive.topic()


async def test_two_threads_may_not_poll_at_once(bootstrap, topic):
    refusals = []

    class OtherThread(ConsumerRebalanceListener):
        """While the first thread polls, for it is the poll that calls this, another one tries to."""

        def on_partitions_revoked(self, revoked):
            """Nothing is taken away."""

        def on_partitions_assigned(self, assigned):
            thread = threading.Thread(target=self.poll)
            thread.start()
            thread.join(PATIENCE)

        def poll(self):
            with pytest.raises(IllegalStateError, match="one thread at a time") as refusal:
                consumer.poll()
            refusals.append(refusal)

    def scenario():
        consumer.subscribe([topic], listener=OtherThread())
        deadline = time.monotonic() + PATIENCE
        while not refusals and time.monotonic() < deadline:
            consumer.poll(timeout_ms=100)
        consumer.close()

    consumer = await asyncio.to_thread(KafkaConsumer, bootstrap_servers=bootstrap)
    await asyncio.to_thread(scenario)
    assert len(refusals) == 1


async def test_waiting_inside_a_callback_is_refused(bootstrap, topic):
    # It lingers, so that the callback is there before the answer: one that comes later is called where it is added.
    producer = await asyncio.to_thread(KafkaProducer, bootstrap_servers=bootstrap, linger_ms=300)
    errors, done = [], threading.Event()

    def callback(_):
        for call in (producer.flush, producer.close):
            try:
                call()
            except IllegalStateError as error:
                errors.append(str(error))
        done.set()

    try:
        producer.send(topic, b"v").add_callback(callback)
        assert await asyncio.to_thread(done.wait, PATIENCE)
        assert len(errors) == 2
        assert "from a callback" in errors[0]
        producer.send(topic, b"v").get(PATIENCE)
    finally:
        await asyncio.to_thread(producer.close)


async def test_callbacks_get_the_outcome(bootstrap, topic):
    small = await Drive("aio", bootstrap).topic(**{"max.message.bytes": "1000"})

    def scenario():
        with KafkaProducer(bootstrap_servers=bootstrap) as producer:
            outcomes, done = [], threading.Event()

            def note(extra, outcome):
                outcomes.append((extra, outcome))
                done.set()

            delivery = producer.send(topic, b"v").add_callback(note, "written").add_errback(note, "failed")
            assert done.wait(PATIENCE)
            assert [(what, metadata.offset) for what, metadata in outcomes] == [("written", 0)]
            assert delivery.succeeded()
            assert delivery.is_done

            done.clear()
            delivery = (
                producer.send(small, b"v" * 2000).add_callback(note, "written").add_errback(note, "failed")
            )
            assert done.wait(PATIENCE)
            assert outcomes[1:] == [("failed", delivery.exception)]
            assert isinstance(delivery.exception, MessageSizeTooLargeError)
            assert delivery.failed()

    await asyncio.to_thread(scenario)


async def test_a_commit_that_is_not_waited_for_calls_back_where_the_program_polls(bootstrap, topic):
    def scenario():
        options = {"bootstrap_servers": bootstrap, "group_id": unique("group"), "enable_auto_commit": False}
        partition, called = TopicPartition(topic, 0), []
        with KafkaConsumer(**options) as consumer:
            consumer.assign([partition])
            commit = consumer.commit_async(
                {partition: 3}, callback=lambda *told: called.append((threading.current_thread(), *told))
            )
            assert commit.get(PATIENCE) == {partition: OffsetAndMetadata(3)}
            assert called == []
            consumer.poll()
            assert called == [(threading.current_thread(), commit.offsets, commit.value)]
            assert consumer.committed(partition) == 3

    await asyncio.to_thread(scenario)


def test_iteration_ends_after_consumer_timeout_ms(bootstrap):
    async def prepare():
        drive = Drive("aio", bootstrap)
        topic = await drive.topic()
        await drive.fill(topic, [(0, b"%d" % n) for n in range(10)])
        return topic

    topic = asyncio.run(prepare())
    group = unique("group")
    options = {"bootstrap_servers": bootstrap, "auto_offset_reset": "earliest", "consumer_timeout_ms": 1000}
    with KafkaConsumer(topic, group_id=group, **options) as consumer:
        assert [int(r.value) for r in consumer] == list(range(10))
        assert list(consumer) == []
        consumer.seek(TopicPartition(topic, 0), 8)
        assert int(next(consumer).value) == 8
        assert [int(r.value) for r in consumer] == [9]


def test_a_loop_that_is_left_commits_only_what_it_saw(bootstrap):
    async def prepare():
        drive = Drive("aio", bootstrap)
        topic = await drive.topic()
        await drive.fill(topic, [(0, b"%d" % n) for n in range(10)])
        return topic

    topic = asyncio.run(prepare())
    partition, group = TopicPartition(topic, 0), unique("group")
    options = {
        "bootstrap_servers": bootstrap,
        "auto_offset_reset": "earliest",
        "group_id": group,
        "consumer_timeout_ms": 10_000,
    }
    with KafkaConsumer(topic, enable_auto_commit=False, **options) as consumer:
        for record in consumer:
            consumer.commit()
            assert consumer.position(partition) == record.offset + 1
            assert consumer.committed(partition) == record.offset + 1
            if record.offset == 3:
                break
        # The rest of what was fetched is still there ...
        assert next(consumer).offset == 4
        # ... to poll as well ...
        assert consumer.poll(timeout_ms=5000)[partition][0].offset == 5
        consumer.seek(partition, 6)
        assert next(consumer).offset == 6
    with KafkaConsumer(topic, **options) as consumer:
        # ... and close() commits the 4, 5, 6 and 7 that this loop saw, not what was fetched besides.
        for record in consumer:
            if record.offset == 7:
                break
    with KafkaConsumer(topic, **options) as consumer:
        assert next(consumer).offset == 8


@needs_fork
async def test_a_forked_child_is_told_and_the_parent_goes_on(bootstrap, topic):
    source = f"""
import os, sys, warnings
from kafkalite import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafkalite.errors import ForkedError

options = dict(bootstrap_servers={bootstrap!r})
producer = KafkaProducer(**options)
consumer = KafkaConsumer({topic!r}, auto_offset_reset="earliest", consumer_timeout_ms=20000, **options)
admin = KafkaAdminClient(**options)
producer.send({topic!r}, b"before").get(20)
assert next(consumer).value == b"before"
parent = os.getpid()
child = os.fork()
if child == 0:
    for call in (
        lambda: producer.send({topic!r}, b"child"),
        producer.flush,
        lambda: producer.partitions_for({topic!r}),
        producer.metrics,
        consumer.poll,
        lambda: next(consumer),
        consumer.commit,
        admin.list_topics,
    ):
        try:
            call()
        except ForkedError as error:
            assert f"created in process {{parent}}" in str(error), error
        else:
            print("no ForkedError", file=sys.stderr)
            os._exit(1)
    producer.close()
    consumer.close()
    admin.close()
    del producer, consumer, admin
    with KafkaProducer(**options) as fresh:
        fresh.send({topic!r}, b"from the child").get(20)
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
producer.send({topic!r}, b"after").get(20)
assert next(consumer).value == b"from the child"
assert next(consumer).value == b"after"
assert {topic!r} in admin.list_topics()
producer.close()
consumer.close()
admin.close()
"""
    _, err = await run("-W", "ignore::DeprecationWarning", "-c", source)
    assert err == ""
