"""A cluster at the level of messages, without sockets: real client, real codecs, scripted brokers.

Brokers answer Metadata, Fetch, ListOffsets and OffsetForLeaderEpoch from logs in memory; `script` puts another answer
in the way of the next request of a kind. A fetch without news waits until there is some.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from uuid import UUID

from kafkalite.config import ConsumerConfig
from kafkalite.errors import KafkaConnectionError
from kafkalite.net.client import Client
from kafkalite.net.handshake import Versions
from kafkalite.net.pool import Ready
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.fetch import (
    AbortedTransaction,
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    PartitionData,
)
from kafkalite.protocol.messages.list_offsets import (
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from kafkalite.protocol.messages.metadata import (
    MetadataRequest,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from kafkalite.protocol.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderTopicResult,
)
from kafkalite.protocol.records.batch import encode_batch

PATIENCE = 10.0
KINDS = (FetchRequest, ListOffsetsRequest, MetadataRequest, OffsetForLeaderEpochRequest)


def config(**options):
    options.setdefault("bootstrap_servers", "one:9092")
    options.setdefault("auto_offset_reset", "earliest")
    options.setdefault("retry_backoff_ms", 1)
    options.setdefault("retry_backoff_max_ms", 2)
    options.setdefault("reconnect_backoff_ms", 1)
    options.setdefault("reconnect_backoff_max_ms", 2)
    return ConsumerConfig.from_options(options)


class Log:
    """One partition's records."""

    def __init__(self, leader=1):
        self.leader, self.epoch = leader, 0
        self.start = self.end = 0
        self.batches = []  # (base offset, last offset, epoch, bytes, timestamp)
        self.high_watermark = None
        self.last_stable = None
        self.aborted = []
        self.error = 0
        self.offline = []

    @property
    def stable(self):
        return self.mark if self.last_stable is None else self.last_stable

    @property
    def mark(self):
        return self.end if self.high_watermark is None else self.high_watermark

    def append(self, *values, timestamp=1000, **options):
        data = encode_batch(
            [(timestamp, None, value, ()) for value in values],
            base_offset=self.end,
            leader_epoch=self.epoch,
            **options,
        )
        self.add(data, len(values), timestamp)

    def add(self, data, count=1, timestamp=1000):
        self.batches.append((self.end, self.end + count - 1, self.epoch, bytes(data), timestamp))
        self.end += count

    def read(self, offset, limit, upto):
        found = b""
        for base, last, _, data, _ in self.batches:
            if last < offset or base >= upto:
                continue
            if found and len(found) + len(data) > limit:
                break
            found += data
        return found

    def truncate(self, offset):
        self.batches = [b for b in self.batches if b[1] < offset]
        self.end = offset

    def end_of(self, epoch):
        """(epoch, end offset) as OffsetForLeaderEpoch answers it."""
        if epoch > self.epoch:
            return -1, -1
        later = [base for base, _, e, _, _ in self.batches if e > epoch]
        known = [e for _, _, e, _, _ in self.batches if e <= epoch]
        return max(known, default=epoch), min(later, default=self.end)


class Topic:
    def __init__(self, name, number, logs):
        self.name, self.logs = name, logs
        self.id = UUID(int=number)
        self.error = 0
        self.internal = False


class Connection:
    """One connection to a scripted broker."""

    def __init__(self, cluster, node, where):
        self.cluster, self.node, self.where = cluster, node, where
        self.poison = None
        self.in_flight = 0
        self.last_used = self.muted_until = 0.0

    @property
    def alive(self):
        return self.poison is None

    async def request(self, request, version, timeout):
        if self.poison is not None:
            raise self.poison
        request = type(request).decode(request.encode(version), version)
        self.in_flight += 1
        try:
            response = await self.cluster.answer(self, request, version)
        finally:
            self.in_flight -= 1
        kind = type(request).response_type
        return kind.decode(bytearray(response.encode(version)), version)

    def break_off(self, error, *, abort=True):
        self.poison = self.poison or error

    async def close(self):
        self.break_off(KafkaConnectionError("closed"))


class ScriptedCluster:
    """The brokers. `versions` narrows what they speak: {FetchRequest: (4, 12)}."""

    def __init__(self, nodes=(1,), versions=None):
        self.nodes = {node: f"host{node}" for node in nodes}
        self.versions = dict(versions or {})
        self.topics = {}
        self.requests = []  # (node, request, version)
        self.lanes = 0
        self.refuse = set()
        self.without_ids = False
        self._scripts = defaultdict(deque)
        self._sessions = {}
        self._news = asyncio.Event()
        self._arrived = asyncio.Event()
        self._made = 0

    def topic(self, name, partitions=1, leader=1):
        self._made += 1
        self.topics[name] = Topic(name, self._made, [Log(leader) for _ in range(partitions)])
        return self.topics[name]

    def log(self, name, partition=0):
        return self.topics[name].logs[partition]

    def append(self, name, *values, partition=0, **options):
        self.log(name, partition).append(*values, **options)
        self.wake()

    def wake(self):
        news, self._news = self._news, asyncio.Event()
        news.set()

    def client(self, config, rng=None):
        return Client(config.connection, rng=rng, opener=self._open)

    async def _open(self, where, address, limit):
        node = next((n for n, host in self.nodes.items() if host == address[0]), next(iter(self.nodes)))
        if node in self.refuse:
            raise KafkaConnectionError(f"{where} refuses")
        self.lanes += 1
        ranges = {kind.api_key: self.versions.get(kind, kind.versions) for kind in KINDS}
        return Ready(Connection(self, node, where), Versions(ranges, {}, -1))

    # What was asked.

    def sent(self, kind):
        return [request for _, request, _ in self.requests if isinstance(request, kind)]

    def nodes_asked(self, kind):
        return [node for node, request, _ in self.requests if isinstance(request, kind)]

    async def until_sent(self, kind, count=1):
        """Wait until that many requests of a kind have come; returns the last of them."""
        async with asyncio.timeout(PATIENCE):
            while len(self.sent(kind)) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.sent(kind)[count - 1]

    def script(self, kind, *answers):
        """What to answer next: a response, an exception, or a function of (request, default) that gives one."""
        self._scripts[kind].extend(answers)

    async def answer(self, connection, request, version):
        node = connection.node
        self.requests.append((node, request, version))
        self._arrived.set()
        kind = type(request)
        default = {
            FetchRequest: self._fetch,
            ListOffsetsRequest: self._list_offsets,
            MetadataRequest: self._metadata,
            OffsetForLeaderEpochRequest: self._epochs,
        }[kind]
        if self._scripts[kind]:
            scripted = self._scripts[kind].popleft()
            if callable(scripted):
                scripted = scripted(request, lambda: default(node, request, version))
                if asyncio.iscoroutine(scripted):
                    scripted = await scripted
            if isinstance(scripted, BaseException):
                connection.break_off(scripted)
                raise scripted
            if scripted is not None:
                return scripted
        return await default(node, request, version)

    # What brokers answer.

    async def _metadata(self, node, request, version):
        named = None if request.topics is None else [t.name for t in request.topics]
        answered = []
        for name in self.topics if named is None else named:
            topic = self.topics.get(name)
            if topic is None:
                answered.append(MetadataResponseTopic(name=name, error_code=3))
                continue
            answered.append(
                MetadataResponseTopic(
                    name=name,
                    error_code=topic.error,
                    topic_id=ZERO_UUID if self.without_ids else topic.id,
                    is_internal=topic.internal,
                    partitions=[]
                    if topic.error
                    else [
                        MetadataResponsePartition(
                            partition_index=i,
                            leader_id=log.leader,
                            leader_epoch=log.epoch,
                            replica_nodes=list(self.nodes),
                            isr_nodes=list(self.nodes),
                            offline_replicas=log.offline,
                        )
                        for i, log in enumerate(topic.logs)
                    ],
                )
            )
        return MetadataResponse(
            cluster_id="c",
            controller_id=min(self.nodes),
            brokers=[
                MetadataResponseBroker(node_id=n, host=host, port=9092, rack=f"rack{n}")
                for n, host in self.nodes.items()
            ],
            topics=answered,
        )

    def _check(self, node, name, partition, leader_epoch):
        topic = self.topics.get(name)
        if topic is None or partition >= len(topic.logs):
            return None, 3
        log = topic.logs[partition]
        if log.error:
            return log, log.error
        if log.leader != node:
            return log, 6
        if leader_epoch >= 0 and leader_epoch != log.epoch:
            return log, 74 if leader_epoch < log.epoch else 75
        return log, 0

    def _name(self, topic):
        if topic.topic:
            return topic.topic, 0
        name = next((t.name for t in self.topics.values() if t.id == topic.topic_id), "")
        return name, 0 if name else 100

    async def _fetch(self, node, request, version):
        session, wanted, error = self._session(request)
        if error:
            return FetchResponse(error_code=error)
        while True:
            news = self._news
            responses, brought = [], False
            left = request.max_bytes
            for topic_key, partition, asked in list(wanted.values()):
                data = self._read(node, topic_key, partition, asked, request.isolation_level, left)
                left -= len(data.records or b"")
                brought = brought or bool(data.records or data.error_code)
                if request.session_epoch <= 0 or data.records or data.error_code:
                    responses.append((topic_key, data))
            if brought or request.max_wait_ms == 0 or not wanted:
                break
            await news.wait()
        return FetchResponse(
            session_id=session,
            responses=[
                FetchableTopicResponse(topic=name, topic_id=topic_id, partitions=[data])
                for (name, topic_id), data in responses
            ],
        )

    def _session(self, request):
        """The KIP-227 rules, as brokers keep them. Returns (session id to answer, partitions, error)."""
        asked = {
            (t.topic, t.topic_id, p.partition): ((t.topic, t.topic_id), p.partition, p)
            for t in request.topics
            for p in t.partitions
        }
        if request.session_epoch in (-1, 0):
            self._sessions.pop(request.session_id, None)
            if request.session_epoch == -1 or not asked:
                return 0, asked, 0
            session = 1000 + len(self.requests)
            self._sessions[session] = [1, asked]
            return session, asked, 0
        known = self._sessions.get(request.session_id)
        if known is None:
            return 0, {}, 70
        if known[0] != request.session_epoch:
            return 0, {}, 71
        known[0] += 1
        for topic in request.forgotten_topics_data:
            for partition in topic.partitions:
                del known[1][topic.topic, topic.topic_id, partition]
        known[1].update(asked)
        return request.session_id, known[1], 0

    def _read(self, node, topic_key, partition, asked, isolation, limit):
        topic_type = type("T", (), {"topic": topic_key[0], "topic_id": topic_key[1]})
        name, error = self._name(topic_type)
        log, code = self._check(node, name, partition, asked.current_leader_epoch)
        error = error or code
        if error:
            return PartitionData(partition_index=partition, error_code=error, high_watermark=-1)
        if not log.start <= asked.fetch_offset <= log.end:
            return PartitionData(partition_index=partition, error_code=1, high_watermark=-1)
        upto = log.stable if isolation else log.mark
        return PartitionData(
            partition_index=partition,
            high_watermark=log.mark,
            last_stable_offset=log.stable,
            log_start_offset=log.start,
            aborted_transactions=[AbortedTransaction(producer_id=p, first_offset=o) for p, o in log.aborted]
            if isolation
            else None,
            records=log.read(asked.fetch_offset, min(limit, asked.partition_max_bytes), upto),
        )

    async def _list_offsets(self, node, request, version):
        topics = []
        for topic in request.topics:
            answered = []
            for asked in topic.partitions:
                log, error = self._check(node, topic.name, asked.partition_index, asked.current_leader_epoch)
                offset = timestamp = epoch = -1
                if not error:
                    epoch = log.epoch
                    if asked.timestamp == -1:
                        offset = log.stable if request.isolation_level else log.mark
                    elif asked.timestamp == -2:
                        offset = log.start
                    else:
                        for base, _, _, _, time in log.batches:
                            if time >= asked.timestamp:
                                offset, timestamp = base, time
                                break
                answered.append(
                    ListOffsetsPartitionResponse(
                        partition_index=asked.partition_index,
                        error_code=error,
                        offset=offset,
                        timestamp=timestamp,
                        leader_epoch=epoch,
                    )
                )
            topics.append(ListOffsetsTopicResponse(name=topic.name, partitions=answered))
        return ListOffsetsResponse(topics=topics)

    async def _epochs(self, node, request, version):
        topics = []
        for topic in request.topics:
            answered = []
            for asked in topic.partitions:
                log, error = self._check(node, topic.topic, asked.partition, asked.current_leader_epoch)
                epoch, end = (-1, -1) if error else log.end_of(asked.leader_epoch)
                answered.append(
                    EpochEndOffset(
                        partition=asked.partition, error_code=error, leader_epoch=epoch, end_offset=end
                    )
                )
            topics.append(OffsetForLeaderTopicResult(topic=topic.topic, partitions=answered))
        return OffsetForLeaderEpochResponse(topics=topics)
