import pytest

from kafkalite.consumer.group.assignors import MemberSubscription, Strategy
from kafkalite.consumer.group.assignors.range import Range
from kafkalite.consumer.group.leadership import Leadership
from kafkalite.consumer.group.protocol_bytes import decode_assignment, encode_subscription
from kafkalite.errors import KafkaProtocolError
from kafkalite.net.metadata import Cluster, Node, PartitionInfo, TopicInfo
from kafkalite.protocol.messages.join_group import JoinGroupResponseMember
from kafkalite.types import TopicPartition


def picture(error=0, racks="abc", **topics):
    nodes = {n: Node(n, f"host{n}", 9092, rack) for n, rack in enumerate(racks)}
    return Cluster(
        nodes=nodes,
        topics={
            name: TopicInfo(
                name,
                error_code=error,
                partitions=tuple(
                    PartitionInfo(name, p, p % len(racks), replicas=(p % len(racks),)) for p in range(count)
                ),
            )
            for name, count in topics.items()
        },
    )


def leadership(*, rack=None, topics=("t",)):
    members = [
        JoinGroupResponseMember(
            member_id=member_id,
            group_instance_id=instance,
            metadata=encode_subscription(MemberSubscription(frozenset(topics), rack=rack)),
        )
        for member_id, instance in (("a", None), ("b", "static"))
    ]
    return Leadership.of(Strategy(Range()), members)


def test_shares_are_everybodys():
    lead = leadership()
    shares = {s.member_id: decode_assignment(s.assignment) for s in lead.share_out(picture(t=3))}
    assert shares == {
        "b": {TopicPartition("t", 0), TopicPartition("t", 1)},  # static members first
        "a": {TopicPartition("t", 2)},
    }


def test_topics_of_all_members_are_to_be_known():
    lead = leadership(topics=("t", "u"))
    assert lead.topics == {"t", "u"}
    assert lead.unknown_topics(picture(t=1)) == {"u"}
    assert not lead.unknown_topics(picture(t=1, u=0))


def test_topics_that_do_not_exist_are_not_shared_out():
    class Curious(Range):
        def assign(self, topics, members):
            self.seen = topics
            return super().assign(topics, members)

    curious = Curious()
    lead = Leadership(Strategy(curious), leadership(topics=("t", "u")).members)
    lead.share_out(picture(t=1, u=0))
    assert list(curious.seen) == ["t"]


def test_other_numbers_of_partitions_need_a_new_round():
    lead = leadership()
    assert lead.outdated(picture(t=5)) is None  # nothing was shared out yet
    lead.share_out(picture(t=2))
    assert lead.outdated(picture(t=2)) is None
    assert lead.outdated(picture(t=3)) == "topic 't' has 3 partitions instead of 2"


def test_a_topic_that_is_deleted_or_made_needs_a_new_round():
    lead = leadership(topics=("t", "u"))
    lead.watch(picture(t=2, u=0))
    assert "has 0 partitions" in lead.outdated(picture(t=0, error=3))
    assert "topic 'u' has 1" in lead.outdated(picture(t=2, u=1))


@pytest.mark.parametrize("cluster", [picture(), picture(t=0, error=5), picture(t=0, error=29)])
def test_a_topic_that_cannot_be_seen_at_the_moment_does_not(cluster):
    lead = leadership()
    lead.watch(picture(t=2))
    assert lead.outdated(cluster) is None


def test_racks_count_if_a_member_has_one():
    lead = leadership(rack="a")
    lead.watch(picture(t=3))
    assert lead.outdated(picture(t=3)) is None
    assert lead.outdated(picture(t=3, racks="abd")) == "replicas of topic 't' are in other racks than before"
    without = leadership()
    without.watch(picture(t=3))
    assert without.outdated(picture(t=3, racks="abd")) is None


def test_racks_reach_the_assignor():
    lead = leadership(rack="c")
    shares = {s.member_id: decode_assignment(s.assignment) for s in lead.share_out(picture(t=3))}
    assert TopicPartition("t", 2) in shares["b"]


def test_what_a_member_said_cannot_be_read():
    with pytest.raises(KafkaProtocolError, match="member 'a'"):
        Leadership.of(Strategy(Range()), [JoinGroupResponseMember(member_id="a", metadata=b"?")])
