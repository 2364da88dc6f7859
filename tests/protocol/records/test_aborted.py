from __future__ import annotations

import pytest

from kafkalite.protocol.codes import ControlRecordType
from kafkalite.protocol.errors import DecodeError
from kafkalite.protocol.records.aborted import AbortedFilter
from kafkalite.protocol.records.batch import Batch, encode_batch, encode_control_batch, read_batches

ABORT, COMMIT = ControlRecordType.ABORT, ControlRecordType.COMMIT


def data(offset: int, producer: int = -1, count: int = 1) -> Batch:
    """A batch of a transaction, or of a producer without one."""
    encoded = encode_batch(
        [(0, None, b"", ())] * count,
        base_offset=offset,
        producer_id=producer,
        producer_epoch=0 if producer >= 0 else -1,
        transactional=producer >= 0,
    )
    return read_batches(encoded)[0]


def marker(offset: int, producer: int, kind: int = ABORT) -> Batch:
    encoded = encode_control_batch(
        offset=offset,
        timestamp=0,
        control_type=kind,
        producer_id=producer,
        producer_epoch=0,
        coordinator_epoch=0,
    )
    return read_batches(encoded)[0]


def kept(aborted: list[tuple[int, int]], *batches: Batch) -> list[int]:
    """Offsets of the batches that go to the application."""
    reader = AbortedFilter(aborted)
    return [batch.base_offset for batch in batches if reader.keep(batch)]


def test_without_aborted_transactions_only_markers_are_left_out() -> None:
    assert kept([], data(0), data(1, 7), marker(2, 7, COMMIT), data(3)) == [0, 1, 3]


def test_an_aborted_transaction_is_left_out_up_to_its_marker() -> None:
    batches = [data(0, 7), data(1, 7), marker(2, 7), data(3, 7), marker(4, 7, COMMIT)]
    assert kept([(7, 0)], *batches) == [3]


def test_others_go_through_meanwhile() -> None:
    batches = [data(0, 7), data(1, 8), data(2), data(3, 7), marker(4, 8, COMMIT), data(5, 8), marker(6, 7)]
    assert kept([(7, 0)], *batches) == [1, 2, 5]


def test_a_transaction_that_began_later_is_kept_until_then() -> None:
    assert kept([(7, 3)], data(0, 7), marker(1, 7, COMMIT), data(3, 7), marker(4, 7)) == [0]


def test_one_producer_may_abort_again() -> None:
    batches = [
        data(0, 7),
        marker(1, 7),
        data(2, 7),
        marker(3, 7, COMMIT),
        data(4, 7),
        marker(5, 7),
        data(6, 7),
    ]
    assert kept([(7, 4), (7, 0)], *batches) == [2, 6]


def test_a_transaction_that_began_before_this_answer() -> None:
    assert kept([(7, 100)], data(500, 7), marker(501, 7), data(502, 7)) == [502]


def test_a_batch_in_the_middle_of_which_it_begins() -> None:
    """A broker lists the offset of the first record; the reader may begin inside the batch."""
    assert kept([(7, 12)], data(10, 7, count=5)) == []


def test_two_at_once() -> None:
    batches = [data(0, 7), data(1, 8), marker(2, 7), data(3, 8), data(4, 7), marker(5, 8), data(6, 8)]
    assert kept([(8, 1), (7, 0)], *batches) == [4, 6]


def test_records_without_a_transaction_are_never_left_out() -> None:
    plain = read_batches(
        encode_batch([(0, None, b"", ())], base_offset=1, producer_id=7, producer_epoch=0, base_sequence=0)
    )[0]
    assert kept([(7, 0)], plain) == [1]


def test_other_control_records_are_left_out_and_end_nothing() -> None:
    leader_change = bytearray(marker(1, 7).data)
    at = leader_change.index(b"\x00\x00\x00\x00\x0c\x00\x00")  # the key: version 0, type 0
    leader_change[at + 3] = ControlRecordType.LEADER_CHANGE
    assert kept([(7, 0)], data(0, 7), read_batches(leader_change)[0], data(2, 7)) == []


def test_a_marker_of_which_compaction_left_the_header_only() -> None:
    header = bytearray(marker(1, 7).data[:61])
    header[8:12] = (61 - 12).to_bytes(4, "big")
    header[57:61] = bytes(4)
    assert kept([(7, 0)], data(0, 7), read_batches(header)[0], marker(2, 7), data(3, 7)) == [3]


def test_a_marker_that_is_damaged_is_an_error_only_if_it_matters() -> None:
    damaged = bytearray(marker(1, 7).data)
    damaged[61] ^= 0x7E
    (batch,) = read_batches(damaged)
    assert not AbortedFilter([]).keep(batch)
    with pytest.raises(DecodeError):
        AbortedFilter([(7, 0)]).keep(batch)
