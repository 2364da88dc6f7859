"""aiokafka, with the settings that are fastest for it."""

import load
from aio_shape import AioShape
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition


class Aiokafka(AioShape):
    async def producer(self, **more):
        idempotence = self.spec.get("idempotence", self.spec.get("acks", "all") == "all")
        options = {"linger_ms": 5, "max_batch_size": 262_144, "enable_idempotence": idempotence, **more}
        client = AIOKafkaProducer(
            bootstrap_servers=self.spec["bootstrap"],
            acks=self.spec.get("acks", "all"),
            compression_type=self.spec.get("codec"),
            **options,
        )
        await client.start()
        return client

    async def send_many(self, client, values):
        topic, partitions = self.spec["topic"], self.spec["partitions"]
        batch, number = client.create_batch(), 0
        for value in values:
            if batch.append(key=None, value=value, timestamp=None) is None:
                await client.send_batch(batch, topic, partition=number % partitions)
                batch, number = client.create_batch(), number + 1
                batch.append(key=None, value=value, timestamp=None)
        await client.send_batch(batch, topic, partition=number % partitions)

    async def consumer(self):
        client = AIOKafkaConsumer(bootstrap_servers=self.spec["bootstrap"], auto_offset_reset="earliest")
        client.assign([TopicPartition(self.spec["topic"], n) for n in range(self.spec["partitions"])])
        await client.start()
        return client


Aiokafka(load.scenario()).run()
