"""Each client produces, consumes, and shares a group: with its own kind, and with kafkalite."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from . import foreign
from .conftest import PARTITIONS, StartMember, get
from .foreign import Client, shared, until
from .programs import contract

COUNT = 100

JAVA_PARTITIONS = (
    "1023100331210103101233100233310320202130113223112322101011311221132100113313023122000032210231000112"
)
"""Where Java's own client put the keys key-0 to key-99, of four partitions."""


def expected(client: str, codec: str) -> list[tuple[Any, ...]]:
    """The records that `client` writes with this codec: key, value, headers and partition."""
    headers = [[name, text.decode()] for name, text in contract.headers(client, codec)]
    return [
        (contract.key(n), contract.value(codec, n), headers, int(JAVA_PARTITIONS[n])) for n in range(COUNT)
    ]


def without_offset(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(r["key"], r["value"], r["headers"], r["partition"]) for r in records]


def by_place(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((r["partition"], r["offset"], r["key"], r["value"], r["headers"]) for r in records)


def check_order(records: list[dict[str, Any]]) -> None:
    """Offsets of each partition come in order and without gaps."""
    offsets = defaultdict(list)
    for record in records:
        offsets[record["partition"]].append(record["offset"])
    for seen in offsets.values():
        assert seen == list(range(len(seen)))


def everything(client: Client) -> list[tuple[Any, ...]]:
    return sorted(record for codec in client.codecs for record in expected(client.name, codec))


def test_records_go_out_and_come_back(client: Client, bootstrap: str, topic: str) -> None:
    produced = client.run("produce", bootstrap, topic, str(COUNT), *client.codecs)
    total = COUNT * len(client.codecs)
    consumed = client.run("consume", bootstrap, topic, str(total))
    assert sorted(without_offset(consumed)) == everything(client)
    check_order(consumed)
    assert len(produced) == total
    if produced[0]["partition"] >= 0:  # not every client tells
        assert by_place(produced) == by_place(consumed)


def test_kafkalite_reads_what_it_wrote(client: Client, bootstrap: str, topic: str) -> None:
    client.run("produce", bootstrap, topic, str(COUNT), *client.codecs)
    consumed = foreign.kafkalite().run("consume", bootstrap, topic, str(COUNT * len(client.codecs)))
    assert sorted(without_offset(consumed)) == everything(client)
    check_order(consumed)


def test_it_reads_what_kafkalite_wrote(client: Client, bootstrap: str, topic: str) -> None:
    ours = foreign.kafkalite()
    produced = ours.run("produce", bootstrap, topic, str(COUNT), *client.codecs)
    consumed = client.run("consume", bootstrap, topic, str(COUNT * len(client.codecs)))
    assert by_place(consumed) == by_place(produced)
    check_order(consumed)


def test_two_members_share_and_a_third_takes_over(
    client: Client, bootstrap: str, topic: str, start_member: StartMember
) -> None:
    first = start_member(client)
    until(lambda: shared(first) == list(range(PARTITIONS)), first)
    second = start_member(client)
    until(
        lambda: shared(first, second) == list(range(PARTITIONS)) and len(first.assigned or ()) == 2,
        first,
        second,
    )

    client.run("produce", bootstrap, topic, str(COUNT), "none")
    until(lambda: len(first.records) + len(second.records) >= COUNT, first, second)
    first.leave()
    second.leave()
    read = first.records + second.records
    assert sorted(without_offset(read)) == sorted(expected(client.name, "none"))
    assert first.records
    assert second.records

    client.run("produce", bootstrap, topic, "10", "gzip")
    third = start_member(client)
    until(lambda: len(third.records) >= 10, third)
    assert shared(third) == list(range(PARTITIONS))
    third.leave()
    # What the two had committed does not come again.
    assert sorted(without_offset(third.records)) == sorted(expected(client.name, "gzip")[:10])


@pytest.mark.parametrize("leader", ["kafkalite", "the other"])
@pytest.mark.parametrize("name", foreign.BY_RANGE)
def test_it_shares_a_group_with_kafkalite(
    name: str, leader: str, bootstrap: str, topic: str, start_member: StartMember
) -> None:
    client, ours = get(name), foreign.kafkalite()
    # The first member leads: it divides the partitions for both, from what the other one says of itself.
    first = start_member(ours if leader == "kafkalite" else client)
    until(lambda: shared(first) == list(range(PARTITIONS)), first)
    second = start_member(client if leader == "kafkalite" else ours)
    until(
        lambda: shared(first, second) == list(range(PARTITIONS)) and len(first.assigned or ()) == 2,
        first,
        second,
    )
    client.run("produce", bootstrap, topic, str(COUNT), "none")
    until(lambda: len(first.records) + len(second.records) >= COUNT, first, second)
    # One leaves, the other takes over what it had committed.
    first.leave()
    until(lambda: shared(second) == list(range(PARTITIONS)), second)
    client.run("produce", bootstrap, topic, "10", "gzip")
    until(lambda: len(first.records) + len(second.records) >= COUNT + 10, second)
    second.leave()
    assert sorted(without_offset(first.records + second.records)) == sorted(
        expected(client.name, "none") + expected(client.name, "gzip")[:10]
    )
