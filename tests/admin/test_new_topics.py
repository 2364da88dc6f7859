"""Wishes become requests; what no broker would take is refused in words."""

import pytest

from kafkalite.admin.new_topics import NewPartitions, NewTopic, check_name, creatable, growth, listed


def test_settings_travel_as_text():
    (topic,) = creatable([NewTopic("t", topic_configs={"a": True, "b": 5, "c": None, "d": "x"})])
    assert [(c.name, c.value) for c in topic.configs] == [("a", "true"), ("b", "5"), ("c", None), ("d", "x")]


def test_assignments_are_sorted_by_partition():
    (topic,) = creatable([NewTopic("t", replica_assignments={1: [2], 0: [1, 2]})])
    assert [(a.partition_index, a.broker_ids) for a in topic.assignments] == [(0, [1, 2]), (1, [2])]
    assert (topic.num_partitions, topic.replication_factor) == (-1, -1)


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "x" * 250, "é"])
def test_no_broker_takes_such_a_name(name):
    with pytest.raises(ValueError, match="topic's name"):
        check_name(name)


def test_a_list_has_no_entry_twice_and_is_no_string():
    assert listed(iter(["a", "b"]), "topics") == ["a", "b"]
    with pytest.raises(ValueError, match="twice"):
        listed(["a", "a"], "topics")
    with pytest.raises(TypeError, match="must be a list"):
        listed("a", "topics")


def test_growth_in_three_spellings():
    wishes = growth({"a": 3, "b": NewPartitions(4, [[1]]), "c": {"count": 5}})
    assert [(w.name, w.count) for w in wishes] == [("a", 3), ("b", 4), ("c", 5)]
    assert wishes[1].assignments[0].broker_ids == [1]
