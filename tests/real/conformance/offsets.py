"""ListOffsets, OffsetForLeaderEpoch, DeleteRecords."""

from __future__ import annotations

from typing import Any

from kafkalite.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from kafkalite.protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)

from .data import batch, fetch, list_offsets, produce
from .fetch import filled
from .registry import conversation
from .talk import LONG_AGO, Talk

TIMES = {
    "before all": LONG_AGO - 1,
    "the first": LONG_AGO,
    "between two": LONG_AGO + 1500,
    "inside a batch": LONG_AGO + 4000,
    "the last": LONG_AGO + 5000,
    "after all": LONG_AGO + 5001,
    "zero": 0,
}


@conversation()
def by_time(talk: Talk) -> None:
    topic, empty = filled(talk), talk.topic("empty")
    for what, timestamp in TIMES.items():
        talk.see(what, list_offsets(topic.name, timestamp))
    talk.see("of an empty partition", list_offsets(empty.name, LONG_AGO))


@conversation()
def ends(talk: Talk) -> None:
    topic, empty = filled(talk), talk.topic("empty")
    for timestamp in (-1, -2):
        for name in (topic.name, empty.name):
            talk.see(f"{timestamp} of {name.partition('-')[0]}", list_offsets(name, timestamp))
            if talk.newest:
                talk.see(f"{timestamp}, committed only", list_offsets(name, timestamp, isolation_level=1))


@conversation("newest")
def special_times(talk: Talk) -> None:
    topic, empty = filled(talk), talk.topic("empty")
    for timestamp in (-3, -4, -5, -6, -7, -99):
        talk.see(f"{timestamp}", list_offsets(topic.name, timestamp))
        talk.see(f"{timestamp} of an empty partition", list_offsets(empty.name, timestamp))


@conversation("newest")
def the_highest_time_is_not_the_last(talk: Talk) -> None:
    topic = talk.topic()
    for start in (5, 9, 2):
        talk.ask(produce(topic, batch(2, start=start)))
    talk.see("highest time", list_offsets(topic.name, -3))
    talk.see("first at or after", list_offsets(topic.name, LONG_AGO + 7000))
    talk.see("first at or after an earlier one", list_offsets(topic.name, LONG_AGO + 1000))


@conversation()
def unknown_places(talk: Talk) -> None:
    topic = talk.topic()
    talk.see("topic", list_offsets(talk.name("nowhere"), -1))
    talk.see("partition", list_offsets(topic.name, -1, partition=1))


@conversation("newest")
def epochs(talk: Talk) -> None:
    topic = filled(talk)
    for epoch in (0, 1, 99):
        talk.see(f"current leader epoch {epoch}", list_offsets(topic.name, -1, current_leader_epoch=epoch))


def end_of_epoch(name: str, epoch: int, current: int = -1, partition: int = 0) -> Any:
    wanted = OffsetForLeaderPartition(partition=partition, current_leader_epoch=current, leader_epoch=epoch)
    return OffsetForLeaderEpochRequest(
        replica_id=-1, topics=[OffsetForLeaderTopic(topic=name, partitions=[wanted])]
    )


@conversation()
def ends_of_epochs(talk: Talk) -> None:
    topic, empty = filled(talk), talk.topic("empty")
    for epoch in (0, 1, 99, -1):
        talk.see(f"epoch {epoch}", end_of_epoch(topic.name, epoch))
        talk.see(f"epoch {epoch} of an empty partition", end_of_epoch(empty.name, epoch))
    for current in (0, 1):
        talk.see(f"current epoch {current}", end_of_epoch(topic.name, 0, current))
    talk.see("unknown topic", end_of_epoch(talk.name("nowhere"), 0))
    talk.see("unknown partition", end_of_epoch(topic.name, 0, partition=3))


@conversation()
def deleted_records(talk: Talk) -> None:
    topic = filled(talk)

    def delete(offset: int, partition: int = 0, name: str = topic.name) -> DeleteRecordsRequest:
        wanted = DeleteRecordsPartition(partition_index=partition, offset=offset)
        return DeleteRecordsRequest(
            topics=[DeleteRecordsTopic(name=name, partitions=[wanted])], timeout_ms=5000
        )

    talk.see("up to 4", delete(4))
    talk.see("the first that is left", list_offsets(topic.name, -2))
    talk.see("by time", list_offsets(topic.name, LONG_AGO))
    talk.see("below", fetch(topic, 3))
    talk.see("from inside a batch", fetch(topic, 4))
    talk.see("less than that", delete(1))
    talk.see("beyond the end", delete(7))
    talk.see("negative", delete(-2))
    talk.see("all", delete(-1))
    talk.see("at the end", fetch(topic, 6))
    talk.see("unknown partition", delete(0, 5))
    talk.see("unknown topic", delete(0, name=talk.name("nowhere")))
