from random import Random
from typing import Any
from uuid import uuid4

import pytest

from kafkalite.broker.call import Call
from kafkalite.broker.clock import SteppedClock
from kafkalite.broker.cluster import Cluster
from kafkalite.broker.config import BrokerConfig
from kafkalite.broker.error_answers import error_answer
from kafkalite.broker.handlers import load
from kafkalite.protocol.fields import Field
from kafkalite.protocol.message import Request, Struct
from kafkalite.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite.protocol.messages.describe_groups import DescribeGroupsRequest
from kafkalite.protocol.messages.find_coordinator import FindCoordinatorRequest
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kafkalite.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from kafkalite.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from kafkalite.protocol.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

CODE = 77
HANDLERS = load()


def answer(request: Request[Any], version: int, message: str | None = None) -> Any:
    cluster = Cluster(BrokerConfig(), SteppedClock(), Random(0))
    made = error_answer(Call(request, version, node=cluster.nodes[1], cluster=cluster), CODE, message)
    assert type(made) is type(request).response_type
    type(made).decode(made.encode(version), version)
    return made


def test_at_the_top() -> None:
    assert answer(HeartbeatRequest(group_id="g"), 4).error_code == CODE
    joined = answer(JoinGroupRequest(member_id="m", protocols=[JoinGroupRequestProtocol(name="range")]), 9)
    assert (joined.error_code, joined.member_id, joined.generation_id, joined.members) == (CODE, "m", -1, [])


def test_at_each_partition() -> None:
    topic_id = uuid4()
    data = [PartitionProduceData(index=3, records=b""), PartitionProduceData(index=5, records=b"")]
    for version, names in ((9, {"name": "t"}), (13, {"topic_id": topic_id})):
        (topic,) = answer(
            ProduceRequest(acks=1, topic_data=[TopicProduceData(**names, partition_data=data)]),
            version,
            "why",
        ).responses
        assert {key: getattr(topic, key) for key in names} == names
        assert [
            (p.index, p.error_code, p.base_offset, p.error_message) for p in topic.partition_responses
        ] == [
            (3, CODE, -1, "why"),
            (5, CODE, -1, "why"),
        ]
    asked = ListOffsetsTopic(name="t", partitions=[ListOffsetsPartition(partition_index=2)])
    (listed,) = answer(ListOffsetsRequest(replica_id=-1, topics=[asked]), 6).topics
    (partition,) = listed.partitions
    assert (listed.name, partition.partition_index, partition.error_code) == ("t", 2, CODE)
    assert (partition.offset, partition.timestamp) == (-1, -1)


def test_at_each_name() -> None:
    (created,) = answer(CreateTopicsRequest(topics=[CreatableTopic(name="t")]), 7, "why").topics
    assert (created.name, created.error_code, created.error_message) == ("t", CODE, "why")
    (old,) = answer(DeleteTopicsRequest(topic_names=["t"]), 5).responses
    (new,) = answer(DeleteTopicsRequest(topics=[DeleteTopicState(name="t")]), 6).responses
    assert (old.name, old.error_code, new.name, new.error_code) == ("t", CODE, "t", CODE)
    (group,) = answer(DescribeGroupsRequest(groups=["g"]), 5).groups
    assert (group.group_id, group.error_code, group.members) == ("g", CODE, [])


def test_where_versions_differ() -> None:
    old = answer(FindCoordinatorRequest(key="g"), 2)
    assert (old.error_code, old.node_id, old.port, old.coordinators) == (CODE, -1, -1, [])
    (new,) = answer(FindCoordinatorRequest(coordinator_keys=["g"]), 6).coordinators
    assert (new.key, new.error_code, new.node_id) == ("g", CODE, -1)
    asked = OffsetFetchRequestTopic(name="t", partition_indexes=[4])
    fetched = answer(OffsetFetchRequest(group_id="g", topics=[asked]), 7)
    (partition,) = fetched.topics[0].partitions
    assert (fetched.error_code, fetched.topics[0].name) == (CODE, "t")
    assert (partition.partition_index, partition.error_code, partition.committed_offset) == (4, CODE, -1)
    topics = [OffsetFetchRequestTopics(name="t", partition_indexes=[4])]
    (group,) = answer(
        OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="g", topics=topics)]), 8
    ).groups
    (partition,) = group.topics[0].partitions
    assert (group.group_id, group.error_code, partition.error_code) == ("g", CODE, CODE)
    (group,) = answer(
        OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="g", topics=None)]), 8
    ).groups
    assert (group.error_code, group.topics) == (CODE, [])


def _one_of_each(type_: type[Struct], version: int) -> Struct:
    """A struct whose arrays hold one element each."""
    made = type_()
    for field in type_.fields:
        if field.type == "array" and field.present(version):
            item = field.item
            element: Any = item.make_default() if isinstance(item, Field) else _one_of_each(item, version)
            setattr(made, field.name, [element])
    return made


def _codes(message: object) -> list[int]:
    found = []
    for field in getattr(message, "fields", ()):
        value = getattr(message, field.name)
        if field.name == "error_code":
            found.append(value)
        elif isinstance(value, list):
            found += [code for item in value for code in _codes(item)]
    return found


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=lambda handler: handler.request_type.__name__)
def test_every_api_says_no_in_every_version(handler: Any) -> None:
    for version in range(handler.min_version, handler.max_version + 1):
        request = _one_of_each(handler.request_type, version)
        found = answer(request, version)
        assert CODE in _codes(found), f"version {version}: {found}"
