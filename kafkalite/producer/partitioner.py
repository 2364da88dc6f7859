"""Which partition a record goes to: by its key, by the user's function, or one partition for a batch's worth of records.

Brains. `hash_of` may be called on any thread, as may the user's partitioner; `StickyPartitioner` belongs to whoever
holds the accumulator's lock.
"""

from __future__ import annotations

import inspect
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import index as as_index
from random import Random
from typing import Any

from kafkalite.errors import IllegalArgumentError
from kafkalite.net.metadata import Cluster, TopicInfo

from .murmur2 import hashes_of_keys, murmur2

__all__ = ["Choice", "KeyHashes", "StickyPartitioner", "UserPartitioner"]

QueueLength = Callable[[int], int]
"""Partition -> batches that wait for being sent."""


class KeyHashes:
    """Hashes of keys that were seen lately: computing one costs fifty times as much as remembering it."""

    __slots__ = ("get", "known")

    LIMIT = 16_384
    LONGEST = 128
    """Longer keys are not kept: they would be what the memory goes to."""
    MANY = 64

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}
        self.get = self.known.get

    def hash_of(self, key: bytes) -> int:
        """The hash of a key."""
        found = self.known.get(key)
        if found is None:
            found = murmur2(key) & 0x7FFFFFFF  # hash_of_key, without the call
            if len(key) <= self.LONGEST:
                if len(self.known) >= self.LIMIT:
                    self.known.clear()
                self.known[key] = found
        return found

    def hashes_of(self, keys: Sequence[bytes]) -> list[int]:
        """The hash of each. Many at once are computed about as fast as looked up."""
        return list(map(self.hash_of, keys)) if len(keys) < self.MANY else hashes_of_keys(keys)


class StickyPartitioner:
    """Records without a key: one partition until about a batch of bytes went there, then another (KIP-480, KIP-794).

    Counting bytes and not batches keeps a slow broker, whose batches grow fuller, from getting more than its share;
    queues that have grown long make their partitions less likely (KIP-794).
    """

    def __init__(
        self, *, batch_size: int, adaptive: bool = True, availability_timeout: float = 0.0, rng: Random
    ) -> None:
        self._batch_size = batch_size
        self._adaptive = adaptive
        self._availability_timeout = availability_timeout
        self._rng = rng
        self._current: dict[str, int] = {}
        self._produced: dict[str, int] = {}
        self._ready_at: dict[int, float] = {}
        self._drained_at: dict[int, float] = {}

    def partition(self, topic: TopicInfo, queue_length: QueueLength) -> int:
        """Where the next batch of the topic goes. Asked when a batch is opened, so none is left half full."""
        current = self._current.get(topic.name)
        if (
            current is None
            or current >= len(topic.partitions)
            or self._produced[topic.name] >= self._batch_size
            or (topic.with_leader and topic.partitions[current].leader < 0)
        ):
            current = self._current[topic.name] = self._choose(topic, queue_length)
            self._produced[topic.name] = 0
        return current

    def on_batch(self, topic: str, octets: int, *, full: bool) -> None:
        """A batch of the current partition takes no more records. One that is full counts as a batch's worth."""
        if topic in self._produced:
            self._produced[topic] += max(octets, self._batch_size) if full else octets

    def on_node(self, node: int, now: float, *, drained: bool) -> None:
        """A node had batches waiting for it at `now`, and took some, or did not."""
        self._ready_at[node] = now
        if drained or node not in self._drained_at:
            self._drained_at[node] = now

    def _is_stuck(self, node: int) -> bool:
        ready = self._ready_at.get(node)
        return ready is not None and ready - self._drained_at[node] > self._availability_timeout

    def _choose(self, topic: TopicInfo, queue_length: QueueLength) -> int:
        candidates: Sequence[int] = topic.with_leader or range(len(topic.partitions))
        if self._availability_timeout > 0:
            moving = [p for p in candidates if not self._is_stuck(topic.partitions[p].leader)]
            candidates = moving or candidates
        if self._adaptive and len(candidates) > 1:
            lengths = list(map(queue_length, candidates))
            longest = max(lengths)
            if min(lengths) < longest:
                weights = list(accumulate(longest + 1 - length for length in lengths))
                return candidates[bisect_right(weights, self._rng.randrange(weights[-1]))]
        return candidates[self._rng.randrange(len(candidates))]


class TopicView:
    """What a partitioner object of kafka-python's shape may ask of its `cluster`."""

    __slots__ = ("_cluster",)

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def topics(self) -> set[str]:
        """Topics that are known."""
        return set(self._cluster.topics)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """Numbers of a topic's partitions; None if it is not known."""
        known = self._cluster.partitions_of(topic)
        return None if known is None else set(range(len(known)))

    def available_partitions_for_topic(self, topic: str) -> set[int] | None:
        """Numbers of those that have a leader; None if the topic is not known."""
        known = self._cluster.topics.get(topic)
        return None if known is None else set(known.with_leader)


class UserPartitioner:
    """The user's own choice.

    A function, or the `partition` of an object, of (key, all partitions, available partitions); or such a method with
    the six arguments of kafka-python 3's partitioners: topic, key, key bytes, value, value bytes, cluster.
    """

    def __init__(self, option: object) -> None:
        method = getattr(option, "partition", None)
        self._function: Callable[..., Any] = method if callable(method) else option  # type: ignore[assignment]
        self._takes_cluster = callable(method) and _takes(method, 6) and not _takes(method, 3)

    def partition(self, cluster: Cluster, topic: TopicInfo, key: bytes | None, value: bytes | None) -> int:
        """The partition. Raises whatever the user's code raises, TypeError or ValueError for an answer that is none."""
        count = len(topic.partitions)
        if self._takes_cluster:
            chosen = self._function(topic.name, key, key, value, value, TopicView(cluster))
        else:
            chosen = self._function(key, list(range(count)), list(topic.with_leader))
        try:
            number = as_index(chosen)
        except TypeError:
            raise TypeError(
                f"the partitioner chose {chosen!r} for topic {topic.name!r}; it must return a partition number"
            ) from None
        if not 0 <= number < count:
            raise ValueError(
                f"the partitioner chose partition {number} of topic {topic.name!r}, which has 0 to {count - 1}"
            )
        return number


class Choice:
    """The rule of a producer: what the caller says, else the user's partitioner, else the key, else the sticky one."""

    def __init__(self, partitioner: object | None, *, ignore_keys: bool) -> None:
        self.hashes = KeyHashes()
        self._user = None if partitioner is None else UserPartitioner(partitioner)
        self._ignore_keys = ignore_keys
        self.hash_new: Callable[[bytes], int | None] = (
            _no_hash if self.is_users or ignore_keys else self.hashes.hash_of
        )
        """The hash of a key that was not seen lately; None if it is not that what its partition depends on."""

    def partition(
        self,
        cluster: Cluster,
        topic: TopicInfo,
        partition: int | None,
        key: bytes | None,
        value: bytes | None,
    ) -> int | None:
        """The partition; None leaves it to the sticky partitioner. Raises IllegalArgumentError, which is a ValueError."""
        count = len(topic.partitions)
        if partition is not None:
            if isinstance(partition, bool) or not isinstance(partition, int):
                raise TypeError(f"a partition is an int, not {partition!r}")
            if not 0 <= partition < count:
                raise IllegalArgumentError(
                    f"topic {topic.name!r} has no partition {partition}: it has 0 to {count - 1}"
                )
            return partition
        if self._user is not None:
            return self._user.partition(cluster, topic, key, value)
        if key is None or self._ignore_keys:
            return None
        return self.hashes.hash_of(key) % count

    @property
    def is_users(self) -> bool:
        """Whether the user's partitioner is asked."""
        return self._user is not None

    def looks_at(self, keys: object | None) -> bool:
        """Whether records with these keys, for which the caller names no partition, may have to part."""
        return self._user is not None or (keys is not None and not self._ignore_keys)

    def partitions(self, topic: TopicInfo, keys: Sequence[bytes | None]) -> list[int | None]:
        """The partition of each key; None, for no key, leaves it to the sticky partitioner."""
        count = len(topic.partitions)
        if None not in keys:
            return [hashed % count for hashed in self.hashes.hashes_of(keys)]  # type: ignore[arg-type]
        hashes = iter(self.hashes.hashes_of([key for key in keys if key is not None]))
        return [None if key is None else next(hashes) % count for key in keys]


def _no_hash(_: bytes) -> None:
    """Nothing to go by."""


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return count == 3
    return True
