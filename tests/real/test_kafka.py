"""The fixtures give what they promise: a Kafka that is ready, of one node and of three."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests import cache, jars

from . import kafka
from .conftest import running


def test_one_node_is_ready(real_kafka: kafka.Cluster) -> None:
    answer = kafka.metadata(real_kafka.bootstrap.split(",")[0])
    assert len(answer.brokers) == len(real_kafka.nodes)
    assert answer.cluster_id


def test_three_nodes_know_one_another_and_one_may_die(three_nodes: kafka.Cluster) -> None:
    assert len(three_nodes.nodes) >= 3
    ids = {kafka.metadata(address).cluster_id for address in three_nodes.nodes.values()}
    assert len(ids) == 1
    if isinstance(three_nodes, kafka.ExistingCluster):
        return
    three_nodes.kill(1)
    with pytest.raises(OSError):
        kafka.metadata(three_nodes.nodes[1])
    three_nodes.start(1)
    three_nodes.wait_until_ready()


def test_settings_of_three_nodes() -> None:
    wanted = kafka.settings(2, {1: "a:1", 2: "b:2", 3: "c:3"}, "PLAINTEXT://:9", "PLAINTEXT://b:9")
    assert wanted["node.id"] == "2"
    assert wanted["controller.quorum.voters"] == "1@a:1,2@b:2,3@c:3"
    assert wanted["offsets.topic.replication.factor"] == "3"
    assert wanted["transaction.state.log.min.isr"] == "2"
    assert kafka.settings(1, {1: "a:1"}, "", "")["transaction.state.log.min.isr"] == "1"


def test_settings_as_the_container_image_names_them() -> None:
    assert (
        kafka.environment_name("group.initial.rebalance.delay.ms") == "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS"
    )


def test_cluster_ids_do_not_look_like_options() -> None:
    ids = {kafka.new_cluster_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(id_) == 22 and not id_.startswith("-") for id_ in ids)


def test_a_cluster_that_is_named_is_used(real_kafka: kafka.Cluster, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKALITE_BOOTSTRAP", real_kafka.bootstrap)
    with kafka.cluster(1, tmp_path) as found:
        assert isinstance(found, kafka.ExistingCluster)
        assert found.nodes == real_kafka.nodes
    with pytest.raises(cache.Missing, match="this needs 99"), kafka.cluster(99, tmp_path):
        pass


def test_a_named_cluster_that_does_not_answer_is_named(monkeypatch, tmp_path: Path) -> None:
    (port,) = kafka.free_ports(1)
    monkeypatch.setenv("KAFKALITE_BOOTSTRAP", f"127.0.0.1:{port}")
    with (
        pytest.raises(cache.Missing, match=f"KAFKALITE_BOOTSTRAP=127.0.0.1:{port}"),
        kafka.cluster(1, tmp_path),
    ):
        pass


def test_a_start_that_fails_shows_what_kafka_said(
    monkeypatch, tmp_path: Path, real_kafka: kafka.Cluster
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(cache.Missing, match=r"(?s)node 1.*ended with.*in use"):
            kafka.JavaCluster(1, tmp_path, taken.getsockname()[1])


def test_without_java_there_is_a_reason(monkeypatch, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    monkeypatch.delenv("KAFKALITE_BOOTSTRAP", raising=False)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    factory = request.getfixturevalue("tmp_path_factory")
    monkeypatch.setenv("KAFKALITE_REQUIRE_REAL", "0")
    with pytest.raises(pytest.skip.Exception, match=r"Docker does not run.*no program 'java'"):
        next(running(1, factory))
    monkeypatch.setenv("KAFKALITE_REQUIRE_REAL", "1")
    with pytest.raises(pytest.fail.Exception, match="KAFKALITE_REQUIRE_REAL=1"):
        next(running(1, factory))


def test_java_that_is_too_old_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(cache, "tool", lambda name: name)
    monkeypatch.setattr(cache, "run", lambda *command: 'openjdk version "11.0.2" 2019-01-15')
    with pytest.raises(cache.Missing, match=r"Java 11; Kafka needs 17"):
        jars.java()
