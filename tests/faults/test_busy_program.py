"""A program that is busy between two polls keeps its membership: heartbeats do not depend on it.

With the sync door it is the thread that polls which is busy. An asyncio program gives such work to another thread, and
awaits it, because nothing on its loop goes on otherwise.
"""

import asyncio
import time

import pytest

from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from tests.doors.drive import PATIENCE, unique

SESSION = 0.6
"""Seconds without a heartbeat after which the group would give the member up."""
BEATS = 20
"""Heartbeats to see while the program is busy: over three sessions' worth of them."""


def spin(watch, wanted):
    """Compute until the broker has seen that many heartbeats."""
    deadline = time.monotonic() + PATIENCE
    while watch.count < wanted:
        sum(range(2000))
        assert time.monotonic() < deadline, f"only {watch.count} heartbeats came while the program was busy"


def sleep(watch, wanted):
    """Block this thread until then."""
    watch.wait(wanted, timeout=PATIENCE)


@pytest.mark.parametrize("busy", [spin, sleep])
async def test_a_busy_program_keeps_its_membership(door, broker, busy):
    topic, group = await door.topic(partitions=2), unique("group")
    consumer = await door.consumer(
        topic, group_id=group, session_timeout_ms=SESSION * 1000, heartbeat_interval_ms=SESSION * 1000 / 6
    )
    assigned = await consumer.until_assigned(2)
    before = broker.groups()[group]
    watch = broker.on(HeartbeatRequest)

    await asyncio.to_thread(busy, watch, BEATS)

    after = broker.groups()[group]
    assert after.state == "Stable"
    assert (after.generation, set(after.members)) == (before.generation, set(before.members))
    await door.fill(topic, [(0, b"still there")])
    assert [r.value for r in await consumer.read(1)] == [b"still there"]
    assert await consumer.assignment() == assigned
