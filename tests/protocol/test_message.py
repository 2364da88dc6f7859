from __future__ import annotations

import pickle

import pytest

from kafkalite.protocol.errors import DecodeError, EncodeError, TruncatedError
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.message import Request, Response, Struct, response_of
from kafkalite.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite.protocol.messages.init_producer_id import InitProducerIdRequest
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataResponse
from kafkalite.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from kafkalite.protocol.messages.sasl_authenticate import SaslAuthenticateRequest


def test_fields_are_given_by_keyword_and_have_defaults() -> None:
    request = ProduceRequest(acks=-1)
    assert (request.acks, request.timeout_ms, request.transactional_id) == (-1, 0, None)
    assert request.topic_data == []
    assert request.topic_data is not ProduceRequest().topic_data
    with pytest.raises(TypeError):
        ProduceRequest(acknowledgements=1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        request.akcs = 1  # type: ignore[attr-defined]


def test_equality_compares_type_and_fields() -> None:
    assert FetchTopic(topic="a") == FetchTopic(topic="a")
    assert FetchTopic(topic="a") != FetchTopic(topic="b")
    assert FetchTopic() != FetchPartition()
    with pytest.raises(TypeError):
        hash(FetchTopic())


def test_repr_shows_what_differs_from_the_default_and_never_a_secret() -> None:
    assert repr(FetchTopic(topic="orders")) == "FetchTopic(topic='orders')"
    assert repr(FetchTopic()) == "FetchTopic()"
    assert "hunter2" not in repr(SaslAuthenticateRequest(auth_bytes=b"hunter2"))


def test_messages_can_be_pickled() -> None:
    request = ProduceRequest(topic_data=[TopicProduceData(name="t")])
    assert pickle.loads(pickle.dumps(request)) == request


def test_versions_and_flexibility() -> None:
    assert (ProduceRequest.min_version, ProduceRequest.max_version) == (3, 13)
    assert not ProduceRequest.is_flexible(8)
    assert ProduceRequest.is_flexible(9)
    assert not ProduceRequest.latest_unstable
    assert InitProducerIdRequest.latest_unstable
    with pytest.raises(EncodeError, match="no version 2; it knows 3 to 13"):
        ProduceRequest().encode(2)
    with pytest.raises(EncodeError, match="no version 14"):
        ProduceRequest.decode(b"", 14)


def test_a_request_knows_its_response() -> None:
    assert response_of(ProduceRequest) is ProduceResponse
    assert MetadataRequest.response_type is MetadataResponse
    assert issubclass(ProduceRequest, Request)
    assert issubclass(ProduceResponse, Response)
    assert issubclass(TopicProduceData, Struct)


def test_a_value_that_the_version_lacks_is_dropped_if_ignorable() -> None:
    request = FetchRequest(session_id=3, topics=[FetchTopic(topic="t", topic_id=ZERO_UUID)])
    assert FetchRequest.decode(request.encode(13), 13).topics[0].topic == ""
    assert FetchRequest.decode(request.encode(6), 6).session_id == 0


def test_a_value_that_the_version_lacks_is_refused_otherwise() -> None:
    request = MetadataRequest(allow_auto_topic_creation=False)
    with pytest.raises(EncodeError, match=r"allow_auto_topic_creation is set, but version 3 cannot carry it"):
        request.encode(3)
    assert MetadataRequest.decode(request.encode(4), 4) == request


def test_none_is_refused_where_kafka_has_no_null() -> None:
    with pytest.raises(EncodeError, match=r"TopicProduceData.name is None, which version 9 does not allow"):
        ProduceRequest(topic_data=[TopicProduceData(name=None)]).encode(9)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (ProduceRequest(acks=40_000), r"ProduceRequest.acks = 40000 does not fit int16"),
        (ProduceRequest(timeout_ms="soon"), r"ProduceRequest.timeout_ms = 'soon' does not fit int32"),  # type: ignore[arg-type]
        (
            ProduceRequest(topic_data=[TopicProduceData(name=7)]),
            r"TopicProduceData.name = 7 does not fit string",
        ),  # type: ignore[arg-type]
        (
            ProduceRequest(
                topic_data=[TopicProduceData(partition_data=[PartitionProduceData(index=1 << 40)])]
            ),
            r"PartitionProduceData.index = 1099511627776 does not fit int32",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_named(request_: ProduceRequest, complaint: str) -> None:
    with pytest.raises(EncodeError, match=complaint):
        request_.encode(9)


def test_bytes_left_over_are_an_error() -> None:
    raw = MetadataRequest(topics=None).encode(12)
    with pytest.raises(DecodeError, match="ends at byte"):
        MetadataRequest.decode(raw + b"\0", 12)


def test_every_cut_of_a_message_is_truncated() -> None:
    request = ProduceRequest(
        transactional_id="t",
        topic_data=[
            TopicProduceData(name="n", partition_data=[PartitionProduceData(index=1, records=b"xyz")])
        ],
    )
    for version in (8, 12):
        raw = request.encode(version)
        for size in range(len(raw)):
            with pytest.raises(TruncatedError):
                ProduceRequest.decode(raw[:size], version)


def test_records_are_read_as_a_view_of_the_buffer() -> None:
    data = PartitionProduceData(index=1, records=bytearray(b"abc"))
    raw = bytearray(ProduceRequest(topic_data=[TopicProduceData(name="n", partition_data=[data])]).encode(9))
    records = ProduceRequest.decode(raw, 9).topic_data[0].partition_data[0].records
    assert isinstance(records, memoryview)
    assert records.obj is raw
    assert records == b"abc"
