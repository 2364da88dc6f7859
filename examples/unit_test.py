"""A unit test of a program that talks to Kafka, on a broker of its own that starts in milliseconds.

    python -m pytest examples/unit_test.py

The fixture `kafka_broker` comes with kafkalite. Any client can talk to it, in any language: it is a broker on a port.
"""

from __future__ import annotations

from kafkalite import KafkaConsumer, KafkaProducer
from kafkalite.broker import EmbeddedBroker


def shout(bootstrap: str) -> None:
    """The program under test: copies `whispers` to `shouts`, in capitals, until nothing more comes."""
    with KafkaProducer(bootstrap_servers=bootstrap) as producer:
        whispers = KafkaConsumer(
            "whispers", bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=1_000
        )
        with whispers:
            for message in whispers:
                producer.send("shouts", message.value.upper(), key=message.key)


def test_whispers_become_shouts(kafka_broker: EmbeddedBroker) -> None:
    with KafkaProducer(bootstrap_servers=kafka_broker.bootstrap_servers) as producer:
        producer.send("whispers", b"hello", key=b"greeting")
        producer.send("whispers", b"goodbye")

    shout(kafka_broker.bootstrap_servers)

    assert [(r.key, r.value) for r in kafka_broker.records("shouts", 0)] == [
        (b"greeting", b"HELLO"),
        (None, b"GOODBYE"),
    ]
