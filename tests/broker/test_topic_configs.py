"""Which settings a topic can have, and which values."""

from __future__ import annotations

import pytest

from kafkalite.broker.topic_configs import TOPIC_CONFIGS, problem_with, problem_with_all
from kafkalite.protocol.codes import ConfigType

TYPES = {
    ConfigType.BOOLEAN,
    ConfigType.STRING,
    ConfigType.INT,
    ConfigType.LONG,
    ConfigType.DOUBLE,
    ConfigType.LIST,
}


@pytest.mark.parametrize("name", TOPIC_CONFIGS)
def test_every_setting_is_complete_and_its_default_fits(name: str) -> None:
    config = TOPIC_CONFIGS[name]
    assert config.name == name
    assert config.type in TYPES
    assert config.documentation.endswith(".")
    assert config.check(config.default) is None


def test_the_names_are_kafkas() -> None:
    some = {"cleanup.policy", "max.message.bytes", "min.insync.replicas", "retention.ms", "segment.bytes"}
    assert some <= set(TOPIC_CONFIGS)
    assert list(TOPIC_CONFIGS) == sorted(TOPIC_CONFIGS)
    assert len(TOPIC_CONFIGS) == 33


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retention.ms", "-1"),
        ("retention.ms", " 5 "),
        ("retention.bytes", "-5"),
        ("cleanup.policy", "compact,delete"),
        ("cleanup.policy", "compact, delete"),
        ("cleanup.policy", ""),
        ("cleanup.policy", "delete,delete"),
        ("compression.gzip.level", "-1"),
        ("compression.zstd.level", "-131072"),
        ("min.cleanable.dirty.ratio", "0.25"),
        ("preallocate", "TRUE"),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1, 1:2"),
        ("message.timestamp.type", "LogAppendTime"),
    ],
)
def test_values_that_fit(name: str, value: str) -> None:
    assert problem_with(name, value) is None


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("retention.ms", "-2", "at least -1"),
        ("retention.ms", "soon", "not a number of type LONG"),
        ("retention.ms", "1.5", "not a number"),
        ("retention.ms", str(2**63), "not a number of type LONG"),
        ("segment.bytes", str(2**31), "not a number of type INT"),
        ("segment.bytes", "1048575", "at least 1048576"),
        ("compression.gzip.level", "10", "no more than 9"),
        ("compression.gzip.level", "0", "at least 1"),
        ("cleanup.policy", "shred", "compact, delete"),
        ("compression.type", "brotli", "one of"),
        ("min.cleanable.dirty.ratio", "1.5", "between 0 and 1"),
        ("min.cleanable.dirty.ratio", "half", "DOUBLE"),
        ("preallocate", "yes", "true or false"),
        ("follower.replication.throttled.replicas", "0:1,x", "partition:broker"),
        ("no.such.setting", "1", "Unknown topic config name: no.such.setting"),
        ("retention.ms", None, "Null value not supported for topic configs: retention.ms"),
    ],
)
def test_values_that_do_not_fit(name: str, value: str | None, says: str) -> None:
    problem = problem_with(name, value)
    assert problem is not None
    assert says in problem
    assert name in problem
    assert problem_with_all({name: value}) == problem


def test_settings_must_fit_together() -> None:
    assert problem_with_all({"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "5"}) is None
    problem = problem_with_all({"min.compaction.lag.ms": "6", "max.compaction.lag.ms": "5"})
    assert problem is not None
    assert "min.compaction.lag.ms" in problem


def test_there_is_no_tiered_storage() -> None:
    assert problem_with_all({"remote.storage.enable": "false"}) is None
    problem = problem_with_all({"remote.storage.enable": "true"})
    assert problem is not None
    assert "remote.storage.enable" in problem
