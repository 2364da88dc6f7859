"""A server that costs next to nothing, so that clients are what is measured: a sink and a source.

    python -m tests.bench.server '{"records": 590, "size": 100}'

Produce: counts the records in each batch's header and forgets them. Fetch: serves copies of one prepared batch with
the offset patched in, for ever. Every topic exists; "name-6" has six partitions, all led by the one node. It checks
nothing: that is what the embedded broker is for. Prints its port; answers each line on its standard input with a line
of JSON that tells what it served and the CPU seconds it used; ends when the input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import struct
import sys
import threading
from typing import Any
from uuid import UUID, uuid5

from kafkalite.protocol import framing
from kafkalite.protocol.messages.api_versions import ApiVersion, ApiVersionsRequest, ApiVersionsResponse
from kafkalite.protocol.messages.fetch import (
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    PartitionData,
)
from kafkalite.protocol.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from kafkalite.protocol.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
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
from kafkalite.protocol.messages.produce import (
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceResponse,
)
from kafkalite.protocol.records.batch import encode_batch

NAMESPACE = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
END = 1 << 40
"""Where every log ends: nobody gets there."""

SERVED: dict[int, type[Any]] = {
    request.api_key: request
    for request in (
        ApiVersionsRequest,
        MetadataRequest,
        ProduceRequest,
        FetchRequest,
        ListOffsetsRequest,
        InitProducerIdRequest,
        FindCoordinatorRequest,
    )
}


def prepared_batch(spec: dict[str, Any]) -> bytes:
    """The batch that every fetch gets again and again."""
    dice = random.Random(1)
    now = 1_700_000_000_000
    records = []
    for number in range(spec.get("records", 590)):
        size = spec.get("size", 100)
        if spec.get("sizes") == "variable":
            size = dice.randrange(size // 2, size * 3 // 2 + 1)
        value = dice.randbytes(size // 4) * 4 + bytes(size % 4)  # text-like: compresses to a half or so
        key = b"key-%012d" % number if spec.get("keys") else None
        headers = [("trace", b"0123456789abcdef"), ("source", b"bench")] if spec.get("headers") else []
        records.append((now, key, value, headers))
    return encode_batch(records, codec=spec.get("codec", 0), leader_epoch=0)


class State:
    """What the server has and has seen."""

    def __init__(self, spec: dict[str, Any], port: int = 0) -> None:
        self.port = port
        self.batch = prepared_batch(spec)
        self.per_batch = spec.get("records", 590)
        self.received = self.received_bytes = self.sent = 0
        self.ends: dict[tuple[object, int], int] = {}
        self.topic_names: dict[UUID, str] = {}
        self.blobs: dict[int, bytearray] = {}

    def blob(self, batches: int) -> bytearray:
        """So many copies of the batch, to be used at once: it is the same one every time, because a fresh megabyte
        costs the machine more than everything else that a fetch does."""
        if batches not in self.blobs:
            self.blobs[batches] = bytearray(self.batch * batches)
        return self.blobs[batches]

    def topic_id(self, name: str) -> UUID:
        topic_id = uuid5(NAMESPACE, name)
        self.topic_names[topic_id] = name
        return topic_id

    def report(self) -> str:
        times = os.times()
        return json.dumps(
            {
                "received": self.received,
                "received_bytes": self.received_bytes,
                "sent": self.sent,
                "cpu": times.user + times.system,
            }
        )


class Peer(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.transport: asyncio.Transport
        self.pending = bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=1 << 24)

    def data_received(self, data: bytes) -> None:
        try:
            self.cut(data)
        except Exception:
            self.transport.abort()  # a client would wait for ever
            raise

    def cut(self, data: bytes) -> None:
        pending = self.pending
        pending += data
        position = 0
        while len(pending) - position >= 4:
            stop = position + 4 + int.from_bytes(pending[position : position + 4], "big")
            if stop > len(pending):
                break
            self.answer(bytes(pending[position + 4 : stop]))
            position = stop
        if position:
            del pending[:position]

    def answer(self, frame: bytes) -> None:
        api_key, version, correlation_id = struct.unpack_from(">hhi", frame)
        request_type = SERVED.get(api_key)
        if request_type is None or version > request_type.max_version or version < request_type.min_version:
            if api_key == ApiVersionsRequest.api_key:
                refusal = ApiVersionsResponse(error_code=35, api_keys=self.api_keys())
                self.transport.write(framing.encode_response(refusal, 0, correlation_id))
            else:
                self.transport.abort()
            return
        response = getattr(self, request_type.__name__)(framing.decode_request(frame).body)
        if response is not None:
            self.transport.write(framing.encode_response(response, version, correlation_id))

    def api_keys(self) -> list[ApiVersion]:
        return [
            ApiVersion(api_key=r.api_key, min_version=r.min_version, max_version=r.max_version)
            for r in SERVED.values()
        ]

    def ApiVersionsRequest(self, request: Any) -> ApiVersionsResponse:  # noqa: N802 - named after the message
        return ApiVersionsResponse(api_keys=self.api_keys())

    def MetadataRequest(self, request: Any) -> MetadataResponse:  # noqa: N802
        topics = []
        for asked in request.topics or []:
            name = asked.name or self.state.topic_names[asked.topic_id]
            count = int(name.rpartition("-")[2])
            topics.append(
                MetadataResponseTopic(
                    name=name,
                    topic_id=self.state.topic_id(name),
                    partitions=[
                        MetadataResponsePartition(
                            partition_index=n, leader_id=1, leader_epoch=0, replica_nodes=[1], isr_nodes=[1]
                        )
                        for n in range(count)
                    ],
                )
            )
        broker = MetadataResponseBroker(node_id=1, host="127.0.0.1", port=self.state.port)
        return MetadataResponse(brokers=[broker], cluster_id="bench", controller_id=1, topics=topics)

    def InitProducerIdRequest(self, request: Any) -> InitProducerIdResponse:  # noqa: N802
        return InitProducerIdResponse(producer_id=1, producer_epoch=0)

    def FindCoordinatorRequest(self, request: Any) -> FindCoordinatorResponse:  # noqa: N802
        at = {"node_id": 1, "host": "127.0.0.1", "port": self.state.port}
        found = [Coordinator(key=key, **at) for key in request.coordinator_keys]
        return FindCoordinatorResponse(coordinators=found, **at)

    def ListOffsetsRequest(self, request: Any) -> ListOffsetsResponse:  # noqa: N802
        topics = []
        for topic in request.topics:
            partitions = [
                ListOffsetsPartitionResponse(
                    partition_index=p.partition_index, offset=END if p.timestamp == -1 else 0
                )
                for p in topic.partitions
            ]
            topics.append(ListOffsetsTopicResponse(name=topic.name, partitions=partitions))
        return ListOffsetsResponse(topics=topics)

    def ProduceRequest(self, request: Any) -> ProduceResponse | None:  # noqa: N802
        state = self.state
        responses = []
        for topic in request.topic_data:
            partitions = []
            for part in topic.partition_data:
                count = int.from_bytes(part.records[57:61], "big")
                where = (topic.name or topic.topic_id, part.index)
                base = state.ends.get(where, 0)
                state.ends[where] = base + count
                state.received += count
                state.received_bytes += len(part.records)
                partitions.append(
                    PartitionProduceResponse(index=part.index, base_offset=base, log_start_offset=0)
                )
            responses.append(
                TopicProduceResponse(name=topic.name, topic_id=topic.topic_id, partition_responses=partitions)
            )
        return ProduceResponse(responses=responses) if request.acks else None

    def FetchRequest(self, request: Any) -> FetchResponse:  # noqa: N802
        state = self.state
        template, per_batch = state.batch, state.per_batch
        left = request.max_bytes
        responses = []
        for topic in request.topics:
            partitions = []
            for p in topic.partitions:
                batches = max(1, min(p.partition_max_bytes, left) // len(template))
                if left <= 0:
                    continue
                base = p.fetch_offset - p.fetch_offset % per_batch
                blob = state.blob(batches)
                for n in range(batches):
                    struct.pack_into(">q", blob, n * len(template), base + n * per_batch)
                left -= len(blob)
                state.sent += batches * per_batch
                partitions.append(
                    PartitionData(
                        partition_index=p.partition,
                        high_watermark=END,
                        last_stable_offset=END,
                        log_start_offset=0,
                        aborted_transactions=None,
                        records=blob,
                    )
                )
            responses.append(
                FetchableTopicResponse(topic=topic.topic, topic_id=topic.topic_id, partitions=partitions)
            )
        return FetchResponse(responses=responses)  # session id 0: no sessions, every request is whole


async def serve(spec: dict[str, Any]) -> None:
    state = State(spec)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(state), "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    print(state.port, flush=True)
    done = asyncio.Event()

    def read() -> None:
        for _ in sys.stdin:
            print(state.report(), flush=True)
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=read, daemon=True).start()
    await done.wait()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
