"""A group of workers that share a topic, commit what they have done, and take over from one another.

    python examples/work_queue.py                              # on the embedded broker
    python examples/work_queue.py localhost:9092               # on your cluster

The first worker does half of the jobs and leaves; the second continues where the first one committed.
"""

from __future__ import annotations

import contextlib
import sys
import time
import uuid

from kafkalite import KafkaAdminClient, KafkaConsumer, KafkaProducer, NewTopic
from kafkalite.broker import EmbeddedBroker

JOBS = 20


def work(bootstrap: str, topic: str, group: str, how_many: int) -> list[str]:
    """Do that many jobs, committing after each: a job whose commit is in will not be done again."""
    done: list[str] = []
    with KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        value_deserializer=bytes.decode,
    ) as consumer:
        give_up = time.monotonic() + 60
        while len(done) < how_many and time.monotonic() < give_up:
            for records in consumer.poll(timeout_ms=500, max_records=1).values():
                for record in records:
                    done.append(record.value)
                    consumer.commit()
    return done


def main() -> int:
    topic = f"jobs-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as stack:
        bootstrap = sys.argv[1] if len(sys.argv) > 1 else None
        if bootstrap is None:
            bootstrap = stack.enter_context(EmbeddedBroker()).bootstrap_servers
        with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
            admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])
        with KafkaProducer(bootstrap_servers=bootstrap, value_serializer=str.encode) as producer:
            for number in range(JOBS):
                producer.send(topic, f"job {number}")
        first = work(bootstrap, topic, f"{topic}-workers", JOBS // 2)
        second = work(bootstrap, topic, f"{topic}-workers", JOBS - JOBS // 2)
    print(f"the first worker did {len(first)} jobs, the second {len(second)}")
    return 0 if sorted(first + second) == sorted(f"job {n}" for n in range(JOBS)) else 1


if __name__ == "__main__":
    sys.exit(main())
