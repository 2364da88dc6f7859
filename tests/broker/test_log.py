import pytest

from kafkalite.broker.log import EpochEnd, FoundOffset, PartitionLog, StoredBatch
from kafkalite.protocol.records.batch import encode_batch


def filled(*batches: list[int], epoch: int = 0) -> PartitionLog:
    """A log of batches; each is given by the timestamps of its records."""
    log = PartitionLog()
    log.begin_epoch(epoch)
    for times in batches:
        add(log, times, epoch)
    return log


def add(log: PartitionLog, times: list[int], epoch: int = 0) -> StoredBatch:
    base = log.end_offset
    data = encode_batch([(at, None, b"v%d" % at, ()) for at in times], base_offset=base, leader_epoch=epoch)
    stored = StoredBatch(data, base, base + len(times) - 1, max(times), epoch)
    log.append(stored)
    return stored


def test_an_empty_log() -> None:
    log = PartitionLog()
    assert (log.start_offset, log.end_offset, log.high_watermark, log.last_stable_offset) == (0, 0, 0, 0)
    assert (len(log), log.size, log.bytes_from(0), log.epoch_at_start()) == (0, 0, 0, -1)
    assert log.read(0, 100, at_least_one=True) == b""
    assert log.batches_from(0) == []
    assert log.find_time(0) == log.find_latest_time() == FoundOffset(-1, -1, -1)
    assert log.end_of_epoch(0) == EpochEnd(-1, -1)


def test_reading_begins_with_the_batch_that_holds_the_offset() -> None:
    log = filled([1, 2], [3, 4, 5], [6])
    first, second, third = (stored.data for stored in log.batches_from(0))
    assert log.end_offset == 6
    everything = 10**6
    assert log.read(0, everything, at_least_one=True) == first + second + third
    assert log.read(1, everything, at_least_one=True) == first + second + third
    assert log.read(3, everything, at_least_one=True) == second + third
    assert log.read(5, everything, at_least_one=True) is third
    assert log.read(6, everything, at_least_one=True) == b""
    assert [log.bytes_from(offset) for offset in (0, 1, 2, 4, 5, 6)] == [
        len(first + second + third),
        len(first + second + third),
        len(second + third),
        len(second + third),
        len(third),
        0,
    ]
    assert log.size == len(first + second + third)


def test_a_limit_cuts_the_last_batch_but_never_the_first() -> None:
    log = filled([1], [2], [3])
    first, second, _ = (stored.data for stored in log.batches_from(0))
    assert log.read(0, 1, at_least_one=True) == first
    assert log.read(0, 1, at_least_one=False) == b""
    assert log.read(0, 0, at_least_one=False) == b""
    assert log.read(0, len(first), at_least_one=False) == first
    assert log.read(0, len(first) + 5, at_least_one=False) == first + second[:5]
    assert log.read(0, len(first + second), at_least_one=False) == first + second


def test_a_start_that_moves_drops_whole_batches() -> None:
    log = filled([9, 8], [1, 2, 3], [4])
    second, third = (stored.data for stored in log.batches_from(2))
    log.delete_before(3)
    assert (log.start_offset, log.end_offset, len(log)) == (3, 6, 2)
    assert log.size == len(second) + len(third)
    assert log.read(3, 10**6, at_least_one=True) == second + third
    assert log.bytes_from(3) == len(second) + len(third)
    assert log.find_time(0) == FoundOffset(3, 2, 0)
    assert log.find_time(9) == FoundOffset(-1, -1, -1)
    assert log.find_latest_time() == FoundOffset(5, 4, 0)
    log.delete_before(2)
    assert log.start_offset == 3
    log.delete_before(6)
    assert (log.start_offset, len(log), log.size, log.find_latest_time().offset) == (6, 0, 0, -1)
    add(log, [7])
    assert log.read(6, 10**6, at_least_one=True) == log.batches_from(6)[0].data
    assert log.find_time(0) == FoundOffset(6, 7, 0)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(0, (0, 10)), (10, (0, 10)), (11, (1, 30)), (30, (1, 30)), (31, (4, 40)), (40, (4, 40)), (41, (-1, -1))],
)
def test_a_time_is_found_even_if_times_go_back(wanted: int, found: tuple[int, int]) -> None:
    log = filled([10, 30], [5, 6], [40, 7])
    assert log.find_time(wanted)[:2] == found


def test_the_latest_time_is_that_of_the_first_record_with_it() -> None:
    log = filled([1, 9], [9, 3])
    assert log.find_latest_time() == FoundOffset(1, 9, 0)
    assert filled([-1]).find_latest_time() == FoundOffset(-1, -1, -1)


def test_epochs_end_where_the_next_one_begins() -> None:
    log = filled([1, 2], epoch=0)
    log.begin_epoch(3)
    add(log, [3], 3)
    log.begin_epoch(4)
    log.begin_epoch(5)  # epoch 4 wrote nothing
    assert log.epochs == [(0, 0), (3, 2), (5, 3)]
    assert log.end_of_epoch(0) == EpochEnd(0, 2)
    assert log.end_of_epoch(1) == EpochEnd(0, 2)
    assert log.end_of_epoch(3) == EpochEnd(3, 3)
    assert log.end_of_epoch(4) == EpochEnd(3, 3)
    assert log.end_of_epoch(5) == EpochEnd(5, 3)
    assert log.end_of_epoch(6) == EpochEnd(-1, -1)
    assert log.end_of_epoch(-1) == EpochEnd(-1, -1)
    assert log.epoch_at_start() == 0


def test_epochs_go_with_their_records() -> None:
    log = filled([1, 2], epoch=2)
    log.begin_epoch(3)
    add(log, [3, 4], 3)
    log.delete_before(1)
    assert log.epochs == [(2, 1), (3, 2)]
    log.delete_before(3)
    assert log.epochs == [(3, 3)]
    assert log.end_of_epoch(2) == EpochEnd(2, 3)
    log.delete_before(4)
    assert log.epochs == [(3, 4)]
    assert log.epoch_at_start() == 3
