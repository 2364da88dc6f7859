"""Who is in a group, and what they can agree on."""

from __future__ import annotations

import pytest

from kafkalite.broker.roster import Member, Roster, assigned_partitions
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.consumer_protocol_assignment import (
    ConsumerProtocolAssignment,
    TopicPartition,
)
from kafkalite.protocol.messages.consumer_protocol_subscription import ConsumerProtocolSubscription
from kafkalite.protocol.messages.join_group import JoinGroupResponse
from kafkalite.protocol.messages.sync_group import SyncGroupResponse


def member(
    name: str,
    protocols: dict[str, bytes] | str = "range",
    *,
    instance: str | None = None,
    waits: bool = False,
) -> Member:
    if isinstance(protocols, str):
        protocols = dict.fromkeys(protocols.split(), b"")
    made = Member(
        name,
        group_instance_id=instance,
        client_id="client",
        client_host="/127.0.0.1",
        protocols=protocols,
        session_timeout=10.0,
        rebalance_timeout=20.0,
    )
    if waits:
        made.join_reply = lambda response: None
    return made


def roster(*members: Member) -> Roster:
    made = Roster()
    for each in members:
        made.add(each, "consumer")
    return made


def subscription(*topics: str, version: int = 3) -> bytes:
    return version.to_bytes(2, "big") + ConsumerProtocolSubscription(topics=list(topics)).encode(version)


def test_the_first_member_leads_and_says_what_the_group_is_for() -> None:
    group = roster(member("a"), member("b"))
    assert group.leader == "a"
    assert group.protocol_type == "consumer"
    assert [each.member_id for each in group] == ["a", "b"]


def test_when_the_leader_goes_the_eldest_leads() -> None:
    group = roster(member("a"), member("b"), member("c"))
    group.remove("a")
    assert group.leader == "b"
    group.remove("c")
    group.remove("b")
    assert group.leader is None
    assert group.remove("b") is None


def test_an_empty_group_takes_the_next_ones_protocol_type() -> None:
    group = roster(member("a"))
    group.remove("a")
    assert group.supports("connect", ["x"])
    group.add(member("b"), "connect")
    assert group.protocol_type == "connect"


@pytest.mark.parametrize(
    ("ids", "verdict"),
    [
        (("a", None), ErrorCode.NONE),
        (("b", "i"), ErrorCode.NONE),
        (("x", None), ErrorCode.UNKNOWN_MEMBER_ID),
        (("b", "unknown"), ErrorCode.UNKNOWN_MEMBER_ID),
        (("a", "i"), ErrorCode.FENCED_INSTANCE_ID),
        (("b", None), ErrorCode.NONE),
    ],
)
def test_ids_must_belong_together(ids: tuple[str, str | None], verdict: ErrorCode) -> None:
    group = roster(member("a"), member("b", instance="i"))
    assert group.check(*ids) is verdict


def test_a_protocol_must_be_common_to_all() -> None:
    group = roster(member("a", "range sticky"), member("b", "sticky roundrobin"))
    assert group.in_common() == {"sticky"}
    assert group.supports("consumer", ["sticky", "range"])
    assert not group.supports("consumer", ["range"])
    assert not group.supports("connect", ["sticky"])
    assert not group.supports("consumer", [])


@pytest.mark.parametrize(("protocol_type", "names"), [("", ["range"]), ("consumer", [])])
def test_an_empty_group_wants_a_type_and_a_protocol(protocol_type: str, names: list[str]) -> None:
    assert not Roster().supports(protocol_type, names)


def test_the_protocol_is_voted_for_among_those_that_all_support() -> None:
    group = roster(member("a", "x y z"), member("b", "z y"), member("c", "w z y"))
    assert group.vote() == "z"  # two like z better than y; x and w are not common


def test_the_eldest_breaks_a_tie() -> None:
    assert roster(member("a", "y x"), member("b", "x y")).vote() == "y"


def test_the_leader_is_kept_if_it_rejoined() -> None:
    group = roster(member("a", waits=True), member("b", waits=True))
    assert group.elect()
    assert group.leader == "a"


def test_a_leader_that_did_not_rejoin_is_replaced() -> None:
    group = roster(member("a"), member("b", waits=True))
    assert group.elect()
    assert group.leader == "b"
    assert not roster(member("a")).elect()
    assert not Roster().elect()


def test_counting_who_came() -> None:
    group = roster(member("a", waits=True), member("b"))
    assert group.waiting_to_join == 1
    assert [each.member_id for each in group.not_rejoined()] == ["b"]
    assert group.rebalance_timeout == 20.0
    assert Roster().rebalance_timeout == 0.0


def test_a_static_member_takes_over_under_a_new_id() -> None:
    old = member("a", instance="i")
    group = roster(old, member("b"))
    group.rename(old, "a2")
    assert "a" not in group
    assert group.with_instance("i") is old
    assert group.leader == "a2"
    assert group.check("a", "i") is ErrorCode.FENCED_INSTANCE_ID
    group.remove("a2")
    assert group.with_instance("i") is None


def test_a_reply_is_given_once() -> None:
    joins: list[JoinGroupResponse] = []
    syncs: list[SyncGroupResponse] = []
    one = member("a")
    one.join_reply, one.sync_reply = joins.append, syncs.append
    for _ in range(2):
        one.answer_join(JoinGroupResponse())
    assert one.answer_sync(SyncGroupResponse())
    assert not one.answer_sync(SyncGroupResponse())
    assert (len(joins), len(syncs)) == (1, 1)


def test_preferences_are_the_same_only_in_the_same_order() -> None:
    one = member("a", {"x": b"1", "y": b"2"})
    assert one.prefers_the_same({"x": b"1", "y": b"2"})
    assert not one.prefers_the_same({"y": b"2", "x": b"1"})
    assert not one.prefers_the_same({"x": b"1", "y": b"3"})


def test_what_a_group_reads() -> None:
    group = roster(
        member("a", {"range": subscription("t1", "t2")}),
        member("b", {"range": subscription("t2", "t3", version=0)}),
    )
    assert group.subscribed_topics("range") == {"t1", "t2", "t3"}
    assert group.subscribed_topics("other") is None


def test_a_newer_subscription_is_read_as_the_newest_known_one() -> None:
    newer = (9).to_bytes(2, "big") + subscription("t")[2:] + b"more"
    assert roster(member("a", {"range": newer})).subscribed_topics("range") == {"t"}


@pytest.mark.parametrize("metadata", [b"", b"\x00", b"\xff\xff\x00\x00", b"\x00\x00\x00\x00\x00\x09"])
def test_what_cannot_be_read_is_not_guessed(metadata: bytes) -> None:
    assert roster(member("a", {"range": metadata})).subscribed_topics("range") is None
    assert assigned_partitions(metadata) == []


def test_only_consumers_read_topics() -> None:
    group = Roster()
    group.add(member("a", {"range": subscription("t")}), "connect")
    assert group.subscribed_topics("range") is None


def test_an_assignment_is_read() -> None:
    given = ConsumerProtocolAssignment(assigned_partitions=[TopicPartition(topic="t", partitions=[0, 2])])
    assert assigned_partitions(b"\x00\x01" + given.encode(1)) == [("t", 0), ("t", 2)]


def test_the_leader_learns_of_everybody() -> None:
    group = roster(member("a", {"range": b"A"}), member("b", {"range": b"B"}, instance="i"))
    listed = [
        (each.member_id, each.group_instance_id, each.metadata) for each in group.for_the_leader("range")
    ]
    assert listed == [("a", None, b"A"), ("b", "i", b"B")]
