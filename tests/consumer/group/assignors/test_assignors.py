"""What an assignor is, and how those of users are treated."""

import pytest

from kafkalite.consumer.group.assignors import MemberSubscription, Strategy, resolve
from kafkalite.errors import KafkaConfigurationError, KafkaError
from kafkalite.types import TopicPartition

T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)
MEMBERS = {"a": MemberSubscription(frozenset({"t"})), "b": MemberSubscription(frozenset({"t"}))}
TOPICS = {"t": [frozenset(), frozenset()]}


class Mine:
    name = "mine"

    def __init__(self, result=None):
        self.result = {} if result is None else result
        self.told = []

    def assign(self, topics, members):
        self.told.append((topics, members))
        return self.result


class Full(Mine):
    name = "full"

    def user_data(self, topics):
        return ",".join(sorted(topics)).encode()

    def on_assignment(self, assigned, generation):
        self.told.append((assigned, generation))


def test_by_name_by_class_and_by_object_in_the_users_order():
    mine = Full()
    assert list(resolve(["range", mine, Mine])) == ["range", "full", "mine"]
    assert resolve(["range"])["range"].assign(TOPICS, MEMBERS) == {"a": [T0], "b": [T1]}


def test_a_name_must_be_there_once_and_be_a_text():
    with pytest.raises(KafkaConfigurationError, match="two assignors have the name 'mine'"):
        resolve([Mine(), Mine])
    nameless = Mine()
    nameless.name = 7
    with pytest.raises(KafkaConfigurationError, match="must be a text, not 7"):
        resolve([nameless])


def test_two_members_are_enough():
    strategy = Strategy(Mine({"a": [T0]}))
    assert strategy.user_data(frozenset({"t"})) is None
    strategy.on_assignment(frozenset({T0}), 3)
    assert strategy.assign(TOPICS, MEMBERS) == {"a": [T0], "b": []}


def test_what_may_be_left_out_is_used_if_it_is_there():
    mine = Full()
    strategy = Strategy(mine)
    assert strategy.user_data(frozenset({"t", "u"})) == b"t,u"
    strategy.on_assignment(frozenset({T0}), 3)
    assert mine.told == [(frozenset({T0}), 3)]


def test_it_sees_topics_and_members():
    mine = Mine()
    Strategy(mine).assign(TOPICS, MEMBERS)
    assert mine.told == [(TOPICS, MEMBERS)]


def test_pairs_are_partitions_too():
    (given,) = Strategy(Mine({"a": [("t", 0)]})).assign(TOPICS, MEMBERS)["a"]
    assert type(given) is TopicPartition


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"c": [T0]}, r"gave partitions to \['c'\], no members"),
        (["a"], "must return a mapping of member ids to partitions"),
        ({"a": [0]}, "must return a mapping of member ids to partitions"),
    ],
)
def test_nonsense_is_explained(result, words):
    with pytest.raises(KafkaError, match=words):
        Strategy(Mine(result)).assign(TOPICS, MEMBERS)


def test_what_it_raises_is_the_cause():
    class Broken(Full):
        def assign(self, topics, members):
            raise ZeroDivisionError("oops")

        def user_data(self, topics):
            return "text"

        def on_assignment(self, assigned, generation):
            raise KeyError("x")

    strategy = Strategy(Broken())
    with pytest.raises(
        KafkaError, match=r"assign of the assignor 'full' failed: ZeroDivisionError"
    ) as caught:
        strategy.assign(TOPICS, MEMBERS)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(KafkaError, match="user_data of the assignor 'full' returned str, not bytes"):
        strategy.user_data(frozenset())
    with pytest.raises(KafkaError, match="on_assignment of the assignor 'full' failed"):
        strategy.on_assignment(frozenset(), 1)
