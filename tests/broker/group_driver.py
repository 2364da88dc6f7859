"""Drives one group, or all groups, without a network: requests in, answers collected, time moved by hand."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any
from uuid import UUID

from kafkalite.broker.clock import SteppedClock
from kafkalite.broker.group import Group
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
)
from kafkalite.protocol.messages.leave_group import MemberIdentity
from kafkalite.protocol.messages.sync_group import (
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)

SESSION, REBALANCE = 10.0, 30.0


def join_request(
    member_id: str = "",
    protocols: Mapping[str, bytes] | str = "range",
    *,
    instance: str | None = None,
    protocol_type: str = "consumer",
    session: float = SESSION,
    rebalance: float = REBALANCE,
    group_id: str = "g",
) -> JoinGroupRequest:
    if isinstance(protocols, str):
        protocols = dict.fromkeys(protocols.split(), b"")
    return JoinGroupRequest(
        group_id=group_id,
        member_id=member_id,
        group_instance_id=instance,
        protocol_type=protocol_type,
        protocols=[JoinGroupRequestProtocol(name=name, metadata=data) for name, data in protocols.items()],
        session_timeout_ms=int(session * 1000),
        rebalance_timeout_ms=int(rebalance * 1000),
    )


class Driver:
    """A group and its clock. Joins and syncs return a list that the answer is put into once it comes."""

    def __init__(self, *, initial_delay: float = 0.0, max_size: int = 100) -> None:
        self.clock = SteppedClock()
        rng = Random(7)
        self.group = Group(
            "g",
            self.clock,
            initial_delay=initial_delay,
            max_size=max_size,
            new_uuid=lambda: UUID(int=rng.getrandbits(128), version=4),
        )

    @property
    def state(self) -> str:
        return str(self.group.state)

    def join(
        self,
        member_id: str = "",
        protocols: Mapping[str, bytes] | str = "range",
        version: int = 9,
        **rest: Any,
    ) -> list[JoinGroupResponse]:
        answers: list[JoinGroupResponse] = []
        request = join_request(member_id, protocols, **rest)
        self.group.join(request, version, "client", "/127.0.0.1", answers.append)
        return answers

    def newcomer(
        self, protocols: Mapping[str, bytes] | str = "range", **rest: Any
    ) -> list[JoinGroupResponse]:
        """A dynamic member, by both of its requests."""
        [asked] = self.join("", protocols, **rest)
        assert asked.error_code == ErrorCode.MEMBER_ID_REQUIRED
        return self.join(asked.member_id, protocols, **rest)

    def sync(
        self,
        member_id: str,
        assignments: Mapping[str, bytes] | None = None,
        *,
        generation: int | None = None,
        instance: str | None = None,
        protocol_type: str | None = None,
        protocol_name: str | None = None,
    ) -> list[SyncGroupResponse]:
        answers: list[SyncGroupResponse] = []
        request = SyncGroupRequest(
            group_id="g",
            generation_id=self.group.generation if generation is None else generation,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type=protocol_type,
            protocol_name=protocol_name,
            assignments=[
                SyncGroupRequestAssignment(member_id=name, assignment=data)
                for name, data in (assignments or {}).items()
            ],
        )
        self.group.sync(request, answers.append)
        return answers

    def beat(
        self, member_id: str, *, generation: int | None = None, instance: str | None = None
    ) -> ErrorCode:
        return self.group.heartbeat(
            member_id, instance, self.group.generation if generation is None else generation
        )

    def leave(self, member_id: str = "", instance: str | None = None) -> ErrorCode:
        [verdict] = self.group.leave([MemberIdentity(member_id=member_id, group_instance_id=instance)])
        return verdict

    def stable(self, *instances: str | None) -> list[str]:
        """Members that joined and synced, static ones where an instance id is given; the first one leads."""
        ids: list[str] = []
        for instance in instances:
            new = self.newcomer() if instance is None else self.join(instance=instance)
            for name in ids:
                self.join(name, instance=self._instance_of(name))
            ids.append(new[0].member_id)
        leader = ids[0]
        self.sync(leader, {name: f"for {name}".encode() for name in ids}, instance=self._instance_of(leader))
        for name in ids[1:]:
            self.sync(name, instance=self._instance_of(name))
        assert self.state == "Stable"
        return ids

    def _instance_of(self, member_id: str) -> str | None:
        member = self.group.roster.get(member_id)
        assert member is not None
        return member.group_instance_id
