"""Range: of each topic, every member that subscribes to it gets a run of neighbouring partitions. A brain.

Topics with the same number of partitions and the same members are shared out alike, so that equal partition numbers
meet at the same member. Where racks are known and make a difference, members get partitions that have a copy in their
rack first (KIP-881). Called by the leader, through `Strategy`. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from kafkalite.types import TopicPartition

from .member import MemberSubscription, TopicRacks, in_order

__all__ = ["Range"]


class Range:
    """Kafka's default assignor."""

    name = "range"

    def assign(
        self, topics: TopicRacks, members: Mapping[str, MemberSubscription]
    ) -> dict[str, list[TopicPartition]]:
        """Member id -> partitions, by topic and number."""
        order = in_order(members)
        shares = []
        for topic in sorted(topics):
            takers = {m: members[m].rack or None for m in order if topic in members[m].topics}
            if takers and topics[topic]:
                shares.append(_Sharing(topic, topics[topic], takers))
        if any(sharing.racks_matter for sharing in shares):
            _match_racks(shares)
        for sharing in shares:
            sharing.deal()
        given: dict[str, list[TopicPartition]] = {member: [] for member in members}
        for sharing in shares:
            for member, numbers in sharing.given.items():
                given[member].extend(TopicPartition(sharing.topic, number) for number in sorted(numbers))
        return given


class _Sharing:
    """One topic on its way to its members."""

    def __init__(self, topic: str, racks: Sequence[frozenset[str]], takers: Mapping[str, str | None]) -> None:
        self.topic = topic
        self.takers = takers
        self.racks = racks
        self.left = dict.fromkeys(range(len(racks)))  # a set that keeps its order
        self.given: dict[str, list[int]] = {member: [] for member in takers}
        self._quota, self._extras = divmod(len(racks), len(takers))
        known = frozenset(rack for rack in takers.values() if rack is not None)
        everywhere = frozenset[str]().union(*racks)
        # When each partition is in each rack, any choice is as good as another.
        self.racks_matter = bool(known & everywhere) and any(each != everywhere for each in racks)

    def near(self, member: str, number: int) -> bool:
        """Whether the member may take this one as being in its rack; one without a rack is near to everything."""
        rack = self.takers[member]
        return rack is None or rack in self.racks[number]

    def room(self, member: str) -> int:
        """How many more the member may get: the first ones to need it get one above the quota."""
        return max(0, self._quota + (self._extras > 0) - len(self.given[member]))

    def give(self, member: str, numbers: Collection[int]) -> None:
        """These go to that member."""
        if not numbers:
            return
        self.given[member].extend(numbers)
        if len(self.given[member]) > self._quota:
            self._extras -= 1
        for number in numbers:
            del self.left[number]

    def deal(self, *, near_only: bool = False) -> None:
        """Fill up each member in turn with what is left."""
        for member in self.takers:
            fitting = (n for n in self.left if not near_only or self.near(member, n))
            self.give(member, list(islice(fitting, self.room(member))))


def _match_racks(shares: Sequence[_Sharing]) -> None:
    """Give what can be read within a rack; topics that are shared out alike move together."""
    alike: dict[tuple[tuple[tuple[str, str | None], ...], int], list[_Sharing]] = {}
    for sharing in shares:
        key = tuple(sharing.takers.items()), len(sharing.racks)
        alike.setdefault(key, []).append(sharing)
    for together in alike.values():
        if len(together) > 1:
            _match_together(together)
        elif together[0].racks_matter:
            together[0].deal(near_only=True)


def _match_together(shares: Sequence[_Sharing]) -> None:
    for number in range(len(shares[0].racks)):
        for member in shares[0].takers:
            if all(sharing.room(member) and sharing.near(member, number) for sharing in shares):
                for sharing in shares:
                    sharing.give(member, (number,))
                break
