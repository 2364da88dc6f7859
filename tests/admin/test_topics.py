from uuid import UUID

import pytest

from kafkalite.admin import topics
from kafkalite.admin.new_topics import NewPartitions, NewTopic
from kafkalite.errors import (
    InvalidPartitionsError,
    KafkaTimeoutError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    UnsupportedVersionError,
)
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.fields import ZERO_UUID
from kafkalite.protocol.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)
from kafkalite.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsResponse,
)
from kafkalite.protocol.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from kafkalite.protocol.messages.metadata import (
    MetadataResponse,
    MetadataResponsePartition,
    MetadataResponseTopic,
)

from .answers import Answering

ID = UUID(int=7)


def created(**codes):
    return CreateTopicsResponse(
        topics=[
            CreatableTopicResult(name=name, error_code=code, error_message="because" if code else None)
            for name, code in codes.items()
        ]
    )


def deleted(**codes):
    return DeleteTopicsResponse(
        responses=[DeletableTopicResult(name=name, error_code=code) for name, code in codes.items()]
    )


def grown(**codes):
    return CreatePartitionsResponse(
        results=[CreatePartitionsTopicResult(name=name, error_code=code) for name, code in codes.items()]
    )


def known(name, *leaders, error_code=0):
    return MetadataResponseTopic(
        name=name,
        error_code=error_code,
        topic_id=ID,
        partitions=[
            MetadataResponsePartition(
                partition_index=number, leader_id=leader, leader_epoch=1, replica_nodes=[1], isr_nodes=[1]
            )
            for number, leader in enumerate(leaders)
        ],
    )


# --- creating


async def test_create_by_name_takes_the_brokers_defaults():
    client = Answering(created(a=0, b=0))
    answer = await topics.create_topics(client, ["a", "b"], timeout=30)
    assert [t["name"] for t in answer["topics"]] == ["a", "b"]
    (request,) = client.asked
    assert request.topics == [
        CreatableTopic(name="a", num_partitions=-1, replication_factor=-1),
        CreatableTopic(name="b", num_partitions=-1, replication_factor=-1),
    ]
    assert 29_000 < request.timeout_ms <= 30_000
    assert request.validate_only is False


@pytest.mark.parametrize(
    "wish",
    [
        [NewTopic("t", 3, 2, topic_configs={"retention.ms": 60000, "preallocate": True, "x": None})],
        {
            "t": {
                "num_partitions": 3,
                "replication_factor": 2,
                "configs": {"retention.ms": "60000", "preallocate": "true", "x": None},
            }
        },
    ],
    ids=["NewTopic", "dict"],
)
async def test_create_with_options(wish):
    client = Answering(created(t=0))
    await topics.create_topics(client, wish, timeout=1, validate_only=True)
    assert client.asked[0].topics == [
        CreatableTopic(
            name="t",
            num_partitions=3,
            replication_factor=2,
            configs=[
                CreatableTopicConfig(name="retention.ms", value="60000"),
                CreatableTopicConfig(name="preallocate", value="true"),
                CreatableTopicConfig(name="x", value=None),
            ],
        )
    ]
    assert client.asked[0].validate_only is True


async def test_create_with_assignments():
    client = Answering(created(t=0))
    await topics.create_topics(client, [NewTopic("t", replica_assignments={1: [2], 0: [1, 2]})], timeout=1)
    (topic,) = client.asked[0].topics
    assert topic.assignments == [
        CreatableReplicaAssignment(partition_index=0, broker_ids=[1, 2]),
        CreatableReplicaAssignment(partition_index=1, broker_ids=[2]),
    ]
    assert (topic.num_partitions, topic.replication_factor) == (-1, -1)


async def test_what_was_created_is_told():
    client = Answering(
        CreateTopicsResponse(
            topics=[
                CreatableTopicResult(
                    name="t",
                    topic_id=ID,
                    num_partitions=3,
                    replication_factor=1,
                    configs=[CreatableTopicConfigs(name="retention.ms", value="1")],
                )
            ]
        )
    )
    answer = await topics.create_topics(client, ["t"], timeout=1)
    assert answer == {
        "topics": [
            {
                "name": "t",
                "topic_id": ID,
                "error_code": 0,
                "error_message": None,
                "num_partitions": 3,
                "replication_factor": 1,
                "configs": {"retention.ms": "1"},
            }
        ]
    }


async def test_a_failed_topic_raises_and_names_the_others():
    client = Answering(created(a=0, b=ErrorCode.TOPIC_ALREADY_EXISTS, c=ErrorCode.POLICY_VIOLATION))
    with pytest.raises(TopicAlreadyExistsError, match=r"(?s)'b'.*because.*'c': PolicyViolationError"):
        await topics.create_topics(client, ["a", "b", "c"], timeout=1)
    assert PolicyViolationError is not TopicAlreadyExistsError


async def test_errors_can_be_had_as_data():
    client = Answering(created(a=0, b=ErrorCode.TOPIC_ALREADY_EXISTS))
    answer = await topics.create_topics(client, ["a", "b"], timeout=1, raise_errors=False)
    assert [(t["name"], t["error_code"]) for t in answer["topics"]] == [("a", 0), ("b", 36)]


async def test_only_the_topics_that_were_put_off_are_asked_for_again():
    client = Answering(created(a=0, b=ErrorCode.THROTTLING_QUOTA_EXCEEDED), created(b=0))
    answer = await topics.create_topics(client, ["a", "b"], timeout=1)
    assert [t["error_code"] for t in answer["topics"]] == [0, 0]
    assert [[t.name for t in request.topics] for request in client.asked] == [["a", "b"], ["b"]]


async def test_another_controller_is_asked_again():
    client = Answering(created(a=ErrorCode.NOT_CONTROLLER), created(a=0))
    await topics.create_topics(client, ["a"], timeout=1)
    assert len(client.asked) == 2


async def test_a_topic_put_off_for_ever_has_its_own_error():
    client = Answering(created(a=0, b=ErrorCode.THROTTLING_QUOTA_EXCEEDED))
    answer = await topics.create_topics(client, ["a", "b"], timeout=1, raise_errors=False)
    assert [t["error_code"] for t in answer["topics"]] == [0, ErrorCode.THROTTLING_QUOTA_EXCEEDED]


async def test_no_answer_in_time_is_a_timeout():
    client = Answering(KafkaTimeoutError("no controller"))
    with pytest.raises(KafkaTimeoutError):
        await topics.create_topics(client, ["a"], timeout=1)


async def test_a_controller_that_ran_out_of_time_is_not_asked_again():
    client = Answering(created(a=ErrorCode.REQUEST_TIMED_OUT))
    answer = await topics.create_topics(client, ["a"], timeout=1, raise_errors=False)
    assert answer["topics"][0]["error_code"] == ErrorCode.REQUEST_TIMED_OUT
    assert len(client.asked) == 1


async def test_create_can_wait_for_leaders():
    client = Answering(created(t=0), MetadataResponse(topics=[known("t", 1, 2)]))
    await topics.create_topics(client, ["t"], timeout=1, wait_for_metadata=True)
    assert len(client.asked) == 2


@pytest.mark.parametrize(
    ("wish", "error", "text"),
    [
        ("topic", TypeError, "list of topics"),
        (NewTopic("t"), TypeError, "list of topics"),
        ([], ValueError, "empty"),
        ({}, ValueError, "empty"),
        (["t", "t"], ValueError, "twice"),
        ([5], TypeError, "is a str"),
        (["no spaces"], ValueError, "topic's name"),
        (["."], ValueError, "topic's name"),
        ([""], ValueError, "topic's name"),
        (["x" * 250], ValueError, "topic's name"),
        ([NewTopic("t", num_partitions=0)], ValueError, "num_partitions is 0"),
        ([NewTopic("t", replication_factor=-2)], ValueError, "replication_factor is -2"),
        ([NewTopic("t", num_partitions="3")], TypeError, "is an int"),
        ([NewTopic("t", num_partitions=True)], TypeError, "is an int"),
        ([NewTopic("t", 1, -1, {0: [1]})], ValueError, "not both"),
        ([NewTopic("t", replica_assignments={1: [1]})], ValueError, "partitions 0 to 0"),
        ({"t": {"partitions": 3}}, ValueError, "unknown.*partitions"),
    ],
)
async def test_a_request_that_no_broker_would_take_is_not_sent(wish, error, text):
    client = Answering(created())
    with pytest.raises(error, match=text):
        await topics.create_topics(client, wish, timeout=1)
    assert client.asked == []


async def test_a_check_has_no_metadata_to_wait_for():
    with pytest.raises(ValueError, match="validate_only"):
        await topics.create_topics(
            Answering(created()), ["t"], timeout=1, validate_only=True, wait_for_metadata=True
        )


# --- deleting


async def test_delete_by_name_and_by_id():
    client = Answering(
        DeleteTopicsResponse(
            responses=[DeletableTopicResult(name="a"), DeletableTopicResult(name="b", topic_id=ID)]
        )
    )
    answer = await topics.delete_topics(client, ["a", ID], timeout=1)
    assert client.asked[0].topics == [DeleteTopicState(name="a"), DeleteTopicState(topic_id=ID)]
    assert [(t["name"], t["topic_id"]) for t in answer["topics"]] == [("a", ZERO_UUID), ("b", ID)]


async def test_delete_of_an_unknown_topic_raises():
    client = Answering(deleted(a=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
    with pytest.raises(UnknownTopicOrPartitionError, match="deleting topic 'a'"):
        await topics.delete_topics(client, ["a"], timeout=1)
    assert len(client.asked) == 1
    answer = await topics.delete_topics(client, ["a"], timeout=1, raise_errors=False)
    assert answer["topics"][0]["error_code"] == 3


async def test_delete_asks_again_only_for_what_is_left():
    client = Answering(deleted(a=0, b=ErrorCode.NOT_CONTROLLER), deleted(b=0))
    await topics.delete_topics(client, ["a", "b"], timeout=1)
    assert [[t.name for t in request.topics] for request in client.asked] == [["a", "b"], ["b"]]


async def test_an_old_broker_takes_names_only():
    client = Answering(UnsupportedVersionError("topics"), deleted(a=0))
    await topics.delete_topics(client, ["a"], timeout=1)
    assert client.asked[1].topic_names == ["a"]
    with pytest.raises(UnsupportedVersionError):
        await topics.delete_topics(Answering(UnsupportedVersionError("topics")), [ID], timeout=1)


@pytest.mark.parametrize(
    ("wish", "error"),
    [("topic", TypeError), (["a", "a"], ValueError), (["a b"], ValueError), ([3], TypeError)],
)
async def test_a_deletion_that_makes_no_sense_is_not_sent(wish, error):
    client = Answering(deleted())
    with pytest.raises(error):
        await topics.delete_topics(client, wish, timeout=1)
    assert client.asked == []


# --- growing


@pytest.mark.parametrize(
    "wish", [{"t": 5}, {"t": NewPartitions(5)}, {"t": {"count": 5}}], ids=["int", "NewPartitions", "dict"]
)
async def test_grow(wish):
    client = Answering(grown(t=0))
    answer = await topics.create_partitions(client, wish, timeout=1, validate_only=True)
    assert client.asked[0].topics == [CreatePartitionsTopic(name="t", count=5, assignments=None)]
    assert client.asked[0].validate_only is True
    assert answer == {"results": [{"name": "t", "error_code": 0, "error_message": None}]}


async def test_grow_onto_chosen_brokers():
    client = Answering(grown(t=0))
    await topics.create_partitions(client, {"t": NewPartitions(3, [[1], [2, 1]])}, timeout=1)
    assert client.asked[0].topics[0].assignments == [
        CreatePartitionsAssignment(broker_ids=[1]),
        CreatePartitionsAssignment(broker_ids=[2, 1]),
    ]


async def test_grow_to_fewer_raises():
    client = Answering(grown(t=ErrorCode.INVALID_PARTITIONS))
    with pytest.raises(InvalidPartitionsError):
        await topics.create_partitions(client, {"t": 1}, timeout=1)


@pytest.mark.parametrize(
    ("wish", "error"),
    [(["t"], TypeError), ({}, ValueError), ({"t": 0}, ValueError), ({"a b": 2}, ValueError)],
)
async def test_growth_that_makes_no_sense_is_not_sent(wish, error):
    client = Answering(grown())
    with pytest.raises(error):
        await topics.create_partitions(client, wish, timeout=1)
    assert client.asked == []


# --- looking


async def test_list_is_sorted_and_asks_for_all():
    client = Answering(MetadataResponse(topics=[known("b", 1), known("a", 1)]))
    assert await topics.list_topics(client, timeout=1) == ["a", "b"]
    assert client.asked[0].topics is None
    assert client.asked[0].allow_auto_topic_creation is False


async def test_describe():
    client = Answering(MetadataResponse(topics=[known("t", 1, -1)]))
    (topic,) = await topics.describe_topics(client, ["t"], timeout=1)
    assert (topic["name"], topic["topic_id"], topic["error_code"], topic["is_internal"]) == (
        "t",
        ID,
        0,
        False,
    )
    assert topic["partitions"][1] == {
        "error_code": 0,
        "partition_index": 1,
        "leader_id": -1,
        "leader_epoch": 1,
        "replica_nodes": [1],
        "isr_nodes": [1],
        "offline_replicas": [],
    }


async def test_describe_by_id():
    client = Answering(MetadataResponse(topics=[known("t", 1)]))
    await topics.describe_topics(client, [ID], timeout=1)
    (asked,) = client.asked[0].topics
    assert (asked.topic_id, asked.name) == (ID, None)


async def test_waiting_looks_again_until_there_are_leaders():
    client = Answering(
        MetadataResponse(),
        MetadataResponse(topics=[known("t", error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)]),
        MetadataResponse(topics=[known("t")]),
        MetadataResponse(topics=[known("t", 1, -1)]),
        MetadataResponse(topics=[known("t", 1, 1)]),
    )
    await topics.wait_for_topics(client, ["t"], timeout=10)
    assert len(client.asked) == 5


async def test_waiting_ends_and_says_what_was_missing():
    client = Answering(MetadataResponse(topics=[known("t", 1, -1)]))
    with pytest.raises(KafkaTimeoutError, match=r"no leader for partitions \[1\]"):
        await topics.wait_for_topics(client, ["t"], timeout=0.01)


async def test_waiting_for_nothing_asks_nobody():
    client = Answering(MetadataResponse())
    await topics.wait_for_topics(client, [], timeout=1)
    assert client.asked == []


def test_reprs():
    assert repr(NewTopic("t", 1, 2)) == "NewTopic('t', num_partitions=1, replication_factor=2)"
    assert repr(NewPartitions(3)) == "NewPartitions(3)"
