"""The first metadata: every bootstrap address is tried, in turn and again, until one answers. Thread: loop."""

from __future__ import annotations

import asyncio
import logging
import socket

from kafkalite.config import ConnectionConfig
from kafkalite.errors import KafkaError, NoBrokersAvailable, error_for
from kafkalite.protocol.messages.metadata import MetadataResponse

from .backoff import Backoff
from .metadata import Metadata
from .pool import Address, Pool, resolve

__all__ = ["bootstrap", "canonical"]

log = logging.getLogger(__name__)


async def bootstrap(config: ConnectionConfig, pool: Pool, metadata: Metadata, backoff: Backoff) -> None:
    """Learn the cluster from its bootstrap servers, within `bootstrap_timeout_ms`.

    Raises NoBrokersAvailable, whose text gives each address with its cause; errors that waiting cannot mend (a wrong
    password) are raised as they are.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + config.bootstrap_timeout
    addresses = await _addresses(config)
    for number, address in enumerate(addresses):
        pool.add_node(-1 - number, address)
    causes: dict[Address, str] = {}
    rounds = 0
    while True:
        for number, address in enumerate(addresses):
            try:
                async with asyncio.timeout_at(deadline):
                    await _ask(config, pool, metadata, -1 - number, deadline)
                return
            except TimeoutError:
                causes.setdefault(address, f"no answer within {config.bootstrap_timeout:.3g} s")
            except KafkaError as error:
                if error.fatal:
                    raise
                causes[address] = str(error)
        delay = backoff.delay(rounds)
        rounds += 1
        if loop.time() + delay >= deadline:
            listed = "; ".join(f"{host}:{port}: {cause}" for (host, port), cause in causes.items())
            raise NoBrokersAvailable(
                f"no bootstrap server could be used within {config.bootstrap_timeout:.3g} s: {listed}"
            )
        await asyncio.sleep(delay)


async def _ask(
    config: ConnectionConfig, pool: Pool, metadata: Metadata, node_id: int, deadline: float
) -> None:
    loop = asyncio.get_running_loop()
    ready = await pool.get(node_id, deadline=deadline)
    request = metadata.next_request(loop.time())
    version = ready.versions.pick(type(request))
    if version is None:
        raise NoBrokersAvailable(
            f"{ready.connection.where} speaks no version of Metadata that this client does"
        )
    limit = max(0.001, min(config.request_timeout, deadline - loop.time()))
    try:
        response: MetadataResponse = await ready.connection.request(request, version, limit)
        if response.error_code:
            raise error_for(response.error_code, "metadata")
        if not response.brokers:
            raise NoBrokersAvailable(f"{ready.connection.where} knows of no brokers yet")
    except BaseException:
        metadata.on_failure()
        raise
    metadata.on_response(response, loop.time())


async def _addresses(config: ConnectionConfig) -> list[Address]:
    if config.client_dns_lookup != "resolve_canonical_bootstrap_servers_only":
        return list(config.bootstrap_servers)
    found: list[Address] = []
    for address in config.bootstrap_servers:
        found += await canonical(address)
    return list(dict.fromkeys(found)) or list(config.bootstrap_servers)


async def canonical(address: Address) -> list[Address]:
    """The canonical names of all addresses of a name, for Kerberos; the name itself if it has none."""
    loop = asyncio.get_running_loop()
    names: list[Address] = []
    try:
        for _, (ip, port) in await resolve(address):
            name, _ = await loop.getnameinfo((ip, port), socket.NI_NAMEREQD)
            names.append((name, port))
    except (OSError, KafkaError) as error:
        log.info("no canonical name for %s: %s", address[0], error)
        return [address]
    return names
