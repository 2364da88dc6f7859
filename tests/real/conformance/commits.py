"""OffsetCommit, OffsetFetch, OffsetDelete."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kafkalite.protocol.messages.delete_groups import DeleteGroupsRequest
from kafkalite.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from kafkalite.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)

from .groups import beat, describe, join, joined, stable, sync
from .registry import conversation
from .talk import Talk, Topic


def commit(
    group: str,
    topic: Topic,
    *offsets: int,
    generation: int = -1,
    member: str = "",
    instance: str | None = None,
    metadata: str | None = "",
    epoch: int = -1,
) -> OffsetCommitRequest:
    """Commit the first offset for partition 0, the second for partition 1, ..."""
    partitions = [
        OffsetCommitRequestPartition(
            partition_index=number,
            committed_offset=offset,
            committed_leader_epoch=epoch,
            committed_metadata=metadata,
        )
        for number, offset in enumerate(offsets)
    ]
    topics = [OffsetCommitRequestTopic(name=topic.name, topic_id=topic.id, partitions=partitions)]
    return OffsetCommitRequest(
        group_id=group,
        generation_id_or_member_epoch=generation,
        member_id=member,
        group_instance_id=instance,
        topics=topics if offsets else [],
    )


def committed(
    talk: Talk, group: str, *places: tuple[Topic, list[int]], everything: bool = False, **options: Any
) -> Any:
    if talk.version(OffsetFetchRequest) < 8:
        topics = [
            OffsetFetchRequestTopic(name=topic.name, partition_indexes=list(ps)) for topic, ps in places
        ]
        return OffsetFetchRequest(group_id=group, topics=None if everything else topics)
    wanted = [
        OffsetFetchRequestTopics(name=topic.name, topic_id=topic.id, partition_indexes=list(ps))
        for topic, ps in places
    ]
    of_group = OffsetFetchRequestGroup(group_id=group, topics=None if everything else wanted, **options)
    return OffsetFetchRequest(groups=[of_group])


@conversation()
def without_members(talk: Talk) -> None:
    topic, group = talk.topic(partitions=2), talk.group()
    talk.see("before anything", committed(talk, group, (topic, [0, 1])))
    talk.see("committed", commit(group, topic, 5, 7))
    talk.see("it is", committed(talk, group, (topic, [0, 1])))
    talk.see("lower, with words", commit(group, topic, 3, metadata="why not"))
    talk.see("it is now", committed(talk, group, (topic, [0, 1])))
    talk.see("an unknown partition", committed(talk, group, (topic, [1, 9])))
    talk.see("negative", commit(group, topic, -5))
    talk.see("null words", commit(group, topic, 4, metadata=None))
    talk.see("4096 letters", commit(group, topic, 4, metadata="x" * 4096))
    talk.see("4097 letters", commit(group, topic, 4, metadata="x" * 4097))
    talk.see("with an unknown partition", commit(group, topic, 1, 2, 3))
    talk.see("nothing", commit(group, topic))
    talk.see("in the end", committed(talk, group, (topic, [0, 1])))
    talk.see("described", describe(group))


@conversation("newest")
def everything_of_a_group(talk: Talk) -> None:
    one, two, group = talk.topic("one"), talk.topic("two", partitions=2), talk.group()
    talk.see("of an unknown group", committed(talk, talk.group("nowhere"), everything=True))
    talk.ask(commit(group, one, 1))
    talk.ask(commit(group, two, 2, 3, epoch=0))
    talk.see("all", committed(talk, group, everything=True))
    talk.see("none", committed(talk, group))
    both = [OffsetFetchRequestGroup(group_id=name, topics=None) for name in (group, talk.group("nowhere"))]
    talk.see("two groups", OffsetFetchRequest(groups=both))
    talk.see("stable ones", OffsetFetchRequest(groups=both[:1], require_stable=True))
    talk.see(
        "as a member that is not",
        committed(talk, group, everything=True, member_id="somebody-1", member_epoch=3),
    )


@conversation()
def unknown_topics(talk: Talk) -> None:
    group, nowhere = talk.group(), Topic(talk.name("nowhere"), UUID(int=77))
    talk.see("committed", commit(group, nowhere, 1))
    talk.see("fetched", committed(talk, group, (nowhere, [0])))
    talk.see("the group", describe(group))


@conversation()
def who_may_commit(talk: Talk) -> None:
    topic, group = talk.topic(), talk.group()
    talk.see("a generation of no group", commit(group, topic, 1, generation=3, member="somebody-1"))
    talk.see("a member of no group", commit(group, topic, 1, member="somebody-1"))
    talk.see("a generation without a member, of no group", commit(group, topic, 1, generation=3))
    talk.see("without a group id", commit("", topic, 1))
    talk.see("such a group can be deleted", DeleteGroupsRequest(groups_names=[""]))
    answer = joined(talk, group)
    me, generation = answer.member_id, answer.generation_id
    talk.see("before the assignment", commit(group, topic, 2, generation=generation, member=me))
    talk.ask(sync(group, generation, me, {me: b"all"}))
    talk.see("as a member", commit(group, topic, 3, generation=generation, member=me))
    talk.see("an old generation", commit(group, topic, 4, generation=generation - 1, member=me))
    talk.see("a later generation", commit(group, topic, 4, generation=generation + 1, member=me))
    talk.see("somebody else", commit(group, topic, 4, generation=generation, member="somebody-1"))
    talk.see("without a member", commit(group, topic, 4))
    talk.see("a member without a generation", commit(group, topic, 4, member=me))
    talk.see("a generation without a member", commit(group, topic, 4, generation=generation))
    talk.see("it is", committed(talk, group, (topic, [0])))
    talk.see("still a member", beat(group, generation, me))


@conversation("newest")
def as_static_members(talk: Talk) -> None:
    topic, group = talk.topic(), talk.group()
    first = stable(talk, group, instance="i-1")
    me, generation = first.member_id, first.generation_id
    talk.see("with its name", commit(group, topic, 1, generation=generation, member=me, instance="i-1"))
    talk.see("with another name", commit(group, topic, 1, generation=generation, member=me, instance="i-2"))
    second = talk.ask(join(group, instance="i-1"))
    talk.see("the replaced one", commit(group, topic, 1, generation=generation, member=me, instance="i-1"))
    who = {"generation": second.generation_id, "member": second.member_id, "instance": "i-1"}
    talk.see("the new one", commit(group, topic, 2, **who))


def delete(group: str, topic: Topic, *partitions: int) -> OffsetDeleteRequest:
    wanted = [OffsetDeleteRequestPartition(partition_index=p) for p in partitions]
    return OffsetDeleteRequest(
        group_id=group, topics=[OffsetDeleteRequestTopic(name=topic.name, partitions=wanted)]
    )


@conversation("newest")
def deleted(talk: Talk) -> None:
    topic, group = talk.topic(partitions=2), talk.group()
    talk.see("of an unknown group", delete(group, topic, 0))
    talk.ask(commit(group, topic, 5, 7))
    talk.see("one", delete(group, topic, 0))
    talk.see("what is left", committed(talk, group, (topic, [0, 1])))
    talk.see("again, and an unknown one", delete(group, topic, 0, 9))
    talk.see("of an unknown topic", delete(group, Topic(talk.name("nowhere"), UUID(int=77)), 0))
    stable(talk, group, kind="other")
    talk.see("of a group that is no consumer's", delete(group, topic, 1))
