"""confluent-kafka (librdkafka), with the settings that are fastest for it."""

import time

import load
from confluent_kafka import Consumer, Producer, TopicPartition

spec = load.scenario()
COMMON = {"bootstrap.servers": spec["bootstrap"]}


def producer(**more):
    return Producer(
        {
            **COMMON,
            "linger.ms": spec.get("linger_ms", 5),
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
            "acks": spec.get("acks", "all"),
            "enable.idempotence": spec.get("idempotence", spec.get("acks", "all") == "all"),
            "compression.type": spec.get("codec", "none"),
            "partitioner": "murmur2_random",
            **more,
        }
    )


def produce():
    values, keys, headers = load.all_values(spec), load.all_keys(spec), load.headers(spec)
    client, topic = producer(), spec["topic"]
    client.produce(topic, b"warm-up")
    client.flush()
    failed = done = 0

    def outcome(error, _):
        nonlocal failed, done
        done += 1
        if error is not None:
            failed += 1

    extra = {"on_delivery": outcome} if spec["api"] == "outcomes" else {}
    if headers:
        extra["headers"] = headers
    send, poll = client.produce, client.poll
    with load.Measured() as measured:
        for number, value in enumerate(values):
            if keys is not None:
                extra["key"] = keys[number]
            while True:
                try:
                    send(topic, value, **extra)
                    break
                except BufferError:
                    poll(0.01)
            if not number % 500:
                poll(0)
        client.flush()
    assert not failed
    assert spec["api"] != "outcomes" or done == len(values)
    load.tell(measured, len(values), sum(map(len, values)))


def consumer(**more):
    client = Consumer(
        {
            **COMMON,
            "group.id": "bench",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 1,
            "fetch.wait.max.ms": 100,
            "check.crcs": True,
            **more,
        }
    )
    client.assign([TopicPartition(spec["topic"], n, 0) for n in range(spec["partitions"])])
    return client


def consume():
    client, count = consumer(), spec["count"]
    while client.poll(1) is None:
        pass
    seen = octets = 0
    with load.Measured() as measured:
        if spec["api"] == "iterate":
            while seen < count:
                message = client.poll(1)
                if message is not None:
                    octets += len(message.value())
                    seen += 1
        else:
            while seen < count:
                for message in client.consume(spec.get("max_poll", 500), 1):
                    octets += len(message.value())
                    seen += 1
    load.tell(measured, seen, octets)


def latency():
    client, topic, taken = producer(**{"linger.ms": 0}), spec["topic"], []
    with load.Measured() as measured:
        for _ in range(spec["count"]):
            began = time.perf_counter()
            client.produce(topic, b"x" * spec["size"])
            client.flush()
            taken.append(time.perf_counter() - began)
    load.tell(measured, len(taken), 0, **load.percentiles(taken[len(taken) // 10 :]))


def end_to_end():
    client, topic, taken = producer(**{"linger.ms": 0}), spec["topic"], []
    reader = consumer()
    client.produce(topic, b"warm-up", partition=0)
    client.flush()
    while reader.poll(1) is None:
        pass
    with load.Measured() as measured:
        for _ in range(spec["count"]):
            began = time.perf_counter()
            client.produce(topic, b"x" * spec["size"], partition=0)
            client.poll(0)
            while reader.poll(1) is None:
                pass
            taken.append(time.perf_counter() - began)
    load.tell(measured, len(taken), 0, **load.percentiles(taken[len(taken) // 10 :]))


{"produce": produce, "consume": consume, "latency": latency, "end_to_end": end_to_end}[spec["what"]]()
