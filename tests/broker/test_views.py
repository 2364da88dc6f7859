import pytest

from kafkalite.broker.config import BrokerConfig, TopicSettings
from kafkalite.broker.partition import Partition
from kafkalite.broker.produce_checks import check_records
from kafkalite.broker.views import StoredRecord, batch_of, records_of

from .batches import NOW


def test_records_go_in_and_come_out() -> None:
    partition = Partition("t", 0, [1])
    partition.lead(1)
    config = BrokerConfig()
    settings = TopicSettings(config)
    given = [
        b"v",
        None,
        (b"k", b"w"),
        (None, None),
        StoredRecord(99, NOW - 5, b"k", b"x", (("h", b"1"), ("h", None))),
    ]
    for records in ([b"first"], given):
        data = memoryview(batch_of(records, NOW))
        partition.append(check_records(data, settings, NOW), settings, config, NOW)
    expected = [
        StoredRecord(0, NOW, None, b"first"),
        StoredRecord(1, NOW, None, b"v"),
        StoredRecord(2, NOW, None, None),
        StoredRecord(3, NOW, b"k", b"w"),
        StoredRecord(4, NOW, None, None),
        StoredRecord(5, NOW - 5, b"k", b"x", (("h", b"1"), ("h", None))),
    ]
    assert records_of(partition) == expected
    partition.log.delete_before(3)
    assert records_of(partition) == expected[3:]


@pytest.mark.parametrize("record", ["text", 5, (b"k",), (b"k", "text"), ("k", b"v"), [b"k", b"v"]])
def test_what_is_no_record(record: object) -> None:
    with pytest.raises(TypeError, match="bytes"):
        batch_of([record], NOW)  # type: ignore[list-item]
