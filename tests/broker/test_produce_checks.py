import random

import pytest

from kafkalite.broker.config import BrokerConfig, TopicSettings
from kafkalite.broker.produce_checks import (
    CheckedBatch,
    RecordsRefused,
    check_records,
    is_transactional,
    sole_batch,
)
from kafkalite.broker.refusal import Refusal
from kafkalite.protocol.codes import CompressionType, ErrorCode
from kafkalite.protocol.errors import CodecMissingError
from kafkalite.protocol.records import compression
from kafkalite.protocol.records.batch import BATCH_OVERHEAD, encode_batch

from .batches import NOW, batch, forged

ALL_CODECS = list(CompressionType)


def settings(**values: str) -> TopicSettings:
    return TopicSettings(BrokerConfig(), {name.replace("_", "."): value for name, value in values.items()})


def check(data: bytes, topic: TopicSettings | None = None) -> CheckedBatch:
    return check_records(memoryview(data), topic or settings(), NOW)


def refused(data: bytes, topic: TopicSettings | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check(data, topic)
    return caught.value


def sole_refused(data: bytes | None, version: int = 13) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        sole_batch(data, version)
    return caught.value.code


# What the request must hold.


def test_exactly_one_batch() -> None:
    one = batch()
    assert sole_batch(one, 3) == one
    assert sole_batch(one + one[:40], 3) == one
    for none in (None, b"", one[:16], one[:-1]):
        assert sole_refused(none) == ErrorCode.INVALID_RECORD
    assert sole_refused(one + one) == ErrorCode.INVALID_RECORD


def test_format_two() -> None:
    old = bytes(12) + b"\0\0\0\0\1" + bytes(9)
    old = old[:8] + (len(old) - 12).to_bytes(4, "big") + old[12:]
    assert sole_refused(old) == ErrorCode.INVALID_RECORD
    assert sole_refused(forged(batch(), magic=3)) == ErrorCode.CORRUPT_MESSAGE
    assert sole_refused(forged(batch(), length=48)) == ErrorCode.CORRUPT_MESSAGE
    assert sole_refused(forged(batch(), length=-1)) == ErrorCode.CORRUPT_MESSAGE


def test_zstd_came_with_version_7() -> None:
    data = batch(codec=CompressionType.ZSTD)
    assert sole_refused(data, 6) == ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
    assert sole_batch(data, 7) == data


# What the batch must be.


@pytest.mark.parametrize("codec", ALL_CODECS)
def test_a_right_batch_passes(codec: CompressionType) -> None:
    data = encode_batch(
        [(NOW + n % 3, b"k%d" % n, b"v" * n, [("h", None)]) for n in range(300)],
        codec=codec,
        producer_id=5,
        producer_epoch=1,
        base_sequence=2**31 - 10,
    )
    checked = check(data)
    assert checked.data == data
    assert (checked.record_count, checked.base_timestamp, checked.max_timestamp) == (300, NOW, NOW + 2)
    assert checked.header_is_right
    assert (checked.producer_id, checked.producer_epoch) == (5, 1)
    assert (checked.base_sequence, checked.last_sequence) == (2**31 - 10, 289)
    assert (checked.codec, checked.is_transactional) == (codec, False)


@pytest.mark.parametrize("count", [1, 8, 64, 65, 100, 9000])
@pytest.mark.parametrize("size", [0, 10, 56, 57, 100, 300])
def test_equal_records_pass_by_the_fast_way(count: int, size: int) -> None:
    data = encode_batch([(NOW, None, b"x" * size, ()) for _ in range(count)])
    assert check(data, settings(max_message_bytes="9999999")).max_timestamp == NOW


def test_offset_zero() -> None:
    assert refused(batch(base_offset=1)).code == ErrorCode.INVALID_RECORD


def test_size() -> None:
    data = batch(b"x" * 1000)
    assert check(data, settings(max_message_bytes=str(len(data))))
    assert refused(data, settings(max_message_bytes=str(len(data) - 1))).code == ErrorCode.MESSAGE_TOO_LARGE


def test_checksum() -> None:
    data = bytearray(batch())
    data[-1] ^= 1
    assert refused(bytes(data)).code == ErrorCode.CORRUPT_MESSAGE


@pytest.mark.parametrize(
    "fields",
    [
        {"count": 2},
        {"count": 0},
        {"count": 0, "last_delta": -1},
        {"count": -1, "last_delta": -2},
        {"last_delta": 5},
        {"count": 2, "last_delta": 1},
        {"attributes": 0x20},
        {"producer_id": 4, "base_sequence": -1},
    ],
)
def test_a_header_that_does_not_fit(fields: dict[str, int]) -> None:
    assert refused(forged(batch(), **fields)).code == ErrorCode.INVALID_RECORD


def test_fewer_records_announced_than_there_are() -> None:
    assert refused(forged(batch(b"1", b"2"), count=1, last_delta=0)).code == ErrorCode.INVALID_RECORD


def test_bytes_that_are_no_records() -> None:
    for body in (b"", b"\x80", b"\x02\x00", b"\x0c\0\0\0\1\2v"):
        assert refused(forged(batch(), body)).code == ErrorCode.INVALID_RECORD
    endless = forged(batch(), b"\xff" * 30)
    assert refused(endless).code == ErrorCode.UNKNOWN_SERVER_ERROR
    many = encode_batch([(NOW, None, b"v", ())] * 100)
    for body in (many[BATCH_OVERHEAD:-1], many[BATCH_OVERHEAD:] + b"\0"):
        assert refused(forged(many, body)).code == ErrorCode.INVALID_RECORD


def test_damaged_compression() -> None:
    data = batch(b"x" * 100, codec=CompressionType.GZIP)
    assert refused(forged(data, data[BATCH_OVERHEAD:-10])).code == ErrorCode.UNKNOWN_SERVER_ERROR
    assert refused(forged(batch(), attributes=7)).code == ErrorCode.UNKNOWN_SERVER_ERROR


@pytest.mark.parametrize("equal", [True, False])
def test_offsets_without_gaps(equal: bool) -> None:
    dice = random.Random(3)
    records = [(NOW, None, b"x" * (9 if equal else dice.randrange(9)), ()) for _ in range(200)]
    for place in (0, 20, 150):
        body = b""
        for n, record in enumerate(records):
            at = n + 1 if n == place else n
            one = encode_batch([record] * (at + 1))
            body += one[len(encode_batch([record] * at)) if at else BATCH_OVERHEAD :]
        answer = refused(forged(encode_batch(records), body))
        assert isinstance(answer, RecordsRefused)
        assert answer.code == ErrorCode.INVALID_RECORD
        assert [error.batch_index for error in answer.errors] == [place]


def test_a_missing_codec_takes_records_on_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    data = forged(batch(codec=CompressionType.LZ4), b"rubbish")

    def missing(codec: int) -> None:
        raise CodecMissingError("no lz4", package="lz4")

    monkeypatch.setattr(compression, "require", missing)
    checked = check(data)
    assert (checked.body, checked.max_timestamp, checked.header_is_right) == (None, NOW, True)


# What the topic demands.


def test_a_compacted_topic_needs_keys() -> None:
    compacted = settings(cleanup_policy="compact,delete")
    assert check(batch(b"1", b"2"), compacted)
    assert check(batch(key=b""), compacted)
    data = encode_batch([(NOW, None if n in (1, 70) else b"k", b"v", ()) for n in range(100)])
    answer = refused(data, compacted)
    assert isinstance(answer, RecordsRefused)
    assert answer.code == ErrorCode.INVALID_RECORD
    assert [error.batch_index for error in answer.errors] == [1, 70]
    assert "compacted" in answer.message
    assert check(data)


def test_times_too_far_off() -> None:
    topic = settings(message_timestamp_before_max_ms="1000", message_timestamp_after_max_ms="2000")
    times = [NOW, NOW - 1000, NOW + 2000, NOW - 1001, NOW + 2001, -1]
    data = encode_batch([(at, None, b"v", ()) for at in times])
    answer = refused(data, topic)
    assert isinstance(answer, RecordsRefused)
    assert answer.code == ErrorCode.INVALID_TIMESTAMP
    assert [error.batch_index for error in answer.errors] == [3, 4]
    assert check(data, settings(message_timestamp_type="LogAppendTime"))
    assert check(encode_batch([(at, None, b"v", ()) for at in (*times[:3], -1)]), topic)


def test_one_hour_ahead_is_the_default_limit() -> None:
    assert check(batch(at=NOW + 3_600_000))
    assert refused(batch(at=NOW + 3_600_001)).code == ErrorCode.INVALID_TIMESTAMP
    assert check(batch(at=0))


def test_the_highest_time_is_that_of_the_records() -> None:
    checked = check(forged(batch(), max_timestamp=NOW + 500))
    assert (checked.max_timestamp, checked.header_is_right) == (NOW, False)


def test_only_the_broker_stamps() -> None:
    data = encode_batch([(at, None, b"v", ()) for at in (1, 2)], log_append_time=NOW)
    answer = refused(data, settings(message_timestamp_type="LogAppendTime"))
    assert isinstance(answer, RecordsRefused)
    assert answer.code == ErrorCode.INVALID_TIMESTAMP
    assert [error.batch_index for error in answer.errors] == [0, 1]
    checked = check(data)
    assert (checked.max_timestamp, checked.header_is_right) == (NOW, False)
    late = refused(encode_batch([(1, None, b"v", ())], log_append_time=NOW * 2))
    assert late.code == ErrorCode.INVALID_TIMESTAMP


def test_who_says_transaction() -> None:
    assert is_transactional(batch(transactional=True))
    for data in (
        None,
        b"",
        batch(),
        batch(transactional=True)[:50],
        forged(batch(transactional=True), magic=1),
    ):
        assert not is_transactional(data)
