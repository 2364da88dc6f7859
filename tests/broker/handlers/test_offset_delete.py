"""OffsetDelete."""

from __future__ import annotations

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
)

from ..test_roster import subscription
from .asking import Asking
from .members import stable
from .test_offset_commit import at, commit


def delete(asking: Asking, *topics: str, node: int | None = None) -> OffsetDeleteResponse:
    partitions = [OffsetDeleteRequestPartition(partition_index=index) for index in (0, 5)]
    named = [OffsetDeleteRequestTopic(name=name, partitions=partitions) for name in topics]
    return asking.ask(OffsetDeleteRequest(group_id="g", topics=named), node=node or asking.coordinator("g"))


def errors(answer: OffsetDeleteResponse) -> dict[str, list[int]]:
    assert answer.error_code == ErrorCode.NONE
    return {topic.name: [each.error_code for each in topic.partitions] for topic in answer.topics}


async def test_topics_in_use_keep_theirs() -> None:
    asking = Asking()
    for topic in ("t", "u"):
        asking.cluster.create_topic(topic, 1)
        commit(asking, 9, at(0), topic=topic)
    await stable(asking, {"range": subscription("t")})
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert errors(delete(asking, "t", "u", "x")) == {
        "t": [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, unknown],
        "u": [0, unknown],
        "x": [unknown, unknown],
    }
    assert asking.cluster.groups.offsets_of("g").topics() == {"t": [0]}


def test_what_is_wrong_with_the_group_is_said_at_the_top() -> None:
    asking = Asking(nodes=2)
    answer = delete(asking, "t")
    assert (answer.error_code, answer.topics) == (ErrorCode.GROUP_ID_NOT_FOUND, [])
    answer = delete(asking, "t", node=3 - asking.coordinator("g"))
    assert (answer.error_code, answer.topics) == (ErrorCode.NOT_COORDINATOR, [])
