"""Fetch: positions, limits, epochs, sessions."""

from __future__ import annotations

from uuid import UUID

from kafkalite.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic

from .data import batch, fetch, produce
from .registry import conversation
from .talk import Talk, Topic


def filled(talk: Talk, partitions: int = 1) -> Topic:
    """A topic with three batches, of 3, 2 and 1 records, in each partition."""
    topic = talk.topic(partitions=partitions)
    for partition in range(partitions):
        for start, count in ((0, 3), (3, 2), (5, 1)):
            answer = talk.ask(produce(topic, batch(count, start=start), partition=partition))
            assert answer.responses[0].partition_responses[0].error_code == 0, answer
    return topic


@conversation()
def positions(talk: Talk) -> None:
    topic = filled(talk)
    for offset in (0, 1, 2, 3, 5, 6, 7, -1, -2):
        talk.see(f"at {offset}", fetch(topic, offset))


@conversation()
def limits(talk: Talk) -> None:
    topic = filled(talk, 2)
    talk.see("one byte of each partition", fetch(topic, 0, 0, partition_max_bytes=1))
    talk.see("nothing of each partition", fetch(topic, 0, 0, partition_max_bytes=0))
    talk.see("one byte in all", fetch(topic, 0, 0, max_bytes=1))
    talk.see("nothing in all", fetch(topic, 0, 0, max_bytes=0))
    size = len(batch(3))
    talk.see("one batch and a bit", fetch(topic, 0, partition_max_bytes=size + 10))
    talk.see("two batches", fetch(topic, 0, partition_max_bytes=size + len(batch(2, start=3))))


@conversation()
def waiting(talk: Talk) -> None:
    topic = filled(talk)
    talk.see("nothing new within the time", fetch(topic, 6, max_wait_ms=30, min_bytes=1))
    talk.see("more bytes than there are", fetch(topic, 0, max_wait_ms=30, min_bytes=100_000))
    other = talk.connect()
    request = fetch(topic, 6, max_wait_ms=15_000, min_bytes=1)
    version = talk.version(FetchRequest)
    other.send(request, version)
    talk.ask(produce(topic, batch(start=6)))
    talk.note("what came while it waited", other.receive(request, version))
    request = fetch(topic, 99, max_wait_ms=15_000, min_bytes=1)
    talk.see("an error does not wait", request)


@conversation()
def unknown_places(talk: Talk) -> None:
    topic = filled(talk)
    talk.see("topic", fetch(Topic(talk.name("nowhere"), UUID(int=77)), 0))
    talk.see("partition", fetch(topic, 0, 0))


@conversation("newest")
def epochs(talk: Talk) -> None:
    topic = filled(talk)
    for epoch in (-1, 0, 1, 99):
        talk.see(f"current leader epoch {epoch}", fetch(topic, 0, current_leader_epoch=epoch))
    talk.see("last fetched epoch", fetch(topic, 3, current_leader_epoch=0, last_fetched_epoch=0))
    talk.see("an unknown last fetched epoch", fetch(topic, 3, current_leader_epoch=0, last_fetched_epoch=7))


@conversation()
def committed_only(talk: Talk) -> None:
    topic = filled(talk)
    talk.see("read committed", fetch(topic, 0, isolation_level=1))
    talk.see("at the end", fetch(topic, 6, isolation_level=1))


def changes(topic: Topic, session: tuple[int, int], **offsets: int) -> FetchRequest:
    """A fetch that names only some partitions: p0=..., p1=..."""
    partitions = [
        FetchPartition(partition=int(name[1:]), fetch_offset=offset, partition_max_bytes=1 << 20)
        for name, offset in offsets.items()
    ]
    topics = [FetchTopic(topic=topic.name, topic_id=topic.id, partitions=partitions)] if offsets else []
    return FetchRequest(
        max_wait_ms=0, min_bytes=0, session_id=session[0], session_epoch=session[1], topics=topics
    )


def forgetting(topic: Topic, session: tuple[int, int], *partitions: int) -> FetchRequest:
    request = changes(topic, session)
    request.forgotten_topics_data = [
        ForgottenTopic(topic=topic.name, topic_id=topic.id, partitions=list(partitions))
    ]
    return request


@conversation("newest")
def a_session(talk: Talk) -> None:
    topic = filled(talk, 2)
    opened = talk.see("opened", fetch(topic, 0, 6, session=(0, 0)))
    id_ = opened.session_id
    talk.note("it has an id", id_ > 0)
    talk.see("nothing changed: the same again", changes(topic, (id_, 1)))
    talk.see("one moved to the end", changes(topic, (id_, 2), p0=6))
    talk.see("nothing to tell", changes(topic, (id_, 3)))
    talk.ask(produce(topic, batch(start=6), partition=1))
    talk.see("something came", changes(topic, (id_, 4)))
    talk.see("an offset that is out of range", changes(topic, (id_, 5), p0=99))
    talk.see("it is said again", changes(topic, (id_, 6)))
    talk.see("one forgotten", forgetting(topic, (id_, 7), 0))
    talk.see("what is left", changes(topic, (id_, 8)))
    talk.see("an unknown partition added", changes(topic, (id_, 9), p7=0))
    talk.see("all forgotten", forgetting(topic, (id_, 10), 0, 1, 7))
    talk.see("a session without partitions is gone", changes(topic, (id_, 11)))


@conversation("newest")
def epochs_of_a_session(talk: Talk) -> None:
    topic = filled(talk)
    id_ = talk.ask(fetch(topic, 6, session=(0, 0))).session_id
    talk.see("a wrong epoch", changes(topic, (id_, 5)))
    talk.see("the right one", changes(topic, (id_, 1)))
    talk.see("the same again", changes(topic, (id_, 1)))
    talk.see("negative", changes(topic, (id_, -7)))
    renewed = talk.see("opened anew in its place", fetch(topic, 0, session=(id_, 0)))
    talk.note("another id", renewed.session_id not in (0, id_))
    talk.see("the old one is gone", changes(topic, (id_, 2)))
    talk.see("closed", fetch(topic, 6, session=(renewed.session_id, -1)))
    talk.see("closed indeed", changes(topic, (renewed.session_id, 1)))
    talk.see("never opened", changes(topic, (123_456, 1)))
    talk.see("never opened, epoch 0", fetch(topic, 6, session=(123_457, 0)))
    talk.see("no session, epoch 3", fetch(topic, 6, session=(0, 3)))


@conversation("newest")
def names_and_ids_in_one_session(talk: Talk) -> None:
    topic = filled(talk)
    by_id = talk.ask(fetch(topic, 6, session=(0, 0))).session_id
    talk.see("opened by id, asked by name", changes(topic, (by_id, 1), p0=6), version=12)
    by_name = talk.ask(fetch(topic, 6, session=(0, 0)), version=12).session_id
    talk.see("opened by name, asked by id", changes(topic, (by_name, 1), p0=6))


@conversation("newest")
def an_unknown_topic_in_a_session(talk: Talk) -> None:
    topic = filled(talk)
    nowhere = Topic(talk.name("nowhere"), UUID(int=77))
    opened = talk.see("opened", fetch(nowhere, 0, session=(0, 0)))
    talk.see("said again", changes(topic, (opened.session_id, 1)))
    talk.see("another one added", changes(topic, (opened.session_id, 2), p0=0))
