"""A scripted broker on a real socket: it reads frames, notes the requests, and answers what the test says.

    async with Peer() as peer:
        peer.on(HeartbeatRequest, HeartbeatResponse())        # the next one; then the standing answer again
        peer.always(FetchRequest, lambda request: None)       # None: silence

An answer is a response, bytes to be written as they are, `HANG_UP`, None for silence, or a function of the request
(it may be a coroutine function) that gives one of these. A connection is answered in order, as Kafka does it.
"""

from __future__ import annotations

import asyncio
import inspect
import struct
from collections import defaultdict, deque
from typing import Any

from kafkalite.config import ConnectionConfig
from kafkalite.protocol import framing
from kafkalite.protocol.message import Request, Response, request_type
from kafkalite.protocol.messages import MODULES
from kafkalite.protocol.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
)
from kafkalite.protocol.messages.metadata import (
    MetadataRequest,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)

PATIENCE = 20.0
"""Seconds until a test that waits for something that does not come gives up."""

HANG_UP = object()


def config(*addresses: tuple[str, int], **options: Any) -> ConnectionConfig:
    """Options with short waits, so that no test is slow."""
    servers = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in addresses]
    options.setdefault("reconnect_backoff_ms", 1)
    options.setdefault("reconnect_backoff_max_ms", 2)
    options.setdefault("retry_backoff_ms", 1)
    options.setdefault("retry_backoff_max_ms", 2)
    return ConnectionConfig.from_options({"bootstrap_servers": servers or "nowhere:1", **options})


def soon() -> float:
    """A deadline that no healthy test reaches."""
    return asyncio.get_running_loop().time() + PATIENCE


class Peer:
    """One broker. `versions` narrows what it speaks ({MetadataRequest: (0, 9)}; None: does not know the API)."""

    def __init__(
        self,
        node_id: int = 1,
        *,
        versions: dict[type[Request[Any]], tuple[int, int] | None] | None = None,
        features: dict[str, int] | None = None,
        features_epoch: int = -1,
    ) -> None:
        self.node_id = node_id
        self.requests: list[Any] = []
        self.received: list[framing.ReceivedRequest] = []
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.cluster: list[Peer] = [self]
        self.cluster_id = "peers"
        self.controller_id = -1
        self.topics: dict[str, MetadataResponseTopic] = {}
        self._narrowed = versions or {}
        self._features, self._features_epoch = features or {}, features_epoch
        self._next: dict[type, deque[Any]] = defaultdict(deque)
        self._always: dict[type, Any] = {}
        self._arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[Any]] = set()
        self.address = ("127.0.0.1", 0)

    async def __aenter__(self) -> Peer:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        """Begin, or begin again at the same port."""
        self._server = await asyncio.start_server(self._accepted, *self.address)
        self.address = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """Hang up, and refuse from now on."""
        if self._server is not None:
            for _ in range(9):  # what was accepted just now gets as far as being served
                await asyncio.sleep(0)
            self._server.close()
            self.drop()
            serving = list(self._serving)
            for task in serving:
                task.cancel()
            if serving:
                await asyncio.wait(serving)
            await self._server.wait_closed()
            self._server = None

    def drop(self) -> None:
        """Hang up on everyone."""
        for writer in list(self.open):
            writer.transport.abort()

    def on(self, kind: type[Request[Any]], *answers: Any) -> None:
        """What to answer to the next requests of a kind."""
        self._next[kind].extend(answers)

    def always(self, kind: type[Request[Any]], answer: Any) -> None:
        """What to answer to requests of a kind that `on` says nothing about."""
        self._always[kind] = answer

    def sent(self, kind: type[Request[Any]]) -> list[Any]:
        """The requests of a kind that have come."""
        return [request for request in self.requests if isinstance(request, kind)]

    async def until_sent(self, kind: type[Request[Any]], count: int = 1) -> Any:
        """Wait until that many have come; returns the last of them."""
        async with asyncio.timeout(PATIENCE):
            while len(self.sent(kind)) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.sent(kind)[count - 1]

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                received = self.note(await reader.readexactly(size))
                answer = await self.answer(received)
                if answer is HANG_UP:
                    return
                if isinstance(answer, Response):
                    answer = self.frame(answer, received)
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    def note(self, frame: bytes) -> framing.ReceivedRequest:
        """A request has come."""
        received = framing.decode_request(frame)
        self.received.append(received)
        self.requests.append(received.body)
        self._arrived.set()
        return received

    def frame(self, answer: Response, received: framing.ReceivedRequest) -> bytes:
        """The bytes of an answer."""
        refused = isinstance(answer, ApiVersionsResponse) and answer.error_code == 35
        return framing.encode_response(
            answer, 0 if refused else received.api_version, received.correlation_id
        )

    async def answer(self, received: framing.ReceivedRequest) -> Any:
        request: Any = received.body
        kind = type(request)
        if self._next[kind]:
            answer = self._next[kind].popleft()
        else:
            answer = self._always.get(kind, self._standing)
        if callable(answer):
            answer = answer(request)
            if inspect.isawaitable(answer):
                answer = await answer
        return answer

    def _standing(self, request: Any) -> Any:
        if isinstance(request, ApiVersionsRequest):
            return self.api_versions()
        if isinstance(request, MetadataRequest):
            return self.metadata(request)
        return type(request).response_type()

    def api_versions(self) -> ApiVersionsResponse:
        ranges = {key: (t.min_version, t.max_version) for key in MODULES if (t := request_type(key))}
        for kind, narrowed in self._narrowed.items():
            ranges.pop(kind.api_key)
            if narrowed is not None:
                ranges[kind.api_key] = narrowed
        return ApiVersionsResponse(
            api_keys=[ApiVersion(api_key=k, min_version=a, max_version=b) for k, (a, b) in ranges.items()],
            finalized_features=[
                FinalizedFeatureKey(name=name, max_version_level=level, min_version_level=level)
                for name, level in self._features.items()
            ],
            finalized_features_epoch=self._features_epoch,
        )

    def metadata(self, request: MetadataRequest | None = None) -> MetadataResponse:
        named = None if request is None or request.topics is None else [t.name for t in request.topics]
        wanted = list(self.topics) if named is None else named
        return MetadataResponse(
            cluster_id=self.cluster_id,
            controller_id=self.controller_id,
            brokers=[
                MetadataResponseBroker(node_id=p.node_id, host=p.address[0], port=p.address[1])
                for p in self.cluster
            ],
            topics=[self.topics.get(n) or MetadataResponseTopic(name=n, error_code=3) for n in wanted],
        )


def topic(name: str, *leaders: int, epoch: int = 0, **fields: Any) -> MetadataResponseTopic:
    """A topic for a metadata answer: the leader of each partition."""
    return MetadataResponseTopic(
        name=name,
        partitions=[
            MetadataResponsePartition(
                partition_index=index,
                leader_id=leader,
                leader_epoch=epoch,
                error_code=0 if leader >= 0 else 5,
            )
            for index, leader in enumerate(leaders)
        ],
        **fields,
    )
