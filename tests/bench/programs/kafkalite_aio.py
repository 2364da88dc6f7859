"""Ours, the door for asyncio programs, with its default settings."""

import load
from aio_shape import AioShape

from kafkalite import AsyncKafkaConsumer, AsyncKafkaProducer, TopicPartition


class Ours(AioShape):
    async def producer(self, **more):
        options = {} if "idempotence" not in self.spec else {"enable_idempotence": self.spec["idempotence"]}
        client = AsyncKafkaProducer(
            bootstrap_servers=self.spec["bootstrap"],
            acks=self.spec.get("acks", "all"),
            compression_type=self.spec.get("codec"),
            **options,
            **more,
        )
        await client.start()
        return client

    async def send_many(self, client, values):
        for part in load.chunks(values, 10_000):
            await client.send_many(self.spec["topic"], part)

    async def consumer(self):
        client = AsyncKafkaConsumer(bootstrap_servers=self.spec["bootstrap"], auto_offset_reset="earliest")
        client.assign([TopicPartition(self.spec["topic"], n) for n in range(self.spec["partitions"])])
        await client.start()
        return client


Ours(load.scenario()).run()
