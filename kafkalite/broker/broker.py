"""`EmbeddedBroker`: a Kafka in this process, on real ports. What tests see of the broker. Thread: any.

One asyncio loop in one daemon thread runs everything; every method hops there and back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from random import Random
from typing import Any, Literal, Self, TypeVar

from kafkalite.protocol.message import Request, Response

from .clock import Clock, RealClock
from .cluster import Cluster
from .config import BrokerConfig
from .faults import Faults, Rule, Watch, check_rule
from .groups import GroupView
from .handlers import load
from .partition import Partition
from .produce_checks import check_records, sole_batch
from .refusal import Refusal
from .server import NodeServer
from .topic import Topic
from .views import GivenRecord, NodeView, StoredRecord, batch_of, records_of

__all__ = ["EmbeddedBroker"]

T = TypeVar("T")

_PATIENCE = 30.0
_NEWEST_PRODUCE = 13


class EmbeddedBroker:
    """A Kafka cluster of one or more nodes, for tests and examples.

        with EmbeddedBroker(topics={"orders": 3}) as broker:
            producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)

    `config` takes Kafka's own broker settings, by their names. With `port` 0 the system chooses; otherwise nodes listen
    on `port`, `port` + 1 and so on. `seed` decides the ids that Kafka draws at random.
    """

    def __init__(
        self,
        *,
        nodes: int = 1,
        host: str = "127.0.0.1",
        port: int = 0,
        topics: Mapping[str, int] | Iterable[str] = (),
        config: Mapping[str, object] | None = None,
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        if nodes < 1:
            raise ValueError(f"a cluster has at least one node, not {nodes}")
        if isinstance(topics, str):
            raise TypeError(f"topics is a list of names or a mapping of name to partitions: [{topics!r}]")
        self.clock: Clock = clock if clock is not None else RealClock()
        """What the broker goes by; a `SteppedClock` if you gave one."""
        self._cluster = Cluster(
            BrokerConfig(config), self.clock, Random(seed), nodes=nodes, host=host, port=port
        )
        self._faults = Faults()
        handlers = load()
        self._servers = {
            node.id: NodeServer(node, self._cluster, self._faults, handlers)
            for node in self._cluster.nodes.values()
        }
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False
        wanted = topics if isinstance(topics, Mapping) else dict.fromkeys(topics, -1)
        for name, partitions in wanted.items():
            self._create(name, partitions, -1, None)

    # Start and stop.

    def start(self) -> Self:
        """Listen. Raises OSError naming the port if something else has it. Harmless if it runs already."""
        if self._thread is not None:
            return self
        if self._stopped:
            raise RuntimeError("this broker was stopped; make a new one (its records are gone with it)")
        loop = asyncio.new_event_loop()
        try:
            self.clock.attach(loop)
        except BaseException:
            loop.close()
            raise
        thread = threading.Thread(target=_run, args=(loop,), name="kafkalite-broker", daemon=True)
        thread.start()
        self._loop, self._thread = loop, thread
        try:
            self._wait(self._listen())
        except BaseException:
            self.stop()
            raise
        return self

    async def _listen(self) -> None:
        for server in self._servers.values():
            await server.start()

    def stop(self) -> None:
        """Cut all connections and close the ports. Harmless if it does not run. What the log holds stays readable."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._wait(self._close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE)
        self.clock.detach()
        self._loop = self._thread = None
        self._stopped = True

    async def _close(self) -> None:
        for server in self._servers.values():
            await server.stop()
        self._cluster.groups.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the broker's loop."""
        assert self._loop is not None
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("this call waits for the broker: do not make it from a callback on its thread")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _call(self, function: Callable[[], T]) -> T:
        """Call a function on the broker's thread: here and now if that is where we are, or if there is none."""
        loop = self._loop
        if loop is None or threading.current_thread() is self._thread:
            return _plainly(function)

        async def call() -> T:
            return _plainly(function)

        return self._wait(call())

    # What it is.

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of the running nodes, as clients take them: "127.0.0.1:9092,127.0.0.1:9093"."""
        if self._thread is None:
            raise RuntimeError("the broker does not run: use it in a `with` block, or call start()")
        return ",".join(f"{node.host}:{node.port}" for node in self.nodes if node.running)

    @property
    def cluster_id(self) -> str:
        """The id of the cluster: 22 characters."""
        return self._cluster.id

    @property
    def nodes(self) -> list[NodeView]:
        """The nodes, by id. Ids begin with 1."""
        return self._call(
            lambda: [
                NodeView(node.id, node.host, node.port, node.running) for node in self._cluster.nodes.values()
            ]
        )

    # Topics and records.

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        replication_factor: int = 1,
        *,
        configs: Mapping[str, str] | None = None,
    ) -> None:
        """Make a topic. Raises ValueError for a name, number or setting that Kafka would refuse."""
        self._call(lambda: self._create(name, partitions, replication_factor, configs))

    def _create(
        self, name: str, partitions: int, replication_factor: int, configs: Mapping[str, str] | None
    ) -> None:
        try:
            self._cluster.create_topic(name, partitions, replication_factor, configs=configs)
        except Refusal as refusal:
            raise ValueError(f"the topic {name!r} cannot be created: {refusal.message}") from None

    def delete_topic(self, name: str) -> None:
        """Delete a topic. Raises ValueError if there is none."""
        self._call(lambda: self._cluster.delete_topic(name))

    def add_partitions(self, name: str, total: int) -> None:
        """Give a topic more partitions, `total` in all. Raises ValueError."""
        self._call(lambda: self._cluster.add_partitions(name, total))

    def topics(self) -> dict[str, int]:
        """The topics and their numbers of partitions, without Kafka's internal ones."""
        return self._call(
            lambda: {
                topic.name: len(topic.partitions)
                for topic in self._cluster.topics.values()
                if not topic.is_internal
            }
        )

    def records(self, topic: str, partition: int = 0) -> list[StoredRecord]:
        """The records of a partition that a consumer could read. Raises ValueError if there is no such partition."""
        return self._call(lambda: records_of(self._partition(topic, partition)[1]))

    def append(self, topic: str, records: Iterable[GivenRecord], partition: int = 0) -> None:
        """Write records without a client, as one batch: values, (key, value) pairs, or StoredRecords.

        Raises ValueError if there is no such partition, or if Kafka would refuse the batch.
        """
        given = list(records)
        if given:
            self._call(lambda: self._append(topic, given, partition))

    def _append(self, name: str, records: list[GivenRecord], index: int) -> None:
        topic, partition = self._partition(name, index)
        now_ms = self.clock.time_ms()
        batch = sole_batch(batch_of(records, now_ms), _NEWEST_PRODUCE)
        partition.append(
            check_records(batch, topic.settings, now_ms), topic.settings, self._cluster.config, now_ms
        )

    def _partition(self, name: str, index: int) -> tuple[Topic, Partition]:
        topic = self._cluster.topics.get(name)
        if topic is None:
            known = ", ".join(sorted(self._cluster.topics)) or "none at all"
            raise ValueError(f"the broker has no topic {name!r}; it has {known}")
        if not 0 <= index < len(topic.partitions):
            raise ValueError(
                f"the topic {name!r} has {len(topic.partitions)} partitions, there is no {index}"
            )
        return topic, topic.partitions[index]

    def groups(self) -> dict[str, GroupView]:
        """The groups: state, members, committed offsets."""
        return self._call(self._cluster.groups.views)

    # Trouble.

    def move_leader(self, topic: str, partition: int, node_id: int) -> None:
        """Make another replica the leader of a partition. Raises ValueError if it is no running replica."""
        self._call(lambda: self._cluster.move_leader(topic, partition, node_id))

    def stop_node(self, node_id: int) -> None:
        """Stop a node: its port closes, its connections are cut, its partitions go to other replicas, if there are."""
        server = self._server(node_id)

        async def stop() -> None:
            if server.node.running:
                self._cluster.node_stopped(node_id)
                await server.stop()

        self._wait(stop())

    def start_node(self, node_id: int) -> None:
        """Start a stopped node again, on its old port."""
        server = self._server(node_id)

        async def start() -> None:
            if not server.node.running:
                await server.start()
                self._cluster.node_started(node_id)

        self._wait(start())

    def drop_connections(self, node_id: int | None = None) -> None:
        """Cut all connections, of one node or of all. Clients may connect again at once."""
        servers = list(self._servers.values()) if node_id is None else [self._server(node_id)]

        async def drop() -> None:
            for server in servers:
                await server.drop_connections()

        self._wait(drop())

    def _server(self, node_id: int) -> NodeServer:
        if self._thread is None:
            raise RuntimeError("the broker does not run: use it in a `with` block, or call start()")
        if node_id not in self._servers:
            raise ValueError(f"there is no node {node_id}; there are {sorted(self._servers)}")
        return self._servers[node_id]

    def on(
        self,
        request_type: type[Request[Any]],
        *,
        node: int | None = None,
        when: Callable[[Any], bool] | None = None,
        times: int | None = -1,
        answer: Response | Callable[[Any], Response] | None = None,
        error: int | None = None,
        delay: float = 0.0,
        drop: bool = False,
        disconnect: Literal["before", "after"] | None = None,
    ) -> Watch:
        """Watch the requests of one API, or do something else with them than Kafka would.

        `node` and `when` say which ones, `times` how many of them (all, for a rule that only watches; else 1; None for
        all). `answer` is given instead; `error` is that code in every place of the answer where one belongs; `delay`
        waits so many seconds of the broker's clock before anything is done; `drop` never answers, and so nothing that
        comes later on that connection either; `disconnect` cuts the connection, "before" the request has an effect or
        "after" it had, which is a lost answer. `when` and `answer` are called on the broker's thread.
        """
        if not (isinstance(request_type, type) and issubclass(request_type, Request)):
            raise TypeError(f"on() takes a request class, such as ProduceRequest, not {request_type!r}")
        rule = Rule(request_type, node, when, answer, error, delay, drop, disconnect)
        check_rule(rule)
        if times == -1:
            times = 1 if rule.acts else None
        return self._call(lambda: self._faults.add(rule, times, self._forget))

    def _forget(self, watch: Watch) -> None:
        self._call(lambda: self._faults.remove(watch))

    def __repr__(self) -> str:
        if self._thread is None:
            return "<EmbeddedBroker, not running>"
        return f"<EmbeddedBroker at {self.bootstrap_servers}>"


def _plainly(function: Callable[[], T]) -> T:
    """A refusal is a ValueError for the caller: it is not a client of Kafka."""
    try:
        return function()
    except Refusal as refusal:
        raise ValueError(refusal.message) from None


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
