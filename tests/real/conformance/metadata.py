"""ApiVersions, Metadata, DescribeCluster, DescribeTopicPartitions, FindCoordinator."""

from __future__ import annotations

from uuid import UUID

from kafkalite.protocol.messages.api_versions import ApiVersionsRequest
from kafkalite.protocol.messages.describe_cluster import DescribeClusterRequest
from kafkalite.protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from kafkalite.protocol.messages.find_coordinator import FindCoordinatorRequest
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic

from .registry import conversation
from .talk import Talk


def named(*names: str, create: bool = False) -> MetadataRequest:
    return MetadataRequest(
        topics=[MetadataRequestTopic(name=name) for name in names], allow_auto_topic_creation=create
    )


@conversation("newest")
def bad_client_names(talk: Talk) -> None:
    for name, version in (("", "1"), ("a b", "1"), ("-a", "1"), ("a", "1_0"), ("a", "")):
        answer = talk.ask(ApiVersionsRequest(client_software_name=name, client_software_version=version))
        talk.note(f"{name!r} {version!r}", [answer.error_code, len(answer.api_keys) > 0])


@conversation("newest")
def unknown_version_of_api_versions(talk: Talk) -> None:
    request = ApiVersionsRequest(client_software_name="a", client_software_version="1")
    frame = bytearray(_frame(request))
    frame[6:8] = (99).to_bytes(2, "big")
    talk.line.socket.sendall(frame)
    answer = talk.line.receive(request, 4)
    talk.note("error", answer.error_code)
    talk.note("names itself", [api.api_key for api in answer.api_keys if api.api_key == 18])


def _frame(request: ApiVersionsRequest) -> bytes:
    from kafkalite.protocol import framing

    return framing.encode_request(request, 4, 1, "conformance")


@conversation("newest")
def an_unknown_api_or_version_closes_the_connection(talk: Talk) -> None:
    for key, version in ((999, 0), (3, 99), (0, 99), (1, 3)):
        line = talk.connect()
        line.socket.sendall(
            b"\x00\x00\x00\x0a"
            + key.to_bytes(2, "big")
            + version.to_bytes(2, "big")
            + b"\x00\x00\x00\x01\xff\xff"
        )
        talk.note(f"api {key} version {version}", "closed" if line.stream.read(1) == b"" else "answered")


@conversation("newest")
def only_brokers(talk: Talk) -> None:
    answer = talk.ask(MetadataRequest(topics=[]))
    talk.note("no topics asked for", [len(answer.topics), len(answer.brokers), answer.controller_id >= 0])


@conversation()
def known_topics(talk: Talk) -> None:
    one, two = talk.topic("one"), talk.topic("two", partitions=3)
    # Old versions cannot say that nothing shall be created.
    talk.see("two topics", named(one.name, two.name, create=True))
    talk.see("the same twice", named(one.name, one.name, create=True))


@conversation("newest")
def topics_that_are_not_there(talk: Talk) -> None:
    for name in ("nowhere", "bad name", "", ".", "..", "x" * 250, "a/b"):
        topic = talk.name(name) if name == "nowhere" else name
        talk.see(f"{name!r:.20}", named(topic))
        talk.see(f"{name!r:.20}, to be created if it may", named(topic, create=name != "nowhere"))


@conversation("newest")
def topics_by_id(talk: Talk) -> None:
    one = talk.topic("one")
    by_id = MetadataRequestTopic(name=None, topic_id=one.id)
    talk.see("known", MetadataRequest(topics=[by_id], allow_auto_topic_creation=False))
    unknown = MetadataRequestTopic(name=None, topic_id=UUID(int=12345))
    talk.see("unknown", MetadataRequest(topics=[unknown], allow_auto_topic_creation=False))
    talk.see("known and unknown", MetadataRequest(topics=[unknown, by_id], allow_auto_topic_creation=True))


@conversation("newest")
def created_by_asking(talk: Talk) -> None:
    name = talk.name("wished-for")
    talk.see("the first time", named(name, create=True))
    talk.wait_for_topic(name)
    talk.see("once it is there", named(name))


@conversation("newest")
def created_by_asking_for_several(talk: Talk) -> None:
    names = [talk.name("first"), "not valid", talk.name("second")]
    talk.see("the first time", named(*names, create=True))
    talk.wait_for_topic(names[0])
    talk.wait_for_topic(names[2])
    talk.see("once they are there", named(*names))


@conversation("newest")
def allowed_operations(talk: Talk) -> None:
    one = talk.topic("one")
    request = named(one.name, talk.name("nowhere"))
    request.include_topic_authorized_operations = True
    talk.see("of topics", request)


@conversation()
def the_cluster(talk: Talk) -> None:
    talk.see("plain", DescribeClusterRequest())
    talk.see("with operations", DescribeClusterRequest(include_cluster_authorized_operations=True))


@conversation("newest")
def controllers_are_not_told(talk: Talk) -> None:
    talk.see("controllers", DescribeClusterRequest(endpoint_type=2))
    talk.see("nonsense", DescribeClusterRequest(endpoint_type=3))


@conversation("newest")
def topic_partitions(talk: Talk) -> None:
    one, two = talk.topic("one", partitions=2), talk.topic("two", partitions=3)
    both = [TopicRequest(name=one.name), TopicRequest(name=two.name)]
    talk.see("both", DescribeTopicPartitionsRequest(topics=both))
    talk.see("unknown", DescribeTopicPartitionsRequest(topics=[TopicRequest(name=talk.name("nowhere"))]))
    talk.see("invalid", DescribeTopicPartitionsRequest(topics=[TopicRequest(name="not valid")]))
    talk.see("a page", DescribeTopicPartitionsRequest(topics=both, response_partition_limit=3))
    cursor = Cursor(topic_name=two.name, partition_index=1)
    talk.see("the next page", DescribeTopicPartitionsRequest(topics=both, cursor=cursor))


@conversation("oldest")
def one_coordinator(talk: Talk) -> None:
    talk.see("of a group", FindCoordinatorRequest(key=talk.group()))


@conversation("newest")
def coordinators(talk: Talk) -> None:
    talk.see("of two groups", FindCoordinatorRequest(coordinator_keys=[talk.group("a"), talk.group("b")]))
    talk.see("of nothing", FindCoordinatorRequest(coordinator_keys=[]))
    talk.see("of the empty group", FindCoordinatorRequest(coordinator_keys=[""]))
    talk.see("of an unknown kind", FindCoordinatorRequest(key_type=9, coordinator_keys=["x"]))
    talk.see("of a bad share key", FindCoordinatorRequest(key_type=2, coordinator_keys=["x"]))
