"""The programs of the asyncio clients: aiokafka, and ours."""

import asyncio
import time

import load


class AioShape:
    def __init__(self, spec):
        self.spec = spec

    def run(self):
        asyncio.run(getattr(self, self.spec["what"])())

    async def produce(self):
        spec = self.spec
        values, keys, headers = load.all_values(spec), load.all_keys(spec), load.headers(spec)
        client, topic = await self.producer(), spec["topic"]
        await client.send_and_wait(topic, b"warm-up")
        send, outcomes = client.send, []
        extra = {"headers": headers} if headers else {}
        with load.Measured() as measured:
            if spec["api"] == "outcomes":
                outcomes = [await send(topic, value) for value in values]
                await client.flush()
                assert all(outcome.exception() is None for outcome in outcomes)
            elif spec["api"] == "send_many":
                await self.send_many(client, values)
            elif keys is not None:
                for value, key in zip(values, keys, strict=True):
                    await send(topic, value, key=key, **extra)
            else:
                for value in values:
                    await send(topic, value, **extra)
            await client.flush()
        load.tell(measured, len(values), sum(map(len, values)))
        await client.stop()

    async def consume(self):
        spec, client = self.spec, await self.consumer()
        await client.getone()
        seen = octets = 0
        count = spec["count"]
        with load.Measured() as measured:
            if spec["api"] == "iterate":
                async for message in client:
                    octets += len(message.value)
                    seen += 1
                    if seen >= count:
                        break
            else:
                limit = spec.get("max_poll", 500)
                while seen < count:
                    for messages in (await client.getmany(timeout_ms=1000, max_records=limit)).values():
                        for message in messages:
                            octets += len(message.value)
                        seen += len(messages)
        load.tell(measured, seen, octets)
        await client.stop()

    async def latency(self):
        client, topic, taken = await self.producer(linger_ms=0), self.spec["topic"], []
        value = b"x" * self.spec["size"]
        await client.send_and_wait(topic, value)
        with load.Measured() as measured:
            for _ in range(self.spec["count"]):
                began = time.perf_counter()
                await client.send_and_wait(topic, value)
                taken.append(time.perf_counter() - began)
        load.tell(measured, len(taken), 0, **load.percentiles(taken[len(taken) // 10 :]))
        await client.stop()

    async def end_to_end(self):
        client, topic, taken = await self.producer(linger_ms=0), self.spec["topic"], []
        value = b"x" * self.spec["size"]
        await client.send_and_wait(topic, value, partition=0)
        reader = await self.consumer()
        await reader.getone()
        with load.Measured() as measured:
            for _ in range(self.spec["count"]):
                began = time.perf_counter()
                await client.send(topic, value, partition=0)
                await reader.getone()
                taken.append(time.perf_counter() - began)
        load.tell(measured, len(taken), 0, **load.percentiles(taken[len(taken) // 10 :]))
        await client.stop()
        await reader.stop()
