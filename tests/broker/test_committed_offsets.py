"""Committed positions of one group."""

from __future__ import annotations

from kafkalite.broker.committed_offsets import CommittedOffset, CommittedOffsets


def test_the_last_write_wins_and_keeps_epoch_and_metadata() -> None:
    offsets = CommittedOffsets()
    offsets.store("t", 1, 5, 2, "first")
    offsets.store("t", 1, 4, -1, "second")
    assert offsets.get("t", 1) == CommittedOffset(4, -1, "second")
    assert len(offsets) == 1


def test_null_metadata_is_kept_as_the_empty_string() -> None:
    offsets = CommittedOffsets()
    offsets.store("t", 0, 5, -1, None)
    assert offsets.get("t", 0).metadata == ""


def test_nothing_committed_is_offset_minus_one() -> None:
    assert CommittedOffsets().get("t", 0) == CommittedOffset(-1, -1, "")


def test_one_position_or_a_whole_topic_can_go() -> None:
    offsets = CommittedOffsets()
    for topic, index in (("t", 1), ("t", 0), ("u", 0)):
        offsets.store(topic, index, 1, -1, "")
    assert offsets.topics() == {"t": [0, 1], "u": [0]}
    offsets.delete("t", 0)
    offsets.delete("t", 7)
    offsets.delete("x", 0)
    assert [(topic, index) for topic, index, _ in offsets] == [("t", 1), ("u", 0)]
    offsets.delete("t", 1)
    offsets.delete_topic("u")
    offsets.delete_topic("u")
    assert len(offsets) == 0
    assert offsets.topics() == {}
