"""Topics and cluster through both doors."""

import asyncio

import pytest

from kafkalite import NewPartitions, NewTopic
from kafkalite.errors import (
    IllegalStateError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from .drive import PATIENCE, unique


async def test_the_life_of_a_topic(door):
    name = unique("life")
    async with await door.admin() as admin:
        made = await admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
        assert [(t["name"], t["error_code"]) for t in made["topics"]] == [(name, 0)]
        await admin.wait_for_topics([name])
        assert name in await admin.list_topics()
        (topic,) = await admin.describe_topics([name])
        assert [p["partition_index"] for p in topic["partitions"]] == [0, 1]
        assert all(p["leader_id"] >= 0 for p in topic["partitions"])

        await admin.create_partitions({name: NewPartitions(4)})
        async with asyncio.timeout(PATIENCE):
            while len(topic["partitions"]) < 4:  # real brokers hear of it a moment later
                (topic,) = await admin.describe_topics([name])
        assert [p["partition_index"] for p in topic["partitions"]] == [0, 1, 2, 3]

        gone = await admin.delete_topics([name])
        assert [(t["name"], t["error_code"]) for t in gone["topics"]] == [(name, 0)]


async def test_create_twice(door):
    name = unique("twice")
    async with await door.admin() as admin:
        await admin.create_topics([name])
        with pytest.raises(TopicAlreadyExistsError, match=name):
            await admin.create_topics([name])
        answer = await admin.create_topics([name], raise_errors=False)
        assert answer["topics"][0]["error_code"] == TopicAlreadyExistsError.errno


async def test_a_check_makes_nothing(door):
    name = unique("check")
    async with await door.admin() as admin:
        await admin.create_topics([NewTopic(name, 1, 1)], validate_only=True)
        with pytest.raises(InvalidReplicationFactorError):
            await admin.create_topics([NewTopic(name, 1, 99)], validate_only=True)
        assert name not in await admin.list_topics()


async def test_what_does_not_exist(door):
    name = unique("nowhere")
    async with await door.admin() as admin:
        with pytest.raises(UnknownTopicOrPartitionError, match=name):
            await admin.delete_topics([name])
        (topic,) = await admin.describe_topics([name])
        assert topic["error_code"] == UnknownTopicOrPartitionError.errno


async def test_a_topic_does_not_shrink(door):
    name = await door.topic(partitions=2)
    async with await door.admin() as admin:
        with pytest.raises(InvalidPartitionsError):
            await admin.create_partitions({name: 1})


async def test_the_cluster(door):
    async with await door.admin() as admin:
        cluster = await admin.describe_cluster()
    assert cluster["cluster_id"]
    ids = [broker["broker_id"] for broker in cluster["brokers"]]
    assert cluster["controller_id"] in ids
    assert all(broker["port"] > 0 for broker in cluster["brokers"])


async def test_close_twice_and_no_call_after(door):
    admin = await door.admin()
    await admin.close()
    await admin.close()
    with pytest.raises(IllegalStateError, match="closed"):
        await admin.list_topics()
