"""What stands in for the rest of the world in the producer's tests: a cluster, and a client that the test answers for."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from kafkalite.config import ProducerConfig
from kafkalite.errors import KafkaConnectionError, KafkaTimeoutError
from kafkalite.net.metadata import Metadata
from kafkalite.producer.batch import Batch, Owner
from kafkalite.producer.delivery import Delivery
from kafkalite.producer.engine import ProducerEngine
from kafkalite.protocol.messages.init_producer_id import InitProducerIdResponse
from kafkalite.protocol.messages.metadata import (
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from kafkalite.protocol.messages.produce import (
    BatchIndexAndErrorMessage,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionProduceResponse,
    ProduceResponse,
    TopicProduceResponse,
)
from kafkalite.protocol.records.batch import read_batches
from kafkalite.types import TopicPartition

PATIENCE = 10.0


def config(**options):
    return ProducerConfig.from_options(options)


def topic_id(name):
    return UUID(bytes=name.encode().ljust(16, b"-")[:16])


def metadata_response(topics, leaders=None, epoch=0, ids=True, errors=None):
    """Topics by name and number of partitions, led by node 1 unless `leaders` says otherwise."""
    answered = [
        MetadataResponseTopic(
            name=name,
            topic_id=topic_id(name) if ids else UUID(int=0),
            partitions=[
                MetadataResponsePartition(
                    partition_index=n, leader_id=(leaders or {}).get((name, n), 1), leader_epoch=epoch
                )
                for n in range(count)
            ],
        )
        for name, count in topics.items()
    ]
    answered += [MetadataResponseTopic(name=name, error_code=code) for name, code in (errors or {}).items()]
    brokers = [MetadataResponseBroker(node_id=n, host=f"host{n}", port=9092) for n in (1, 2)]
    return MetadataResponse(brokers=brokers, cluster_id="c", controller_id=1, topics=answered)


def cluster(topics, **more):
    """A snapshot with these topics."""
    metadata = Metadata(max_age=300)
    metadata.add_topics(topics)
    return metadata.on_response(metadata_response(topics, **more), 0.0)


def topic(name="t", partitions=1, **more):
    """What the metadata says of one topic."""
    return cluster({name: partitions}, **more).topics[name]


def batch(values=(b"v",), *, owner=None, where=("t", 0), deadline=120.0, close=True, created=0.0):
    """A batch with records, closed."""
    made = Batch(
        owner or Owner(),
        TopicPartition(*where),
        created=created,
        deadline=deadline,
        capacity=10_000,
        limit=10_000,
    )
    for value in values:
        made.append(25 + len(value or b""), value, None, (), 1000, 0.0)
    if close:
        made.close()
    return made


@dataclass
class Sent:
    """A Produce request that waits for its answer, which the test gives."""

    node: int
    request: object
    max_version: int | None
    future: asyncio.Future = field(repr=False)

    @property
    def batches(self):
        """(topic, partition) -> the batch as a broker would read it."""
        found = {}
        for data in self.request.topic_data:
            for part in data.partition_data:
                (found[data.name, part.index],) = read_batches(part.records)
        return found

    @property
    def only(self):
        (found,) = self.batches.values()
        return found

    @property
    def values(self):
        return list(self.only.columns().values)

    @property
    def sequence(self):
        found = self.only
        return found.producer_epoch, found.base_sequence, found.record_count

    def answer(self, code=0, offset=0, *, by_id=False, leader=None, record_errors=(), message=None, **more):
        """Answer all partitions alike."""
        responses = [
            TopicProduceResponse(
                name="" if by_id else data.name,
                topic_id=data.topic_id,
                partition_responses=[
                    PartitionProduceResponse(
                        index=part.index,
                        error_code=code,
                        base_offset=-1 if code else offset,
                        error_message=message,
                        current_leader=LeaderIdAndEpoch(leader_id=leader[0], leader_epoch=leader[1])
                        if leader
                        else LeaderIdAndEpoch(),
                        record_errors=[
                            BatchIndexAndErrorMessage(batch_index=i, batch_index_error_message=text)
                            for i, text in record_errors
                        ],
                        **more,
                    )
                    for part in data.partition_data
                ],
            )
            for data in self.request.topic_data
        ]
        endpoints = [NodeEndpoint(node_id=leader[0], host=f"host{leader[0]}", port=9092)] if leader else []
        self.future.set_result(ProduceResponse(responses=responses, node_endpoints=endpoints))

    def lose(self, error=None):
        """The connection is lost instead of an answer."""
        self.future.set_exception(error or KafkaConnectionError("the connection to node 1 was lost"))


class FakeClient:
    """As much of `net.client.Client` as the producer uses."""

    def __init__(self, topics=None, **more):
        self.metadata = Metadata(max_age=300)
        self.metadata.wake = lambda: None
        self.produced: asyncio.Queue[Sent] = asyncio.Queue()
        self.down: set[int] = set()
        self.dead: set[int] = set()
        """Nodes that cannot be connected to."""
        self.connects: list[int] = []
        self.updates = 0
        self.wanted: set[str] = set()
        self.ids: list[object] = []
        """Answers to InitProducerId: (id, epoch), an error code, or an exception; none left: (7, 0)."""
        self.ids_asked = 0
        self.last_metadata_failure = None
        self.updated = asyncio.Event()
        self.closed = self.started = False
        self.metadata.listeners.append(lambda _: self.updated.set())
        if topics is not None:
            self.learn(topics, **more)

    def learn(self, topics, **more):
        """New metadata."""
        self.metadata.add_topics(topics)
        self.metadata.on_response(metadata_response(topics, **more), 0.0)

    @property
    def cluster(self):
        return self.metadata.snapshot

    async def start(self):
        self.started = True

    async def close(self):
        self.closed = True

    def ready(self, node):
        return node not in self.down

    async def connect(self, node):
        self.connects.append(node)
        if node in self.dead:
            raise KafkaConnectionError(f"node {node} at host{node}:9092 refused the connection")
        self.down.discard(node)

    def post(self, node, request, tell, *, max_version=None):
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: tell(done.exception() or done.result()))
        self.produced.put_nowait(Sent(node, request, max_version, future))

    async def send_oneway(self, node, request, *, max_version=None):
        self.produced.put_nowait(Sent(node, request, max_version, asyncio.get_running_loop().create_future()))

    async def send_to_any(self, request):
        assert request.transactional_id is None
        assert request.transaction_timeout_ms == 2**31 - 1
        self.ids_asked += 1
        answer = self.ids.pop(0) if self.ids else (7, 0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return InitProducerIdResponse(error_code=answer)
        return InitProducerIdResponse(producer_id=answer[0], producer_epoch=answer[1])

    def name_of(self, node):
        return f"node {node} at host{node}:9092"

    def request_update(self):
        self.updates += 1
        return self.cluster.generation

    def want_topics(self, *topics):
        self.wanted |= set(topics)
        return any(topic not in self.cluster.topics for topic in topics)

    async def wait_for_update(self, after, deadline):
        while self.cluster.generation <= after:
            self.updated.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self.updated.wait()
            except TimeoutError:
                raise KafkaTimeoutError("no fresh metadata came in time") from None
        return self.cluster

    async def next(self):
        """The next Produce request."""
        return await asyncio.wait_for(self.produced.get(), PATIENCE)

    async def quiet(self, but_for=0):
        """Let everything run that can; there must be no request (or so many) after that."""
        for _ in range(20):
            await asyncio.sleep(0)
        assert self.produced.qsize() == but_for


class LastChoice(Random):
    """Dice that always show the highest number."""

    def randrange(self, stop):
        return stop - 1


class Bench:
    """An engine with a client that the test plays."""

    def __init__(self, client=None, delivery_type=Delivery, **options):
        options.setdefault("retry_backoff_ms", 0)
        self.client = client or FakeClient({"t": 3})
        self.engine = ProducerEngine(
            config(**options), client=self.client, delivery_type=delivery_type, rng=Random(1)
        )

    async def __aenter__(self):
        await self.engine.start()
        return self

    async def __aexit__(self, *exc):
        await self.engine.close(0)

    def send(self, value=b"v", key=None, headers=None, partition=None, timestamp_ms=None, *, topic="t"):
        return self.engine.try_send(topic, value, key, headers, partition, timestamp_ms)

    def fill(self):
        """Send until there is no memory left."""
        while self.send(b"x" * 100, partition=0) is not None:
            pass

    def soon(self, seconds=60.0):
        return time.monotonic() + seconds

    async def records(self, *deliveries):
        """Everything that is handed over, as a broker reads it: partition -> [(key, value, headers, timestamp)]."""
        flushing = asyncio.create_task(self.engine.flush(None))
        found = {}
        while not flushing.done():
            getting = asyncio.create_task(self.client.produced.get())
            await asyncio.wait({getting, flushing}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
            if not getting.done():
                getting.cancel()
                break
            request = getting.result()
            for (_, partition), batch in request.batches.items():
                columns = batch.columns()
                rows = zip(
                    columns.keys, columns.values, map(tuple, columns.headers), columns.timestamps, strict=True
                )
                found.setdefault(partition, []).extend(rows)
            request.answer()
        await flushing
        return found
