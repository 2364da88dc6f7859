"""Move many records: a whole topic into a file, column by column, without an object for each record.

python examples/columns.py                      # on the embedded broker
python examples/columns.py localhost:9092       # on your cluster
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
import uuid
from typing import BinaryIO

from kafkalite import KafkaConsumer, KafkaProducer, TopicPartition
from kafkalite.broker import EmbeddedBroker

COUNT = 20_000


def fill(bootstrap: str, topic: str) -> None:
    """Something to move."""
    with KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20) as producer:
        for number in range(COUNT):
            producer.send(topic, b"message %d" % number)


def move(bootstrap: str, topic: str, file: BinaryIO) -> int:
    """Write each value of the topic to a line of the file. Returns how many there were."""
    with KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        partitions = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        moved = 0
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for batch in consumer.poll_batches(timeout_ms=1000):
                # Only the column that is asked for: keys, headers and timestamps stay where they are.
                # `batch.to_arrow()` would be the way to pandas, Polars, DuckDB or a Parquet file.
                file.writelines(value + b"\n" for value in batch.values)
                moved += len(batch)
        return moved


def main() -> int:
    topic = f"columns-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as stack:
        bootstrap = sys.argv[1] if len(sys.argv) > 1 else None
        if bootstrap is None:
            bootstrap = stack.enter_context(EmbeddedBroker()).bootstrap_servers
        fill(bootstrap, topic)
        file = stack.enter_context(tempfile.TemporaryFile())
        began = time.perf_counter()
        moved = move(bootstrap, topic, file)
        print(f"moved {moved} messages in {time.perf_counter() - began:.2f} s, {file.tell()} bytes")
    return 0 if moved == COUNT else 1


if __name__ == "__main__":
    sys.exit(main())
