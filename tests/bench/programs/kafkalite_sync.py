"""Ours, the door for ordinary programs, with its default settings."""

import load
from sync_shape import SyncShape

from kafkalite import KafkaConsumer, KafkaProducer, TopicPartition


class Ours(SyncShape):
    def producer(self, **more):
        options = {} if "idempotence" not in self.spec else {"enable_idempotence": self.spec["idempotence"]}
        if "batch_size" in self.spec:
            options["batch_size"] = self.spec["batch_size"]
        return KafkaProducer(
            bootstrap_servers=self.spec["bootstrap"],
            acks=self.spec.get("acks", "all"),
            compression_type=self.spec.get("codec"),
            **options,
            **more,
        )

    def consumer(self):
        client = KafkaConsumer(bootstrap_servers=self.spec["bootstrap"], auto_offset_reset="earliest")
        client.assign([TopicPartition(self.spec["topic"], n) for n in range(self.spec["partitions"])])
        return client


Ours(load.scenario()).run()
