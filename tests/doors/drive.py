"""One way to drive both doors, so that every scenario is written once.

A scenario is a coroutine. With the aio door its calls are awaited; with the sync door each call runs on a worker
thread, as it would in a threaded program. Names are those of the sync door.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from functools import partial
from uuid import uuid4

import pytest

from kafkalite import (
    AsyncKafkaAdminClient,
    AsyncKafkaConsumer,
    AsyncKafkaProducer,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    TopicPartition,
)

PATIENCE = 30.0
"""Seconds after which a scenario gives up on something that is meant to happen."""


def unique(prefix):
    """A name that no other test uses, so that scenarios can share a real cluster."""
    return f"{prefix}-{uuid4().hex[:12]}"


class Driven:
    """A client; its methods are awaited whichever door it came through."""

    aio_names: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, client, door):
        self.client = client
        self.door = door

    def __getattr__(self, name):
        return partial(self._call, name)

    async def _call(self, name, *args, **kwargs):
        if self.door == "sync":
            return await asyncio.to_thread(getattr(self.client, name), *args, **kwargs)
        result = getattr(self.client, self.aio_names.get(name, name))(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        await self.close()


class DrivenProducer(Driven):
    aio_names = {"close": "stop"}  # noqa: RUF012

    async def outcome(self, delivery):
        """What became of a send: its RecordMetadata, or its exception raised."""
        if self.door == "sync":
            return await asyncio.to_thread(delivery.get, PATIENCE)
        return await asyncio.wait_for(delivery, PATIENCE)

    async def send_and_wait(self, *args, **kwargs):
        return await self.outcome(await self.send(*args, **kwargs))


class DrivenConsumer(Driven):
    aio_names = {"close": "stop", "poll": "getmany"}  # noqa: RUF012

    async def read(self, count, *, patience=PATIENCE):
        """Poll until `count` records came; they are returned in the order of each partition."""
        records = []
        deadline = time.monotonic() + patience
        while len(records) < count:
            left = deadline - time.monotonic()
            assert left > 0, (
                f"only {len(records)} of {count} records came within {patience} s: {records[-3:]}"
            )
            for batch in (await self.poll(timeout_ms=min(500, int(left * 1000) + 1))).values():
                records.extend(batch)
        return records

    async def poll_cut_short(self):
        """A poll that the user gives up: in the aio door it is cancelled, in the sync door its time is short."""
        if self.door == "sync":
            assert await self.poll(timeout_ms=10) == {}
        else:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(self.poll(timeout_ms=60_000), 0.01)

    async def until_assigned(self, count=None, *, patience=PATIENCE):
        """Poll until partitions are assigned (exactly `count`, if given); records that come meanwhile are dropped."""
        deadline = time.monotonic() + patience
        while True:
            assignment = await self.assignment()
            if assignment and count in (None, len(assignment)):
                return assignment
            assert time.monotonic() < deadline, f"assignment is {assignment}, wanted {count} partitions"
            await self.poll(timeout_ms=50)


class Drive:
    """Makes the clients of one door, and closes those that a scenario leaves open."""

    def __init__(self, door, bootstrap):
        self.door = door
        self.bootstrap = bootstrap
        self._made = []

    def __repr__(self):
        return f"<Drive {self.door}>"

    async def _make(self, sync_class, aio_class, wrapper, *args, **options):
        options.setdefault("bootstrap_servers", self.bootstrap)
        if self.door == "sync":
            client = await asyncio.to_thread(partial(sync_class, *args, **options))
        else:
            client = aio_class(*args, **options)
            try:
                await client.start()
            except BaseException:
                await (client.stop if hasattr(client, "stop") else client.close)()
                raise
        driven = wrapper(client, self.door)
        self._made.append(driven)
        return driven

    async def producer(self, **options):
        return await self._make(KafkaProducer, AsyncKafkaProducer, DrivenProducer, **options)

    async def consumer(self, *topics, **options):
        options.setdefault("auto_offset_reset", "earliest")
        return await self._make(KafkaConsumer, AsyncKafkaConsumer, DrivenConsumer, *topics, **options)

    async def admin(self, **options):
        return await self._make(KafkaAdminClient, AsyncKafkaAdminClient, Driven, **options)

    async def topic(self, prefix="topic", partitions=1, **configs):
        """A new topic, ready to use."""
        name = unique(prefix)
        async with await self.admin() as admin:
            await admin.create_topics(
                {name: {"num_partitions": partitions, "configs": configs}}, wait_for_metadata=True
            )
        return name

    async def fill(self, topic, values, **options):
        """Produce these values to a topic, one partition after the other, and wait for them."""
        async with await self.producer(**options) as producer:
            sent = [await producer.send(topic, value, partition=partition) for partition, value in values]
            return [await producer.outcome(delivery) for delivery in sent]

    async def close(self):
        for driven in reversed(self._made):
            await driven.close()


def partitions_of(topic, count):
    return [TopicPartition(topic, number) for number in range(count)]
