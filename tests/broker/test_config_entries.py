"""Settings as clients see them: values, sources, synonyms."""

from __future__ import annotations

from kafkalite.broker.config import BROKER_CONFIGS, BrokerConfig, TopicSettings
from kafkalite.broker.config_entries import (
    INTERNAL,
    Entry,
    Synonym,
    broker_entries,
    is_dynamic,
    topic_entries,
)
from kafkalite.broker.topic_configs import TOPIC_CONFIGS
from kafkalite.protocol.codes import ConfigSource, ConfigType


def topic(name: str, config: BrokerConfig | None = None, **values: str) -> Entry:
    config = config or BrokerConfig()
    settings = TopicSettings(config, {key.replace("_", "."): value for key, value in values.items()})
    return next(entry for entry in topic_entries(config, settings) if entry.name == name)


def broker(name: str, config: BrokerConfig) -> Entry:
    return next(entry for entry in broker_entries(config) if entry.name == name)


def test_every_setting_is_listed() -> None:
    config = BrokerConfig()
    assert [entry.name for entry in topic_entries(config, TopicSettings(config))] == list(TOPIC_CONFIGS)
    assert [entry.name for entry in broker_entries(config)] == [
        name for name in BROKER_CONFIGS if name not in INTERNAL
    ]


def test_a_default() -> None:
    entry = topic("max.message.bytes")
    assert (entry.value, entry.source, entry.read_only) == ("1048588", ConfigSource.DEFAULT_CONFIG, False)
    assert entry.type == ConfigType.INT
    assert entry.synonyms == [Synonym("message.max.bytes", "1048588", ConfigSource.DEFAULT_CONFIG)]
    assert entry.documentation


def test_a_default_that_kafka_takes_from_a_coarser_setting_has_no_synonym() -> None:
    entry = topic("retention.ms")
    assert (entry.value, entry.source) == ("604800000", ConfigSource.DEFAULT_CONFIG)
    assert entry.synonyms == []
    assert broker("log.retention.ms", BrokerConfig()).value is None


def test_a_topics_own_value_comes_first() -> None:
    config = BrokerConfig({"message.max.bytes": 5000})
    entry = topic("max.message.bytes", config, max_message_bytes="100")
    assert (entry.value, entry.source) == ("100", ConfigSource.TOPIC_CONFIG)
    assert [(each.name, each.value, each.source) for each in entry.synonyms] == [
        ("max.message.bytes", "100", ConfigSource.TOPIC_CONFIG),
        ("message.max.bytes", "5000", ConfigSource.STATIC_BROKER_CONFIG),
        ("message.max.bytes", "1048588", ConfigSource.DEFAULT_CONFIG),
    ]


def test_what_a_client_changed_comes_before_what_the_broker_was_started_with() -> None:
    config = BrokerConfig({"message.max.bytes": 5000})
    config.change("message.max.bytes", "6000", ConfigSource.DYNAMIC_BROKER_CONFIG)
    entry = broker("message.max.bytes", config)
    assert (entry.value, entry.source, entry.read_only) == (
        "6000",
        ConfigSource.DYNAMIC_BROKER_CONFIG,
        False,
    )
    assert [each.value for each in entry.synonyms] == ["6000", "5000", "1048588"]
    config.change("message.max.bytes", None, ConfigSource.DYNAMIC_BROKER_CONFIG)
    assert broker("message.max.bytes", config).source == ConfigSource.STATIC_BROKER_CONFIG
    assert config["message.max.bytes"] == "5000"


def test_what_can_be_changed_while_the_broker_runs() -> None:
    assert is_dynamic("message.max.bytes")
    assert is_dynamic("producer.id.expiration.ms")
    assert not is_dynamic("num.partitions")
    assert broker("num.partitions", BrokerConfig()).read_only


def test_a_setting_without_a_broker_name_has_no_synonyms() -> None:
    assert topic("remote.storage.enable").synonyms == []
