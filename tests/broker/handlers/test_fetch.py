import asyncio
from typing import Any
from uuid import uuid4

import pytest

from kafkalite.broker.call import Call
from kafkalite.broker.error_answers import error_answer
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    ForgottenTopic,
    PartitionData,
)
from kafkalite.protocol.records.batch import read_batches

from ..test_log import add
from .asking import Asking

BIG = 1_000_000


@pytest.fixture
def asking() -> Asking:
    made = Asking(nodes=2)
    made.cluster.create_topic("t", assignments=[[1, 2], [1, 2], [1, 2]])
    return made


def fill(asking: Asking, *batches: list[int], index: int = 0, topic: str = "t") -> list[bytes]:
    partition = asking.cluster.topics[topic].partitions[index]
    made = [bytes(add(partition.log, times, partition.leader_epoch).data) for times in batches]
    partition.changed()
    return made


def part(index: int = 0, offset: int = 0, limit: int = BIG, **options: int) -> FetchPartition:
    return FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=limit, **options)


def request(*parts: FetchPartition, wait: int = 0, least: int = 1, **options: Any) -> FetchRequest:
    topic = options.pop("topic", {"topic": "t"})
    topics = [FetchTopic(**topic, partitions=list(parts))] if parts else []
    return FetchRequest(max_wait_ms=wait, min_bytes=least, topics=topics, **options)


def partitions(response: FetchResponse) -> list[PartitionData]:
    return [partition for topic in response.responses for partition in topic.partitions]


def one(
    asking: Asking, what: FetchPartition, version: int = 12, *, node: int = 1, **options: Any
) -> PartitionData:
    (partition,) = partitions(asking.ask(request(what, **options), version, node=node))
    assert partition.partition_index == what.partition
    return partition


# Reading.


@pytest.mark.parametrize("version", range(4, 19))
def test_every_version(asking: Asking, version: int) -> None:
    batches = fill(asking, [1, 2], [3])
    asking.cluster.partition("t", 0).log.delete_before(1)
    topic = {"topic_id": asking.cluster.topics["t"].id} if version >= 13 else {"topic": "t"}
    response = asking.ask(request(part(offset=1), topic=topic), version)
    assert (response.error_code, response.session_id, response.node_endpoints) == (0, 0, [])
    assert {key: getattr(response.responses[0], key) for key in topic} == topic
    (found,) = partitions(response)
    assert (found.partition_index, found.error_code) == (0, 0)
    assert (found.high_watermark, found.last_stable_offset) == (3, 3)
    assert found.log_start_offset == (1 if version >= 5 else -1)
    assert found.records == b"".join(batches)
    assert (found.aborted_transactions, found.preferred_read_replica) == (None, -1)


def test_a_fetch_may_begin_inside_a_batch_and_at_the_end(asking: Asking) -> None:
    fill(asking, [1, 2], [3])
    assert [batch.base_offset for batch in read_batches(one(asking, part(offset=1)).records)] == [0, 2]
    assert [batch.base_offset for batch in read_batches(one(asking, part(offset=2)).records)] == [2]
    end = one(asking, part(offset=3))
    assert (end.error_code, end.records, end.high_watermark) == (0, b"", 3)


def test_committed_reads_list_what_was_aborted(asking: Asking) -> None:
    fill(asking, [1])
    assert one(asking, part(), isolation_level=1).aborted_transactions == []
    assert one(asking, part(offset=9), isolation_level=1).aborted_transactions is None


def test_limits_are_soft(asking: Asking) -> None:
    first, second = fill(asking, [1], [2])
    (other,) = fill(asking, [1], index=1)
    size = len(first)
    # The first batch of the first partition that has any comes whole, whatever the limits.
    assert one(asking, part(limit=1)).records == first
    response = asking.ask(request(part(limit=1), part(1, limit=1), max_bytes=1), 12)
    assert [p.records for p in partitions(response)] == [first, b""]
    response = asking.ask(request(part(2), part(1), part(), max_bytes=size + 10), 12)
    assert [p.records for p in partitions(response)] == [b"", other, b""]
    # What follows is cut off where the limit says, for the client to throw away.
    assert one(asking, part(limit=size + 10)).records == first + second[:10]
    response = asking.ask(request(part(), part(1), max_bytes=2 * size + 20), 12)
    assert [p.records for p in partitions(response)] == [first + second, b""]


def test_the_broker_has_a_limit_of_its_own() -> None:
    asking = Asking(config={"fetch.max.bytes": 1024})
    asking.cluster.create_topic("t")
    sent = fill(asking, *([n] for n in range(100)))
    assert len(one(asking, part()).records) == 1024 < sum(map(len, sent))


def test_errors(asking: Asking) -> None:
    fill(asking, [1, 2, 3])
    asking.cluster.move_leader("t", 0, 2)
    asking.cluster.move_leader("t", 0, 1)
    asking.cluster.partition("t", 0).log.delete_before(1)
    for code, what, options in (
        (ErrorCode.OFFSET_OUT_OF_RANGE, part(offset=0), {}),
        (ErrorCode.OFFSET_OUT_OF_RANGE, part(offset=4), {}),
        (ErrorCode.OFFSET_OUT_OF_RANGE, part(offset=-1), {}),
        (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, part(9), {}),
        (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, part(), {"topic": {"topic": "u"}}),
        (ErrorCode.NOT_LEADER_OR_FOLLOWER, part(offset=1), {"node": 2}),
        (ErrorCode.FENCED_LEADER_EPOCH, part(offset=1, current_leader_epoch=1), {}),
        (ErrorCode.UNKNOWN_LEADER_EPOCH, part(offset=1, current_leader_epoch=3), {}),
        (ErrorCode.UNKNOWN_TOPIC_ID, part(), {"version": 13, "topic": {"topic_id": uuid4()}}),
    ):
        found = one(asking, what, wait=60_000, **options)  # an error does not wait
        assert found.error_code == code
        assert (found.high_watermark, found.last_stable_offset, found.log_start_offset) == (-1, -1, -1)
        unknown = code in (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID)
        assert (found.records, found.aborted_transactions) == (b"", [] if unknown else None)
    assert one(asking, part(offset=1, current_leader_epoch=2)).error_code == 0


def test_the_leader_is_named_to_those_who_look_for_it(asking: Asking) -> None:
    asking.cluster.move_leader("t", 0, 2)
    topic = {"topic_id": asking.cluster.topics["t"].id}
    for version in (15, 16, 18):
        response = asking.ask(request(part(), topic=topic), version)
        (found,) = partitions(response)
        assert found.error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
        hinted = (found.current_leader.leader_id, found.current_leader.leader_epoch)
        assert hinted == ((2, 1) if version >= 16 else (-1, -1))
        nodes = [(node.node_id, node.host, node.port) for node in response.node_endpoints]
        assert nodes == ([(2, "127.0.0.1", 9093)] if version >= 16 else [])
    fenced = asking.ask(request(part(current_leader_epoch=0), topic=topic), 16, node=2)
    assert partitions(fenced)[0].error_code == ErrorCode.FENCED_LEADER_EPOCH
    assert [node.node_id for node in fenced.node_endpoints] == [2]
    asking.cluster.node_stopped(1)
    asking.cluster.node_stopped(2)
    response = asking.ask(request(part(), topic=topic), 16)
    assert partitions(response)[0].current_leader.leader_id == -1
    assert response.node_endpoints == []


def test_a_log_that_parted_ways_says_where(asking: Asking) -> None:
    fill(asking, [1, 2])
    asking.cluster.move_leader("t", 0, 2)
    fill(asking, [3])
    asking.cluster.move_leader("t", 0, 1)
    fill(asking, [4])

    def diverging(offset: int, epoch: int) -> tuple[int, int, int]:
        found = one(asking, part(offset=offset, last_fetched_epoch=epoch), wait=60_000)
        assert not found.records
        return found.error_code, found.diverging_epoch.epoch, found.diverging_epoch.end_offset

    assert diverging(3, 0) == (0, 0, 2)
    assert diverging(9, 1) == (0, 1, 3)
    assert diverging(9, 3) == (ErrorCode.OFFSET_OUT_OF_RANGE, -1, -1)
    assert one(asking, part(offset=2, last_fetched_epoch=0)).records
    asking.cluster.partition("t", 0).log.delete_before(3)
    assert diverging(2, 0) == (ErrorCode.OFFSET_OUT_OF_RANGE, -1, -1)


# Waiting.


async def wait_begun(task: asyncio.Task[Any]) -> None:
    """Let a fetch go as far as it goes."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()


async def test_a_fetch_waits_until_enough_came(asking: Asking) -> None:
    size = len(fill(asking, [1])[0])
    task = asking.begin(request(part(), part(1), wait=1000, least=2 * size), 12)
    await wait_begun(task)
    fill(asking, [1], index=2)
    await wait_begun(task)
    fill(asking, [1], index=1)
    assert [len(p.records) for p in partitions(await task)] == [size, size]
    assert not any(p.watchers for p in asking.cluster.topics["t"].partitions)


async def test_what_comes_before_the_wait_has_begun_ends_it(asking: Asking) -> None:
    task = asking.begin(request(part(), wait=1000), 12)
    (size,) = map(len, fill(asking, [0]))  # in the same turn of the loop
    async with asyncio.timeout(10):
        assert [len(p.records) for p in partitions(await task)] == [size]


async def test_a_fetch_waits_no_longer_than_it_said(asking: Asking) -> None:
    fill(asking, [1])
    task = asking.begin(request(part(), wait=1000, least=BIG), 12)
    await wait_begun(task)
    asking.clock.advance(0.999)
    await wait_begun(task)
    asking.clock.advance(0.001)
    assert len(partitions(await task)[0].records)


async def test_what_a_partition_may_give_counts_up_to_its_limit(asking: Asking) -> None:
    size = len(fill(asking, [1], [1], [1])[0])
    task = asking.begin(request(part(limit=size), wait=1000, least=2 * size), 12)
    await wait_begun(task)
    fill(asking, [1])
    await wait_begun(task)
    asking.clock.advance(1)
    await task


async def test_who_waits_hears_of_trouble(asking: Asking) -> None:
    for trouble, code in (
        (lambda: asking.cluster.move_leader("t", 0, 2), ErrorCode.NOT_LEADER_OR_FOLLOWER),
        (lambda: asking.cluster.move_leader("t", 0, 1), ErrorCode.FENCED_LEADER_EPOCH),
        (lambda: asking.cluster.delete_topic("t"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    ):
        partition = asking.cluster.partition("t", 0)
        what = request(part(current_leader_epoch=1 if partition.leader == 2 else -1), wait=1000)
        task = asking.begin(what, 12, node=partition.leader)
        await wait_begun(task)
        trouble()
        assert partitions(await task)[0].error_code == code


async def test_a_fetch_for_no_bytes_or_no_partitions_does_not_wait(asking: Asking) -> None:
    assert asking.ask(request(part(), wait=1000, least=0), 12).responses
    assert asking.ask(request(wait=1000), 12).responses == []


async def test_a_client_that_hangs_up_is_forgotten(asking: Asking) -> None:
    task = asking.begin(request(part(), wait=1000), 12)
    await wait_begun(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not asking.cluster.partition("t", 0).watchers
    asking.clock.advance(2)


# Sessions.


def test_a_session_answers_what_changed(asking: Asking) -> None:
    fill(asking, [1])
    first = asking.ask(request(part(), part(1), part(2), session_epoch=0), 12)
    assert first.session_id > 0
    assert [(p.partition_index, bool(p.records)) for p in partitions(first)] == [
        (0, True),
        (1, False),
        (2, False),
    ]
    session = {"session_id": first.session_id}
    second = asking.ask(request(part(0, 1), **session, session_epoch=1), 12)
    assert (second.session_id, second.responses) == (first.session_id, [])
    fill(asking, [1], index=2)
    third = asking.ask(request(**session, session_epoch=2), 12)
    assert [p.partition_index for p in partitions(third)] == [2]
    forgotten = [ForgottenTopic(topic="t", partitions=[2])]
    fourth = asking.ask(request(**session, session_epoch=3, forgotten_topics_data=forgotten), 12)
    assert fourth.responses == []
    wrong = asking.ask(request(**session, session_epoch=9), 12)
    assert (wrong.error_code, wrong.session_id, wrong.responses) == (
        ErrorCode.INVALID_FETCH_SESSION_EPOCH,
        0,
        [],
    )
    closed = asking.ask(request(part(0, 1), **session, session_epoch=-1), 12)
    assert (closed.session_id, len(partitions(closed))) == (0, 1)
    gone = asking.ask(request(**session, session_epoch=4), 12)
    assert gone.error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND


async def test_a_session_waits_like_any_fetch(asking: Asking) -> None:
    first = asking.ask(request(part(), session_epoch=0), 12)
    task = asking.begin(request(wait=1000, session_id=first.session_id, session_epoch=1), 12)
    await wait_begun(task)
    fill(asking, [1])
    assert partitions(await task)[0].records


def test_a_session_belongs_to_its_node_and_its_way_of_naming(asking: Asking) -> None:
    first = asking.ask(request(part(), session_epoch=0), 12)
    again = request(session_id=first.session_id, session_epoch=1)
    assert asking.ask(again, 12, node=2).error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    assert asking.ask(again, 13).error_code == ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
    asking.cluster.node_stopped(1)
    asking.cluster.node_started(1)
    assert asking.ask(again, 12).error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND


def test_versions_before_sessions_have_none(asking: Asking) -> None:
    assert asking.ask(request(part()), 6).session_id == 0
    assert len(asking.cluster.nodes[1].fetch_sessions) == 0


# on(error=...).


def refused(asking: Asking, code: int, version: int = 12, **options: Any) -> FetchResponse:
    call = Call(request(part(), **options), version, node=asking.cluster.nodes[1], cluster=asking.cluster)
    answer = error_answer(call, code)
    assert isinstance(answer, FetchResponse)
    return FetchResponse.decode(answer.encode(version), version)


def test_errors_on_demand(asking: Asking) -> None:
    fill(asking, [1])
    answer = refused(asking, ErrorCode.OFFSET_OUT_OF_RANGE)
    assert answer.error_code == 0
    assert [(p.error_code, p.high_watermark) for p in partitions(answer)] == [
        (ErrorCode.OFFSET_OUT_OF_RANGE, -1)
    ]
    answer = refused(asking, ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    assert (answer.error_code, answer.responses) == (ErrorCode.FETCH_SESSION_ID_NOT_FOUND, [])
    session = asking.ask(request(part(), part(1), session_epoch=0), 12).session_id
    incremental = {"session_id": session, "session_epoch": 1}
    answer = refused(asking, ErrorCode.KAFKA_STORAGE_ERROR, **incremental)
    assert [p.error_code for p in partitions(answer)] == [ErrorCode.KAFKA_STORAGE_ERROR] * 2
    answer = refused(asking, ErrorCode.KAFKA_STORAGE_ERROR, **incremental)
    assert answer.error_code == ErrorCode.INVALID_FETCH_SESSION_EPOCH
