from uuid import UUID

import pytest

from kafkalite.consumer.fetch_session import LAST_BY_NAME, FetchSession, Wanted
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.fetch import FetchableTopicResponse, FetchResponse, PartitionData
from kafkalite.types import TopicPartition

A0, A1, B0 = TopicPartition("a", 0), TopicPartition("a", 1), TopicPartition("b", 0)
IDS = {"a": UUID(int=1), "b": UUID(int=2)}


def want(tp, offset=0, epoch=1, topic_id=None):
    return Wanted(offset, epoch, IDS[tp.topic] if topic_id is None else topic_id)


def wanted(*tps, offset=0):
    return {tp: want(tp, offset) for tp in tps}


def answer(*tps, session=7, error=0, records=b"", code=0, by_name=False):
    return FetchResponse(
        session_id=session,
        error_code=error,
        responses=[
            FetchableTopicResponse(
                topic=tp.topic if by_name else "",
                topic_id=ZERO_UUID if by_name else IDS[tp.topic],
                partitions=[PartitionData(partition_index=tp.partition, records=records, error_code=code)],
            )
            for tp in tps
        ],
    )


def asked(request):
    return [(topic.topic, p.partition, p.fetch_offset) for topic in request.topics for p in topic.partitions]


def head(request):
    return request.session_id, request.session_epoch


@pytest.fixture
def opened():
    session = FetchSession()
    session.next_request(wanted(A0, A1, B0), 100)
    session.on_response(answer(A0, A1, B0))
    return session


def test_the_first_request_asks_for_everything_and_a_session():
    session = FetchSession()
    request = session.next_request(wanted(A0, A1, B0), 100)
    assert head(request) == (0, 0)
    assert asked(request) == [("a", 0, 0), ("a", 1, 0), ("b", 0, 0)]
    assert [topic.topic_id for topic in request.topics] == [IDS["a"], IDS["b"]]
    assert request.topics[0].partitions[0].partition_max_bytes == 100
    assert request.topics[0].partitions[0].current_leader_epoch == 1
    assert not session.is_open


def test_later_requests_say_only_what_changed(opened):
    assert opened.is_open
    request = opened.next_request({A0: want(A0, 5), A1: want(A1), B0: want(B0)}, 100)
    assert head(request) == (7, 1)
    assert asked(request) == [("a", 0, 5)]
    assert request.forgotten_topics_data == []
    opened.on_response(answer())
    request = opened.next_request({A0: want(A0, 5), B0: want(B0)}, 100)
    assert head(request) == (7, 2)
    assert asked(request) == []
    assert [(t.topic, t.topic_id, t.partitions) for t in request.forgotten_topics_data] == [
        ("a", IDS["a"], [1])
    ]
    opened.on_response(answer())
    assert asked(opened.next_request(wanted(A0, A1, B0, offset=5), 100)) == [("a", 1, 5), ("b", 0, 5)]


def test_a_new_topic_id_is_forgotten_and_asked_for_again(opened):
    new = UUID(int=9)
    request = opened.next_request({A0: want(A0, topic_id=new), A1: want(A1), B0: want(B0)}, 100)
    assert [(t.topic_id, t.partitions) for t in request.forgotten_topics_data] == [(IDS["a"], [0])]
    assert [t.topic_id for t in request.topics] == [new]


def test_partitions_are_given_by_name_whichever_version_came():
    session = FetchSession()
    session.next_request(wanted(A0, B0), 100)
    assert [tp for tp, _ in session.on_response(answer(A0, B0))] == [A0, B0]
    session = FetchSession()
    session.next_request(wanted(A0, B0), 100)
    assert [tp for tp, _ in session.on_response(answer(A0, B0, by_name=True))] == [A0, B0]


def test_a_topic_without_id_caps_the_version():
    session = FetchSession()
    session.next_request(wanted(A0), 100)
    assert session.max_version is None
    session.on_response(answer(A0))
    request = session.next_request({A0: want(A0), B0: want(B0, topic_id=ZERO_UUID)}, 100)
    assert session.max_version == LAST_BY_NAME
    # The session was built with ids: it is closed and opened again.
    assert head(request) == (7, 0)
    assert asked(request) == [("a", 0, 0), ("b", 0, 0)]


def test_a_broker_without_room_for_a_session():
    session = FetchSession()
    for _ in range(2):
        request = session.next_request(wanted(A0), 100)
        assert head(request) == (0, 0)
        assert asked(request) == [("a", 0, 0)]
        session.on_response(answer(A0, session=0))
    assert not session.is_open


def test_sessions_can_be_switched_off():
    session = FetchSession(incremental=False)
    for _ in range(2):
        request = session.next_request(wanted(A0), 100)
        assert head(request) == (0, -1)
        assert asked(request) == [("a", 0, 0)]
        assert [tp for tp, _ in session.on_response(answer(A0, session=0))] == [A0]


def test_a_lost_answer_starts_the_session_anew(opened):
    opened.next_request(wanted(A0), 100)
    opened.on_lost()
    request = opened.next_request(wanted(A0), 100)
    assert head(request) == (7, 0)
    assert asked(request) == [("a", 0, 0)]


@pytest.mark.parametrize(("error", "then"), [(70, (0, 0)), (71, (7, 0)), (106, (7, 0)), (-1, (7, 0))])
def test_a_refused_request(opened, error, then):
    opened.next_request(wanted(A0), 100)
    assert opened.on_response(answer(A0, session=0, error=error)) == []
    assert head(opened.next_request(wanted(A0), 100)) == then


def test_a_partition_that_nobody_asked_for_ends_the_session(opened):
    opened.next_request(wanted(A0), 100)
    assert opened.on_response(answer(B0)) == []
    assert head(opened.next_request(wanted(A0), 100)) == (7, 0)


def test_a_full_answer_with_strangers():
    session = FetchSession()
    session.next_request(wanted(A0), 100)
    assert [tp for tp, _ in session.on_response(answer(A0, B0))] == [A0]
    assert head(session.next_request(wanted(A0), 100)) == (7, 0)


def test_a_full_answer_without_partitions_was_throttled():
    session = FetchSession()
    session.next_request(wanted(A0), 100)
    session.on_response(answer())
    assert head(session.next_request(wanted(A0), 100)) == (0, 0)


def test_a_session_that_the_broker_closed(opened):
    opened.next_request(wanted(A0), 100)
    opened.on_response(answer(session=0))
    assert head(opened.next_request(wanted(A0), 100)) == (0, 0)


def test_epochs_wrap_around(opened):
    opened._epoch = 2**31 - 1
    opened.next_request(wanted(A0), 100)
    opened.on_response(answer())
    assert head(opened.next_request(wanted(A0), 100)) == (7, 1)


@pytest.mark.parametrize("news", [{"records": b"x"}, {"code": 3}])
def test_whoever_got_something_comes_last_next_time(news):
    session = FetchSession(incremental=False)
    session.next_request(wanted(A0, A1, B0), 100)
    session.on_response(answer(A0, session=0, **news))
    assert asked(session.next_request(wanted(A0, A1, B0), 100)) == [("a", 1, 0), ("b", 0, 0), ("a", 0, 0)]


def test_closing(opened):
    request = opened.closing_request()
    assert head(request) == (7, -1)
    assert request.topics == []
    assert not opened.is_open
    assert repr(opened) == "<FetchSession 0, epoch 0, 0 partitions>"
