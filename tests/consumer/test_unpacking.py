import pytest

from kafkalite.consumer.positions import Position
from kafkalite.consumer.unpacking import Deserializers, Part, Unpacker
from kafkalite.errors import (
    CodecNotAvailableError,
    CorruptRecordError,
    UnsupportedCodecError,
    ValueDeserializationError,
)
from kafkalite.protocol.codes import CompressionType, ControlRecordType
from kafkalite.protocol.records import compression
from kafkalite.protocol.records.batch import encode_batch, encode_control_batch
from kafkalite.serializers import resolve_deserializer
from kafkalite.types import ConsumerRecord, TopicPartition

TP = TopicPartition("t", 3)
NODE = "node 1 at one:9092"


def batch(offset, *values, key=None, headers=(), epoch=5, timestamp=1000, **options):
    return encode_batch(
        [(timestamp + i, key, value, headers) for i, value in enumerate(values)],
        base_offset=offset,
        leader_epoch=epoch,
        **options,
    )


def marker(offset, kind=ControlRecordType.ABORT, producer_id=7):
    return encode_control_batch(
        offset=offset,
        timestamp=1,
        control_type=kind,
        producer_id=producer_id,
        producer_epoch=0,
        coordinator_epoch=0,
        leader_epoch=5,
    )


class Reader(Unpacker):
    """Shows the records in what is read."""

    def read(self, limit, **how):
        return [record for piece in super().read(limit, **how) for record in piece]


def unpacker(*batches, at=0, aborted=None, **options):
    return Reader(TP, Part(memoryview(b"".join(batches)), NODE, aborted), Position(at), **options)


def values(records):
    return [record.value for record in records]


def test_a_record_has_every_field():
    (record,) = unpacker(batch(10, b"value", key=b"k", headers=(("h", b"x"),)), at=10).read(5)
    assert record == ConsumerRecord("t", 3, 10, 1000, 0, b"k", b"value", (("h", b"x"),), 5, 1, 5)
    assert type(record) is ConsumerRecord
    assert type(record.timestamp_type) is int


def test_sizes_of_what_is_none():
    records = unpacker(
        encode_batch([(1, None, b"ab", ()), (1, b"k", None, ()), (1, b"kk", b"", ())], base_offset=0)
    ).read(5)
    assert [(r.serialized_key_size, r.serialized_value_size) for r in records] == [(-1, 2), (1, -1), (2, 0)]


def test_log_append_time_is_named():
    (record,) = unpacker(batch(0, b"v", log_append_time=77)).read(1)
    assert (record.timestamp, record.timestamp_type) == (77, 1)


def test_a_cut_keeps_the_rest():
    reader = unpacker(batch(0, b"a", b"b", b"c"), batch(3, b"d", b"e"))
    assert values(reader.read(2)) == [b"a", b"b"]
    assert reader.position == Position(2, 5)
    assert not reader.exhausted
    assert values(reader.read(2)) == [b"c", b"d"]
    assert values(reader.read(9)) == [b"e"]
    assert reader.position == Position(5, 5)
    assert reader.exhausted
    assert reader.read(9) == []


def test_bytes_are_counted_as_batches_are_opened():
    first, second = batch(0, b"a", b"b"), batch(2, b"c")
    reader = unpacker(first, second)
    reader.read(1)
    assert reader.opened == len(first)
    reader.opened = 0
    reader.read(5)
    assert reader.opened == len(second)


def test_records_below_the_position_are_dropped():
    reader = unpacker(batch(0, b"a"), batch(1, b"b", b"c", b"d"), at=2)
    assert values(reader.read(9)) == [b"c", b"d"]


def test_a_compaction_gap_is_passed():
    kept = batch(0, b"a", b"b", b"c")
    reader = unpacker(kept, batch(10, b"d"), at=3)
    assert values(reader.read(9)) == [b"d"]
    assert reader.position.offset == 11


def test_a_batch_whose_last_records_were_compacted_away():
    data = bytearray(batch(0, b"a", b"b"))
    data[23:27] = (5).to_bytes(4, "big")  # the last offset stays that of a record that is gone
    reader = unpacker(bytes(data), batch(6, b"c"), at=3, check_crcs=False)
    assert values(reader.read(9)) == [b"c"]


def test_an_empty_batch_left_by_compaction_moves_the_position():
    data = bytearray(
        encode_control_batch(
            offset=4,
            timestamp=1,
            control_type=ControlRecordType.COMMIT,
            producer_id=1,
            producer_epoch=0,
            coordinator_epoch=0,
        )
    )
    reader = unpacker(bytes(data), at=4)
    assert reader.read(9) == []
    assert reader.position.offset == 5


def test_control_batches_are_never_delivered():
    reader = unpacker(batch(0, b"a"), marker(1), batch(2, b"b"))
    assert values(reader.read(9)) == [b"a", b"b"]


def test_aborted_transactions_are_left_out_when_committed_data_is_read():
    log = (
        batch(0, b"aborted", producer_id=7, producer_epoch=0, base_sequence=0, transactional=True),
        batch(1, b"plain"),
        marker(2),
        batch(3, b"committed", producer_id=7, producer_epoch=0, base_sequence=1, transactional=True),
        marker(4, ControlRecordType.COMMIT),
    )
    assert values(unpacker(*log, aborted=((7, 0),)).read(9)) == [b"plain", b"committed"]
    assert values(unpacker(*log).read(9)) == [b"aborted", b"plain", b"committed"]


def test_aborted_transactions_are_followed_below_the_position():
    reader = unpacker(
        batch(0, b"aborted", producer_id=7, producer_epoch=0, base_sequence=0, transactional=True),
        marker(1),
        batch(2, b"good", producer_id=7, producer_epoch=0, base_sequence=1, transactional=True),
        at=2,
        aborted=((7, 0),),
    )
    assert values(reader.read(9)) == [b"good"]


@pytest.mark.parametrize("codec", list(CompressionType))
def test_every_codec(codec):
    assert values(unpacker(batch(0, b"a" * 50, b"b", codec=codec)).read(9)) == [b"a" * 50, b"b"]


def damaged(data):
    data = bytearray(data)
    data[-2] ^= 0xFF
    return bytes(data)


def test_damaged_records_stop_after_what_came_before():
    reader = unpacker(batch(0, b"a"), damaged(batch(1, b"b", b"c")))
    assert values(reader.read(9)) == [b"a"]
    assert isinstance(reader.failure, CorruptRecordError)
    assert reader.position == Position(1, 5)
    text = str(reader.failure)
    assert "t-3 at offset 1" in text
    assert NODE in text
    assert "checksum" in text
    assert "Seek to 3" in text
    assert reader.read(9) == []


def test_without_check_crcs_the_checksum_does_not_matter():
    data = bytearray(batch(0, b"abc"))
    data[17] ^= 0xFF
    assert isinstance(_failure(unpacker(bytes(data))), CorruptRecordError)
    assert values(unpacker(bytes(data), check_crcs=False).read(9)) == [b"abc"]


def _failure(reader):
    reader.read(9)
    return reader.failure


def test_malformed_entries():
    assert isinstance(_failure(unpacker(b"\0" * 8 + b"\xff" * 60)), CorruptRecordError)


def test_a_codec_nobody_knows():
    data = bytearray(batch(0, b"abc"))
    data[22] |= 6
    assert isinstance(_failure(unpacker(bytes(data), check_crcs=False)), UnsupportedCodecError)


def test_a_codec_that_is_not_installed(monkeypatch):
    data = batch(0, b"a" * 100, codec=CompressionType.LZ4)
    monkeypatch.setitem(compression._PACKAGES, CompressionType.LZ4, ("no_such_module_here", "lz4"))
    failure = _failure(unpacker(data))
    assert isinstance(failure, CodecNotAvailableError)
    assert failure.package == "lz4"
    assert "pip install lz4" in str(failure)


def deserializers(key=None, value=None):
    return Deserializers(resolve_deserializer(key, "key"), resolve_deserializer(value, "value"))


def test_deserializers_see_each_record():
    reader = unpacker(
        batch(0, b"1", b"2", key=b"k"), deserializers=deserializers(key=bytes.decode, value=int), at=1
    )
    (record,) = reader.read(9)
    assert (record.key, record.value) == ("k", 2)
    assert (record.serialized_key_size, record.serialized_value_size) == (1, 1)


def test_one_deserializer_leaves_the_other_side_alone():
    (record,) = unpacker(batch(0, b"1", key=b"k"), deserializers=deserializers(value=int)).read(1)
    assert (record.key, record.value) == (b"k", 1)


def test_what_cannot_be_deserialised_comes_after_everything_before_it():
    reader = unpacker(batch(5, b"1", b"2", b"x", b"4"), at=5, deserializers=deserializers(value=int))
    assert values(reader.read(1)) == [1]
    assert values(reader.read(9)) == [2]
    assert isinstance(reader.failure, ValueDeserializationError)
    assert reader.failure.topic_partition == TP
    assert reader.failure.offset == 7
    assert reader.position.offset == 7
    assert reader.read(9) == []


def test_an_interrupt_in_a_deserializer_loses_nothing():
    interrupts = [KeyboardInterrupt]

    def value_of(data):
        if data == b"2" and interrupts:
            raise interrupts.pop()
        return data

    reader = unpacker(batch(0, b"1", b"2", b"3"), deserializers=deserializers(value=value_of))
    with pytest.raises(KeyboardInterrupt):
        reader.read(9)
    assert values(reader.read(9)) == [b"1", b"2", b"3"]


# Pieces, as the fetch buffer gets them.


def pieces(*batches, at=0, **options):
    return Unpacker(TP, Part(memoryview(b"".join(batches)), NODE), Position(at), **options)


def test_a_piece_is_a_batch_or_what_the_limit_leaves_of_it():
    reader = pieces(batch(0, b"a", b"b", b"c"), batch(3, b"d"))
    assert [piece.values for piece in reader.read(2)] == [[b"a", b"b"]]
    assert reader.position == Position(2, 5)
    assert [piece.values for piece in reader.read(9)] == [[b"c"], [b"d"]]
    assert reader.read(9) == []


def test_whole_batches_are_not_cut():
    reader = pieces(batch(0, b"a", b"b"), batch(2, b"c", b"d"), batch(4, b"e"), at=1)
    assert [piece.values for piece in reader.read(2, whole=True)] == [[b"b"], [b"c", b"d"]]
    assert reader.position == Position(4, 5)
    assert [piece.values for piece in reader.read(1, whole=True)] == [[b"e"]]


def test_a_whole_batch_may_follow_one_that_was_cut():
    reader = pieces(batch(0, b"a", b"b", b"c"))
    reader.read(1)
    (piece,) = reader.read(1, whole=True)
    assert (piece.values, list(piece.offsets)) == ([b"b", b"c"], [1, 2])


def test_damage_is_found_before_any_of_the_batch_is_given():
    data = bytearray(batch(0, b"a", b"bb", b"ccc"))
    data[-1] ^= 1
    for check_crcs in (True, False):
        reader = pieces(bytes(data), check_crcs=check_crcs)
        assert reader.read(1) == []
        assert isinstance(reader.failure, CorruptRecordError)
        assert reader.position == Position(0)


def test_a_piece_ends_before_the_record_that_cannot_be_deserialized():
    deserializers = Deserializers(None, resolve_deserializer(int))
    reader = pieces(batch(0, b"1", b"2", b"x", b"4"), deserializers=deserializers)
    (piece,) = reader.read(9, whole=True)
    assert piece.values == [1, 2]
    assert [record.serialized_value_size for record in piece] == [1, 1]
    assert isinstance(reader.failure, ValueDeserializationError)
    assert reader.failure.offset == 2
