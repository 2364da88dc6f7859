from __future__ import annotations

import asyncio
import gc
import struct
from collections.abc import Callable
from typing import Any

import pytest

from kafkalite.errors import (
    Cancelled,
    CorrelationIdError,
    InvalidReceiveError,
    KafkaConnectionError,
    KafkaError,
    KafkaProtocolError,
    KafkaTimeoutError,
    RequestTimedOutError,
)
from kafkalite.net.connection import STAGING, Connection
from kafkalite.protocol import framing
from kafkalite.protocol.errors import EncodeError
from kafkalite.protocol.messages.fetch import (
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    PartitionData,
)
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite.protocol.messages.metadata import MetadataRequest
from kafkalite.protocol.messages.produce import ProduceRequest

from .peer import HANG_UP, PATIENCE, Peer
from .stepped import stepped
from .wire import Wire, feed, wired


def heartbeat(correlation_id: int, **fields: Any) -> bytes:
    return framing.encode_response(HeartbeatResponse(**fields), 4, correlation_id)


def ask(
    connection: Connection, timeout: float = PATIENCE, member: str = ""
) -> asyncio.Task[HeartbeatResponse]:
    return asyncio.create_task(connection.request(HeartbeatRequest(member_id=member), 4, timeout))


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def connected(peer: Peer, **options: Any) -> Connection:
    connection = Connection("a peer", **{"client_id": "me", "max_frame": 100_000_000, **options})
    await asyncio.get_running_loop().create_connection(lambda: connection, *peer.address)
    return connection


# Requests and answers.


async def test_a_request_goes_out_and_its_answer_comes_back() -> None:
    async with Peer() as peer:
        connection = await connected(peer)
        peer.on(HeartbeatRequest, HeartbeatResponse(error_code=27))
        response = await connection.request(HeartbeatRequest(group_id="g"), 4, PATIENCE)
        assert response == HeartbeatResponse(error_code=27)
        (received,) = peer.received
        assert received.client_id == "me"
        assert received.body == HeartbeatRequest(group_id="g")
        assert repr(connection) == "<Connection to a peer: alive, 0 in flight>"
        await connection.close()


async def test_requests_are_pipelined_and_answered_in_order() -> None:
    connection, wire = wired()
    first, second, third = (ask(connection, member=name) for name in "abc")
    await turns()
    assert [request.correlation_id for request in wire.requests()] == [0, 1, 2]
    assert [request.body.member_id for request in wire.requests()] == ["a", "b", "c"]
    assert connection.in_flight == 3
    feed(connection, heartbeat(0, error_code=10) + heartbeat(1, error_code=11))
    assert ((await first).error_code, (await second).error_code) == (10, 11)
    assert connection.in_flight == 1
    feed(connection, heartbeat(2, error_code=12))
    assert (await third).error_code == 12


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 1000])
async def test_answers_may_come_in_any_pieces(step: int) -> None:
    connection, _ = wired()
    tasks = [ask(connection) for _ in range(5)]
    await turns()
    feed(connection, b"".join(heartbeat(n, error_code=n) for n in range(5)), step)
    assert [(await task).error_code for task in tasks] == [0, 1, 2, 3, 4]


def fetched(size: int) -> FetchResponse:
    records = bytes(range(256)) * (size // 256 + 1)
    partition = PartitionData(partition_index=0, records=records[:size])
    return FetchResponse(responses=[FetchableTopicResponse(topic="t", partitions=[partition])])


@pytest.mark.parametrize("size", [10, STAGING - 60, STAGING, STAGING + 1, 3_000_000])
async def test_a_large_answer_is_received_into_its_own_frame(size: int) -> None:
    connection, _ = wired()
    task = asyncio.create_task(connection.request(FetchRequest(), 12, PATIENCE))
    after = ask(connection)
    await turns()
    frame = framing.encode_response(fetched(size), 12, 0)
    feed(connection, frame + heartbeat(1))
    records = (await task).responses[0].partitions[0].records
    assert isinstance(records, memoryview)
    assert bytes(records) == fetched(size).responses[0].partitions[0].records
    assert len(records.obj) >= len(frame) - 4 > len(records)  # a view of the frame, not a copy
    assert (await after).error_code == 0


async def test_whoever_posts_is_told_at_once() -> None:
    connection, _ = wired()
    told: list[object] = []
    connection.post(HeartbeatRequest(), 4, PATIENCE, told.append)
    connection.post(HeartbeatRequest(), 4, PATIENCE, told.append)
    feed(connection, heartbeat(0))
    assert [getattr(answer, "error_code", None) for answer in told] == [0]
    poison = KafkaConnectionError("gone")
    connection.break_off(poison)
    assert told[1:] == [poison]
    with pytest.raises(KafkaConnectionError, match="gone"):
        connection.post(HeartbeatRequest(), 4, PATIENCE, told.append)
    assert len(told) == 2


async def test_the_buffer_offered_for_a_large_frame_is_the_rest_of_it() -> None:
    connection, _ = wired()
    task = asyncio.create_task(connection.request(FetchRequest(), 12, PATIENCE))
    await turns()
    frame = framing.encode_response(fetched(500_000), 12, 0)
    feed(connection, frame[:1000])
    assert len(connection.get_buffer(-1)) == len(frame) - 1000
    feed(connection, frame[1000:])
    await task


async def test_correlation_ids_start_again_after_the_highest() -> None:
    connection, wire = wired()
    connection._next_id = 0x7FFFFFFF
    tasks = [ask(connection), ask(connection)]
    await turns()
    assert [request.correlation_id for request in wire.requests()] == [0x7FFFFFFF, 0]
    feed(connection, heartbeat(0x7FFFFFFF) + heartbeat(0))
    await asyncio.gather(*tasks)


async def test_a_request_without_answer_is_done_when_it_is_written() -> None:
    connection, wire = wired()
    await connection.send_oneway(ProduceRequest(acks=0), 9, PATIENCE)
    assert len(wire.sent) == 1
    assert connection.in_flight == 0


async def test_a_request_that_cannot_be_written_leaves_the_connection_alone() -> None:
    connection, wire = wired()
    with pytest.raises(EncodeError):
        await connection.request(MetadataRequest(topics=None), 0, PATIENCE)
    assert connection.alive
    assert not wire.sent
    task = ask(connection)
    await turns()
    feed(connection, heartbeat(0))
    await task


# Poison.


async def test_poison_reaches_everyone_who_waits_and_everyone_who_comes_later() -> None:
    connection, wire = wired()
    waiting = [ask(connection), ask(connection)]
    await turns()
    poison = KafkaConnectionError("broken")
    connection.break_off(poison)
    connection.break_off(KafkaConnectionError("the first poison stays"))
    assert await asyncio.gather(*waiting, return_exceptions=True) == [poison, poison]
    with pytest.raises(KafkaConnectionError, match="broken"):
        await connection.request(HeartbeatRequest(), 4, PATIENCE)
    with pytest.raises(KafkaConnectionError, match="broken"):
        await connection.send_oneway(HeartbeatRequest(), 4, PATIENCE)
    assert wire.aborted
    assert not connection.alive
    assert repr(connection) == "<Connection to node 1 at b:1: poisoned, 0 in flight>"


async def test_poison_that_nobody_waits_for_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    connection, _ = wired()
    task = ask(connection)
    await turns()
    task.cancel()
    await turns()
    connection.break_off(KafkaConnectionError("broken"))
    del task, connection
    gc.collect()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_answer_to_another_request_poisons() -> None:
    connection, wire = wired()
    task = ask(connection)
    await turns()
    feed(connection, heartbeat(5))
    with pytest.raises(CorrelationIdError, match="answered request 5, but the oldest one waiting is 0"):
        await task
    assert wire.aborted


async def test_an_answer_that_nobody_asked_for_poisons() -> None:
    connection, _ = wired()
    feed(connection, heartbeat(0))
    assert isinstance(connection.poison, CorrelationIdError)
    assert "oldest one waiting is none" in str(connection.poison)


async def test_an_answer_that_cannot_be_read_poisons() -> None:
    connection, _ = wired()
    task = ask(connection)
    await turns()
    feed(connection, struct.pack(">ii", 6, 0) + b"\xff\xff")
    with pytest.raises(KafkaProtocolError, match="node 1 at b:1 sent an answer that cannot be read"):
        await task


@pytest.mark.parametrize("size", [-1, -(2**31), 0, 3, 10_000_001, 2**31 - 1])
async def test_a_size_that_no_answer_has_poisons(size: int) -> None:
    connection, _ = wired()
    task = ask(connection)
    await turns()
    feed(connection, struct.pack(">i", size) + b"xxxx")
    with pytest.raises(InvalidReceiveError, match=f"answer of {size} bytes; at most 10000000"):
        await task
    feed(connection, b"what still comes is dropped" * 10_000)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "an HTTP server"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "a TLS listener"),
    ],
)
@pytest.mark.parametrize("max_frame", [1024, 2**31 - 1])
async def test_other_protocols_are_recognised(first: bytes, other: str, max_frame: int) -> None:
    connection, _ = wired(max_frame=max_frame)
    task = ask(connection)
    await turns()
    feed(connection, first)
    with pytest.raises(InvalidReceiveError, match=f"node 1 at b:1 is {other}, not a Kafka listener"):
        await task


async def test_a_broker_that_hangs_up() -> None:
    async with Peer() as peer:
        connection = await connected(peer)
        peer.on(HeartbeatRequest, HANG_UP)
        with pytest.raises(
            KafkaConnectionError, match="connection to a peer was closed by the broker with 1 requests"
        ):
            await connection.request(HeartbeatRequest(), 4, PATIENCE)
        assert not connection.alive
        await connection.close()


async def test_an_idle_connection_that_the_broker_closes_is_just_gone() -> None:
    async with Peer() as peer:
        connection = await connected(peer)
        await connection.request(HeartbeatRequest(), 4, PATIENCE)
        peer.drop()
        await asyncio.wait([connection._lost])
        assert not connection.alive
        assert isinstance(connection.poison, KafkaConnectionError)
        assert "requests waiting" not in str(connection.poison)


async def test_the_end_of_the_stream_poisons_at_once() -> None:
    connection, _ = wired()
    assert connection.eof_received() is False
    assert not connection.alive


async def test_a_reset_names_its_cause() -> None:
    connection, _ = wired()
    connection.connection_lost(ConnectionResetError("Connection reset by peer"))
    assert "was lost: Connection reset by peer" in str(connection.poison)


# Deadlines.


@stepped
async def test_silence_poisons() -> None:
    connection, wire = wired()
    patient, hasty = ask(connection, 30), ask(connection, 10)
    with pytest.raises(RequestTimedOutError, match="node 1 at b:1 did not answer Heartbeat within 10 s"):
        await hasty
    with pytest.raises(RequestTimedOutError):
        await patient
    assert wire.aborted
    assert asyncio.get_running_loop().time() == 1010


@stepped
async def test_the_error_says_how_long_nothing_was_heard() -> None:
    connection, _ = wired()
    first = ask(connection, 10)
    await asyncio.sleep(4)
    feed(connection, heartbeat(0))
    await first
    second = ask(connection, 10)
    with pytest.raises(RequestTimedOutError, match="the last answer came 10 s ago, 1 requests wait"):
        await second


@stepped
async def test_each_request_has_a_deadline_of_its_own() -> None:
    connection, _ = wired()
    tasks = [ask(connection, 10)]
    await asyncio.sleep(9)
    tasks.append(ask(connection, 10))
    await turns()
    feed(connection, heartbeat(0))
    await asyncio.sleep(9)
    feed(connection, heartbeat(1))
    await asyncio.gather(*tasks)
    await asyncio.sleep(60)
    assert connection.alive


@stepped
async def test_whoever_gives_up_waiting_leaves_the_connection_usable() -> None:
    connection, wire = wired()
    gone, stays = ask(connection, 30), ask(connection, 30)
    await turns()
    gone.cancel()
    await turns()
    assert connection.in_flight == 2
    feed(connection, heartbeat(0, error_code=1) + heartbeat(1, error_code=2))
    assert (await stays).error_code == 2
    assert connection.alive
    assert len(wire.sent) == 2
    await asyncio.sleep(60)
    assert connection.alive


@stepped
async def test_silence_is_noticed_although_nobody_waits_any_more() -> None:
    connection, _ = wired()
    task = ask(connection, 30)
    await turns()
    task.cancel()
    await asyncio.sleep(31)
    assert isinstance(connection.poison, RequestTimedOutError)


# Holding back.


@stepped
async def test_a_throttled_connection_sends_nothing_meanwhile() -> None:
    connection, wire = wired()
    first = ask(connection)
    await turns()
    feed(connection, heartbeat(0, throttle_time_ms=5000))
    await first
    rest = [ask(connection, member=name) for name in "abc"]
    await asyncio.sleep(4.9)
    assert len(wire.sent) == 1
    assert connection.in_flight == 3
    await asyncio.sleep(0.2)
    assert [request.body.member_id for request in wire.requests()[1:]] == ["a", "b", "c"]
    feed(connection, b"".join(map(heartbeat, (1, 2, 3))))
    await asyncio.gather(*rest)


@stepped
async def test_a_longer_pause_replaces_a_shorter_one() -> None:
    connection, wire = wired()
    first, second = ask(connection), ask(connection)
    await turns()
    feed(connection, heartbeat(0, throttle_time_ms=1000))
    third = ask(connection)
    await asyncio.sleep(0.5)
    feed(connection, heartbeat(1, throttle_time_ms=10_000))
    await asyncio.sleep(9.9)
    assert len(wire.sent) == 2
    await asyncio.sleep(0.2)
    assert len(wire.sent) == 3
    feed(connection, heartbeat(2))
    await asyncio.gather(first, second, third)


@stepped
async def test_a_pause_that_outlasts_the_deadline_is_named_and_poisons_nothing() -> None:
    connection, wire = wired()
    first = ask(connection)
    await turns()
    feed(connection, heartbeat(0, throttle_time_ms=60_000))
    await first
    with pytest.raises(
        KafkaTimeoutError, match=r"Heartbeat was not sent .* a quota was exceeded, 50 s of it are left"
    ):
        await connection.request(HeartbeatRequest(), 4, 10)
    assert connection.alive
    assert len(wire.sent) == 1
    assert connection.in_flight == 0


@stepped
async def test_after_the_pause_the_broker_has_all_its_time() -> None:
    connection, _ = wired()
    first = ask(connection)
    await turns()
    feed(connection, heartbeat(0, throttle_time_ms=9000))
    await first
    second = ask(connection, 10)
    await asyncio.sleep(15)
    feed(connection, heartbeat(1))
    await second


@stepped
async def test_who_gives_up_during_the_pause_sends_nothing() -> None:
    connection, wire = wired()
    first = ask(connection)
    await turns()
    feed(connection, heartbeat(0, throttle_time_ms=5000))
    await first
    gone, stays = ask(connection, 30, "gone"), ask(connection, 30, "stays")
    await turns()
    gone.cancel()
    await asyncio.sleep(6)
    assert [request.body.member_id for request in wire.requests()[1:]] == ["stays"]
    feed(connection, heartbeat(wire.requests()[1].correlation_id))
    await stays
    await asyncio.sleep(60)
    assert connection.alive


@stepped
async def test_a_broker_that_does_not_read_holds_requests_back_in_order() -> None:
    connection, wire = wired()
    connection.pause_writing()
    tasks = [
        ask(connection, member="a"),
        asyncio.create_task(connection.send_oneway(HeartbeatRequest(), 4, 60)),
    ]
    await turns()
    assert not wire.sent
    assert not tasks[1].done()
    connection.resume_writing()
    late = ask(connection, member="b")
    await tasks[1]
    await turns()
    assert [request.body.member_id for request in wire.requests()] == ["a", "", "b"]
    feed(connection, heartbeat(0) + heartbeat(2))
    await asyncio.gather(tasks[0], late)


@stepped
async def test_a_broker_that_never_reads_poisons() -> None:
    connection, _ = wired()
    connection.pause_writing()
    with pytest.raises(RequestTimedOutError, match="did not take Heartbeat within 10 s"):
        await connection.request(HeartbeatRequest(), 4, 10)
    with pytest.raises(RequestTimedOutError):
        await connection.send_oneway(HeartbeatRequest(), 4, 10)


# The end.


async def test_closing_tells_who_waits_and_may_be_repeated() -> None:
    async with Peer() as peer:
        peer.always(HeartbeatRequest, None)
        connection = await connected(peer)
        task = ask(connection)
        await peer.until_sent(HeartbeatRequest)
        await asyncio.gather(connection.close(), connection.close())
        with pytest.raises(Cancelled, match="closed by this client"):
            await task
        await connection.close()


@stepped
async def test_closing_does_not_wait_for_a_broker_that_does_not_read() -> None:
    connection, wire = wired()
    wire.stuck = True
    began = asyncio.get_running_loop().time()
    await connection.close()
    assert wire.closed
    assert wire.aborted
    assert asyncio.get_running_loop().time() - began <= 2


async def test_closing_what_was_never_connected() -> None:
    connection = Connection("nowhere", client_id=None, max_frame=1000)
    assert repr(connection) == "<Connection to nowhere: new, 0 in flight>"
    assert not connection.connected
    await connection.close()
    assert not connection.alive


async def test_a_connection_given_up_before_it_is_made_is_aborted_when_it_is_made() -> None:
    connection, wire = Connection("node 1", client_id=None, max_frame=1000), Wire()
    wire.protocol = connection
    connection.break_off(KafkaConnectionError("not needed any more"))
    connection.connection_made(wire)
    assert wire.aborted


async def test_every_wait_is_ended_by_poison() -> None:
    """Also of those that were held back."""
    connection, _ = wired()
    connection.pause_writing()
    waits: list[Callable[[], Any]] = [
        lambda: connection.request(HeartbeatRequest(), 4, PATIENCE),
        lambda: connection.send_oneway(HeartbeatRequest(), 4, PATIENCE),
    ]
    tasks = [asyncio.create_task(wait()) for wait in waits]
    await turns()
    connection.break_off(KafkaConnectionError("broken"))
    for task in tasks:
        with pytest.raises(KafkaError, match="broken"):
            await task
