import pytest

from kafkalite.consumer.committable import committable
from kafkalite.types import OffsetAndMetadata, TopicPartition

A, B, C = (TopicPartition("t", n) for n in range(3))


def test_every_form_becomes_one():
    assert committable({A: 3, B: (4, "note"), C: OffsetAndMetadata(5, "x", 7)}) == {
        A: OffsetAndMetadata(3),
        B: OffsetAndMetadata(4, "note"),
        C: OffsetAndMetadata(5, "x", 7),
    }


def test_no_metadata_is_an_empty_text():
    # kafka-python's programs pass None.
    assert committable({A: OffsetAndMetadata(5, None)}) == {A: OffsetAndMetadata(5, "")}


def test_nothing():
    assert committable({}) == {}


@pytest.mark.parametrize(
    ("offsets", "error", "says"),
    [
        ([(A, 3)], TypeError, "dict"),
        ({("t", 0): 3}, TypeError, "TopicPartition"),
        ({A: "3"}, TypeError, "t-0"),
        ({A: True}, TypeError, "int"),
        ({A: -1}, ValueError, "t-0 is not negative"),
        ({A: OffsetAndMetadata("3")}, TypeError, "int"),
        ({A: (3, b"note")}, TypeError, "str"),
        ({A: (3, "note", 4)}, TypeError, "OffsetAndMetadata"),
    ],
)
def test_what_is_no_offset(offsets, error, says):
    with pytest.raises(error, match=says):
        committable(offsets)
