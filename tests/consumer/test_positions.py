import pytest

from kafkalite.consumer.positions import Need, PartitionState, Position
from kafkalite.consumer.unpacking import Part
from kafkalite.types import TopicPartition


@pytest.fixture
def state():
    return PartitionState(TopicPartition("t", 3))


def test_a_jump_voids_everything_fetched(state):
    state.parts.append(Part(memoryview(b"x"), "node"))
    state.buffered, state.full_above, state.error = 1, 0, ValueError()
    state.jump(Position(7, 2))
    assert (state.position, state.finished, state.fetched) == (Position(7, 2),) * 3
    assert not state.parts
    assert state.buffered == 0
    assert state.full_above is None
    assert state.error is None
    assert state.epoch == 1


def test_repr_says_where_it_is_and_what_is_in_the_way(state):
    assert repr(state) == "t-3 at ?"
    state.jump(Position(7))
    assert repr(state) == "t-3 at 7"
    state.need, state.paused, state.held, state.error = Need.VALIDATE, True, True, ValueError()
    assert repr(state) == "t-3 at 7 (validate, paused, held, ValueError)"
