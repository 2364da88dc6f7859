from __future__ import annotations

from kafkalite.protocol.codes import ErrorCode, GroupState, ListOffsetsTimestamp


def test_error_codes_are_dense_from_unknown_to_the_newest() -> None:
    assert [int(code) for code in ErrorCode] == list(range(-1, 134))
    assert ErrorCode.NOT_LEADER_OR_FOLLOWER == 6


def test_codes_compare_equal_to_what_the_wire_carries() -> None:
    assert ListOffsetsTimestamp.EARLIEST == -2
    assert GroupState.PREPARING_REBALANCE == "PreparingRebalance"
