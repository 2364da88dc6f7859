"""buffer_memory: a bound, and a line of those who wait."""

from kafkalite.producer.memory import Memory


def test_takes_between_least_and_wish():
    memory = Memory(100)
    assert memory.take(10, 60) == 60
    assert memory.take(10, 60) == 40
    assert memory.take(1, 1) == 0
    memory.give(100)
    assert memory.take(30, 10) == 30
    assert memory.free == 70


def test_those_who_wait_come_first_and_in_their_order():
    memory, woken = Memory(100), []
    assert memory.take(100, 100) == 100
    first = memory.wait(60, lambda: woken.append("first"))
    assert first is not None
    assert memory.wait(10, lambda: woken.append("second")) is not None
    assert (memory.waiting, memory.exhausted) == (2, 2)
    memory.give(50)
    assert woken == []  # the second would fit, but the first has waited longer
    assert memory.take(1, 1) == 0  # and so has it compared to anyone else
    memory.give(15)
    assert woken == ["first"]
    assert memory.take(60, 60) == 60
    assert memory.take(1, 1) == 0
    memory.give(20)
    assert woken == ["first", "second"]
    assert memory.take(10, 10) == 10


def test_nobody_waits_for_what_is_there():
    memory = Memory(100)
    assert memory.wait(100, lambda: None) is None
    assert memory.waiting == 0


def test_who_leaves_makes_way():
    memory, woken = Memory(100), []
    memory.take(95, 95)
    large = memory.wait(100, lambda: None)
    memory.wait(5, lambda: woken.append("small"))
    memory.leave(large)
    assert woken == ["small"]
    memory.leave(large)  # twice is harmless


def test_who_was_woken_and_did_not_come_holds_nobody_up():
    memory, woken = Memory(10), []
    memory.take(10, 10)
    memory.wait(10, lambda: woken.append(1))
    memory.wait(10, lambda: woken.append(2))
    memory.give(10)
    assert woken == [1]
    memory.serve()
    assert woken == [1, 2]
    # The permits of the two who never came are void for those who stand in line next.
    assert memory.take(10, 10) == 10
    assert memory.wait(5, lambda: woken.append(3)) is not None
    assert memory.take(1, 1) == 0
