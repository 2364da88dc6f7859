"""One conversation with one broker, and its minutes: answers with all that differs by nature taken out."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from kafkalite.protocol import framing
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.message import Message, Request, Struct
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kafkalite.protocol.messages.find_coordinator import FindCoordinatorRequest
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite.protocol.records.batch import read_batches

PATIENCE = 20.0
CLIENT_ID = "conformance"
LONG_AGO = 1_600_000_000_000
"""When the records of these conversations were made; what is much later was stamped by the broker."""

Versions = Mapping[int, tuple[int, int]]


class NotServed(Exception):
    """The two brokers have no version of an API in common."""


class Closed(Exception):
    """The broker closed the connection instead of answering."""


class Line:
    """One connection. Requests may be sent ahead; answers come in order."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), PATIENCE)
        self.stream = self.socket.makefile("rb")
        self.correlation_id = 0

    def send(self, request: Request[Any], version: int) -> None:
        self.correlation_id += 1
        self.socket.sendall(framing.encode_request(request, version, self.correlation_id, CLIENT_ID))

    def receive(self, request: Request[Any], version: int) -> Any:
        """The answer to this request, which was sent before."""
        try:
            size = self.stream.read(4)
            frame = self.stream.read(int.from_bytes(size, "big"))
        except ConnectionError:
            frame = b""
        if not frame:
            raise Closed(f"{type(request).__name__} version {version}: the connection was closed")
        return framing.decode_response(request.response_type, version, frame)[1]

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


class Topic(NamedTuple):
    name: str
    id: UUID


class Talk:
    """Asks, and keeps the minutes."""

    def __init__(self, address: str, versions: Versions, *, newest: bool) -> None:
        self.address, self.versions, self.newest = address, versions, newest
        self.lines: list[Line] = []
        self.line = self.connect()
        self.minutes: list[tuple[str, Any]] = []
        self.token = uuid.uuid4().hex[:10]
        self.numbered: dict[tuple[str, Any], str] = {}
        self.settled = 0
        self.node = 0
        """The id of the broker talked to."""

    def connect(self) -> Line:
        self.lines.append(Line(self.address))
        return self.lines[-1]

    def close(self) -> None:
        for line in self.lines:
            line.close()

    # --- asking

    def version(self, request: type[Request[Any]]) -> int:
        """The version that this conversation speaks of an API: the newest or the oldest that both brokers know."""
        low, high = self.versions.get(request.api_key, (1, 0))
        if low > high:
            raise NotServed(f"{request.__name__} is not served by both")
        return high if self.newest else low

    def ask(self, request: Request[Any], *, version: int | None = None, line: Line | None = None) -> Any:
        line = line or self.line
        chosen = self.version(type(request)) if version is None else version
        line.send(request, chosen)
        return line.receive(request, chosen)

    def see(self, what: str, request: Request[Any], **options: Any) -> Any:
        """Ask, and write down the answer."""
        try:
            answer = self.ask(request, **options)
        except Closed:
            self.note(what, "the connection was closed")
            self.line = self.connect()
            return None
        self.note(what, answer)
        return answer

    def note(self, what: str, answer: Any) -> None:
        self.minutes.append((what, self.plain(answer)))

    def until(self, ask: Callable[[], bool]) -> None:
        """Ask again and again until it is so."""
        deadline = time.monotonic() + PATIENCE
        while not ask():
            assert time.monotonic() < deadline, "it did not come about"
            time.sleep(0.02)  # between two questions

    # --- what most conversations begin with

    def name(self, prefix: str) -> str:
        """A name of this conversation's own; the minutes show the prefix only."""
        return f"{prefix}-{self.token}"

    def topic(self, prefix: str = "topic", partitions: int = 1, **configs: str) -> Topic:
        """A new topic, with leaders."""
        name = self.name(prefix)
        wanted = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=1,
            configs=[CreatableTopicConfig(name=k.replace("_", "."), value=v) for k, v in configs.items()],
        )
        answer = self.ask(CreateTopicsRequest(topics=[wanted], timeout_ms=10_000))
        assert answer.topics[0].error_code == 0, answer
        return self.wait_for_topic(name, partitions)

    def wait_for_topic(self, name: str, partitions: int = 1) -> Topic:
        found: list[Any] = []

        def ready() -> bool:
            request = MetadataRequest(
                topics=[MetadataRequestTopic(name=name)], allow_auto_topic_creation=False
            )
            answer = self.ask(request, version=max(10, self.version(MetadataRequest)))
            found[:] = answer.topics
            self.node = answer.brokers[0].node_id
            led = [p for p in answer.topics[0].partitions if p.leader_id >= 0 and p.error_code == 0]
            return answer.topics[0].error_code == 0 and len(led) == partitions

        self.until(ready)
        # A leader is announced a moment before it serves.
        for partition in range(partitions):
            self.until(partial(self._serves, name, partition))
        return Topic(name, found[0].topic_id)

    def _serves(self, name: str, partition: int) -> bool:
        wanted = ListOffsetsPartition(partition_index=partition, timestamp=-1)
        request = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=name, partitions=[wanted])])
        return bool(self.ask(request).topics[0].partitions[0].error_code == 0)

    def settle(self) -> None:
        """Wait until every node knows of all changes so far: they come in order, so that the next one is the proof."""
        self.settled += 1
        self.topic(f"settled-{self.settled}")

    def group(self, prefix: str = "group") -> str:
        """A group name whose coordinator is ready."""
        name = self.name(prefix)

        def ready() -> bool:
            version = max(4, self.version(FindCoordinatorRequest))
            answer = self.ask(FindCoordinatorRequest(coordinator_keys=[name]), version=version)
            if answer.coordinators[0].error_code:
                return False
            beat = HeartbeatRequest(group_id=name, generation_id=-1, member_id="nobody")
            return self.ask(beat).error_code not in NOT_YET

        self.until(ready)
        return name

    # --- keeping the minutes

    def plain(self, value: Any, field: str = "") -> Any:
        """An answer as dictionaries, lists and words, without what differs by nature."""
        if isinstance(value, Struct | Message):
            items = {f.name: getattr(value, f.name) for f in value.fields if f.name not in DROPPED}
            return {name: self.plain(item, name) for name, item in items.items()}
        if isinstance(value, list):
            shown = [self.plain(item, field) for item in value]
            if field in ("configs", "synonyms"):
                return {item.pop("name"): item for item in shown}
            return sorted(shown, key=repr) if shown and isinstance(shown[0], dict) else shown
        if field == "records":
            return None if value is None else [self._batch(batch) for batch in read_batches(value)]
        if field in ("error_code", "topic_config_error_code"):
            return ErrorCode(value).name
        if field in ("error_message", "batch_index_error_message"):
            return "a text" if value else None
        if isinstance(value, UUID):
            return "none" if value == ZERO_UUID else "an id"
        if isinstance(value, str):
            return self._text(field, value)
        if isinstance(value, int) and not isinstance(value, bool):
            return self._number(field, value)
        return value

    def _text(self, field: str, value: str) -> str:
        if field in ("member_id", "leader") and value:
            return self._nth("member", value)
        if field == "cluster_id":
            return "an id"
        return value.replace(self.token, "~")

    def _number(self, field: str, value: int) -> Any:
        if field in NODES:
            return "a node" if value >= 0 else value
        if (field == "producer_id" and value >= 0) or (field == "session_id" and value > 0):
            return self._nth(field, value)
        if value > LONG_AGO + 10_000_000_000 and value < LONG_AGO * 2:
            return "now"
        return value

    def call(self, member: str, name: str) -> None:
        """Show this member id under a name; others are numbered as they come."""
        self.numbered["member", member] = name

    def _nth(self, kind: str, value: Any) -> str:
        return self.numbered.setdefault((kind, value), f"{kind} {len(self.numbered) + 1}")

    def _batch(self, batch: Any) -> dict[str, Any]:
        columns = batch.columns()
        return {
            "offsets": (batch.base_offset, batch.last_offset),
            "attributes": batch.attributes,
            "leader_epoch": batch.leader_epoch,
            "producer": (
                self._number("producer_id", batch.producer_id),
                batch.producer_epoch,
                batch.base_sequence,
            ),
            "times": (
                self._number("", batch.base_timestamp),
                self._number("", batch.max_timestamp),
                [self._number("", t) for t in columns.timestamps],
            ),
            "records": list(zip(columns.keys, columns.values, strict=True)),
        }


NOT_YET = {
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_COORDINATOR,
}
"""What a broker says that has only just started."""

DROPPED = {"throttle_time_ms", "host", "port", "rack"}
NODES = {
    "node_id",
    "leader_id",
    "broker_id",
    "controller_id",
    "replica_nodes",
    "isr_nodes",
    "broker_ids",
    "eligible_leader_replicas",
}


def versions_of(address: str) -> dict[int, tuple[int, int]]:
    """What a broker says it speaks."""
    line = Line(address)
    request = ApiVersionsRequest(client_software_name=CLIENT_ID, client_software_version="1")
    line.send(request, 4)
    answer: ApiVersionsResponse = line.receive(request, 4)
    line.close()
    return {api.api_key: (api.min_version, api.max_version) for api in answer.api_keys}
