from uuid import UUID

import pytest

from kafkalite.consumer.offset_messages import commit_form, commit_verdicts, fetch_forms, fetched
from kafkalite.net.metadata import Cluster, TopicInfo
from kafkalite.protocol.messages.offset_commit import (
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from kafkalite.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from kafkalite.types import ConsumerGroupMetadata, OffsetAndMetadata, TopicPartition

T0, T1, U0 = TopicPartition("t", 0), TopicPartition("t", 1), TopicPartition("u", 0)
KNOWN = Cluster(topics={name: TopicInfo(name, UUID(int=n)) for n, name in enumerate("tu", 1)})
HALF = Cluster(topics={"t": TopicInfo("t", UUID(int=1))})


def commit(cluster=KNOWN, who=ConsumerGroupMetadata("g", 3, "me", "static")):
    offsets = {T0: OffsetAndMetadata(5, "text", 2), U0: OffsetAndMetadata(7), T1: OffsetAndMetadata(0)}
    return commit_form(who, offsets, cluster)


def test_a_commit_says_who_and_what():
    form = commit()
    assert (form.min_version, form.max_version) == (2, 10)
    request = form.request
    assert (request.group_id, request.generation_id_or_member_epoch, request.member_id) == ("g", 3, "me")
    assert request.group_instance_id == "static"
    assert [(t.name, t.topic_id, [p.partition_index for p in t.partitions]) for t in request.topics] == [
        ("t", UUID(int=1), [0, 1]),
        ("u", UUID(int=2), [0]),
    ]
    first = request.topics[0].partitions[0]
    assert (first.committed_offset, first.committed_leader_epoch, first.committed_metadata) == (5, 2, "text")


def test_without_all_ids_topics_go_by_name():
    assert commit(HALF).max_version == 9


@pytest.mark.parametrize("version", range(2, 11))
def test_every_version_of_a_commit_can_be_written(version):
    who = ConsumerGroupMetadata("g", 3, "me", "static" if version >= 7 else None)
    assert commit(who=who).request.encode(version)


@pytest.mark.parametrize("by_id", [False, True])
def test_answers_to_a_commit(by_id):
    topics = [
        OffsetCommitResponseTopic(
            name="" if by_id else name,
            topic_id=UUID(int=number if by_id else 0),
            partitions=[OffsetCommitResponsePartition(partition_index=0, error_code=code)],
        )
        for number, name, code in ((1, "t", 0), (2, "u", 3))
    ]
    found = dict(commit_verdicts(commit().request, OffsetCommitResponse(topics=topics)))
    assert found == {T0: 0, U0: 3}


def test_forms_of_a_fetch():
    forms = fetch_forms("g", [T0, U0, T1], KNOWN)
    assert [(f.min_version, f.max_version) for f in forms] == [(8, 10), (7, 7), (1, 6)]
    for form in forms:
        for version in range(form.min_version, form.max_version + 1):
            again = OffsetFetchRequest.decode(form.request.encode(version), version)
            assert again.require_stable is (version >= 7)
            if version >= 8:
                (group,) = again.groups
                assert (group.group_id, group.member_id, group.member_epoch) == ("g", None, -1)
                assert [t.partition_indexes for t in group.topics] == [[0, 1], [0]]
            else:
                assert again.group_id == "g"
                assert [(t.name, t.partition_indexes) for t in again.topics] == [("t", [0, 1]), ("u", [0])]
    assert fetch_forms("g", [T0, U0], HALF)[0].max_version == 9


@pytest.mark.parametrize("by_id", [False, True])
def test_answers_of_groups(by_id):
    topic = OffsetFetchResponseTopics(
        name="" if by_id else "t",
        topic_id=UUID(int=1 if by_id else 0),
        partitions=[
            OffsetFetchResponsePartitions(
                partition_index=0, committed_offset=5, committed_leader_epoch=2, metadata="text"
            ),
            OffsetFetchResponsePartitions(partition_index=1, committed_offset=-1, metadata=""),
            OffsetFetchResponsePartitions(partition_index=2, committed_offset=-1, metadata="", error_code=88),
        ],
    )
    groups = [
        OffsetFetchResponseGroup(group_id="other", error_code=16),
        OffsetFetchResponseGroup(group_id="g", topics=[topic]),
    ]
    request = fetch_forms("g", [T0], KNOWN)[0].request
    code, found = fetched(request, OffsetFetchResponse(groups=groups))
    assert code == 0
    assert found == {
        T0: (0, OffsetAndMetadata(5, "text", 2)),
        T1: (0, None),
        TopicPartition("t", 2): (88, None),
    }
    refused = OffsetFetchResponse(groups=[OffsetFetchResponseGroup(group_id="g", error_code=16)])
    assert fetched(request, refused) == (16, {})
    assert fetched(request, OffsetFetchResponse()) == (0, {})


def test_flat_answers():
    request = fetch_forms("g", [T0], KNOWN)[1].request
    part = OffsetFetchResponsePartition(partition_index=0, committed_offset=5, metadata=None)
    response = OffsetFetchResponse(topics=[OffsetFetchResponseTopic(name="t", partitions=[part])])
    assert fetched(request, response) == (0, {T0: (0, OffsetAndMetadata(5, "", -1))})
    assert fetched(request, OffsetFetchResponse(error_code=14)) == (14, {})
