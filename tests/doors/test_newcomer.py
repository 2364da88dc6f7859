"""The two programs that a newcomer writes first, run as they are."""

import asyncio
import sys
from pathlib import Path

import pytest

from .drive import Drive, unique

HERE = Path(__file__).parent


async def run(*arguments, timeout=60, env=None):
    """A Python program of its own; its output, once it has ended well."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=HERE.parents[1],
        env=env,
    )
    try:
        out, err = await asyncio.wait_for(program.communicate(), timeout)
    except TimeoutError:
        program.kill()
        out, err = await program.communicate()
        pytest.fail(f"{arguments} did not end within {timeout} s\n{out.decode()}\n{err.decode()}")
    assert program.returncode == 0, err.decode()
    return out.decode(), err.decode()


@pytest.mark.parametrize("name", ["newcomer_sync.py", "newcomer_aio.py"])
async def test_a_newcomers_program(name, bootstrap):
    topic = unique("newcomer")
    out, err = await run("-W", "error", str(HERE / name), bootstrap, topic)
    told, last, count = out.split("\n")[:3]
    assert told == topic
    assert last.startswith(f"{topic}:")
    assert last.endswith("value=the last one")
    assert count == "101"
    assert err == ""


async def test_a_producer_that_is_never_closed_still_sends(bootstrap):
    drive = Drive("aio", bootstrap)
    topic = await drive.topic("exit")
    source = f"""
from kafkalite import KafkaProducer
producer = KafkaProducer(bootstrap_servers={bootstrap!r}, linger_ms=5000)
for n in range(50):
    producer.send({topic!r}, b"%d" % n)
"""
    _, err = await run("-c", source)
    assert err == ""
    consumer = await drive.consumer(topic)
    assert len(await consumer.read(50)) == 50
    await drive.close()
