import threading

import pytest

from kafkalite.broker.faults import Faults, Rule, Watch, check_rule
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite.protocol.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse

BEAT = HeartbeatRequest(group_id="g")


def added(faults: Faults, times: int | None = 1, **rule: object) -> Watch:
    made = Rule(HeartbeatRequest, **rule)  # type: ignore[arg-type]
    check_rule(made)
    return faults.add(made, times, faults.remove)


def test_a_watch_counts_and_does_nothing() -> None:
    faults = Faults()
    watch = added(faults, None)
    assert faults.match(BEAT, 1) is None
    assert faults.match(LeaveGroupRequest(group_id="g"), 1) is None
    assert (watch.count, watch.requests) == (1, [BEAT])
    assert repr(watch) == "<Watch on HeartbeatRequest: 1 seen>"


def test_rules_act_in_turn_as_often_as_they_may() -> None:
    faults = Faults()
    every, first, second = added(faults, None), added(faults, 1, error=1), added(faults, 2, error=2)
    found = [faults.match(BEAT, 1) for _ in range(4)]
    assert [rule and rule.error for rule in found] == [1, 2, 2, None]
    assert (every.count, first.count, second.count) == (4, 1, 2)


def test_node_and_when() -> None:
    faults = Faults()
    watch = added(faults, None, error=5, node=2, when=lambda request: request.group_id == "g")
    assert faults.match(BEAT, 1) is None
    assert faults.match(HeartbeatRequest(group_id="h"), 2) is None
    assert faults.match(BEAT, 2) is watch.rule


def test_the_end_of_a_rule() -> None:
    faults = Faults()
    with added(faults, None, drop=True) as watch:
        assert faults.match(BEAT, 1) is watch.rule
    assert faults.match(BEAT, 1) is None
    watch.cancel()
    assert watch.count == 1


def test_waiting() -> None:
    faults = Faults()
    watch = added(faults, None)
    later = threading.Thread(target=lambda: [faults.match(BEAT, 1) for _ in range(3)])
    later.start()
    watch.wait(3)
    later.join()
    with pytest.raises(TimeoutError, match=r"4 of HeartbeatRequest awaited, 3 came"):
        watch.wait(4, timeout=0.01)


@pytest.mark.parametrize(
    "rule",
    [
        {"error": 1, "drop": True},
        {"error": 1, "answer": HeartbeatResponse()},
        {"drop": True, "disconnect": "before"},
        {"drop": True, "disconnect": "after"},
        {"error": 1, "disconnect": "before"},
        {"disconnect": "sometime"},
        {"delay": -1.0},
        {"answer": LeaveGroupResponse()},
    ],
)
def test_what_makes_no_sense(rule: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        added(Faults(), **rule)
