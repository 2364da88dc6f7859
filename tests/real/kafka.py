"""A real Apache Kafka for tests: started, asked until it is ready, and killed at the end.

`cluster(nodes, folder)` gives one. By preference: the cluster that KAFKALITE_BOOTSTRAP names; containers, where Docker
runs; processes, where Java does (the jars come from Maven Central once). Raises `cache.Missing` if none can be had.
"""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kafkalite.protocol import framing
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataResponse
from tests import cache, jars

PATIENCE = 90.0
"""Seconds after which a Kafka that does not get ready is given up."""

SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT",
    "group.initial.rebalance.delay.ms": "0",
    # Few partitions of Kafka's own are made and loaded faster.
    "offsets.topic.num.partitions": "5",
    "transaction.state.log.num.partitions": "5",
    "share.coordinator.state.topic.num.partitions": "5",
    # A dead node is noticed soon.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
    # Tests write records that are years old; they stay.
    "log.retention.ms": "-1",
}


def settings(node: int, controllers: dict[int, str], listeners: str, advertised: str) -> dict[str, str]:
    """The configuration of one node. `controllers`: host:port of each node's controller, by node id."""
    replicas = str(len(controllers))
    return {
        **SETTINGS,
        "node.id": str(node),
        "controller.quorum.voters": ",".join(f"{id_}@{address}" for id_, address in controllers.items()),
        "listeners": listeners,
        "advertised.listeners": advertised,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": str(min(2, len(controllers))),
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": str(min(2, len(controllers))),
        "default.replication.factor": replicas,
    }


def new_cluster_id() -> str:
    """A random id, as Kafka writes them: 16 bytes in base64 for URLs, none that looks like an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def metadata(address: str, timeout: float = 5.0) -> MetadataResponse:
    """What the broker at host:port says of its cluster. Raises OSError if it does not answer."""
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout) as connection,
        connection.makefile("rb") as stream,
    ):
        connection.sendall(framing.encode_request(MetadataRequest(topics=[]), 9, 1, "tests"))
        size = stream.read(4)
        frame = stream.read(int.from_bytes(size, "big"))
        if not frame:
            raise ConnectionResetError(f"{address} closed the connection instead of answering")
        return framing.decode_response(MetadataResponse, 9, frame)[1]


class Cluster:
    """A running Kafka, whoever started it."""

    bootstrap: str
    nodes: dict[int, str]
    """The address of each node, by its id."""

    def kill(self, node: int) -> None:
        """End one node at once, as a power cut would."""
        raise cache.Missing(f"{type(self).__name__} does not let tests kill a node")

    def start(self, node: int) -> None:
        """Start a killed node again, with the data that it had."""
        raise cache.Missing(f"{type(self).__name__} does not let tests start a node")

    def stop(self) -> None:
        """End it, if it was started here."""

    def state(self, node: int) -> str | None:
        """Why this node will never answer; None as long as it may."""
        return None

    def wait_until_ready(self) -> None:
        """Ask every node until each knows of all and of a controller."""
        deadline = time.monotonic() + PATIENCE
        for node, address in self.nodes.items():
            seen: object = None
            while True:
                try:
                    answer = metadata(address)
                    seen = sorted(broker.node_id for broker in answer.brokers)
                    if seen == sorted(self.nodes) and answer.controller_id in self.nodes:
                        break
                except OSError as error:
                    seen = error
                ended = self.state(node)
                if ended or time.monotonic() > deadline:
                    raise cache.Missing(
                        f"Kafka node {node} at {address} did not get ready; last seen: {seen}\n{ended or self.output(node)}"
                    )
                time.sleep(0.05)  # between two questions

    def output(self, node: int) -> str:
        """The last that a node printed."""
        return ""


class ExistingCluster(Cluster):
    """The one that an environment variable names. Its settings are its owner's."""

    def __init__(self, bootstrap: str, at_least: int) -> None:
        self.bootstrap = bootstrap
        try:
            answer = metadata(bootstrap.split(",")[0])
        except OSError as error:
            raise cache.Missing(f"no Kafka answers at KAFKALITE_BOOTSTRAP={bootstrap}: {error}") from error
        self.nodes = {broker.node_id: f"{broker.host}:{broker.port}" for broker in answer.brokers}
        if len(self.nodes) < at_least:
            raise cache.Missing(
                f"the cluster at {bootstrap} has {len(self.nodes)} nodes, this needs {at_least}"
            )


class JavaCluster(Cluster):
    """Nodes that are processes on this machine, each in a process group of its own."""

    def __init__(self, count: int, folder: Path, port: int | None = None) -> None:
        self.java, self.class_path = jars.java(), jars.class_path()
        self.folder = folder
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        ports = free_ports(2 * count)
        if port is not None:
            ports[0] = port
        self.nodes = {id_: f"127.0.0.1:{ports[id_ - 1]}" for id_ in range(1, count + 1)}
        self.bootstrap = ",".join(self.nodes.values())
        controllers = {id_: f"127.0.0.1:{ports[count + id_ - 1]}" for id_ in self.nodes}
        cluster_id = new_cluster_id()
        try:
            for id_, address in self.nodes.items():
                listeners = f"PLAINTEXT://{address},CONTROLLER://{controllers[id_]}"
                wanted = settings(id_, controllers, listeners, f"PLAINTEXT://{address}")
                self._format(id_, wanted, cluster_id)
                self.start(id_)
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _format(self, node: int, wanted: dict[str, str], cluster_id: str) -> None:
        home = self.folder / f"node-{node}"
        home.mkdir(parents=True)
        wanted["log.dirs"] = (home / "data").as_posix()
        lines = (f"{name}={value}\n" for name, value in wanted.items())
        (home / "server.properties").write_text("".join(lines), encoding="utf-8")
        tool = ["kafka.tools.StorageTool", "format", "--cluster-id", cluster_id]
        cache.run(*self._command("256m"), *tool, "--config", str(home / "server.properties"))

    def _command(self, heap: str) -> list[str]:
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        # The compiler for short-lived programs: a node starts in half the time.
        return [
            self.java,
            f"-Xmx{heap}",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            quiet,
            "-cp",
            self.class_path,
        ]

    def start(self, node: int) -> None:
        home = self.folder / f"node-{node}"
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        with (home / "output.txt").open("ab") as output:
            self.processes[node] = subprocess.Popen(
                [*self._command("512m"), "kafka.Kafka", str(home / "server.properties")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **apart,
            )

    def kill(self, node: int) -> None:
        process = self.processes.pop(node)
        if process.poll() is None:
            if sys.platform == "win32":
                process.kill()
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for node in list(self.processes):
            self.kill(node)

    def state(self, node: int) -> str | None:
        process = self.processes[node]
        if process.poll() is None:
            return None
        return f"it ended with {process.returncode}:\n{self.output(node)}"

    def output(self, node: int) -> str:
        text = (self.folder / f"node-{node}" / "output.txt").read_text(encoding="utf-8", errors="replace")
        return text[-4000:]


class DockerCluster(Cluster):
    """Nodes that are containers of Kafka's own image, on a network of their own."""

    INSIDE, CONTROLLER, OUTSIDE = 19092, 19093, 9092

    def __init__(self, count: int, port: int | None = None) -> None:
        check_docker()
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.network import Network

        ports = free_ports(count)
        if port is not None:
            ports[0] = port
        self.nodes = {id_: f"localhost:{ports[id_ - 1]}" for id_ in range(1, count + 1)}
        self.bootstrap = ",".join(self.nodes.values())
        self.containers: dict[int, Any] = {}
        self.stack = contextlib.ExitStack()
        cluster_id = new_cluster_id()
        try:
            network = self.stack.enter_context(Network())
            controllers = {id_: f"kafka-{id_}:{self.CONTROLLER}" for id_ in self.nodes}
            for id_, address in self.nodes.items():
                wanted = settings(
                    id_,
                    controllers,
                    f"PLAINTEXT://:{self.OUTSIDE},INSIDE://:{self.INSIDE},CONTROLLER://:{self.CONTROLLER}",
                    f"PLAINTEXT://{address},INSIDE://kafka-{id_}:{self.INSIDE}",
                )
                wanted["inter.broker.listener.name"] = "INSIDE"
                container = DockerContainer(f"apache/kafka:{jars.VERSION}")
                container.with_env("CLUSTER_ID", cluster_id).with_env("KAFKA_HEAP_OPTS", "-Xmx512m")
                for name, value in wanted.items():
                    container.with_env(environment_name(name), value)
                container.with_bind_ports(self.OUTSIDE, ports[id_ - 1])
                container.with_network(network).with_network_aliases(f"kafka-{id_}")
                self.containers[id_] = self.stack.enter_context(container)
            self.wait_until_ready()
        except cache.Missing:
            self.stop()
            raise
        except BaseException as error:
            self.stop()
            raise cache.Missing(f"Docker runs, but gives no Kafka: {error}") from error

    def kill(self, node: int) -> None:
        self.containers[node].get_wrapped_container().kill()

    def start(self, node: int) -> None:
        self.containers[node].get_wrapped_container().start()

    def stop(self) -> None:
        self.stack.close()

    def output(self, node: int) -> str:
        out, err = self.containers[node].get_logs()
        return str((out + err).decode(errors="replace"))[-4000:]


def environment_name(setting: str) -> str:
    """How Kafka's own image wants a setting named in the environment."""
    return "KAFKA_" + setting.replace("_", "__").replace("-", "___").replace(".", "_").upper()


def check_docker() -> None:
    """Raise Missing unless a Docker runs. Asked in a process of its own: a refused client leaves sockets open."""
    ask = "import docker; docker.from_env(timeout=10).ping()"
    try:
        cache.run(sys.executable, "-c", ask, timeout=60)
    except cache.Missing as missing:
        last = str(missing).strip().splitlines()[-1]
        raise cache.Missing(f"Docker does not run: {last}") from missing


@contextlib.contextmanager
def cluster(count: int, folder: Path, port: int | None = None) -> Iterator[Cluster]:
    """A Kafka of so many nodes; the first listens on `port`, if given. Raises Missing if it is not to be had."""
    running = _found(count, folder, port)
    try:
        yield running
    finally:
        running.stop()


def _found(count: int, folder: Path, port: int | None) -> Cluster:
    if (named := os.environ.get("KAFKALITE_BOOTSTRAP")) and port is None:
        return ExistingCluster(named, count)
    reasons = []
    for kind, start in (
        ("Docker", lambda: DockerCluster(count, port)),
        ("Java", lambda: JavaCluster(count, folder, port)),
    ):
        try:
            return start()
        except cache.Missing as missing:
            reasons.append(f"with {kind}: {missing}")
    raise cache.Missing("no real Kafka is to be had; " + "; ".join(reasons))
