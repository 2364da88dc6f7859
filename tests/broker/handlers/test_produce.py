from typing import Any
from uuid import uuid4

import pytest

from kafkalite.broker import EmbeddedBroker
from kafkalite.protocol.codes import CompressionType, ErrorCode
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest
from kafkalite.protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    TopicProduceData,
)

from ..batches import batch, forged
from ..peer import Peer
from .asking import Asking


@pytest.fixture
def asking() -> Asking:
    made = Asking(nodes=2)
    made.cluster.create_topic("t", 2, 2)
    return made


def now(asking: Asking) -> int:
    return asking.clock.time_ms()


def request(data: Any, *, index: int = 0, acks: int = -1, **topic: Any) -> ProduceRequest:
    part = PartitionProduceData(index=index, records=data)
    return ProduceRequest(
        acks=acks,
        timeout_ms=1000,
        topic_data=[TopicProduceData(**(topic or {"name": "t"}), partition_data=[part])],
    )


def ask(
    asking: Asking, data: Any, version: int = 12, *, node: int = 1, **options: Any
) -> PartitionProduceResponse:
    (topic,) = asking.ask(request(data, **options), version, node=node).responses
    (partition,) = topic.partition_responses
    return partition


@pytest.mark.parametrize("version", range(3, 14))
def test_every_version(asking: Asking, version: int) -> None:
    topic = {"topic_id": asking.cluster.topics["t"].id} if version >= 13 else {"name": "t"}
    asking.cluster.partition("t", 0).log.delete_before(0)
    for base in (0, 2):
        answer = ask(asking, batch(b"1", b"2", at=now(asking)), version, **topic)
        assert (answer.index, answer.error_code, answer.base_offset) == (0, 0, base)
        assert (answer.log_append_time_ms, answer.error_message, answer.record_errors) == (-1, None, [])
        assert answer.log_start_offset == (0 if version >= 5 else -1)


def test_several_partitions_each_with_its_own_outcome(asking: Asking) -> None:
    parts = [
        PartitionProduceData(index=0, records=batch(b"1")),
        PartitionProduceData(index=7, records=batch(b"1")),
        PartitionProduceData(index=1, records=batch(b"1")),
    ]
    both = ProduceRequest(
        acks=1,
        timeout_ms=1,
        topic_data=[
            TopicProduceData(name="t", partition_data=parts),
            TopicProduceData(name="u", partition_data=parts[:1]),
        ],
    )
    first, second = asking.ask(both, 12).responses
    assert [(p.index, p.error_code) for p in first.partition_responses] == [
        (0, ErrorCode.NONE),
        (7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (1, ErrorCode.NOT_LEADER_OR_FOLLOWER),
    ]
    assert second.partition_responses[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_log_append_time(asking: Asking) -> None:
    asking.cluster.create_topic("stamped", configs={"message.timestamp.type": "LogAppendTime"})
    answer = ask(asking, batch(b"1", at=5), name="stamped")
    assert answer.log_append_time_ms == now(asking)


def test_idempotence(asking: Asking) -> None:
    def send(sequence: int, epoch: int = 0, *values: bytes) -> PartitionProduceResponse:
        data = batch(*values, producer_id=9, producer_epoch=epoch, base_sequence=sequence, at=now(asking))
        return ask(asking, data)

    assert send(0, 0, b"1", b"2").base_offset == 0
    assert send(2).base_offset == 2
    again = send(0, 0, b"1", b"2")
    assert (again.error_code, again.base_offset) == (0, 0)
    refused = send(9)
    assert (refused.error_code, refused.base_offset) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert refused.log_start_offset == 0
    assert send(0, 1).base_offset == 3
    assert send(3, 0).error_code == ErrorCode.INVALID_PRODUCER_EPOCH
    assert asking.cluster.partition("t", 0).log.end_offset == 4


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, ErrorCode.INVALID_RECORD),
        (b"", ErrorCode.INVALID_RECORD),
        (batch() + batch(), ErrorCode.INVALID_RECORD),
        (batch(base_offset=4), ErrorCode.INVALID_RECORD),
        (batch()[:-1] + b"\x02", ErrorCode.CORRUPT_MESSAGE),
        (batch(b"x" * 2_000_000), ErrorCode.MESSAGE_TOO_LARGE),
        (batch(at=1 << 50), ErrorCode.INVALID_TIMESTAMP),
        (batch(transactional=True), ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
    ],
)
def test_batches_that_are_refused(asking: Asking, data: bytes | None, code: ErrorCode) -> None:
    answer = ask(asking, data)
    assert (answer.error_code, answer.base_offset, answer.log_append_time_ms) == (code, -1, -1)
    assert asking.cluster.partition("t", 0).log.end_offset == 0


def test_what_is_wrong_with_the_request_says_nothing_of_the_log(asking: Asking) -> None:
    assert ask(asking, batch() + batch()).log_start_offset == -1
    assert ask(asking, batch(base_offset=4)).log_start_offset == 0
    broken = ask(asking, forged(batch(), magic=3))
    assert (broken.log_start_offset, broken.record_errors) == (-1, [])
    assert "format 3" in (broken.error_message or "")


def test_a_transaction_that_nobody_opened(asking: Asking) -> None:
    asked = request(batch(producer_id=1, producer_epoch=0, base_sequence=0, transactional=True))
    asked.transactional_id = "t"
    answer = asking.ask(asked, 11).responses[0].partition_responses[0]
    assert answer.error_code == ErrorCode.INVALID_TXN_STATE


def test_refused_records_are_listed(asking: Asking) -> None:
    asking.cluster.create_topic("compacted", configs={"cleanup.policy": "compact"})
    answer = ask(asking, batch(b"1", b"2", key=None), name="compacted")
    assert answer.error_code == ErrorCode.INVALID_RECORD
    assert [error.batch_index for error in answer.record_errors] == [0, 1]
    assert "compacted" in (answer.error_message or "")
    old = ask(asking, batch(b"1", key=None), 7, name="compacted")
    assert (old.error_code, old.record_errors) == (ErrorCode.INVALID_RECORD, [])


def test_zstd_came_with_version_7(asking: Asking) -> None:
    data = batch(codec=CompressionType.ZSTD)
    assert ask(asking, data, 6).error_code == ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
    assert ask(asking, data, 7).error_code == ErrorCode.NONE


def test_the_leader_is_named_to_those_who_look_for_it(asking: Asking) -> None:
    asking.cluster.move_leader("t", 0, 2)
    for version in (9, 10, 12):
        response = asking.ask(request(batch()), version)
        (partition,) = response.responses[0].partition_responses
        assert partition.error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
        leader = (partition.current_leader.leader_id, partition.current_leader.leader_epoch)
        nodes = [(node.node_id, node.host, node.port) for node in response.node_endpoints]
        assert leader == ((2, 1) if version >= 10 else (-1, -1))
        assert nodes == ([(2, "127.0.0.1", 9093)] if version >= 10 else [])
    asking.cluster.create_topic("lost", assignments=[[2]])
    asking.cluster.node_stopped(2)
    response = asking.ask(request(batch(), name="lost"), 12)
    (partition,) = response.responses[0].partition_responses
    assert (partition.current_leader.leader_id, partition.current_leader.leader_epoch) == (-1, 1)
    assert response.node_endpoints == []


def test_acks(asking: Asking) -> None:
    for acks in (2, -2, 5):
        assert ask(asking, batch(), acks=acks).error_code == ErrorCode.INVALID_REQUIRED_ACKS
    asking.cluster.create_topic("safe", 1, 2, configs={"min.insync.replicas": "2"})
    assert ask(asking, batch(), name="safe").error_code == 0
    asking.cluster.node_stopped(2)
    assert ask(asking, batch(), name="safe").error_code == ErrorCode.NOT_ENOUGH_REPLICAS
    assert ask(asking, batch(), name="safe", acks=1).error_code == 0
    asking.cluster.create_topic("small", 1, 1, configs={"min.insync.replicas": "2"})
    assert (
        ask(asking, batch(), name="small").error_code == 0
    )  # two of one cannot be had, and are not asked for


def test_internal_topics_are_not_for_clients(asking: Asking) -> None:
    asking.coordinator("g")
    index = next(p.index for p in asking.cluster.topics["__consumer_offsets"].partitions if p.leader == 1)
    answer = ask(asking, batch(), name="__consumer_offsets", index=index)
    assert answer.error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


def test_unknown_ids(asking: Asking) -> None:
    answer = ask(asking, batch(), 13, topic_id=uuid4())
    assert answer.error_code == ErrorCode.UNKNOWN_TOPIC_ID
    known = {"topic_id": asking.cluster.topics["t"].id}
    assert ask(asking, batch(), 13, index=5, **known).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_without_acks_there_is_no_answer_and_an_error_ends_the_connection() -> None:
    versions = ApiVersionsRequest(client_software_name="peer", client_software_version="1")
    with EmbeddedBroker(topics=["t"]) as broker, Peer(broker) as peer:
        peer.send(request(batch(b"1"), acks=0), 9, answered=False)
        assert peer.ask(versions, 4).api_keys
        assert [record.value for record in broker.records("t")] == [b"1"]
        peer.send(request(batch(b"1"), acks=0, index=7), 9, answered=False)
        assert peer.is_hung_up_on()
