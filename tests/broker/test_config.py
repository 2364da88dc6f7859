import pytest

from kafkalite.broker.config import BROKER_CONFIGS, BrokerConfig, TopicSettings
from kafkalite.protocol.codes import CompressionType


def test_defaults_are_kafkas_but_for_the_rebalance_delay() -> None:
    config = BrokerConfig()
    assert config.number("message.max.bytes") == 1048588
    assert config.number("num.partitions") == 1
    assert config.flag("auto.create.topics.enable") is True
    assert config.seconds("connections.max.idle.ms") == 600.0
    assert config["group.initial.rebalance.delay.ms"] == "0"
    assert config["log.retention.ms"] == "604800000"
    assert set(config) == set(BROKER_CONFIGS)
    assert len(config) == len(BROKER_CONFIGS)


def test_values_come_as_they_are() -> None:
    config = BrokerConfig({"num.partitions": 3, "auto.create.topics.enable": False, "group.max.size": "7"})
    assert config["num.partitions"] == "3"
    assert config.number("group.max.size") == 7
    assert config.flag("auto.create.topics.enable") is False
    assert set(config.explicit) == {"num.partitions", "auto.create.topics.enable", "group.max.size"}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("num.partition", 1, "Did you mean num.partitions"),
        ("retention.ms", 1, "brokers call it log.retention.ms"),
        ("remote.storage.enable", "true", "a setting of topics$"),
        ("zookeeper.connect", "x", "no broker setting"),
        ("num.partitions", 0, "at least 1"),
        ("num.partitions", 2**31, "at most"),
        ("num.partitions", "many", "whole number"),
        ("auto.create.topics.enable", "yes", "true or false"),
        ("min.insync.replicas", 0, "at least 1"),
        ("compression.type", "rar", "one of"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        BrokerConfig({name: value})


def test_set_and_back_to_the_default() -> None:
    config = BrokerConfig({"num.partitions": 3})
    config.set("num.partitions", None)
    assert config.number("num.partitions") == 1
    config.set("num.partitions", None)
    assert config.explicit == {}


def test_a_topic_takes_what_it_does_not_set_from_the_broker() -> None:
    broker = BrokerConfig({"message.max.bytes": 5000, "log.cleanup.policy": "compact"})
    settings = TopicSettings(broker)
    assert settings.max_message_bytes == 5000
    assert settings.compacted
    assert settings["retention.ms"] == "604800000"
    assert settings["remote.storage.enable"] == "false"
    settings.replace({"max.message.bytes": "99", "cleanup.policy": "delete"})
    assert settings.max_message_bytes == 99
    assert not settings.compacted
    assert settings.explicit == {"max.message.bytes": "99", "cleanup.policy": "delete"}
    settings.replace({})
    assert settings.max_message_bytes == 5000
    broker.set("message.max.bytes", "6000")
    settings.read()
    assert settings.max_message_bytes == 6000


@pytest.mark.parametrize(
    ("values", "codec", "level"),
    [
        ({}, None, None),
        ({"compression.type": "uncompressed"}, CompressionType.NONE, None),
        ({"compression.type": "snappy"}, CompressionType.SNAPPY, None),
        ({"compression.type": "gzip"}, CompressionType.GZIP, -1),
        ({"compression.type": "lz4", "compression.lz4.level": "4"}, CompressionType.LZ4, 4),
        ({"compression.type": "zstd"}, CompressionType.ZSTD, 3),
    ],
)
def test_the_codec_of_a_topic(values: dict[str, str], codec: int | None, level: int | None) -> None:
    settings = TopicSettings(BrokerConfig(), values)
    assert (settings.codec, settings.level) == (codec, level)


def test_time_settings() -> None:
    settings = TopicSettings(
        BrokerConfig(),
        {
            "message.timestamp.type": "LogAppendTime",
            "message.timestamp.before.max.ms": "10",
            "message.timestamp.after.max.ms": "20",
            "min.insync.replicas": "2",
        },
    )
    assert settings.log_append_time
    assert (settings.timestamp_before_ms, settings.timestamp_after_ms) == (10, 20)
    assert settings.min_insync_replicas == 2
