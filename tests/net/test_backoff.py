from __future__ import annotations

from random import Random

from kafkalite.net.backoff import Backoff


class Dice(Random):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def uniform(self, a: float, b: float) -> float:
        assert (a, b) == (0.8, 1.2)
        return self.factor


def test_the_wait_doubles_up_to_the_longest() -> None:
    backoff = Backoff(0.1, 1.0, Dice(1.0))
    assert [backoff.delay(n) for n in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_chance_stretches_it_but_never_above_the_longest() -> None:
    assert Backoff(0.1, 1.0, Dice(0.8)).delay(1) == 0.2 * 0.8
    assert Backoff(0.1, 1.0, Dice(0.8)).delay(9) == 0.8
    assert Backoff(0.1, 1.0, Dice(1.2)).delay(1) == 0.2 * 1.2
    assert Backoff(0.1, 1.0, Dice(1.2)).delay(9) == 1.0


def test_clients_that_failed_together_do_not_come_back_together() -> None:
    delays = {Backoff(0.1, 1.0, Random(seed)).delay(0) for seed in range(50)}
    assert len(delays) == 50
    assert all(0.08 <= delay <= 0.12 for delay in delays)


def test_a_first_wait_above_the_longest_is_the_longest() -> None:
    assert Backoff(5.0, 1.0, Dice(1.0)).delay(0) == 5.0
    assert Backoff(5.0, 1.0, Dice(1.0)).maximum == 5.0


def test_many_failures_overflow_nothing() -> None:
    assert Backoff(0.1, 1.0, Dice(1.0)).delay(10**9) == 1.0
