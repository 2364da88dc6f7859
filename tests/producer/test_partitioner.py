"""Which partition a record goes to."""

from collections import Counter
from random import Random

import pytest

from kafkalite.producer.murmur2 import hash_of_key
from kafkalite.producer.partitioner import Choice, KeyHashes, StickyPartitioner, UserPartitioner

from .stand_ins import LastChoice, cluster, topic


def none_queued(_):
    return 0


def test_hashes_are_remembered_within_bounds():
    hashes = KeyHashes()
    assert hashes.hash_of(b"k") == hash_of_key(b"k")
    assert hashes.get(b"k") == hash_of_key(b"k")
    long = b"x" * (KeyHashes.LONGEST + 1)
    assert hashes.hash_of(long) == hash_of_key(long)
    assert hashes.get(long) is None
    for number in range(KeyHashes.LIMIT + 1):
        hashes.hash_of(b"%d" % number)
    assert len(hashes.known) <= KeyHashes.LIMIT
    assert hashes.hash_of(b"k") == hash_of_key(b"k")


class TestSticky:
    def sticky(self, **more):
        return StickyPartitioner(batch_size=1000, rng=Random(1), **more)

    def test_stays_until_a_batch_of_bytes_went_there(self):
        sticky, three = self.sticky(), topic(partitions=3)
        first = sticky.partition(three, none_queued)
        for _ in range(4):
            sticky.on_batch("t", 249, full=False)
            assert sticky.partition(three, none_queued) == first
        assert sticky._produced["t"] == 996
        sticky.on_batch("t", 4, full=False)
        sticky.partition(three, none_queued)
        assert sticky._produced["t"] == 0

    def test_a_full_batch_is_a_batch_of_bytes(self):
        sticky, three = self.sticky(), topic(partitions=3)
        seen = Counter()
        for _ in range(300):
            seen[sticky.partition(three, none_queued)] += 1
            sticky.on_batch("t", 990, full=True)
        assert set(seen) == {0, 1, 2}
        assert min(seen.values()) > 50

    def test_topics_do_not_share_their_choice(self):
        sticky = self.sticky()
        sticky.on_batch("other", 5000, full=True)  # nothing was chosen for it yet
        assert sticky.partition(topic("a", 1), none_queued) == 0
        assert sticky.partition(topic("b", 5), none_queued) in range(5)

    def test_only_partitions_with_a_leader_unless_none_has_one(self):
        sticky = self.sticky()
        led = topic(partitions=3, leaders={("t", 0): -1, ("t", 2): -1})
        for _ in range(20):
            assert sticky.partition(led, none_queued) == 1
            sticky.on_batch("t", 1000, full=True)
        nobody = topic(partitions=3, leaders={("t", n): -1 for n in range(3)})
        assert sticky.partition(nobody, none_queued) in range(3)

    def test_leaves_a_partition_that_lost_its_leader_or_is_gone(self):
        sticky = StickyPartitioner(batch_size=1000, rng=LastChoice())
        assert sticky.partition(topic(partitions=3), none_queued) == 2
        assert sticky.partition(topic(partitions=3, leaders={("t", 2): -1}), none_queued) == 1
        assert sticky.partition(topic(partitions=1), none_queued) == 0

    def test_long_queues_make_a_partition_less_likely(self):
        sticky, two = self.sticky(), topic(partitions=2)
        seen = Counter()
        for _ in range(2000):
            seen[sticky.partition(two, {0: 9, 1: 0}.__getitem__)] += 1
            sticky.on_batch("t", 1000, full=True)
        # Weights are 1 and 10.
        assert 0.04 < seen[0] / 2000 < 0.15

    def test_without_adaptation_queues_do_not_matter(self):
        sticky, two = self.sticky(adaptive=False), topic(partitions=2)
        seen = Counter()
        for _ in range(2000):
            seen[sticky.partition(two, {0: 9, 1: 0}.__getitem__)] += 1
            sticky.on_batch("t", 1000, full=True)
        assert 0.4 < seen[0] / 2000 < 0.6

    def test_a_node_that_takes_nothing_is_left_out_for_a_while(self):
        sticky = self.sticky(availability_timeout=5.0)
        two = topic(partitions=2, leaders={("t", 0): 1, ("t", 1): 2})
        sticky.on_node(1, 100.0, drained=True)
        sticky.on_node(2, 100.0, drained=False)  # the first time is no delay yet
        assert {self.choices(sticky, two) for _ in range(30)} == {0, 1}
        sticky.on_node(2, 105.5, drained=False)
        assert {self.choices(sticky, two) for _ in range(30)} == {0}
        sticky.on_node(1, 200.0, drained=False)
        assert {self.choices(sticky, two) for _ in range(30)} == {0, 1}  # all stuck: as if none were
        sticky.on_node(2, 201.0, drained=True)
        assert {self.choices(sticky, two) for _ in range(30)} == {1}

    def choices(self, sticky, topic):
        sticky.on_batch("t", 1000, full=True)
        return sticky.partition(topic, none_queued)


class TestUsers:
    def test_a_function_gets_key_all_and_available(self):
        calls = []

        def choose(*arguments):
            calls.append(arguments)
            return 2

        picture = cluster({"t": 3}, leaders={("t", 1): -1})
        assert UserPartitioner(choose).partition(picture, picture.topics["t"], b"k", b"v") == 2
        assert calls == [(b"k", [0, 1, 2], [0, 2])]

    def test_an_object_with_partition(self):
        class Mine:
            def partition(self, key, partitions, available):
                return partitions[-1]

        picture = cluster({"t": 3})
        assert UserPartitioner(Mine()).partition(picture, picture.topics["t"], None, b"v") == 2

    def test_an_object_of_kafka_python_3_s_shape(self):
        seen = {}

        class Theirs:
            def partition(self, topic, key, serialized_key, value, serialized_value, cluster):
                seen["arguments"] = topic, key, serialized_key, value, serialized_value
                seen["all"] = cluster.partitions_for_topic(topic)
                seen["available"] = cluster.available_partitions_for_topic(topic)
                seen["topics"] = cluster.topics()
                seen["none"] = cluster.partitions_for_topic("x"), cluster.available_partitions_for_topic("x")
                return 1

        picture = cluster({"t": 3}, leaders={("t", 1): -1})
        assert UserPartitioner(Theirs()).partition(picture, picture.topics["t"], b"k", b"v") == 1
        assert seen == {
            "arguments": ("t", b"k", b"k", b"v", b"v"),
            "all": {0, 1, 2},
            "available": {0, 2},
            "topics": {"t"},
            "none": (None, None),
        }

    @pytest.mark.parametrize(
        ("chosen", "error"), [(3, ValueError), (-1, ValueError), (None, TypeError), ("1", TypeError)]
    )
    def test_an_answer_that_is_no_partition_is_refused(self, chosen, error):
        picture = cluster({"t": 3})
        with pytest.raises(error, match=r"partitioner chose .* topic 't'"):
            UserPartitioner(lambda *_: chosen).partition(picture, picture.topics["t"], None, b"v")

    def test_numbers_of_other_types_will_do(self):
        class Number:
            def __index__(self):
                return 1

        picture = cluster({"t": 3})
        assert UserPartitioner(lambda *_: Number()).partition(picture, picture.topics["t"], None, b"v") == 1

    def test_a_function_written_in_c_is_called_with_three(self):
        picture = cluster({"t": 3})
        choose = UserPartitioner(type("P", (), {"partition": max})())
        with pytest.raises(TypeError):
            choose.partition(picture, picture.topics["t"], b"k", b"v")
        assert not choose._takes_cluster


class TestChoice:
    picture = cluster({"t": 3})

    def choose(self, choice, partition=None, key=None):
        return choice.partition(self.picture, self.picture.topics["t"], partition, key, b"v")

    def test_the_callers_word_then_the_users_then_the_key(self):
        mine = Choice(lambda *_: 0, ignore_keys=False)
        assert self.choose(mine, partition=2, key=b"21") == 2
        assert self.choose(mine, key=b"user-42") == 0
        plain = Choice(None, ignore_keys=False)
        assert self.choose(plain, key=b"user-42") == 1  # as Java has it
        assert self.choose(plain, key=b"") == 0  # an empty key is a key
        assert self.choose(plain) is None
        assert self.choose(Choice(None, ignore_keys=True), key=b"user-42") is None

    @pytest.mark.parametrize("partition", [3, -1])
    def test_a_partition_that_does_not_exist(self, partition):
        with pytest.raises(ValueError, match=f"topic 't' has no partition {partition}: it has 0 to 2"):
            self.choose(Choice(None, ignore_keys=False), partition=partition)

    @pytest.mark.parametrize("partition", ["1", 1.0, True])
    def test_a_partition_is_an_int(self, partition):
        with pytest.raises(TypeError, match="partition is an int"):
            self.choose(Choice(None, ignore_keys=False), partition=partition)


@pytest.mark.parametrize("count", [0, 1, KeyHashes.MANY - 1, KeyHashes.MANY])
def test_many_keys_hash_as_single_ones(count):
    keys = [b"key-%d" % n for n in range(count)]
    hashes = KeyHashes()
    assert hashes.hashes_of(keys) == list(map(hash_of_key, keys))
    assert len(hashes.known) == (count if count < KeyHashes.MANY else 0)


def test_partitions_of_many_keys():
    choice, info = Choice(None, ignore_keys=False), topic(partitions=3)
    keys = [None, b"21", None, b"a-little-bit-long-string", b"user-42"]
    assert choice.partitions(info, keys) == [None, 0, None, 2, 1]
    assert choice.partitions(info, [b"user-42"]) == [1]
    assert choice.partitions(info, [None]) == [None]
    assert not choice.is_users


@pytest.mark.parametrize(
    ("user", "ignore_keys", "with_keys", "without"),
    [(None, False, True, False), (None, True, False, False), (lambda *_: 0, True, True, True)],
)
def test_whether_keys_matter(user, ignore_keys, with_keys, without):
    choice = Choice(user, ignore_keys=ignore_keys)
    assert choice.looks_at([b"k"]) is with_keys
    assert choice.looks_at(None) is without
    assert choice.is_users is (user is not None)
