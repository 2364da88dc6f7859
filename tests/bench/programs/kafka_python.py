"""kafka-python, with the settings that are fastest for it. Also the shape of ours: see kafkalite_sync.py."""

import load
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from sync_shape import SyncShape


class KafkaPython(SyncShape):
    def producer(self, **more):
        idempotence = self.spec.get("idempotence", self.spec.get("acks", "all") == "all")
        options = {"linger_ms": 5, "batch_size": 262_144, "enable_idempotence": idempotence, **more}
        return KafkaProducer(
            bootstrap_servers=self.spec["bootstrap"],
            acks=self.spec.get("acks", "all"),
            compression_type=self.spec.get("codec"),
            **options,
        )

    def consumer(self):
        client = KafkaConsumer(
            bootstrap_servers=self.spec["bootstrap"], auto_offset_reset="earliest", consumer_timeout_ms=20_000
        )
        client.assign([TopicPartition(self.spec["topic"], n) for n in range(self.spec["partitions"])])
        return client


KafkaPython(load.scenario()).run()
