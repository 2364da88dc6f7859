"""Fetch: read batches, or wait for them (KIP-74, KIP-227, KIP-320, KIP-516, KIP-951). Thread: loop.

An answer is built when there is enough to read, when time is up, or when something is wrong with a partition. A fetch
that waits is woken by its partitions. Reading from followers (KIP-392) is not emulated: every fetch goes to the leader.
"""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from kafkalite.protocol.codes import ErrorCode, IsolationLevel
from kafkalite.protocol.messages.fetch import (
    EpochEndOffset,
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionData,
)

from ..call import Call
from ..error_answers import answers_errors
from ..fetch_session import IDS_SINCE, FetchSession, Wanted
from ..log import EpochEnd
from ..partition import NO_LEADER, Partition
from ..refusal import Refusal
from ..topic import Topic
from . import Outcome, handles

__all__ = ["fetch"]

_LEADER_HINTS_SINCE: Final = 16
_SESSIONS_SINCE: Final = 7
_UNKNOWN = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID)
_HINTED = (ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.FENCED_LEADER_EPOCH)
_SESSION_ERRORS = frozenset(
    (
        ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode.INVALID_FETCH_SESSION_EPOCH,
        ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
    )
)


@handles(FetchRequest)
def fetch(call: Call) -> Outcome:
    """Answer at once, or wait in a coroutine."""
    request: FetchRequest = call.request
    clock = call.cluster.clock
    session = call.node.fetch_sessions.open(request, call.version, clock.monotonic())
    wanted = list(session.partitions.values())
    if request.max_wait_ms <= 0 or not wanted or _is_ready(call, request, wanted):
        return _read(call, request, session, wanted)
    return _wait(call, request, session, wanted)


async def _wait(
    call: Call, request: FetchRequest, session: FetchSession, wanted: list[Wanted]
) -> FetchResponse:
    """Wait until enough came, something is wrong, or time is up. The wait goes by the broker's clock."""
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    def changed() -> None:
        if _is_ready(call, request, wanted):
            wake()

    partitions = [partition for item in wanted if (partition := _partition_of(call, item)) is not None]
    timer = call.cluster.clock.call_later(request.max_wait_ms / 1000, wake)
    for partition in partitions:
        partition.watchers.add(changed)
    changed()  # a coroutine begins a turn of the loop after it was made, and records may have come in between
    try:
        await ready
    finally:
        timer.cancel()
        for partition in partitions:
            partition.watchers.discard(changed)
    return _read(call, request, session, wanted)


@answers_errors(FetchRequest)
def fetch_error(call: Call, code: int, message: str | None) -> FetchResponse:
    """An error of the session at the top, any other one at each partition, those of the session included."""
    request: FetchRequest = call.request
    if code in _SESSION_ERRORS and call.version >= _SESSIONS_SINCE:
        return FetchResponse(error_code=code)
    try:
        session = call.node.fetch_sessions.open(request, call.version, call.cluster.clock.monotonic())
    except Refusal as refusal:
        return FetchResponse(error_code=refusal.code)
    listed = [(wanted, _error(wanted.part, code)) for wanted in session.partitions.values()]
    return _answer(call, session, listed)


# What there is to read.


def _topic_of(call: Call, wanted: Wanted) -> Topic | None:
    if isinstance(wanted.topic, UUID):
        return call.cluster.topic_by_id(wanted.topic)
    return call.cluster.topics.get(wanted.topic)


def _partition_of(call: Call, wanted: Wanted) -> Partition | None:
    topic = _topic_of(call, wanted)
    index = wanted.part.partition
    return topic.partitions[index] if topic is not None and 0 <= index < len(topic.partitions) else None


def _checked(call: Call, wanted: Wanted) -> Partition:
    """The partition, if the client may read it here and at that offset. Raises Refusal."""
    topic = _topic_of(call, wanted)
    part = wanted.part
    if topic is None and call.version >= IDS_SINCE:
        raise Refusal(ErrorCode.UNKNOWN_TOPIC_ID, f"there is no topic with the id {wanted.topic}")
    if topic is None or not 0 <= part.partition < len(topic.partitions):
        raise Refusal(
            ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {wanted.topic}-{part.partition}"
        )
    partition = topic.partitions[part.partition]
    partition.check_leader(call.node, part.current_leader_epoch)
    log = partition.log
    if part.last_fetched_epoch < 0 and not log.start_offset <= part.fetch_offset <= log.end_offset:
        raise Refusal(
            ErrorCode.OFFSET_OUT_OF_RANGE,
            f"{partition} has the offsets {log.start_offset} to {log.end_offset}, not {part.fetch_offset}",
        )
    return partition


def _divergence(partition: Partition, part: FetchPartition) -> EpochEnd | None:
    """Where the client's log parts from ours, if it says which epoch it read last (KIP-595). Raises Refusal."""
    if part.last_fetched_epoch < 0:
        return None
    log = partition.log
    end = log.end_of_epoch(part.last_fetched_epoch)
    if end.epoch < 0 or part.fetch_offset < log.start_offset:
        raise Refusal(
            ErrorCode.OFFSET_OUT_OF_RANGE, f"{partition} does not know epoch {part.last_fetched_epoch}"
        )
    if end.epoch < part.last_fetched_epoch or end.end_offset < part.fetch_offset:
        return end
    return None


def _is_ready(call: Call, request: FetchRequest, wanted: list[Wanted]) -> bool:
    found = 0
    for item in wanted:
        try:
            partition = _checked(call, item)
            if _divergence(partition, item.part) is not None:
                return True
        except Refusal:
            return True
        found += min(partition.log.bytes_from(item.part.fetch_offset), item.part.partition_max_bytes)
    return found >= request.min_bytes


# The answer.


def _read(call: Call, request: FetchRequest, session: FetchSession, wanted: list[Wanted]) -> FetchResponse:
    left = max(0, min(request.max_bytes, call.cluster.config.number("fetch.max.bytes")))
    committed = request.isolation_level == IsolationLevel.READ_COMMITTED
    at_least_one = True
    listed = []
    for item in wanted:
        part = item.part
        try:
            partition = _checked(call, item)
            diverging = _divergence(partition, part)
        except Refusal as refusal:
            listed.append((item, _error(part, refusal.code)))
            continue
        log = partition.log
        data = PartitionData(
            partition_index=part.partition,
            error_code=ErrorCode.NONE,
            high_watermark=log.high_watermark,
            last_stable_offset=log.last_stable_offset,
            log_start_offset=log.start_offset,
            aborted_transactions=[] if committed else None,
            records=b"",
        )
        if diverging is not None:
            data.diverging_epoch = EpochEndOffset(epoch=diverging.epoch, end_offset=diverging.end_offset)
        else:
            limit = min(left, part.partition_max_bytes)
            records = log.read(part.fetch_offset, limit, at_least_one=at_least_one)
            if records:
                at_least_one = False
                left = max(0, left - len(records))
                data.records = records
        listed.append((item, data))
    return _answer(call, session, listed)


def _error(part: FetchPartition, code: int) -> PartitionData:
    return PartitionData(
        partition_index=part.partition,
        error_code=code,
        high_watermark=-1,
        last_stable_offset=-1,
        log_start_offset=-1,
        aborted_transactions=[] if code in _UNKNOWN else None,
        records=b"",
    )


def _answer(call: Call, session: FetchSession, listed: list[tuple[Wanted, PartitionData]]) -> FetchResponse:
    answer = FetchResponse(
        error_code=ErrorCode.NONE, session_id=session.id if call.version >= _SESSIONS_SINCE else 0
    )
    topics: dict[str | UUID, FetchableTopicResponse] = {}
    leaders: dict[int, NodeEndpoint] = {}
    for wanted, data in session.answered(listed):
        if data.error_code in _HINTED and call.version >= _LEADER_HINTS_SINCE:
            _hint(call, wanted, data, leaders)
        topic = topics.get(wanted.topic)
        if topic is None:
            topic = topics[wanted.topic] = FetchableTopicResponse()
            if isinstance(wanted.topic, UUID):
                topic.topic_id = wanted.topic
            else:
                topic.topic = wanted.topic
            answer.responses.append(topic)
        topic.partitions.append(data)
    answer.node_endpoints = list(leaders.values())
    return answer


def _hint(call: Call, wanted: Wanted, data: PartitionData, leaders: dict[int, NodeEndpoint]) -> None:
    """Say who leads, so that the client need not ask for metadata first."""
    partition = _partition_of(call, wanted)
    if partition is None:
        return
    data.current_leader = LeaderIdAndEpoch(leader_id=partition.leader, leader_epoch=partition.leader_epoch)
    if partition.leader != NO_LEADER:
        node = call.cluster.nodes[partition.leader]
        leaders[node.id] = NodeEndpoint(node_id=node.id, host=call.host_of(node), port=node.port)
