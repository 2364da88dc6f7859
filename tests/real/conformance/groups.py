"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and what describes and deletes groups."""

from __future__ import annotations

from typing import Any

from kafkalite.protocol.messages.delete_groups import DeleteGroupsRequest
from kafkalite.protocol.messages.describe_groups import DescribeGroupsRequest
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kafkalite.protocol.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite.protocol.messages.list_groups import ListGroupsRequest
from kafkalite.protocol.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

from .registry import conversation
from .talk import Line, Talk

SESSION = 30_000
REBALANCE = 10_000


def join(
    group: str,
    member: str = "",
    *,
    protocols: dict[str, bytes] | None = None,
    kind: str = "consumer",
    session: int = SESSION,
    rebalance: int = REBALANCE,
    instance: str | None = None,
) -> JoinGroupRequest:
    named = {"range": b"meta"} if protocols is None else protocols
    return JoinGroupRequest(
        group_id=group,
        session_timeout_ms=session,
        rebalance_timeout_ms=rebalance,
        member_id=member,
        group_instance_id=instance,
        protocol_type=kind,
        protocols=[JoinGroupRequestProtocol(name=name, metadata=data) for name, data in named.items()],
    )


def sync(
    group: str,
    generation: int,
    member: str,
    assigned: dict[str, bytes] | None = None,
    *,
    kind: str | None = "consumer",
    protocol: str | None = "range",
    instance: str | None = None,
) -> SyncGroupRequest:
    return SyncGroupRequest(
        group_id=group,
        generation_id=generation,
        member_id=member,
        group_instance_id=instance,
        protocol_type=kind,
        protocol_name=protocol,
        assignments=[
            SyncGroupRequestAssignment(member_id=who, assignment=what)
            for who, what in (assigned or {}).items()
        ],
    )


def beat(group: str, generation: int, member: str, instance: str | None = None) -> HeartbeatRequest:
    return HeartbeatRequest(
        group_id=group, generation_id=generation, member_id=member, group_instance_id=instance
    )


def leave(talk: Talk, group: str, *members: str, instance: str | None = None) -> LeaveGroupRequest:
    if talk.version(LeaveGroupRequest) < 3:
        return LeaveGroupRequest(group_id=group, member_id=members[0])
    identities = [MemberIdentity(member_id=member, group_instance_id=instance) for member in members]
    return LeaveGroupRequest(group_id=group, members=identities)


def describe(*groups: str) -> DescribeGroupsRequest:
    """Not to be asked before the first assignment: whether Kafka knows a group that it has not yet written down is luck."""
    return DescribeGroupsRequest(groups=list(groups))


def joined(talk: Talk, group: str, **options: Any) -> Any:
    """Join as the only member, with the id that the coordinator gives."""
    answer = talk.ask(join(group, **options))
    if answer.error_code:
        answer = talk.ask(join(group, answer.member_id, **options))
    return answer


def stable(talk: Talk, group: str, **options: Any) -> Any:
    """The only member of a stable group, who leads it."""
    answer = joined(talk, group, **options)
    kind = options.get("kind", "consumer")
    all_mine = sync(group, answer.generation_id, answer.member_id, {answer.member_id: b"all"}, kind=kind)
    assert talk.ask(all_mine).error_code == 0
    return answer


def id_of(talk: Talk, group: str, line: Line, **options: Any) -> str:
    """A member id from the coordinator, in versions that give it before the join."""
    answer = talk.ask(join(group, **options), line=line)
    return str(answer.member_id)


@conversation()
def refused_joins(talk: Talk) -> None:
    group = talk.group()
    talk.see("empty group id", join(""))
    talk.see("session timeout too short", join(group, session=5_999))
    talk.see("session timeout too long", join(group, session=1_800_001))
    talk.see("a member id of nobody, of no group", join(group, "somebody-1"))
    talk.see("no protocols", join(group, protocols={}))
    talk.see("no protocol type", join(group, kind=""))


@conversation()
def a_member(talk: Talk) -> None:
    group = talk.group()
    first = talk.see("a first join", join(group))
    member, generation = first.member_id, first.generation_id
    if first.error_code:
        talk.see("a heartbeat meanwhile", beat(group, -1, member))
        second = talk.see("a second one with the id", join(group, member))
        generation = second.generation_id
    talk.see("a heartbeat before the assignment", beat(group, generation, member))
    talk.see("a wrong generation", sync(group, generation + 1, member, {member: b"all"}))
    talk.see("of somebody else", sync(group, generation, "somebody-1"))
    talk.see("the assignment", sync(group, generation, member, {member: b"all"}))
    talk.see("the assignment again", sync(group, generation, member))
    talk.see("described", describe(group))
    talk.see("a heartbeat", beat(group, generation, member))
    talk.see("a heartbeat of an old generation", beat(group, generation - 1, member))
    talk.see("a heartbeat of a generation to come", beat(group, generation + 1, member))
    talk.see("a heartbeat of somebody else", beat(group, generation, "somebody-1"))
    talk.see("a heartbeat of nobody", beat(group, generation, ""))
    talk.see("deleted while there are members", DeleteGroupsRequest(groups_names=[group]))
    talk.see("somebody else leaves", leave(talk, group, "somebody-1"))
    talk.see("it leaves", leave(talk, group, member))
    talk.see("it leaves again", leave(talk, group, member))
    talk.see("described when empty", describe(group))
    talk.see("a heartbeat after it left", beat(group, generation, member))
    talk.see("a sync after it left", sync(group, generation, member))
    talk.see("a join after it left", join(group, member))
    talk.see("deleted", DeleteGroupsRequest(groups_names=[group]))
    talk.see("deleted again", DeleteGroupsRequest(groups_names=[group]))
    talk.see("described when gone", describe(group))


@conversation("newest")
def protocols_of_the_assignment(talk: Talk) -> None:
    group = talk.group()
    answer = joined(talk, group)
    me, generation = answer.member_id, answer.generation_id
    talk.see("no type", sync(group, generation, me, {me: b"a"}, kind=None))
    talk.see("no name", sync(group, generation, me, {me: b"a"}, protocol=None))
    talk.see("a wrong type", sync(group, generation, me, {me: b"a"}, kind="connect"))
    talk.see("a wrong name", sync(group, generation, me, {me: b"a"}, protocol="sticky"))
    talk.see("the right ones", sync(group, generation, me, {me: b"a"}))
    talk.see("a wrong name when all is done", sync(group, generation, me, protocol="sticky"))


@conversation()
def unknown_groups(talk: Talk) -> None:
    group = talk.group("nowhere")
    talk.see("heartbeat", beat(group, 1, "somebody-1"))
    talk.see("sync", sync(group, 1, "somebody-1"))
    talk.see("leave", leave(talk, group, "somebody-1"))
    talk.see("describe", describe(group, talk.group("neither")))
    talk.see("delete", DeleteGroupsRequest(groups_names=[group]))
    talk.see("heartbeat without a group id", beat("", 1, "somebody-1"))
    talk.see("sync without a group id", sync("", 1, "somebody-1"))
    talk.see("leave without a group id", leave(talk, "", "somebody-1"))
    talk.see("describe without a group id", describe(""))
    talk.see("delete without a group id", DeleteGroupsRequest(groups_names=[""]))


@conversation()
def joins_of_a_stable_member(talk: Talk) -> None:
    group = talk.group()
    answer = stable(talk, group)
    talk.see("another protocol type", join(group, kind="connect"))
    talk.see("no protocol in common", join(group, protocols={"sticky": b"x"}))
    talk.see("its own, of another type", join(group, answer.member_id, kind="connect"))
    again = talk.see("the leader joins again: a new generation", join(group, answer.member_id))
    talk.see("a heartbeat in between", beat(group, again.generation_id, answer.member_id))
    talk.see("the same join again", join(group, answer.member_id))
    changed = talk.see("other metadata", join(group, answer.member_id, protocols={"range": b"new"}))
    talk.see("assigned", sync(group, changed.generation_id, answer.member_id, {answer.member_id: b"all"}))
    talk.see("described", describe(group))


def two(talk: Talk, group: str) -> tuple[Any, Any, Line, Line, int]:
    """Two members of a group whose leader has not assigned yet: both answers, their lines, the version."""
    first = stable(talk, group)
    one, other = talk.line, talk.connect()
    version = talk.version(JoinGroupRequest)
    second_id = id_of(talk, group, other) if version >= 4 else ""
    wanted = join(group, second_id)
    other.send(wanted, version)
    talk.until(lambda: talk.ask(beat(group, first.generation_id, first.member_id)).error_code != 0)
    renewed, joined_too = talk.ask(join(group, first.member_id)), other.receive(wanted, version)
    talk.call(renewed.member_id, "the leader")
    talk.call(joined_too.member_id, "the follower")
    return renewed, joined_too, one, other, version


@conversation()
def two_members(talk: Talk) -> None:
    group = talk.group()
    leader, follower, _, other, _ = two(talk, group)
    talk.note("the leader's answer", leader)
    talk.note("the follower's answer", follower)
    generation = leader.generation_id
    version = talk.version(SyncGroupRequest)
    waiting = sync(group, generation, follower.member_id)
    other.send(waiting, version)
    assigned = {leader.member_id: b"one", follower.member_id: b"two"}
    talk.see("the leader assigns", sync(group, generation, leader.member_id, assigned))
    talk.note("the follower gets it", other.receive(waiting, version))
    talk.see("described", describe(group))
    talk.see("the follower joins again, unchanged", join(group, follower.member_id))
    talk.see("the follower leaves", leave(talk, group, follower.member_id))
    talk.see("the leader hears of it", beat(group, generation, leader.member_id))
    talk.see("the leader joins again", join(group, leader.member_id))


@conversation()
def a_rebalance_while_one_waits_for_its_assignment(talk: Talk) -> None:
    group = talk.group()
    leader, follower, one, other, version = two(talk, group)
    generation = leader.generation_id
    waiting = sync(group, generation, follower.member_id)
    other.send(waiting, talk.version(SyncGroupRequest))
    # The leader joins again with other metadata instead of assigning.
    again = join(group, leader.member_id, protocols={"range": b"new"})
    one.send(again, version)
    talk.note("the follower's sync", other.receive(waiting, talk.version(SyncGroupRequest)))
    third = talk.connect()
    talk.see("the follower's heartbeat", beat(group, generation, follower.member_id), line=third)
    talk.see("a sync meanwhile", sync(group, generation, follower.member_id), line=third)
    talk.see("described meanwhile", describe(group), line=third)
    answer = talk.ask(join(group, follower.member_id), line=other)
    talk.note("the follower joins again", answer)
    talk.note("the leader's answer", one.receive(again, version))


@conversation()
def an_assignment_that_leaves_one_out(talk: Talk) -> None:
    group = talk.group()
    leader, follower, _, other, _ = two(talk, group)
    assigned = {leader.member_id: b"one", "somebody-1": b"two"}
    talk.see("the leader assigns", sync(group, leader.generation_id, leader.member_id, assigned))
    talk.see("the follower gets nothing", sync(group, leader.generation_id, follower.member_id), line=other)


@conversation("newest")
def the_protocol_that_most_prefer(talk: Talk) -> None:
    group = talk.group()
    preferred = {"range": b"r", "sticky": b"s"}
    first = stable(talk, group, protocols=preferred)
    other = talk.connect()
    version = talk.version(JoinGroupRequest)
    theirs = {"sticky": b"s", "roundrobin": b"rr"}
    wanted = join(group, id_of(talk, group, other, protocols=theirs), protocols=theirs)
    other.send(wanted, version)
    talk.until(lambda: talk.ask(beat(group, first.generation_id, first.member_id)).error_code != 0)
    talk.see("the first", join(group, first.member_id, protocols=preferred))
    talk.note("the second", other.receive(wanted, version))


@conversation("newest")
def static_members(talk: Talk) -> None:
    group = talk.group()
    first = talk.see("the first join", join(group, instance="i-1"))
    me, generation = first.member_id, first.generation_id
    talk.see("assigned", sync(group, generation, me, {me: b"all"}, instance="i-1"))
    talk.see("described", describe(group))
    talk.see("a heartbeat with its instance id", beat(group, generation, me, "i-1"))
    talk.see("a heartbeat without", beat(group, generation, me))
    talk.see("a heartbeat with another one's", beat(group, generation, me, "i-2"))
    second = talk.see("it comes back under the same name", join(group, instance="i-1"))
    talk.note("the id is new", second.member_id != me)
    talk.see("the old one's heartbeat", beat(group, generation, me, "i-1"))
    talk.see("the old one's sync", sync(group, generation, me, instance="i-1"))
    talk.see("the old one's join", join(group, me, instance="i-1"))
    talk.see("the new one's sync", sync(group, second.generation_id, second.member_id, instance="i-1"))
    third = talk.see("back with other metadata", join(group, instance="i-1", protocols={"range": b"new"}))
    talk.see("described in the end", describe(group))
    talk.see("somebody leaves by a name that is not there", leave(talk, group, "", instance="i-9"))
    talk.see("it leaves by an id that is not its own", leave(talk, group, "somebody-1", instance="i-1"))
    talk.see("it leaves by its name", leave(talk, group, "", instance="i-1"))
    talk.see("a heartbeat after that", beat(group, third.generation_id, third.member_id, "i-1"))


@conversation("newest")
def several_leave_at_once(talk: Talk) -> None:
    group = talk.group()
    leader, follower, _, _, _ = two(talk, group)
    members = leader.member_id, "somebody-1", follower.member_id, follower.member_id
    talk.see("all", leave(talk, group, *members))
    talk.see("none", LeaveGroupRequest(group_id=group, members=[]))
    talk.see("described", describe(group))


@conversation("newest")
def lists(talk: Talk) -> None:
    empty, full = talk.group("empty"), talk.group("full")
    member = stable(talk, empty)
    talk.ask(leave(talk, empty, member.member_id))
    stable(talk, full)

    def ours(what: str, **filters: list[str]) -> None:
        answer = talk.ask(ListGroupsRequest(**filters))
        mine = [group for group in answer.groups if talk.token in group.group_id]
        talk.note(what, [answer.error_code])
        talk.note(f"{what}: ours", mine)

    ours("all")
    ours("stable", states_filter=["Stable"])
    ours("in other letters", states_filter=["stable"])
    ours("empty", states_filter=["Empty"])
    ours("of an unknown state", states_filter=["Tired"])
    ours("classic", types_filter=["classic"])
    ours("classic, in other letters", types_filter=["Classic"])
    ours("of the new kind", types_filter=["consumer"])
    ours("of an unknown kind", types_filter=["secret"])
    ours("stable and classic", states_filter=["Stable"], types_filter=["classic"])
