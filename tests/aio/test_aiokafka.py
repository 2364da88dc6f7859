import asyncio

import pytest

from kafkalite import aio
from kafkalite.aio import AIOKafkaAdminClient, AIOKafkaConsumer, AIOKafkaProducer
from kafkalite.errors import KafkaConfigurationError
from kafkalite.net.metadata import Cluster, PartitionInfo, TopicInfo
from tests.doors.engines import FakeClient, FakeConsumerEngine, FakeProducerEngine


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr("kafkalite.aio.consumer.ConsumerEngine", FakeConsumerEngine)
    monkeypatch.setattr("kafkalite.aio.producer.ProducerEngine", FakeProducerEngine)
    monkeypatch.setattr("kafkalite.aio.consumer.Client", FakeClient)
    monkeypatch.setattr("kafkalite.aio.admin.Client", FakeClient)


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_every_name_that_an_aiokafka_program_imports_is_there():
    # aiokafka.__all__ without AIOKafkaClient, which is the network layer.
    names = [
        "AIOKafkaProducer",
        "AIOKafkaConsumer",
        "ConsumerRebalanceListener",
        "ConsumerStoppedError",
        "IllegalOperation",
        "ConsumerRecord",
        "TopicPartition",
        "OffsetAndTimestamp",
        "OffsetAndMetadata",
    ]
    assert set(names) <= set(aio.__all__)
    assert issubclass(AIOKafkaProducer, aio.AsyncKafkaProducer)
    assert issubclass(AIOKafkaConsumer, aio.AsyncKafkaConsumer)
    assert issubclass(AIOKafkaAdminClient, aio.AsyncKafkaAdminClient)


def test_a_loop_makes_no_difference(loop):
    AIOKafkaProducer(loop=loop, bootstrap_servers="h:1")
    AIOKafkaConsumer("t", loop=loop, bootstrap_servers="h:1")
    AIOKafkaAdminClient(loop=loop, bootstrap_servers="h:1")


def test_max_batch_size_is_batch_size():
    assert AIOKafkaProducer(max_batch_size=1000).config.batch_size == 1000
    assert AIOKafkaProducer(batch_size=2000).config.batch_size == 2000
    with pytest.raises(KafkaConfigurationError, match="one of them"):
        AIOKafkaProducer(max_batch_size=1000, batch_size=2000)
    with pytest.raises(KafkaConfigurationError, match="batch_size"):
        AIOKafkaProducer(max_batch_size=-1)


def test_rebalance_timeout_ms_is_max_poll_interval_ms_and_the_longer_counts():
    def interval(**options):
        return AIOKafkaConsumer(group_id="g", **options).config.max_poll_interval

    assert interval() == 300
    assert interval(rebalance_timeout_ms=None) == 300
    assert interval(rebalance_timeout_ms=5000) == 5
    assert interval(rebalance_timeout_ms=5000, max_poll_interval_ms=7000) == 7
    assert interval(rebalance_timeout_ms=9000, max_poll_interval_ms=7000) == 9
    with pytest.raises(KafkaConfigurationError, match="max_poll_interval_ms"):
        interval(rebalance_timeout_ms="soon")


async def test_consumer_timeout_ms_does_not_end_iteration():
    async with AIOKafkaConsumer("t", consumer_timeout_ms=1) as consumer:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(consumer), 0.05)


async def test_send_takes_its_arguments_in_aiokafkas_order():
    async with AIOKafkaProducer() as producer:
        engine = FakeProducerEngine.made[-1]
        await producer.send("t", b"v", b"k", 1, 5, [("h", b"1")])
        waiting = asyncio.create_task(producer.send_and_wait("t", b"w", b"k", 0, 6, [("h", b"2")]))
        await asyncio.sleep(0)
        engine.settle()
        assert (await waiting).offset == 101
    assert engine.sent == [
        ("t", b"v", b"k", [("h", b"1")], 1, 5),
        ("t", b"w", b"k", [("h", b"2")], 0, 6),
    ]


@pytest.fixture
def cluster(monkeypatch):
    """What the brokers know, `t` with two partitions and `u` with one; and whether somebody asked."""
    asked = []

    async def describe_topics(client, topics, *, timeout):
        assert topics is None
        asked.append(timeout)
        return [
            {"name": "t", "partitions": [{"partition_index": 0}, {"partition_index": 1}]},
            {"name": "u", "partitions": [{"partition_index": 0}]},
            {"name": "broken", "partitions": []},
            {"name": None, "partitions": []},
        ]

    monkeypatch.setattr("kafkalite.aio.aiokafka.admin.describe_topics", describe_topics)
    monkeypatch.setattr(FakeClient, "cluster", Cluster(), raising=False)
    return asked


async def test_partitions_for_topic_does_not_wait(cluster):
    async with AIOKafkaConsumer(default_api_timeout_ms=7000) as consumer:
        assert cluster == [7.0]
        assert consumer.partitions_for_topic("t") == {0, 1}
        assert consumer.partitions_for_topic("u") == {0}
        assert consumer.partitions_for_topic("broken") is None
        assert consumer.partitions_for_topic("nowhere") is None


async def test_whoever_subscribes_first_knows_its_topics(cluster, monkeypatch):
    parts = tuple(PartitionInfo("t", n) for n in range(3))
    monkeypatch.setattr(FakeClient, "cluster", Cluster(topics={"t": TopicInfo("t", partitions=parts)}))
    async with AIOKafkaConsumer("t") as consumer:
        assert cluster == []
        assert consumer.partitions_for_topic("t") == {0, 1, 2}
        assert consumer.partitions_for_topic("u") is None
        assert await consumer.topics() == {"t"}
        assert consumer.partitions_for_topic("u") == {0}
