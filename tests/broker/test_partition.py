import pytest

from kafkalite.broker.config import BrokerConfig, TopicSettings
from kafkalite.broker.fetch_session import FetchSessions
from kafkalite.broker.node import Node
from kafkalite.broker.partition import NO_LEADER, Appended, Partition
from kafkalite.broker.produce_checks import check_records
from kafkalite.broker.refusal import Refusal
from kafkalite.protocol.codes import CompressionType, ErrorCode, TimestampType

from .batches import NOW, batch, forged

CONFIG = BrokerConfig()


def partition() -> Partition:
    made = Partition("t", 0, [1, 2])
    made.lead(1)
    return made


def node(node_id: int) -> Node:
    return Node(node_id, "127.0.0.1", 1, FetchSessions(10, None))


def append(to: Partition, data: bytes, now: int = NOW, **values: str) -> Appended:
    settings = TopicSettings(CONFIG, {name.replace("_", "."): value for name, value in values.items()})
    return to.append(check_records(memoryview(data), settings, now), settings, CONFIG, now)


def stored(of: Partition):
    return [entry.read() for entry in of.log.batches_from(0)]


def test_a_batch_gets_its_place_and_epoch() -> None:
    made = partition()
    made.lead(2)
    assert append(made, batch(b"1", b"2")).base_offset == 0
    written = append(made, batch(b"3"))
    assert (written.base_offset, written.log_append_time) == (2, -1)
    first, second = stored(made)
    assert (first.base_offset, first.last_offset, first.leader_epoch) == (0, 1, 1)
    assert (second.base_offset, second.columns().values) == (2, [b"3"])
    second.check_crc()


def test_log_append_time_stamps() -> None:
    made = partition()
    written = append(made, batch(b"1", at=5), message_timestamp_type="LogAppendTime")
    assert written.log_append_time == NOW
    (only,) = stored(made)
    only.check_crc()
    assert (only.timestamp_type, only.max_timestamp) == (TimestampType.LOG_APPEND_TIME, NOW)
    assert only.columns().timestamps == [NOW]
    assert made.log.find_time(NOW).offset == 0


def test_a_stamp_that_is_not_the_brokers_is_taken_off() -> None:
    made = partition()
    append(made, batch(b"1", at=5, log_append_time=NOW))
    (only,) = stored(made)
    only.check_crc()
    assert (only.timestamp_type, only.max_timestamp) == (TimestampType.CREATE_TIME, NOW)
    assert only.columns().timestamps == [5]


def test_a_wrong_highest_time_is_put_right() -> None:
    made = partition()
    append(made, forged(batch(b"1"), max_timestamp=NOW + 99))
    (only,) = stored(made)
    only.check_crc()
    assert (only.max_timestamp, only.columns().values) == (NOW, [b"1"])


@pytest.mark.parametrize("stamped", [False, True])
def test_the_topics_codec_is_the_one_that_is_stored(stamped: bool) -> None:
    made = partition()
    kind = "LogAppendTime" if stamped else "CreateTime"
    data = batch(
        b"x" * 500, b"y", codec=CompressionType.GZIP, producer_id=3, producer_epoch=2, base_sequence=0
    )
    append(made, data, compression_type="lz4", message_timestamp_type=kind)
    append(made, batch(b"z"), compression_type="uncompressed", message_timestamp_type=kind)
    append(
        made, data[:51] + data[51:], compression_type="producer", message_timestamp_type=kind
    )  # written before
    first, second = stored(made)
    for one in (first, second):
        one.check_crc()
        assert one.max_timestamp == NOW
        assert one.timestamp_type == (TimestampType.LOG_APPEND_TIME if stamped else TimestampType.CREATE_TIME)
    assert (first.codec, second.codec) == (CompressionType.LZ4, CompressionType.NONE)
    assert first.columns().values == [b"x" * 500, b"y"]
    assert (first.producer_id, first.producer_epoch, first.base_sequence) == (3, 2, 0)


def test_what_was_written_before_is_answered_and_not_written() -> None:
    made = partition()
    ids = {"producer_id": 7, "producer_epoch": 0}
    append(made, batch(b"0"))
    first = append(made, batch(b"1", b"2", **ids, base_sequence=0))
    append(made, batch(b"3", **ids, base_sequence=2))
    again = append(made, batch(b"1", b"2", **ids, base_sequence=0))
    assert again.base_offset == first.base_offset == 1
    assert again.log_append_time == NOW  # as Kafka says it
    assert made.log.end_offset == 4
    with pytest.raises(Refusal) as caught:
        append(made, batch(b"9", **ids, base_sequence=9))
    assert caught.value.code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_a_producer_is_forgotten_after_a_day_of_silence() -> None:
    made = partition()
    day = 24 * 3600 * 1000
    ids = {"producer_id": 7, "producer_epoch": 0}
    append(made, batch(b"1", **ids, base_sequence=0))
    assert append(made, batch(b"2", at=NOW + day, **ids, base_sequence=50), now=NOW + day).base_offset == 1


def test_transactions_are_refused() -> None:
    with pytest.raises(Refusal) as caught:
        append(
            partition(),
            batch(b"1", producer_id=7, producer_epoch=0, base_sequence=0, transactional=True),
        )
    assert caught.value.code == ErrorCode.INVALID_TXN_STATE


def test_only_the_leader_may_be_asked_in_its_own_epoch() -> None:
    made = partition()
    made.lead(2)
    made.check_leader(node(2))
    made.check_leader(node(2), 1)
    for asked, epoch, code in (
        (1, -1, ErrorCode.NOT_LEADER_OR_FOLLOWER),
        (1, 1, ErrorCode.NOT_LEADER_OR_FOLLOWER),
        (1, 0, ErrorCode.FENCED_LEADER_EPOCH),
        (2, 0, ErrorCode.FENCED_LEADER_EPOCH),
        (2, 2, ErrorCode.UNKNOWN_LEADER_EPOCH),
    ):
        with pytest.raises(Refusal) as caught:
            made.check_leader(node(asked), epoch)
        assert caught.value.code == code
    assert str(made) == "t-0"
    assert "leader 2 in epoch 1" in repr(made)


def test_who_waits_hears_of_appends_and_leaders() -> None:
    made, heard = partition(), []
    made.watchers.add(lambda: heard.append((made.log.end_offset, made.leader)))
    append(made, batch(b"1"))
    made.lead(NO_LEADER)
    assert heard == [(1, 1), (1, NO_LEADER)]
    assert made.log.epochs == [(0, 0)]
