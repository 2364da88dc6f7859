"""CreateTopics, CreatePartitions, DeleteTopics, DescribeConfigs, IncrementalAlterConfigs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kafkalite.protocol.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from kafkalite.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kafkalite.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite.protocol.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)

from .registry import conversation
from .talk import Talk


def wanted(
    name: str,
    partitions: int = 1,
    factor: int = 1,
    assignments: list[tuple[int, list[int]]] | None = None,
    **configs: str | None,
) -> CreatableTopic:
    return CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=factor,
        assignments=[
            CreatableReplicaAssignment(partition_index=index, broker_ids=ids)
            for index, ids in assignments or []
        ],
        configs=[CreatableTopicConfig(name=n.replace("_", "."), value=value) for n, value in configs.items()],
    )


def create(*topics: CreatableTopic, validate_only: bool = False) -> CreateTopicsRequest:
    return CreateTopicsRequest(topics=list(topics), timeout_ms=10_000, validate_only=validate_only)


@conversation()
def created(talk: Talk) -> None:
    talk.see("one", create(wanted(talk.name("one"))))
    talk.see("the same again", create(wanted(talk.name("one"))))
    talk.see("two at once", create(wanted(talk.name("two"), 2), wanted(talk.name("three"), 3)))
    talk.see(
        "with settings", create(wanted(talk.name("four"), cleanup_policy="compact", retention_ms="1000"))
    )
    talk.see("one good, one that is there", create(wanted(talk.name("five")), wanted(talk.name("one"))))
    talk.see("nothing", create())


@conversation()
def only_checked(talk: Talk) -> None:
    talk.see("a good one", create(wanted(talk.name("one"), 3), validate_only=True))
    talk.see("it was not made", create(wanted(talk.name("one"), 2)))
    talk.see("one that is there", create(wanted(talk.name("one")), validate_only=True))
    talk.see("a bad one", create(wanted(talk.name("two"), 0), validate_only=True))


@conversation("newest")
def defaults(talk: Talk) -> None:
    talk.see("partitions", create(wanted(talk.name("one"), -1, 1)))
    talk.see("replicas", create(wanted(talk.name("two"), 2, -1)))
    talk.see("both", create(wanted(talk.name("three"), -1, -1)))


@conversation()
def bad_names(talk: Talk) -> None:
    for name in ("", ".", "..", "a b", "a/b", "ä", "x" * 250, "__consumer_offsets\n"):
        talk.see(f"{name!r:.20}", create(wanted(name)))


@conversation("newest")
def long_name(talk: Talk) -> None:
    name = talk.name("x")
    talk.see("249 letters", create(wanted(name + "x" * (249 - len(name)))))


@conversation("newest")
def names_that_collide(talk: Talk) -> None:
    talk.see("with a dot", create(wanted(talk.name("a.b"))))
    talk.see("with an underscore", create(wanted(talk.name("a_b"))))


@conversation()
def the_same_name_twice_in_a_request(talk: Talk) -> None:
    name = talk.name("twice")
    talk.see("twice", create(wanted(name), wanted(name, 2), wanted(talk.name("once"))))
    talk.see("was it made?", create(wanted(name)))


@conversation()
def bad_counts(talk: Talk) -> None:
    for partitions, factor in ((0, 1), (-2, 1), (1, 0), (1, -2), (1, 2), (1, 99), (0, 0)):
        talk.see(
            f"{partitions} partitions, {factor} replicas", create(wanted(talk.name("t"), partitions, factor))
        )


@conversation()
def assignments(talk: Talk) -> None:
    talk.topic("first")
    me = talk.node

    def assign(what: str, *assigned: tuple[int, list[int]], partitions: int = -1, factor: int = -1) -> None:
        name = talk.name(what.replace(" ", "-"))
        talk.see(what, create(wanted(name, partitions, factor, list(assigned))))

    assign("good", (0, [me]), (1, [me]))
    assign("in another order", (1, [me]), (0, [me]))
    assign("a gap", (0, [me]), (2, [me]))
    assign("not from 0", (1, [me]))
    assign("negative", (-1, [me]))
    assign("the same partition twice", (0, [me]), (0, [me]))
    assign("no broker", (0, []))
    assign("an unknown broker", (0, [me + 100]))
    assign("the same broker twice", (0, [me, me]))
    assign("unequal", (0, [me]), (1, [me, me + 100]))
    assign("with a count", (0, [me]), partitions=1)
    assign("with a factor", (0, [me]), factor=1)
    assign("with both", (0, [me]), partitions=1, factor=1)


@conversation()
def bad_settings(talk: Talk) -> None:
    for name, value in (
        ("no_such_setting", "1"),
        ("retention_ms", "a while"),
        ("retention_ms", "-2"),
        ("retention_ms", ""),
        ("retention_ms", "99999999999999999999"),
        ("retention_ms", None),
        ("cleanup_policy", "burn"),
        ("cleanup_policy", "compact,delete"),
        ("cleanup_policy", ""),
        ("compression_type", "rar"),
        ("min_insync_replicas", "0"),
        ("max_message_bytes", "-1"),
        ("segment_bytes", "1"),
        ("preallocate", "maybe"),
        ("message_timestamp_type", "Never"),
        ("min_cleanable_dirty_ratio", "2"),
    ):
        talk.see(
            f"{name}={value}",
            create(
                wanted(
                    talk.name(
                        f"t-{name}-{value}"[:40].replace(",", "").replace(" ", "").replace("None", "null")
                    ),
                    **{name: value},
                )
            ),
        )


def more(name: str, count: int, *assigned: list[int]) -> CreatePartitionsTopic:
    given = [CreatePartitionsAssignment(broker_ids=ids) for ids in assigned]
    return CreatePartitionsTopic(name=name, count=count, assignments=given or None)


def add(*topics: CreatePartitionsTopic, validate_only: bool = False) -> CreatePartitionsRequest:
    return CreatePartitionsRequest(topics=list(topics), timeout_ms=10_000, validate_only=validate_only)


@conversation()
def partitions_added(talk: Talk) -> None:
    topic = talk.topic(partitions=2)
    me = talk.node
    for count in (2, 1, 0, -1):
        talk.see(f"{count}", add(more(topic.name, count)))
    talk.see("checked only", add(more(topic.name, 4), validate_only=True))
    talk.see("4", add(more(topic.name, 4)))
    talk.see("unknown topic", add(more(talk.name("nowhere"), 4)))
    talk.see("with a broker", add(more(topic.name, 5, [me])))
    talk.see("too few brokers", add(more(topic.name, 7, [me])))
    talk.see("too many brokers", add(more(topic.name, 6, [me], [me])))
    talk.see("an unknown broker", add(more(topic.name, 6, [me + 100])))
    talk.see("no broker", add(more(topic.name, 6, [])))
    talk.see("the same twice", add(more(topic.name, 6, [me, me])))
    talk.see("the same topic twice", add(more(topic.name, 6), more(topic.name, 7)))
    talk.see("nothing", add())


@conversation("oldest")
def deleted_by_name(talk: Talk) -> None:
    topic = talk.topic()
    names = [topic.name, talk.name("nowhere")]
    talk.see("known and unknown", DeleteTopicsRequest(topic_names=names, timeout_ms=10_000))
    talk.see("again", DeleteTopicsRequest(topic_names=names[:1], timeout_ms=10_000))
    talk.see("nothing", DeleteTopicsRequest(topic_names=[], timeout_ms=10_000))
    other = talk.topic("other")
    talk.see("the same twice", DeleteTopicsRequest(topic_names=[other.name, other.name], timeout_ms=10_000))


@conversation("newest")
def deleted(talk: Talk) -> None:
    one, two, three = talk.topic("one"), talk.topic("two"), talk.topic("three")

    def delete(what: str, *states: DeleteTopicState) -> None:
        talk.see(what, DeleteTopicsRequest(topics=list(states), timeout_ms=10_000))

    delete("by name", DeleteTopicState(name=one.name))
    delete("by name again", DeleteTopicState(name=one.name))
    delete("by id", DeleteTopicState(name=None, topic_id=two.id))
    delete("by id again", DeleteTopicState(name=None, topic_id=two.id))
    delete("unknown name", DeleteTopicState(name=talk.name("nowhere")))
    delete("unknown id", DeleteTopicState(name=None, topic_id=UUID(int=77)))
    delete("name and id", DeleteTopicState(name=three.name, topic_id=three.id))
    delete("neither", DeleteTopicState(name=None))
    delete(
        "by name and by id", DeleteTopicState(name=three.name), DeleteTopicState(name=None, topic_id=three.id)
    )
    delete("twice", DeleteTopicState(name=three.name), DeleteTopicState(name=three.name))
    delete("nothing")


def describe(kind: int, name: str, keys: list[str] | None = None, **options: Any) -> DescribeConfigsRequest:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys)
    return DescribeConfigsRequest(resources=[resource], **options)


@conversation()
def settings_of_topics(talk: Talk) -> None:
    topic = talk.topic(cleanup_policy="compact", max_message_bytes="2000")
    talk.see("all", describe(2, topic.name))
    two = ["cleanup.policy", "segment.bytes"]
    talk.see("two", describe(2, topic.name, two))
    talk.see("with synonyms", describe(2, topic.name, two, include_synonyms=True))
    talk.see("an unknown one", describe(2, topic.name, ["no.such.setting", "cleanup.policy"]))
    talk.see("none", describe(2, topic.name, []))
    talk.see("of an unknown topic", describe(2, talk.name("nowhere")))
    talk.see("of an invalid topic", describe(2, "not valid"))
    talk.see("of an empty name", describe(2, ""))
    talk.see("of an unknown kind", describe(99, "x"))


@conversation()
def settings_of_brokers(talk: Talk) -> None:
    talk.topic()
    keys = ["auto.create.topics.enable", "num.partitions"]
    talk.see("a broker", describe(4, str(talk.node), keys))
    talk.see("all brokers", describe(4, "", keys))
    talk.see("another broker", describe(4, "777", keys))
    talk.see("not a number", describe(4, "first", keys))


def alter(
    name: str, *changes: tuple[int, str, str | None], kind: int = 2, validate_only: bool = False
) -> Any:
    configs = [AlterableConfig(config_operation=op, name=key, value=value) for op, key, value in changes]
    resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    return IncrementalAlterConfigsRequest(resources=[resource], validate_only=validate_only)


@conversation()
def settings_changed(talk: Talk) -> None:
    topic = talk.topic(max_message_bytes="2000")
    keys = ["cleanup.policy", "max.message.bytes", "retention.ms"]
    talk.see("set", alter(topic.name, (0, "retention.ms", "5000")))
    talk.settle()
    talk.see("it is", describe(2, topic.name, keys))
    talk.see("deleted", alter(topic.name, (1, "max.message.bytes", None)))
    talk.see("appended", alter(topic.name, (2, "cleanup.policy", "compact")))
    talk.settle()
    talk.see("it is now", describe(2, topic.name, keys))
    talk.see("subtracted", alter(topic.name, (3, "cleanup.policy", "delete")))
    talk.settle()
    talk.see("it is in the end", describe(2, topic.name, keys))
    talk.see("appended to a number", alter(topic.name, (2, "retention.ms", "1")))
    talk.see("unknown setting", alter(topic.name, (0, "no.such.setting", "1")))
    talk.see("bad value", alter(topic.name, (0, "retention.ms", "soon")))
    talk.see("null value", alter(topic.name, (0, "retention.ms", None)))
    talk.see("the same twice", alter(topic.name, (0, "retention.ms", "1"), (0, "retention.ms", "2")))
    talk.see("unknown topic", alter(talk.name("nowhere"), (0, "retention.ms", "1")))
    talk.see("checked only", alter(topic.name, (0, "retention.ms", "7"), validate_only=True))
    talk.settle()
    talk.see("it is unchanged", describe(2, topic.name, keys))
