"""The admin room: topics and cluster, as coroutines over `net.client.Client`. Called by the admin doors.

Thread: loop. What is asked for is checked before anything is sent; retries and the choice of node are the net
room's; an error of one topic names that topic.
"""

from .cluster import BrokerDescription, ClusterDescription, describe_cluster
from .new_topics import NewPartitions, NewTopic, NewTopics, PartitionCounts
from .topics import (
    CreatedTopic,
    CreatedTopics,
    DeletedTopic,
    DeletedTopics,
    GrownTopic,
    GrownTopics,
    PartitionDescription,
    TopicDescription,
    create_partitions,
    create_topics,
    delete_topics,
    describe_topics,
    list_topics,
    wait_for_topics,
)

__all__ = [
    "BrokerDescription",
    "ClusterDescription",
    "CreatedTopic",
    "CreatedTopics",
    "DeletedTopic",
    "DeletedTopics",
    "GrownTopic",
    "GrownTopics",
    "NewPartitions",
    "NewTopic",
    "NewTopics",
    "PartitionCounts",
    "PartitionDescription",
    "TopicDescription",
    "create_partitions",
    "create_topics",
    "delete_topics",
    "describe_cluster",
    "describe_topics",
    "list_topics",
    "wait_for_topics",
]
