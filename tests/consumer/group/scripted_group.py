"""A cluster that coordinates one group, at the level of messages: real client, real codecs, no sockets.

What a test does not script is answered as a lone member would be answered: it joins, leads, and gets what it hands
in. `script(kind, ...)` puts other answers in the way of the next requests of a kind: a response, an error code, an
exception that breaks the connection, a future or event to wait for first, or a function of the request that gives one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from random import Random
from uuid import UUID

from kafkalite.config import ConsumerConfig
from kafkalite.errors import KafkaConnectionError
from kafkalite.net.client import Client
from kafkalite.net.handshake import Versions
from kafkalite.net.pool import Ready
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite.protocol.messages.join_group import (
    JoinGroupRequest,
    JoinGroupResponse,
    JoinGroupResponseMember,
)
from kafkalite.protocol.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse
from kafkalite.protocol.messages.metadata import (
    MetadataRequest,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from kafkalite.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from kafkalite.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from kafkalite.protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse
from kafkalite.types import OffsetAndMetadata, TopicPartition

KINDS = (
    FindCoordinatorRequest,
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    MetadataRequest,
    OffsetCommitRequest,
    OffsetFetchRequest,
    SyncGroupRequest,
)


def config(**options):
    options.setdefault("bootstrap_servers", "one:9092")
    options.setdefault("group_id", "g")
    options.setdefault("enable_auto_commit", False)
    return ConsumerConfig.from_options(options)


class Wire:
    """One connection to a scripted broker. Like Kafka, it answers one request after the other."""

    def __init__(self, cluster, node, where):
        self.cluster, self.node, self.where = cluster, node, where
        self.poison = None
        self.in_flight = 0
        self.muted_until = 0.0
        self.last_used = asyncio.get_running_loop().time()
        self.turn = asyncio.Lock()

    @property
    def alive(self):
        return self.poison is None

    async def request(self, request, version, timeout):
        if self.poison is not None:
            raise self.poison
        request = type(request).decode(request.encode(version), version)
        self.in_flight += 1
        self.last_used = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(timeout), self.turn:
                response = await self.cluster.answer(self, request, version)
        except TimeoutError:
            self.break_off(KafkaConnectionError(f"{self.where} was silent"))
            raise self.poison from None
        finally:
            self.in_flight -= 1
        kind = type(request).response_type
        return kind.decode(bytearray(response.encode(version)), version)

    def break_off(self, error, *, abort=True):
        self.poison = self.poison or error

    async def close(self):
        self.break_off(KafkaConnectionError("closed"))


class ScriptedGroup:
    """The brokers. `versions` narrows what they speak: {JoinGroupRequest: (0, 4)}."""

    def __init__(self, nodes=(1,), versions=None):
        self.nodes = {node: f"host{node}" for node in nodes}
        self.racks = dict.fromkeys(nodes)
        self.versions = dict(versions or {})
        self.topics = {}  # name -> number of partitions
        self.errors = {}
        self.ids = {}
        self.internal = set()
        self.coordinator = min(nodes)
        self.generation = 0
        self.member_id = "me"
        self.assignments = {}
        self.committed = {}
        self.requests = []  # (node, request, version, connection)
        self.opened = 0
        self._scripts = defaultdict(deque)
        self._arrived = asyncio.Event()

    def topic(self, name, partitions=1, *, with_id=True):
        self.topics[name] = partitions
        if with_id:
            self.ids[name] = UUID(int=len(self.ids) + 1)

    def client(self, config):
        return Client(config.connection, rng=Random(1), opener=self._open)

    async def _open(self, where, address, limit):
        node = next((n for n, host in self.nodes.items() if host == address[0]), min(self.nodes))
        self.opened += 1
        ranges = {kind.api_key: self.versions.get(kind, kind.versions) for kind in KINDS}
        ranges = {key: span for key, span in ranges.items() if span is not None}
        return Ready(Wire(self, node, where), Versions(ranges, {}, -1))

    # What was asked.

    def sent(self, kind):
        return [request for _, request, _, _ in self.requests if isinstance(request, kind)]

    def versions_of(self, kind):
        return [version for _, request, version, _ in self.requests if isinstance(request, kind)]

    def nodes_asked(self, kind):
        return [node for node, request, _, _ in self.requests if isinstance(request, kind)]

    def wires(self, kind):
        return {wire for _, request, _, wire in self.requests if isinstance(request, kind)}

    async def until_sent(self, kind, count=1):
        while len(self.sent(kind)) < count:
            self._arrived.clear()
            await self._arrived.wait()
        return self.sent(kind)[count - 1]

    def script(self, kind, *answers):
        self._scripts[kind].extend(answers)

    async def answer(self, wire, request, version):
        self.requests.append((wire.node, request, version, wire))
        self._arrived.set()
        kind = type(request)
        scripted = self._scripts[kind].popleft() if self._scripts[kind] else None
        while scripted is not None:
            if isinstance(scripted, asyncio.Event):
                await scripted.wait()
                scripted = None
            elif isinstance(scripted, asyncio.Future):
                scripted = await scripted
            elif isinstance(scripted, int):
                scripted = self.refusal(request, version, scripted)
            elif isinstance(scripted, BaseException):
                wire.break_off(scripted)
                raise scripted
            elif callable(scripted):
                scripted = scripted(request)
            else:
                return scripted
        return getattr(self, f"_{kind.__name__}")(wire, request, version)

    def refusal(self, request, version, code):
        match request:
            case JoinGroupRequest():
                return JoinGroupResponse(
                    error_code=code, member_id=request.member_id or self.member_id, protocol_name=""
                )
            case OffsetCommitRequest():
                return self._commit_answer(request, lambda topic, partition: code)
            case OffsetFetchRequest():
                return self._fetch_answer(request, version, group_code=code)
            case FindCoordinatorRequest():
                return self._coordinator_answer(request, version, code)
        return type(request).response_type(error_code=code)

    # What brokers answer.

    def _MetadataRequest(self, wire, request, version):  # noqa: N802
        named = [*self.topics, *self.errors] if request.topics is None else [t.name for t in request.topics]
        answered = []
        for name in named:
            if name in self.errors or name not in self.topics:
                code = self.errors.get(name, 3)
                answered.append(MetadataResponseTopic(name=name, error_code=code))
                continue
            answered.append(
                MetadataResponseTopic(
                    name=name,
                    topic_id=self.ids.get(name, ZERO_UUID),
                    is_internal=name in self.internal,
                    partitions=[
                        MetadataResponsePartition(
                            partition_index=i,
                            leader_id=min(self.nodes),
                            leader_epoch=0,
                            replica_nodes=[sorted(self.nodes)[i % len(self.nodes)]],
                        )
                        for i in range(self.topics[name])
                    ],
                )
            )
        return MetadataResponse(
            cluster_id="c",
            controller_id=min(self.nodes),
            brokers=[
                MetadataResponseBroker(node_id=n, host=host, port=9092, rack=self.racks[n])
                for n, host in self.nodes.items()
            ],
            topics=answered,
        )

    def _FindCoordinatorRequest(self, wire, request, version):  # noqa: N802
        return self._coordinator_answer(request, version, 0)

    def _coordinator_answer(self, request, version, code):
        fields = {"node_id": -1, "host": "", "port": -1, "error_code": code}
        if not code:
            fields |= {"node_id": self.coordinator, "host": self.nodes[self.coordinator], "port": 9092}
        if version < 4:
            return FindCoordinatorResponse(**fields)
        return FindCoordinatorResponse(coordinators=[Coordinator(key=request.coordinator_keys[0], **fields)])

    def join_answer(self, request, *, leader=None, members=None, **fields):
        """The answer to a join; alone unless `members` ({id: metadata}) are given."""
        fields.setdefault("generation_id", self.generation)
        fields.setdefault("protocol_type", "consumer")
        fields.setdefault("protocol_name", request.protocols[0].name)
        member_id = fields.setdefault("member_id", request.member_id or self.member_id)
        leader = member_id if leader is None else leader
        if members is None:
            members = {member_id: request.protocols[0].metadata} if leader == member_id else {}
        return JoinGroupResponse(
            leader=leader,
            members=[JoinGroupResponseMember(member_id=m, metadata=said) for m, said in members.items()],
            **fields,
        )

    def _JoinGroupRequest(self, wire, request, version):  # noqa: N802
        if not request.member_id and request.group_instance_id is None and version >= 4:
            return JoinGroupResponse(error_code=79, member_id=self.member_id, protocol_name="")
        self.generation += 1
        return self.join_answer(request)

    def _SyncGroupRequest(self, wire, request, version):  # noqa: N802
        self.assignments |= {entry.member_id: entry.assignment for entry in request.assignments}
        return SyncGroupResponse(
            protocol_type="consumer",
            protocol_name=request.protocol_name,
            assignment=self.assignments.get(request.member_id, b""),
        )

    def _HeartbeatRequest(self, wire, request, version):  # noqa: N802
        return HeartbeatResponse()

    def _LeaveGroupRequest(self, wire, request, version):  # noqa: N802
        return LeaveGroupResponse()

    def _OffsetCommitRequest(self, wire, request, version):  # noqa: N802
        names = {topic_id: name for name, topic_id in self.ids.items()}
        for topic in request.topics:
            for p in topic.partitions:
                tp = TopicPartition(topic.name or names[topic.topic_id], p.partition_index)
                self.committed[tp] = OffsetAndMetadata(
                    p.committed_offset, p.committed_metadata or "", p.committed_leader_epoch
                )
        return self._commit_answer(request, lambda topic, partition: 0)

    def commit_answer(self, codes):
        """A function for `script`: error codes by partition number, 0 for the others."""
        return lambda request: self._commit_answer(request, lambda topic, partition: codes.get(partition, 0))

    def _commit_answer(self, request, code):
        return OffsetCommitResponse(
            topics=[
                OffsetCommitResponseTopic(
                    name=topic.name,
                    topic_id=topic.topic_id,
                    partitions=[
                        OffsetCommitResponsePartition(
                            partition_index=p.partition_index, error_code=code(topic, p.partition_index)
                        )
                        for p in topic.partitions
                    ],
                )
                for topic in request.topics
            ]
        )

    def _OffsetFetchRequest(self, wire, request, version):  # noqa: N802
        return self._fetch_answer(request, version)

    def fetch_answer(self, codes, version=10):
        """A function for `script`: error codes by partition number."""
        return lambda request: self._fetch_answer(request, version, codes=codes)

    def _fetch_answer(self, request, version, *, group_code=0, codes=None):
        names = {topic_id: name for name, topic_id in self.ids.items()}

        def stored(name, partition):
            found = self.committed.get(TopicPartition(name, partition), OffsetAndMetadata(-1))
            code = (codes or {}).get(partition, 0)
            return {
                "partition_index": partition,
                "committed_offset": -1 if code else found.offset,
                "metadata": found.metadata,
                "committed_leader_epoch": found.leader_epoch,
                "error_code": code,
            }

        if version < 8:
            topics = [
                OffsetFetchResponseTopic(
                    name=topic.name,
                    partitions=[
                        OffsetFetchResponsePartition(**stored(topic.name, p)) for p in topic.partition_indexes
                    ],
                )
                for topic in (() if group_code else request.topics)
            ]
            return OffsetFetchResponse(topics=topics, error_code=group_code)
        (group,) = request.groups
        topics = [
            OffsetFetchResponseTopics(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=[
                    OffsetFetchResponsePartitions(**stored(topic.name or names[topic.topic_id], p))
                    for p in topic.partition_indexes
                ],
            )
            for topic in (() if group_code else group.topics)
        ]
        return OffsetFetchResponse(
            groups=[OffsetFetchResponseGroup(group_id=group.group_id, topics=topics, error_code=group_code)]
        )
