import threading
import time

import pytest

from kafkalite.broker import EmbeddedBroker, NodeView, SteppedClock, StoredRecord
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest
from kafkalite.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite.protocol.messages.metadata import MetadataRequest
from kafkalite.protocol.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

from .batches import batch
from .peer import Peer

VERSIONS = ApiVersionsRequest(client_software_name="peer", client_software_version="1")
BEAT = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")


def produce(value: bytes, **options) -> ProduceRequest:
    data = [PartitionProduceData(index=0, records=batch(value, **options))]
    return ProduceRequest(
        acks=-1, timeout_ms=1000, topic_data=[TopicProduceData(name="t", partition_data=data)]
    )


def values(broker: EmbeddedBroker) -> list[bytes | None]:
    return [record.value for record in broker.records("t")]


@pytest.fixture
def broker():
    with EmbeddedBroker(topics=["t"]) as running:
        yield running


# Start and stop.


def test_from_start_to_stop():
    broker = EmbeddedBroker(topics={"t": 3, "u": 1})
    assert repr(broker) == "<EmbeddedBroker, not running>"
    with pytest.raises(RuntimeError, match="start"):
        broker.bootstrap_servers  # noqa: B018
    with pytest.raises(RuntimeError, match="start"):
        broker.drop_connections(1)
    broker.create_topic("v")
    assert broker.start() is broker.start() is broker
    node = broker.nodes[0]
    assert node == NodeView(1, "127.0.0.1", node.port, True)
    assert broker.bootstrap_servers == f"127.0.0.1:{node.port}"
    assert broker.bootstrap_servers in repr(broker)
    assert len(broker.cluster_id) == 22
    assert broker.topics() == {"t": 3, "u": 1, "v": 1}
    broker.append("t", [b"1"])
    with Peer(broker) as peer:
        peer.ask(VERSIONS, 4)
        broker.stop()
        broker.stop()
        assert peer.is_hung_up_on()
    assert values(broker) == [b"1"]
    with pytest.raises(RuntimeError, match="stopped"):
        broker.start()
    assert not [thread for thread in threading.enumerate() if thread.name == "kafkalite-broker"]


async def test_async_with():
    async with EmbeddedBroker() as broker:
        assert ":" in broker.bootstrap_servers


def test_several_nodes_on_ports_of_their_own(unused_tcp_port_factory):
    with EmbeddedBroker(nodes=3) as broker:
        assert [node.id for node in broker.nodes] == [1, 2, 3]
        assert len({node.port for node in broker.nodes}) == 3
        assert broker.bootstrap_servers.count(",") == 2


def test_a_port_of_ones_choice(unused_tcp_port):
    with EmbeddedBroker(port=unused_tcp_port) as broker:
        assert broker.bootstrap_servers == f"127.0.0.1:{unused_tcp_port}"


def test_a_start_that_fails_leaves_nothing_behind(broker):
    taken = broker.nodes[0].port
    failed = EmbeddedBroker(nodes=2, port=taken)
    with pytest.raises(OSError, match=str(taken)):
        failed.start()
    assert len([thread for thread in threading.enumerate() if thread.name == "kafkalite-broker"]) == 1


def test_a_clock_can_be_used_again_after_its_broker():
    clock = SteppedClock()
    with EmbeddedBroker(clock=clock) as broker:
        assert broker.clock is clock
        with pytest.raises(RuntimeError, match="belongs to"):
            EmbeddedBroker(clock=clock).start()
    with EmbeddedBroker(clock=clock):
        clock.advance(1)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"nodes": 0}, ValueError, "at least one node"),
        ({"topics": "t"}, TypeError, r"\['t'\]"),
        ({"topics": ["a b"]}, ValueError, "'a b' cannot be created"),
        ({"topics": {"t": 0}}, ValueError, "partitions"),
        ({"config": {"num.partitons": 1}}, ValueError, "Did you mean num.partitions"),
    ],
)
def test_what_makes_no_sense(options, error, says):
    with pytest.raises(error, match=says):
        EmbeddedBroker(**options)


# Topics and records.


def test_topics(broker):
    broker.create_topic("u", 2, configs={"cleanup.policy": "compact"})
    broker.add_partitions("u", 4)
    assert broker.topics() == {"t": 1, "u": 4}
    broker.delete_topic("t")
    assert broker.topics() == {"u": 4}
    for call, says in (
        (lambda: broker.create_topic("u"), "already exists"),
        (lambda: broker.create_topic("v", replication_factor=2), "[Rr]eplication factor"),
        (lambda: broker.create_topic("v", configs={"x": "y"}), "x"),
        (lambda: broker.delete_topic("t"), "no topic 't'"),
        (lambda: broker.add_partitions("u", 4), "has 4 partitions"),
        (lambda: broker.records("t"), "has no topic 't'; it has u"),
        (lambda: broker.records("u", 4), "has 4 partitions, there is no 4"),
        (lambda: broker.append("u", [b"without a key"]), "without a key"),
        (lambda: broker.move_leader("u", 0, 2), "node 2"),
        (lambda: broker.stop_node(2), "no node 2"),
    ):
        with pytest.raises(ValueError, match=says):
            call()


def test_append_and_records():
    with EmbeddedBroker(topics=["t"], clock=SteppedClock(start=5.0)) as broker:
        broker.append("t", [b"1", (b"k", None)])
        broker.append("t", [])
        broker.append("t", iter([b"3"]))
        assert broker.records("t") == [
            StoredRecord(0, 5000, None, b"1"),
            StoredRecord(1, 5000, b"k", None),
            StoredRecord(2, 5000, None, b"3"),
        ]
        with pytest.raises(ValueError, match=r"max\.message\.bytes"):
            broker.append("t", [b"x" * 2_000_000])


def test_a_fetch_that_waits_sees_what_is_appended(broker):
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    request = FetchRequest(max_wait_ms=60_000, min_bytes=1, topics=[FetchTopic(topic="t", partitions=[part])])
    with Peer(broker) as peer, broker.on(FetchRequest) as watch:
        peer.send(request, 12)
        watch.wait(1)
        broker.append("t", [b"1"])
        assert peer.receive().responses[0].partitions[0].high_watermark == 1


# Trouble.


def test_a_node_stops_and_starts_on_its_old_port():
    with EmbeddedBroker(nodes=2) as broker:
        broker.create_topic("t", replication_factor=2)
        port = broker.nodes[0].port
        with Peer(broker) as peer, Peer(broker, 2) as other:
            peer.ask(VERSIONS, 4)
            broker.stop_node(1)
            broker.stop_node(1)
            assert peer.is_hung_up_on()
            assert broker.nodes[0] == NodeView(1, "127.0.0.1", port, False)
            assert str(port) not in broker.bootstrap_servers
            with pytest.raises(ConnectionRefusedError):
                Peer(broker)
            answer = other.ask(MetadataRequest(topics=None), 13)
            assert [node.node_id for node in answer.brokers] == [2]
            (partition,) = answer.topics[0].partitions
            assert (partition.leader_id, partition.leader_epoch) == (2, 1)
            assert (partition.isr_nodes, partition.offline_replicas) == ([2], [1])
            broker.start_node(1)
            broker.start_node(1)
            broker.move_leader("t", 0, 1)
            answer = other.ask(MetadataRequest(topics=None), 13)
            (partition,) = answer.topics[0].partitions
            assert (partition.leader_id, partition.leader_epoch, partition.isr_nodes) == (1, 2, [1, 2])
        with Peer(broker) as peer:
            assert peer.ask(VERSIONS, 4).api_keys


def test_dropped_connections():
    with EmbeddedBroker(nodes=2) as broker, Peer(broker, 1) as one, Peer(broker, 2) as two:
        for peer in (one, two):
            peer.ask(VERSIONS, 4)
        broker.drop_connections(1)
        assert one.is_hung_up_on()
        assert two.ask(VERSIONS, 4).api_keys
        broker.drop_connections()
        assert two.is_hung_up_on()


def test_groups(broker):
    assert broker.groups() == {}


# on()


def test_watching(broker):
    with Peer(broker) as peer, broker.on(ProduceRequest, when=lambda request: request.acks == -1) as watch:
        peer.ask(produce(b"1"), 9)
        watch.wait()
        assert watch.requests[0].topic_data[0].name == "t"
    assert values(broker) == [b"1"]


def test_an_error_instead(broker):
    with Peer(broker) as peer:
        broker.on(ProduceRequest, error=ErrorCode.NOT_LEADER_OR_FOLLOWER)
        refused = peer.ask(produce(b"1"), 9).responses[0].partition_responses[0]
        assert (refused.error_code, refused.base_offset) == (ErrorCode.NOT_LEADER_OR_FOLLOWER, -1)
        assert peer.ask(produce(b"2"), 9).responses[0].partition_responses[0].error_code == 0
    assert values(broker) == [b"2"]


def test_an_answer_instead(broker):
    with Peer(broker) as peer:
        broker.on(HeartbeatRequest, answer=HeartbeatResponse(error_code=99))
        broker.on(
            HeartbeatRequest, answer=lambda request: HeartbeatResponse(error_code=request.generation_id)
        )
        assert [peer.ask(BEAT, 4).error_code for _ in range(3)] == [99, 1, ErrorCode.UNKNOWN_MEMBER_ID]


def test_a_callback_may_use_the_broker(broker):
    def answer(request):
        broker.append("t", [b"from the callback"])
        with pytest.raises(RuntimeError, match="callback"):
            broker.drop_connections()
        return HeartbeatResponse()

    with Peer(broker) as peer:
        broker.on(HeartbeatRequest, answer=answer)
        assert peer.ask(BEAT, 4).error_code == 0
    assert values(broker) == [b"from the callback"]


def test_a_callback_that_fails_is_reported(broker, caplog):
    def answer(request):
        raise KeyError("the test's own")

    with Peer(broker) as peer:
        broker.on(HeartbeatRequest, answer=answer)
        peer.send(BEAT, 4)
        assert peer.is_hung_up_on()
    assert "the test's own" in caplog.text


def test_a_delay_goes_by_the_brokers_clock():
    clock = SteppedClock()
    with EmbeddedBroker(topics=["t"], clock=clock) as broker, Peer(broker) as peer:
        with broker.on(ProduceRequest, delay=30.0) as watch:
            peer.send(produce(b"1"), 9)
            watch.wait()
        clock.advance(29.9)
        assert values(broker) == []
        clock.advance(0.1)
        assert peer.receive().responses[0].partition_responses[0].error_code == 0
        assert values(broker) == [b"1"]


def test_dropped_requests_silence_their_connection(broker):
    with Peer(broker) as peer, broker.on(ProduceRequest, drop=True) as watch:
        peer.send(produce(b"1"), 9)
        watch.wait()
        peer.send(VERSIONS, 4)
        assert not peer.has_answer(within=0.05)
        with Peer(broker) as other:
            assert other.ask(produce(b"2"), 9).responses
    assert values(broker) == [b"2"]


@pytest.mark.parametrize(("when", "written"), [("before", []), ("after", [b"1"])])
def test_cut_connections(broker, when, written):
    with Peer(broker) as peer:
        broker.on(ProduceRequest, disconnect=when)
        peer.send(produce(b"1"), 9)
        assert peer.is_hung_up_on()
    assert values(broker) == written


def test_a_lost_answer_to_a_request_that_waits(broker):
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    request = FetchRequest(max_wait_ms=60_000, min_bytes=1, topics=[FetchTopic(topic="t", partitions=[part])])
    with Peer(broker) as peer:
        watch = broker.on(FetchRequest, disconnect="after")
        peer.send(request, 12)
        watch.wait()
        assert not peer.has_answer(within=0.05)
        broker.append("t", [b"1"])
        assert peer.is_hung_up_on()


def test_how_often(broker):
    with Peer(broker) as peer:
        twice = broker.on(HeartbeatRequest, error=5, times=2)
        assert [peer.ask(BEAT, 4).error_code for _ in range(3)] == [5, 5, 25]
        with broker.on(HeartbeatRequest, error=6, times=None):
            assert [peer.ask(BEAT, 4).error_code for _ in range(3)] == [6, 6, 6]
        assert peer.ask(BEAT, 4).error_code == 25
        assert twice.count == 2


def test_one_node_only():
    with EmbeddedBroker(nodes=2) as broker, Peer(broker, 1) as one, Peer(broker, 2) as two:
        broker.on(HeartbeatRequest, node=2, error=5)
        assert one.ask(BEAT, 4).error_code != 5
        assert two.ask(BEAT, 4).error_code == 5


def test_rules_that_make_no_sense(broker):
    with pytest.raises(TypeError, match="request class"):
        broker.on(HeartbeatResponse)
    with pytest.raises(TypeError, match="request class"):
        broker.on(produce(b""))
    with pytest.raises(ValueError, match="not all"):
        broker.on(HeartbeatRequest, error=5, drop=True)


def test_it_starts_and_stops_in_no_time():
    began = time.perf_counter()
    for _ in range(5):
        with EmbeddedBroker():
            pass
    assert time.perf_counter() - began < 5
