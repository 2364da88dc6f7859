from random import Random
from uuid import uuid4

import pytest

from kafkalite.broker.fetch_session import FetchSession, FetchSessions, Wanted
from kafkalite.broker.refusal import Refusal
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.fetch import (
    EpochEndOffset,
    FetchPartition,
    FetchRequest,
    FetchTopic,
    ForgottenTopic,
    PartitionData,
)


def request(
    *partitions: int, id: int = 0, epoch: int = 0, offset: int = 0, forget: list[int] = ()
) -> FetchRequest:
    parts = [FetchPartition(partition=index, fetch_offset=offset) for index in partitions]
    return FetchRequest(
        session_id=id,
        session_epoch=epoch,
        topics=[FetchTopic(topic="t", partitions=parts)],
        forgotten_topics_data=[ForgottenTopic(topic="t", partitions=list(forget))],
    )


def sessions(slots: int = 10) -> FetchSessions:
    return FetchSessions(slots, Random(0))


def indexes(session: FetchSession) -> list[int]:
    return [index for _, index in session.partitions]


def data(index: int, records: bytes = b"", high: int = 0, start: int = 0, error: int = 0) -> PartitionData:
    return PartitionData(
        partition_index=index, records=records, high_watermark=high, log_start_offset=start, error_code=error
    )


def shown(session: FetchSession, *datas: PartitionData) -> list[int]:
    listed = [(session.partitions["t", one.partition_index], one) for one in datas]
    return [one.partition_index for _, one in session.answered(listed)]


def test_no_session() -> None:
    cache = sessions()
    session = cache.open(request(0, 1, epoch=-1), 12, 0.0)
    assert (session.id, indexes(session), len(cache)) == (0, [0, 1], 0)


def test_a_session_is_told_changes_only() -> None:
    cache = sessions()
    first = cache.open(request(0, 1, 2), 12, 0.0)
    assert first.id > 0
    assert shown(first, data(0), data(1), data(2)) == [0, 1, 2]
    again = cache.open(request(3, 1, id=first.id, epoch=1, offset=9, forget=[0]), 12, 1.0)
    assert again is first
    assert indexes(again) == [1, 2, 3]
    assert again.partitions["t", 1].part.fetch_offset == 9
    assert cache.open(request(id=first.id, epoch=2), 12, 2.0) is first


def test_an_incremental_answer_lists_what_is_new() -> None:
    cache = sessions()
    session = cache.open(request(0, 1, 2, 3), 12, 0.0)
    shown(session, *(data(index) for index in range(4)))
    cache.open(request(id=session.id, epoch=1), 12, 0.0)
    assert shown(session, data(0), data(1, high=5), data(2, start=1), data(3, b"x")) == [1, 2, 3]
    assert shown(session, data(0), data(1, high=5), data(2, start=1)) == []
    assert shown(session, data(0, error=3)) == [0]
    assert shown(session, data(0, error=3)) == [0]
    assert shown(session, data(0)) == [0]
    assert shown(session, data(0)) == []
    gone = data(0)
    gone.diverging_epoch = EpochEndOffset(epoch=1, end_offset=2)
    assert shown(session, gone) == [0]


def test_who_gave_records_goes_to_the_end() -> None:
    session = sessions().open(request(0, 1, 2), 12, 0.0)
    shown(session, data(0, b"x"), data(1), data(2))
    assert indexes(session) == [1, 2, 0]


def refused(cache: FetchSessions, asked: FetchRequest, version: int = 12) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        cache.open(asked, version, 0.0)
    return caught.value.code


def test_wrong_epochs_and_ids() -> None:
    cache = sessions()
    session = cache.open(request(0), 12, 0.0)
    assert refused(cache, request(id=session.id, epoch=2)) == ErrorCode.INVALID_FETCH_SESSION_EPOCH
    assert refused(cache, request(id=session.id + 1, epoch=1)) == ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    assert refused(cache, request(id=session.id, epoch=1), 13) == ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
    assert cache.open(request(id=session.id, epoch=1), 12, 0.0) is session
    assert refused(cache, request(id=session.id, epoch=1)) == ErrorCode.INVALID_FETCH_SESSION_EPOCH


def test_epochs_go_round_without_zero() -> None:
    cache = sessions()
    session = cache.open(request(0), 12, 0.0)
    session.epoch = 2**31 - 1
    cache.open(request(id=session.id, epoch=2**31 - 1), 12, 0.0)
    assert session.epoch == 1


def test_closing() -> None:
    cache = sessions()
    session = cache.open(request(0), 12, 0.0)
    other = cache.open(request(1, id=session.id), 12, 0.0)
    assert other.id not in (0, session.id)
    assert len(cache) == 1
    assert cache.open(request(1, id=other.id, epoch=-1), 12, 0.0).id == 0
    assert len(cache) == 0


def test_a_session_without_partitions_is_over() -> None:
    cache = sessions()
    session = cache.open(request(0), 12, 0.0)
    assert cache.open(request(id=session.id, epoch=1, forget=[0]), 12, 0.0).id == 0
    assert len(cache) == 0


def test_a_full_cache_gives_up_only_what_is_idle() -> None:
    cache = sessions(1)
    first = cache.open(request(0), 12, 0.0)
    assert cache.open(request(0), 12, 120.0).id == 0
    assert cache.open(request(0), 12, 120.1).id not in (0, first.id)
    assert refused(cache, request(id=first.id, epoch=1)) == ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    assert sessions(0).open(request(0), 12, 0.0).id == 0


def test_topics_by_id() -> None:
    topic_id = uuid4()
    asked = FetchRequest(
        session_epoch=0, topics=[FetchTopic(topic_id=topic_id, partitions=[FetchPartition(partition=4)])]
    )
    session = sessions().open(asked, 13, 0.0)
    assert session.by_id
    assert list(session.partitions) == [(topic_id, 4)]
    session.update(
        FetchRequest(topics=[], forgotten_topics_data=[ForgottenTopic(topic_id=topic_id, partitions=[4])])
    )
    assert session.partitions == {}


def test_a_plain_fetch_hears_everything() -> None:
    wanted = Wanted("t", FetchPartition(partition=0))
    session = FetchSession(0, by_id=False, now=0.0)
    one = data(0, high=1)
    assert session.answered([(wanted, one)]) == session.answered([(wanted, one)]) == [(wanted, one)]
