"""What a newcomer writes first, coming from aiokafka: only the import differs. Arguments: bootstrap, topic."""

import asyncio
import sys

from kafkalite.aio import AIOKafkaConsumer, AIOKafkaProducer

bootstrap, topic = sys.argv[1:]


async def send_some():
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for i in range(100):
            await producer.send(topic, b"message %d" % i, key=b"%d" % i)
        metadata = await producer.send_and_wait(topic, b"the last one")
        print(metadata.topic)
    finally:
        await producer.stop()


async def consume():
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=f"{topic}-group",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    count = 0
    try:
        async for message in consumer:
            count += 1
            if message.value == b"the last one":
                print("%s:%d: value=%s" % (message.topic, message.partition, message.value.decode()))  # noqa: UP031
            if count == 101:
                break
    finally:
        await consumer.stop()
    print(count)


asyncio.run(send_some())
asyncio.run(consume())
