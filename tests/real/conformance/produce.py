"""Produce and InitProducerId."""

from __future__ import annotations

from uuid import UUID

from kafkalite.protocol.messages.init_producer_id import InitProducerIdRequest
from kafkalite.protocol.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite.protocol.records.batch import encode_batch
from kafkalite.protocol.records.crc32c import crc32c

from .data import batch, fetch, list_offsets, produce
from .registry import conversation
from .talk import LONG_AGO, NOT_YET, Talk, Topic


def resealed(data: bytes, at: int, new: bytes) -> bytes:
    """The batch with some bytes changed, and a checksum that is right again."""
    changed = bytearray(data)
    changed[at : at + len(new)] = new
    changed[17:21] = crc32c(memoryview(changed)[21:]).to_bytes(4, "big")
    return bytes(changed)


@conversation()
def good(talk: Talk) -> None:
    topic = talk.topic(partitions=2)
    talk.see("the first", produce(topic, batch(3)))
    talk.see("the next", produce(topic, batch(2, start=3)))
    talk.see("another partition", produce(topic, batch(), partition=1))
    talk.see("acks 1", produce(topic, batch(), acks=1))
    talk.see("what is there", fetch(topic, 0, 0))


@conversation("newest")
def several_partitions_of_which_one_is_wrong(talk: Talk) -> None:
    topic = talk.topic(partitions=2)
    data = TopicProduceData(
        name=topic.name,
        topic_id=topic.id,
        partition_data=[
            PartitionProduceData(index=0, records=batch()),
            PartitionProduceData(index=7, records=batch()),
            PartitionProduceData(index=1, records=batch(2)),
        ],
    )
    talk.see("all", ProduceRequest(acks=-1, timeout_ms=1000, topic_data=[data]))


@conversation()
def codecs(talk: Talk) -> None:
    topic = talk.topic()
    for codec in (1, 2, 3):
        talk.see(f"codec {codec}", produce(topic, batch(5, codec=codec)))
    talk.see("what is there", fetch(topic, 0))


@conversation("newest")
def zstd(talk: Talk) -> None:
    topic = talk.topic()
    talk.see("zstd", produce(topic, batch(5, codec=4)))
    talk.see("in a version that is too old", produce(topic, batch(5, codec=4)), version=6)
    talk.see("read in a version that is too old", fetch(topic, 0), version=9)


@conversation()
def unknown_places(talk: Talk) -> None:
    topic = talk.topic()
    talk.see("topic", produce(Topic(talk.name("nowhere"), UUID(int=77)), batch()))
    talk.see("partition", produce(topic, batch(), partition=1))
    talk.see("negative partition", produce(topic, batch(), partition=-1))


@conversation()
def unknown_acks(talk: Talk) -> None:
    topic = talk.topic()
    for acks in (2, -2):
        talk.see(f"acks {acks}", produce(topic, batch(), acks=acks))


@conversation()
def damaged(talk: Talk) -> None:
    topic = talk.topic()
    good = batch(2)
    wrong_crc = bytearray(good)
    wrong_crc[-1] ^= 1
    talk.see("wrong checksum", produce(topic, bytes(wrong_crc)))
    talk.see("two batches", produce(topic, good + good))
    talk.see("cut off", produce(topic, good[:-3]))
    talk.see("nothing", produce(topic, b""))
    talk.see("format 1", produce(topic, good[:16] + b"\x01" + good[17:]))
    talk.see("format 3", produce(topic, good[:16] + b"\x03" + good[17:]))
    talk.see("a header only", produce(topic, good[:30]))
    talk.see("bytes after it", produce(topic, good + b"\x00"))
    talk.see("nothing was written", list_offsets(topic.name, -1))


@conversation()
def wrong_counts(talk: Talk) -> None:
    topic = talk.topic()
    good = batch(3)
    talk.see("last offset delta too low", produce(topic, resealed(good, 23, (1).to_bytes(4, "big"))))
    talk.see("last offset delta too high", produce(topic, resealed(good, 23, (3).to_bytes(4, "big"))))
    talk.see("record count too low", produce(topic, resealed(good, 57, (2).to_bytes(4, "big"))))
    talk.see("record count zero", produce(topic, resealed(good, 57, (0).to_bytes(4, "big"))))
    negative = (-1).to_bytes(4, "big", signed=True)
    talk.see("record count negative", produce(topic, resealed(good, 57, negative)))
    both = resealed(resealed(good, 57, (2).to_bytes(4, "big")), 23, (1).to_bytes(4, "big"))
    talk.see("one record fewer than there are", produce(topic, both))
    both = resealed(resealed(good, 57, (4).to_bytes(4, "big")), 23, (3).to_bytes(4, "big"))
    talk.see("one record more than there are", produce(topic, both))
    talk.see("base offset is ignored", produce(topic, batch(2, base_offset=100)))
    talk.see("what was written", list_offsets(topic.name, -1))


@conversation()
def wrong_attributes(talk: Talk) -> None:
    topic = talk.topic()
    good = batch(2)
    for name, attributes in (
        ("control", 0x20),
        ("control and transactional", 0x30),
        ("transactional without a producer", 0x10),
        ("unknown codec", 0x05),
        ("unknown bits", 0x4000),
        ("log append time", 0x08),
        ("a codec that it does not have", 0x01),
    ):
        talk.see(name, produce(topic, resealed(good, 21, attributes.to_bytes(2, "big"))))


@conversation("newest")
def leader_epoch_in_the_batch(talk: Talk) -> None:
    topic = talk.topic()
    talk.see("a wrong one", produce(topic, batch(leader_epoch=99)))
    talk.see("what is there", fetch(topic, 0))


@conversation()
def too_large(talk: Talk) -> None:
    topic = talk.topic(max_message_bytes="500")
    large = encode_batch([(LONG_AGO, None, b"x" * 500, ())])
    talk.see("a large record", produce(topic, large))
    talk.see("many small ones", produce(topic, batch(60)))
    talk.see("a small one", produce(topic, batch()))


@conversation()
def compacted(talk: Talk) -> None:
    topic = talk.topic(cleanup_policy="compact")
    talk.see("without keys", produce(topic, batch(2, keys=False)))
    mixed = encode_batch([(LONG_AGO, b"k", b"v", ()), (LONG_AGO, None, b"v", ()), (LONG_AGO, b"", None, ())])
    talk.see("one of three without a key", produce(topic, mixed))
    talk.see("with keys", produce(topic, batch(2)))


@conversation()
def timestamps(talk: Talk) -> None:
    topic = talk.topic()
    future = LONG_AGO * 3
    talk.see("far in the future", produce(topic, encode_batch([(future, b"k", b"v", ())])))
    talk.see(
        "one of two in the future",
        produce(topic, encode_batch([(LONG_AGO, b"k", b"v", ()), (future, b"k", b"v", ())])),
    )
    talk.see("none", produce(topic, encode_batch([(-1, b"k", b"v", ())])))
    talk.see("negative", produce(topic, encode_batch([(-2, b"k", b"v", ())])))
    strict = talk.topic("strict", message_timestamp_before_max_ms="1000")
    talk.see("too old for the topic", produce(strict, batch(2)))


@conversation()
def append_time(talk: Talk) -> None:
    topic = talk.topic(message_timestamp_type="LogAppendTime")
    talk.see("stamped", produce(topic, batch(2)))
    talk.see("compressed", produce(topic, batch(2, codec=1)))
    talk.see("what is there", fetch(topic, 0))


@conversation("newest")
def codec_of_the_topic(talk: Talk) -> None:
    topic = talk.topic(compression_type="gzip")
    talk.see("sent without", produce(topic, batch(3)))
    talk.see("sent with another", produce(topic, batch(3, codec=3)))
    talk.see("what is there", fetch(topic, 0))
    plain = talk.topic("plain", compression_type="uncompressed")
    talk.see("sent with one", produce(plain, batch(3, codec=3)))
    talk.see("what is there without", fetch(plain, 0))


@conversation()
def not_enough_replicas(talk: Talk) -> None:
    topic = talk.topic(min_insync_replicas="2")
    talk.see("acks all", produce(topic, batch()))
    talk.see("acks 1", produce(topic, batch(), acks=1))


@conversation()
def without_an_answer(talk: Talk) -> None:
    topic = talk.topic()
    version = talk.version(ProduceRequest)
    talk.line.send(produce(topic, batch(), acks=0), version)
    talk.see("the next answer is the next request's", list_offsets(topic.name, -1))
    talk.line.send(produce(topic, batch(), acks=0, partition=9), version)
    talk.see("after a failure", list_offsets(topic.name, -1))
    talk.see("on a new connection", list_offsets(topic.name, -1))


def new_producer(talk: Talk) -> tuple[int, int]:
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0x7FFFFFFF)
    talk.until(lambda: talk.ask(request).error_code not in NOT_YET)
    answer = talk.see("a producer id", request)
    return answer.producer_id, answer.producer_epoch


@conversation()
def sequences(talk: Talk) -> None:
    topic = talk.topic()
    producer, epoch = new_producer(talk)

    def send(what: str, sequence: int, count: int = 2, epoch: int = epoch) -> None:
        data = batch(count, producer_id=producer, producer_epoch=epoch, base_sequence=sequence)
        talk.see(what, produce(topic, data))

    send("0 and 1", 0)
    send("2 and 3", 2)
    send("2 and 3 again", 2)
    send("0 and 1 again", 0)
    send("a gap", 6)
    send("overlapping", 3)
    send("2 alone", 2, count=1)
    send("4 and 5", 4)
    for sequence in range(6, 16, 2):
        send(f"{sequence} and the next", sequence)
    send("one of the last five again", 8)
    send("older than the last five", 2)
    send("a newer epoch, not from 0", 16, epoch=epoch + 1)
    send("a newer epoch", 0, epoch=epoch + 1)
    send("the old epoch", 16)
    send("negative epoch", 2, epoch=-1)
    send("on in the newer epoch", 2, epoch=epoch + 1)
    talk.see("what is there", fetch(topic, 0))


@conversation("newest")
def sequences_of_an_unknown_producer(talk: Talk) -> None:
    topic = talk.topic()
    data = batch(2, producer_id=987_654, producer_epoch=3, base_sequence=5)
    talk.see("from the middle", produce(topic, data))
    data = batch(2, producer_id=987_654, producer_epoch=3, base_sequence=7)
    talk.see("and on", produce(topic, data))
    data = batch(2, producer_id=987_654, producer_epoch=3, base_sequence=-1)
    talk.see("without a sequence", produce(topic, data))


@conversation("newest")
def sequences_wrap(talk: Talk) -> None:
    topic = talk.topic()
    top = 0x7FFFFFFF
    data = batch(2, producer_id=987_655, producer_epoch=0, base_sequence=top - 1)
    talk.see("up to the highest", produce(topic, data))
    data = batch(3, producer_id=987_655, producer_epoch=0, base_sequence=0)
    talk.see("from 0 again", produce(topic, data))
    data = batch(3, producer_id=987_656, producer_epoch=0, base_sequence=top)
    talk.see("across", produce(topic, data))
    data = batch(1, producer_id=987_656, producer_epoch=0, base_sequence=2)
    talk.see("after it", produce(topic, data))


@conversation("newest")
def producer_ids(talk: Talk) -> None:
    first, _ = new_producer(talk)
    second, _ = new_producer(talk)
    talk.note("they differ", first != second)
    talk.see("a timeout of 0", InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0))
    talk.see(
        "with an id of its own",
        InitProducerIdRequest(
            transactional_id=None, transaction_timeout_ms=1, producer_id=first, producer_epoch=0
        ),
    )
    talk.see(
        "with an epoch only",
        InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1, producer_epoch=0),
    )
