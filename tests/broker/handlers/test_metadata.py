from uuid import UUID, uuid4

import pytest

from kafkalite.broker.call import Call
from kafkalite.broker.error_answers import error_answer
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse

from .asking import Asking

NOBODY = UUID(int=0)


def named(*names: str, create: bool = True) -> MetadataRequest:
    topics = [MetadataRequestTopic(name=name) for name in names]
    return MetadataRequest(topics=topics, allow_auto_topic_creation=create)


def by_id(topic_id: UUID) -> MetadataRequest:
    return MetadataRequest(topics=[MetadataRequestTopic(name=None, topic_id=topic_id)])


def errors(answer: MetadataResponse) -> dict[str | None, int]:
    return {topic.name: topic.error_code for topic in answer.topics}


@pytest.mark.parametrize("version", range(14))
def test_every_version(version: int) -> None:
    asking = Asking(nodes=3)
    made = asking.cluster.create_topic("t", 2, 2)
    asking.cluster.move_leader("t", 1, 3)
    answer = asking.ask(named("t"), version, node=2)
    assert [(node.node_id, node.host, node.port) for node in answer.brokers] == [
        (1, "127.0.0.1", 9092),
        (2, "127.0.0.1", 9093),
        (3, "127.0.0.1", 9094),
    ]
    assert answer.controller_id == (1 if version >= 1 else -1)
    assert answer.cluster_id == (asking.cluster.id if version >= 2 else None)
    (topic,) = answer.topics
    assert (topic.error_code, topic.name, topic.is_internal) == (0, "t", False)
    assert topic.topic_id == (made.id if version >= 10 else NOBODY)
    assert [(p.partition_index, p.error_code, p.leader_id, p.replica_nodes) for p in topic.partitions] == [
        (0, 0, 1, [1, 2]),
        (1, 0, 3, [2, 3]),
    ]
    assert [p.leader_epoch for p in topic.partitions] == ([0, 1] if version >= 7 else [-1, -1])


def test_all_topics_or_none() -> None:
    asking = Asking()
    asking.cluster.create_topic("a")
    asking.cluster.create_topic("b")
    for version, topics, found in ((0, [], 2), (1, [], 0), (1, None, 2), (13, [], 0), (13, None, 2)):
        answer = asking.ask(MetadataRequest(topics=topics), version)
        assert len(answer.topics) == found
        assert len(answer.brokers) == 1


def test_a_topic_comes_into_being_behind_the_first_answer() -> None:
    asking = Asking(nodes=2, config={"num.partitions": 3, "default.replication.factor": 2})
    assert errors(asking.ask(named("new"), 13)) == {"new": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    (topic,) = asking.ask(named("new"), 13).topics
    assert (topic.error_code, len(topic.partitions), len(topic.partitions[0].replica_nodes)) == (0, 3, 2)


@pytest.mark.parametrize(
    ("config", "request_", "version"),
    [
        ({"auto.create.topics.enable": False}, named("new"), 13),
        ({}, named("new", create=False), 13),
        ({"default.replication.factor": 2}, named("new"), 13),
        ({"auto.create.topics.enable": False}, named("new"), 3),
    ],
)
def test_topics_that_do_not_come_into_being(
    config: dict[str, object], request_: MetadataRequest, version: int
) -> None:
    asking = Asking(config=config)
    for _ in range(2):
        assert errors(asking.ask(request_, version)) == {"new": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    assert asking.cluster.topics == {}


def test_old_versions_always_create() -> None:
    asking = Asking()
    asking.ask(named("new"), 3)
    assert set(asking.cluster.topics) == {"new"}


def test_names_that_no_topic_can_have() -> None:
    asking = Asking()
    asking.cluster.create_topic("a.b")
    found = errors(asking.ask(named("a b", "..", "ok", "a_b"), 13))
    assert found == {
        "a b": ErrorCode.INVALID_TOPIC_EXCEPTION,
        "..": ErrorCode.INVALID_TOPIC_EXCEPTION,
        "ok": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        "a_b": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }
    assert set(asking.cluster.topics) == {"a.b", "ok"}
    assert errors(asking.ask(named("a b", create=False), 13)) == {"a b": ErrorCode.INVALID_TOPIC_EXCEPTION}


def test_a_topic_that_is_named_twice_is_listed_once() -> None:
    asking = Asking()
    asking.cluster.create_topic("t")
    assert [topic.name for topic in asking.ask(named("t", "u", "t"), 13).topics] == ["t", "u"]


def test_the_internal_topic_is_what_it_must_be_even_if_a_client_names_it() -> None:
    asking = Asking()
    (topic,) = asking.ask(named("__consumer_offsets"), 13).topics
    assert (topic.error_code, topic.is_internal) == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, True)
    (topic,) = asking.ask(named("__consumer_offsets"), 13).topics
    assert (len(topic.partitions), topic.is_internal) == (50, True)


def test_asking_by_id() -> None:
    asking = Asking()
    made = asking.cluster.create_topic("t")
    (topic,) = asking.ask(by_id(made.id), 12).topics
    assert (topic.error_code, topic.name, topic.topic_id) == (0, "t", made.id)
    unknown = uuid4()
    (topic,) = asking.ask(by_id(unknown), 12).topics
    assert (topic.error_code, topic.name, topic.topic_id) == (ErrorCode.UNKNOWN_TOPIC_ID, None, unknown)
    for version in (10, 11):
        early = MetadataRequest(topics=[MetadataRequestTopic(name="t", topic_id=made.id)])
        for request in (by_id(made.id), early):
            (topic,) = asking.ask(request, version).topics
            assert topic.error_code == ErrorCode.INVALID_REQUEST


def test_a_partition_without_a_leader_stays_in_the_list() -> None:
    asking = Asking(nodes=2)
    asking.cluster.create_topic("t", 2, 1)
    asking.cluster.node_stopped(2)
    answer = asking.ask(named("t"), 13)
    assert [node.node_id for node in answer.brokers] == [1]
    first, second = answer.topics[0].partitions
    assert (first.error_code, first.leader_id, first.offline_replicas) == (0, 1, [])
    assert (second.error_code, second.leader_id, second.leader_epoch) == (
        ErrorCode.LEADER_NOT_AVAILABLE,
        -1,
        1,
    )
    assert (second.replica_nodes, second.isr_nodes, second.offline_replicas) == ([2], [2], [2])


def test_operations_are_listed_when_asked_for() -> None:
    asking = Asking()
    asking.cluster.create_topic("t")
    request = MetadataRequest(
        topics=[MetadataRequestTopic(name="t"), MetadataRequestTopic(name="u")],
        include_cluster_authorized_operations=True,
        include_topic_authorized_operations=True,
    )
    answer = asking.ask(request, 8)
    assert answer.cluster_authorized_operations == 0b1111110100000
    assert [topic.topic_authorized_operations for topic in answer.topics] == [0b110111111000] * 2
    plain = asking.ask(named("t"), 8)
    assert plain.cluster_authorized_operations == plain.topics[0].topic_authorized_operations == -(2**31)


def test_an_error_at_each_topic_leaves_the_nodes() -> None:
    asking = Asking()
    asking.cluster.create_topic("t")
    for request, names in ((named("t", "u"), ["t", "u"]), (MetadataRequest(topics=None), ["t"])):
        call = Call(request, 13, node=asking.cluster.nodes[1], cluster=asking.cluster)
        answer = error_answer(call, ErrorCode.LEADER_NOT_AVAILABLE)
        assert isinstance(answer, MetadataResponse)
        assert errors(answer) == dict.fromkeys(names, ErrorCode.LEADER_NOT_AVAILABLE)
        assert len(answer.brokers) == 1
    assert set(asking.cluster.topics) == {"t"}
