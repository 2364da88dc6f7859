import asyncio

import pytest

from .virtual_time import VirtualLoop, in_virtual_time


@in_virtual_time
async def test_time_passes_when_nothing_else_is_to_be_done():
    loop = asyncio.get_running_loop()
    began = loop.time()
    order = []
    loop.call_later(3600, order.append, "an hour")
    loop.call_later(60, order.append, "a minute")
    await asyncio.sleep(7200)
    assert order == ["a minute", "an hour"]
    assert loop.time() == began + 7200


def test_waiting_for_ever_is_found_out():
    loop = VirtualLoop()
    try:
        with pytest.raises(RuntimeError, match="nobody will do"):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()
