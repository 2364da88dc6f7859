"""Move many records: a list at a time, one outcome for all of it.

    python examples/send_many.py                               # on the embedded broker
    python examples/send_many.py localhost:9092                # on your cluster

A million readings go to six partitions, keyed by sensor; then the program says where they are.
"""

from __future__ import annotations

import contextlib
import sys
import time
import uuid
from collections import Counter

from kafkalite import KafkaAdminClient, KafkaProducer, NewTopic
from kafkalite.broker import EmbeddedBroker

READINGS = 1_000_000
LIST = 50_000


def main() -> None:
    topic = f"readings-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as stack:
        broker = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(EmbeddedBroker()).bootstrap_servers
        with KafkaAdminClient(bootstrap_servers=broker) as admin:
            admin.create_topics([NewTopic(topic, num_partitions=6)])
        began = time.perf_counter()
        with KafkaProducer(bootstrap_servers=broker) as producer:
            deliveries = []
            for start in range(0, READINGS, LIST):
                numbers = range(start, start + LIST)
                values = [b'{"reading": %d}' % number for number in numbers]
                keys = [b"sensor-%04d" % (number % 1000) for number in numbers]
                # Longer than the producer's memory would do, too: the call waits for room.
                deliveries.append(producer.send_many(topic, values, keys))
            # One outcome per list. Had records failed, get() would raise a BulkSendError that names each of them.
            outcomes = [delivery.get(60) for delivery in deliveries]
        took = time.perf_counter() - began
        went_to: Counter[int] = Counter()
        for outcome in outcomes:
            for part in outcome.parts:
                went_to[part.partition] += len(part.indexes)
        first = outcomes[0].metadata(0)
        print(
            f"{sum(went_to.values()):,} records in {took:.1f} s, to partitions {dict(sorted(went_to.items()))}"
        )
        print(f"the first one is in partition {first.partition}, at offset {first.offset}")


if __name__ == "__main__":
    main()
