import asyncio
import threading

import pytest

from kafkalite.broker import EmbeddedBroker, SteppedClock
from kafkalite.broker.handlers import HANDLERS
from kafkalite.protocol import framing
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.init_producer_id import InitProducerIdRequest
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite.protocol.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

from .batches import batch
from .peer import Peer

VERSIONS = ApiVersionsRequest(client_software_name="peer", client_software_version="1")


def waiting_fetch(max_wait_ms: int = 60_000) -> FetchRequest:
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    return FetchRequest(
        max_wait_ms=max_wait_ms, min_bytes=1, topics=[FetchTopic(topic="t", partitions=[part])]
    )


def produce(value: bytes = b"v", acks: int = 1, partition: int = 0) -> ProduceRequest:
    data = [PartitionProduceData(index=partition, records=batch(value))]
    return ProduceRequest(
        acks=acks, timeout_ms=1000, topic_data=[TopicProduceData(name="t", partition_data=data)]
    )


@pytest.fixture
def broker():
    with EmbeddedBroker(topics=["t"]) as running:
        yield running


@pytest.fixture
def peer(broker):
    with Peer(broker) as connected:
        yield connected


def test_pipelined_requests_are_answered_in_order(broker, peer):
    for _ in range(3):
        peer.send(VERSIONS, 4)
        peer.send(MetadataRequest(topics=None), 13)
    for _ in range(3):
        assert peer.receive().api_keys
        assert peer.receive().brokers


def test_a_request_that_waits_holds_up_its_own_connection_only(broker, peer):
    peer.send(waiting_fetch(), 12)
    for _ in range(100):
        peer.send(VERSIONS, 4)
    with Peer(broker) as other:
        assert other.ask(VERSIONS, 4).api_keys
        assert not peer.has_answer(within=0.05)
        other.ask(produce(), 9)
    assert peer.receive().responses[0].partitions[0].records
    for _ in range(100):
        assert peer.receive().api_keys


def test_a_large_request_arrives_in_pieces(broker, peer):
    frame = framing.encode_request(produce(b"x" * 300_000), 9, 1, "peer")
    for start in range(0, len(frame), 50_000):
        peer.write(frame[start : start + 50_000])
    peer.read_frame()
    assert [len(record.value) for record in broker.records("t")] == [300_000]
    for byte in framing.encode_request(VERSIONS, 4, 2, "peer"):
        peer.write(bytes([byte]))
    assert peer.read_frame()[:4] == b"\0\0\0\2"


def test_many_small_requests_in_one_write(broker, peer):
    frames = b"".join(framing.encode_request(produce(b"%d" % n), 9, n, "peer") for n in range(2000))
    reader = threading.Thread(target=lambda: [peer.read_frame() for _ in range(2000)])
    reader.start()
    peer.write(frames)
    reader.join(30)
    assert [int(record.value) for record in broker.records("t")] == list(range(2000))


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\3\0\0\0",
        b"\0\0\0\x0a\0\x03\0\x0c\0\0\0\1\xff\xff",
        b"\0\0\0\x0a\0\x34\0\0\0\0\0\1\xff\xff",
    ],
    ids=["zero", "negative", "huge", "http", "tls", "short", "cut off", "unknown api"],
)
def test_nonsense_ends_the_connection(broker, peer, data):
    peer.write(data)
    assert peer.is_hung_up_on()
    with Peer(broker) as other:
        assert other.ask(VERSIONS, 4).api_keys


def test_an_unknown_version_ends_the_connection(broker, peer):
    frame = bytearray(framing.encode_request(MetadataRequest(topics=None), 13, 1, None))
    frame[6:8] = b"\0\x0e"
    peer.write(bytes(frame))
    assert peer.is_hung_up_on()


def test_a_version_that_is_unstable_is_unknown(broker, peer):
    peer.send(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1), 6)
    assert peer.is_hung_up_on()


def test_something_left_over_ends_the_connection(broker, peer):
    frame = framing.encode_request(MetadataRequest(topics=None), 13, 1, None) + b"\0"
    peer.write((len(frame) - 4).to_bytes(4, "big") + frame[4:])
    assert peer.is_hung_up_on()


def test_an_unknown_version_of_api_versions_is_answered_in_version_0(broker, peer):
    frame = bytearray(framing.encode_request(VERSIONS, 4, 7, "peer"))
    frame[6:8] = b"\0\x63"
    peer.write(bytes(frame))
    answer = peer.read_frame()
    decoded = ApiVersionsResponse.decode(answer[4:], 0)
    assert answer[:4] == b"\0\0\0\7"
    assert decoded.error_code == ErrorCode.UNSUPPORTED_VERSION
    assert [(api.api_key, api.min_version, api.max_version) for api in decoded.api_keys] == [(18, 0, 4)]
    assert peer.ask(VERSIONS, 4).error_code == 0


def test_the_largest_request_is_a_setting():
    with (
        EmbeddedBroker(topics=["t"], config={"socket.request.max.bytes": 1000}) as broker,
        Peer(broker) as peer,
    ):
        assert peer.ask(produce(b"x" * 500), 9).responses[0].partition_responses[0].error_code == 0
        peer.send(produce(b"x" * 1000), 9)
        assert peer.is_hung_up_on()


def test_idle_connections_are_closed():
    clock = SteppedClock()
    config = {"connections.max.idle.ms": 10_000}
    with (
        EmbeddedBroker(topics=["t"], clock=clock, config=config) as broker,
        Peer(broker) as idle,
        Peer(broker) as waits,
        Peer(broker) as busy,
    ):
        for peer in (idle, busy):
            peer.ask(VERSIONS, 4)
        with broker.on(FetchRequest) as watch:
            waits.send(waiting_fetch(), 12)
            watch.wait()
        clock.advance(6)
        busy.ask(MetadataRequest(topics=None), 13)
        clock.advance(6)
        assert idle.is_hung_up_on()
        assert busy.ask(VERSIONS, 4).api_keys
        clock.advance(50)
        assert waits.receive().error_code == 0


def test_a_client_that_does_not_read_is_not_served_further(broker, peer):
    broker.append("t", [b"x" * 1_000_000])
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=2_000_000)
    request = FetchRequest(max_wait_ms=0, topics=[FetchTopic(topic="t", partitions=[part])])
    watch = broker.on(FetchRequest)
    for _ in range(60):
        peer.send(request, 12)
    with Peer(broker) as other:
        other.ask(VERSIONS, 4)
    assert watch.count < 60
    for _ in range(60):
        assert len(peer.receive().responses[0].partitions[0].records) > 1_000_000
    assert watch.count == 60


# What a handler raises.


def test_a_handler_that_fails_is_answered_and_reported(broker, peer, caplog, monkeypatch):
    def fail(call):
        raise KeyError("a bug")

    async def fail_later(call):
        await asyncio.sleep(0)
        raise KeyError("a bug")

    for function in (fail, fail_later):
        handler = HANDLERS[HeartbeatRequest.api_key]._replace(function=function)
        monkeypatch.setitem(HANDLERS, HeartbeatRequest.api_key, handler)
        answer = peer.ask(HeartbeatRequest(group_id="g"), 4)
        assert answer.error_code == ErrorCode.UNKNOWN_SERVER_ERROR
    assert len([record for record in caplog.records if "failed to answer" in record.message]) == 2


def test_an_answer_that_cannot_be_written_ends_the_connection(broker, peer, caplog, monkeypatch):
    broken = ApiVersionsResponse(error_code=10**6)
    handler = HANDLERS[HeartbeatRequest.api_key]._replace(function=lambda call: broken)
    monkeypatch.setitem(HANDLERS, HeartbeatRequest.api_key, handler)
    peer.send(HeartbeatRequest(group_id="g"), 4)
    assert peer.is_hung_up_on()
    assert "cannot write its answer" in caplog.text


def test_the_port_is_named_when_it_is_taken(broker):
    port = broker.nodes[0].port
    with pytest.raises(OSError, match=f"port {port}.*running there already"), EmbeddedBroker(port=port):
        pass


def test_auto_created_topics_survive_their_connection(broker, peer):
    unknown = peer.ask(MetadataRequest(topics=[MetadataRequestTopic(name="new")]), 13).topics[0]
    assert unknown.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    peer.close()
    assert broker.topics() == {"t": 1, "new": 1}
