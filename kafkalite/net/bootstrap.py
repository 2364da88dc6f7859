"""The first metadata: every bootstrap address is tried, again and again, until one answers. Thread: loop.

An address that is silent holds up the next one for a moment only: they are tried side by side then, and the first good
answer counts. Bootstrap servers serve for nothing else; afterwards the cluster itself says where its nodes are.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from contextlib import suppress
from typing import Final, NamedTuple

from kafkalite.config import ConnectionConfig
from kafkalite.errors import (
    KafkaError,
    KafkaTimeoutError,
    MetadataEmptyBrokerList,
    NoBrokersAvailable,
    UnsupportedVersionError,
    error_for,
)
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataResponse

from .backoff import Backoff
from .dial import resolve
from .metadata import Metadata
from .pool import Address, Opener, Ready, written

__all__ = ["Found", "bootstrap", "canonical"]

log = logging.getLogger(__name__)

HEAD_START: Final = 0.3
"""Seconds that an address has for itself before the next one is tried, too."""

_ON_TIME: Final = 0.9
"""Share of the time left that one attempt gets, so that it can still say itself what it waited for."""


class Found(NamedTuple):
    """A bootstrap server that answered, and the connection to it."""

    address: Address
    ready: Ready


class _Answer(NamedTuple):
    ready: Ready
    response: MetadataResponse


async def bootstrap(
    config: ConnectionConfig, opener: Opener, metadata: Metadata, backoff: Backoff, setup: Backoff
) -> Found:
    """Learn the cluster from its bootstrap servers, within `bootstrap_timeout_ms`. The connection is the caller's.

    Raises NoBrokersAvailable, whose text gives each address with its cause: at the deadline, or at once where waiting
    mends nothing. What is fatal (a wrong password) is raised as it is.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + config.bootstrap_timeout
    addresses = await _addresses(config, deadline)
    causes: dict[Address, KafkaError] = {}
    rounds = 0
    while True:
        request = metadata.next_request(loop.time())
        attempts = _Round(opener, request, setup.delay(rounds), config.request_timeout, deadline, causes)
        try:
            found = await attempts.run(addresses)
        except BaseException:
            metadata.on_failure(loop.time())
            raise
        if found is not None:
            address, answer = found
            metadata.on_response(answer.response, loop.time())
            return Found(address, answer.ready)
        metadata.on_failure(loop.time())
        delay = backoff.delay(rounds)
        rounds += 1
        hopeless = len(causes) == len(addresses) and not any(c.retriable for c in causes.values())
        if hopeless or loop.time() + delay >= deadline:
            listed = "; ".join(_named(address, causes[address]) for address in addresses if address in causes)
            limit = "" if hopeless else f" within {config.bootstrap_timeout:.3g} s"
            raise NoBrokersAvailable(f"no bootstrap server could be used{limit}: {listed}") from next(
                iter(causes.values()), None
            )
        await asyncio.sleep(delay)


def _named(address: Address, cause: KafkaError) -> str:
    place, text = written(address), str(cause)
    return text if place in text else f"{place}: {text}"


class _Round:
    """Every address once, each with a head start before the next."""

    def __init__(
        self,
        opener: Opener,
        request: MetadataRequest,
        setup_limit: float,
        request_limit: float,
        deadline: float,
        causes: dict[Address, KafkaError],
    ) -> None:
        self._opener, self._request, self._causes = opener, request, causes
        self._setup_limit, self._request_limit, self._deadline = setup_limit, request_limit, deadline
        self._running: dict[asyncio.Task[_Answer], Address] = {}

    async def run(self, addresses: list[Address]) -> tuple[Address, _Answer] | None:
        """The first answer; None if there was none, with the causes noted."""
        loop = asyncio.get_running_loop()
        waiting = deque(addresses)
        try:
            while (waiting or self._running) and loop.time() < self._deadline:
                if waiting:
                    address = waiting.popleft()
                    self._running[loop.create_task(self._ask(address))] = address
                left = self._deadline - loop.time()
                done, _ = await asyncio.wait(
                    self._running,
                    timeout=min(HEAD_START, left) if waiting else left,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    try:
                        answer = task.result()
                    except KafkaError as error:
                        if error.fatal:
                            raise
                        self._causes[self._running.pop(task)] = error
                    else:
                        return self._running.pop(task), answer
            for address in [*self._running.values(), *waiting]:
                cause = KafkaTimeoutError(f"{written(address)} had not answered when time was up")
                self._causes.setdefault(address, cause)
            return None
        finally:
            await self._end_others()

    async def _end_others(self) -> None:
        running, self._running = self._running, {}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        for task in running:
            if not task.cancelled() and task.exception() is None:
                await task.result().ready.connection.close()

    async def _ask(self, address: Address) -> _Answer:
        loop = asyncio.get_running_loop()
        limit = min(self._setup_limit, (self._deadline - loop.time()) * _ON_TIME)
        ready = await self._opener(f"bootstrap server {written(address)}", address, max(0.001, limit))
        try:
            return _Answer(ready, await self._metadata(ready))
        except BaseException:
            with suppress(asyncio.CancelledError):
                await ready.connection.close()
            raise

    async def _metadata(self, ready: Ready) -> MetadataResponse:
        where = ready.connection.where
        version = ready.versions.pick(MetadataRequest)
        if version is None:
            raise UnsupportedVersionError(f"{where} speaks no version of Metadata that this client does")
        left = (self._deadline - asyncio.get_running_loop().time()) * _ON_TIME
        limit = max(0.001, min(self._request_limit, left))
        response = await ready.connection.request(self._request, version, limit)
        if response.error_code:
            raise error_for(response.error_code, f"metadata from {where}")
        if not response.brokers:
            raise MetadataEmptyBrokerList(f"{where} knows of no brokers yet: it may still be starting")
        return response


async def _addresses(config: ConnectionConfig, deadline: float) -> list[Address]:
    if config.client_dns_lookup != "resolve_canonical_bootstrap_servers_only":
        return list(dict.fromkeys(config.bootstrap_servers))
    found: list[Address] = []
    for address in config.bootstrap_servers:
        found += await canonical(address, deadline)
    return list(dict.fromkeys(found))


async def canonical(address: Address, deadline: float) -> list[Address]:
    """The canonical names of all addresses of a name, for Kerberos; the name itself if it has none."""
    loop = asyncio.get_running_loop()
    names: list[Address] = []
    try:
        for _, (ip, port) in await resolve(address, deadline - loop.time()):
            async with asyncio.timeout_at(deadline):
                name, _ = await loop.getnameinfo((ip, port), socket.NI_NAMEREQD)
            names.append((name, port))
    except (OSError, KafkaError) as error:  # TimeoutError is an OSError
        log.info("no canonical name for %s: %s", address[0], error)
        return [address]
    return names
