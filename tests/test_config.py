"""Options: each declared once, checked, resolved; complaints that help."""

from __future__ import annotations

import dataclasses
import logging
import math
import re
import socket
from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite import config
from kafkalite.config import (
    REFUSED,
    RENAMED,
    AdminConfig,
    AdminOptions,
    ConnectionConfig,
    ConnectionOptions,
    ConsumerConfig,
    ConsumerOptions,
    ProducerConfig,
    ProducerOptions,
    options_of,
)
from kafkalite.errors import CodecNotAvailableError, KafkaConfigurationError, UnrecognizedOptionError
from kafkalite.protocol.codes import CompressionType, IsolationLevel
from kafkalite.serializers import JsonSerializer

KINDS = [(ProducerOptions, ProducerConfig), (ConsumerOptions, ConsumerConfig), (AdminOptions, AdminConfig)]
ALL = {**options_of(ProducerOptions), **options_of(ConsumerOptions), **options_of(AdminOptions)}
INT32_MAX = 2**31 - 1

producer = ProducerConfig.from_options
consumer = ConsumerConfig.from_options
admin = AdminConfig.from_options


def complaint(make: Any, options: Mapping[str, object]) -> str:
    with pytest.raises(KafkaConfigurationError) as raised:
        make(options)
    return str(raised.value)


class TestDeclarations:
    @pytest.mark.parametrize("name", sorted(ALL))
    def test_an_option_says_what_it_is(self, name: str) -> None:
        option = ALL[name]
        assert option.says.endswith((".", "..."))
        assert option.check.expects
        option.check(option.default)
        assert name not in REFUSED or name == "max_in_flight_requests_per_connection"
        if option.kafka and "{" not in option.kafka and name != "partitioner":
            assert option.kafka.replace(".", "_") == name

    @pytest.mark.parametrize(("options", "resolved"), KINDS)
    def test_every_option_arrives_under_its_name(self, options: type, resolved: Any) -> None:
        made = resolved.from_options({})
        values = {f.name for f in dataclasses.fields(made)} | {
            f.name for f in dataclasses.fields(made.connection)
        }
        expected = {name.removesuffix("_ms") for name in options_of(options)} - {"api_version"}
        assert expected <= values
        unexplained = values - expected - {"connection"}
        assert unexplained <= {
            "retries",
            "allow_auto_create_topics",
        }  # the others' connections have them fixed

    @pytest.mark.parametrize("resolved", [ProducerConfig, ConsumerConfig, ConnectionConfig])
    def test_resolved_values_have_the_declared_types(self, resolved: Any) -> None:
        made = resolved.from_options({})
        hints = get_type_hints(resolved)
        for field in dataclasses.fields(made):
            value, hint = getattr(made, field.name), hints[field.name]
            if hint in (int, float, str, bool):
                assert isinstance(value, hint), field.name
                assert hint is bool or not isinstance(value, bool), field.name

    @pytest.mark.parametrize(("options", "resolved"), KINDS)
    def test_type_checkers_see_the_same_options(self, options: type, resolved: Any) -> None:
        assert get_type_hints(options).keys() == options_of(options).keys()
        assert set(options_of(ConnectionOptions)) <= set(options_of(options))

    def test_configurations_are_frozen(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            producer({}).batch_size = 1  # type: ignore[misc]
        assert producer({}) == producer({})

    def test_all_names_are_exported(self) -> None:
        for name in config.__all__:
            assert hasattr(config, name)


class TestDefaults:
    def test_connection(self) -> None:
        c = ConnectionConfig.from_options({})
        assert c.bootstrap_servers == (("localhost", 9092),)
        assert c.client_id == "kafkalite"
        assert (c.request_timeout, c.default_api_timeout, c.bootstrap_timeout) == (30.0, 60.0, 30.0)
        assert (c.reconnect_backoff, c.reconnect_backoff_max) == (0.05, 1.0)
        assert (c.retry_backoff, c.retry_backoff_max, c.retries) == (0.1, 1.0, INT32_MAX)
        assert (c.socket_connection_setup_timeout, c.socket_connection_setup_timeout_max) == (10.0, 30.0)
        assert (c.connections_max_idle, c.metadata_max_age, c.metadata_max_idle) == (540.0, 300.0, 300.0)
        assert (c.metadata_recovery_strategy, c.metadata_recovery_rebootstrap_trigger) == (
            "rebootstrap",
            300.0,
        )
        assert (c.send_buffer_bytes, c.receive_buffer_bytes) == (None, None)
        assert c.socket_options == ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
        assert c.receive_message_max_bytes == 100_000_000
        assert (c.security_protocol, c.client_dns_lookup) == ("PLAINTEXT", "use_all_dns_ips")

    def test_producer(self) -> None:
        p = producer({})
        assert (p.acks, p.enable_idempotence, p.retries) == (-1, True, INT32_MAX)
        assert (p.batch_size, p.linger, p.buffer_memory, p.max_request_size) == (
            262144,
            0.0,
            33554432,
            1048576,
        )
        assert (p.max_block, p.delivery_timeout) == (60.0, 120.0)
        assert (p.compression_type, p.compression_level) == (CompressionType.NONE, None)
        assert p.max_in_flight_requests_per_connection == 5
        assert (p.key_serializer, p.value_serializer, p.partitioner) == (None, None, None)
        assert p.connection.allow_auto_create_topics

    def test_consumer(self) -> None:
        c = consumer({})
        assert (c.group_id, c.group_instance_id, c.partition_assignment_strategy) == (None, None, ("range",))
        assert (c.session_timeout, c.heartbeat_interval, c.max_poll_interval) == (45.0, 3.0, 300.0)
        assert (c.max_poll_records, c.auto_commit_interval, c.auto_offset_reset) == (500, 5.0, "latest")
        assert (c.fetch_min_bytes, c.fetch_max_wait, c.fetch_max_bytes) == (1, 0.5, 52428800)
        assert (c.max_partition_fetch_bytes, c.check_crcs) == (1048576, True)
        assert c.consumer_timeout == math.inf
        assert c.isolation_level == IsolationLevel.READ_UNCOMMITTED == 0
        assert c.client_rack == ""
        assert c.connection.allow_auto_create_topics

    def test_admin_clients_create_nothing_by_asking(self) -> None:
        assert not admin({}).connection.allow_auto_create_topics

    def test_milliseconds_become_seconds(self) -> None:
        p = producer({"linger_ms": 5, "request_timeout_ms": 2500, "max_block_ms": 0.5})
        assert (p.linger, p.connection.request_timeout, p.max_block) == (0.005, 2.5, 0.0005)

    def test_none_stands_for_the_default_where_others_pass_it(self) -> None:
        assert producer({"client_id": None, "compression_type": None}).connection.client_id == "kafkalite"
        assert consumer({"max_poll_records": None, "client_rack": None}).max_poll_records == INT32_MAX


class TestValues:
    @pytest.mark.parametrize(
        ("make", "option", "value", "expected"),
        [
            (producer, "acks", "all", -1),
            (producer, "acks", 0, 0),
            (producer, "retries", math.inf, INT32_MAX),
            (producer, "retries", 3, 3),
            (producer, "max_block_ms", math.inf, math.inf),
            (producer, "batch_size", 0, 0),
            (consumer, "auto_offset_reset", "smallest", "earliest"),
            (consumer, "auto_offset_reset", "largest", "latest"),
            (consumer, "auto_offset_reset", "error", "none"),
            (consumer, "auto_offset_reset", "by_duration:PT1H", ("by_duration", 3600.0)),
            (consumer, "auto_offset_reset", "by_duration:P1DT2H3M4.5S", ("by_duration", 93784.5)),
            (consumer, "auto_offset_reset", "by_duration:P2D", ("by_duration", 172800.0)),
            (consumer, "isolation_level", "read_committed", 1),
            (consumer, "isolation_level", IsolationLevel.READ_COMMITTED, 1),
            (consumer, "partition_assignment_strategy", "range", ("range",)),
            (consumer, "partition_assignment_strategy", ["range"], ("range",)),
            (consumer, "consumer_timeout_ms", 1000, 1.0),
        ],
    )
    def test_good_ones(self, make: Any, option: str, value: object, expected: object) -> None:
        assert getattr(make({option: value}), option.removesuffix("_ms")) == expected

    @pytest.mark.parametrize(
        ("make", "option", "value", "must"),
        [
            (producer, "linger_ms", "5", "a number of milliseconds >= 0, not '5'"),
            (producer, "linger_ms", -1, "a number of milliseconds >= 0, not -1"),
            (producer, "linger_ms", True, "a number of milliseconds >= 0, not True"),
            (producer, "linger_ms", math.nan, "a number of milliseconds >= 0, not nan"),
            (producer, "linger_ms", math.inf, "a number of milliseconds >= 0, not inf"),
            (producer, "linger_ms", None, "a number of milliseconds >= 0, not None"),
            (producer, "max_block_ms", "x", "a number of milliseconds >= 0 or float('inf'), not 'x'"),
            (producer, "request_timeout_ms", 0, "a number of milliseconds >= 1, not 0"),
            (producer, "acks", True, "0, 1, -1 or 'all', not True"),
            (producer, "acks", 2, "0, 1, -1 or 'all', not 2"),
            (producer, "acks", [], "0, 1, -1 or 'all', not []"),
            (producer, "retries", 1.5, "a whole number >= 0 or float('inf'), not 1.5"),
            (producer, "batch_size", 2**31, f"a whole number of bytes >= 0, not {2**31}"),
            (producer, "batch_size", False, "a whole number of bytes >= 0, not False"),
            (producer, "enable_idempotence", 1, "True or False, not 1"),
            (
                producer,
                "compression_type",
                "lz5",
                "None, 'none', 'gzip', 'snappy', 'lz4' or 'zstd', not 'lz5'",
            ),
            (producer, "client_id", 7, "a text that is not empty or None, not 7"),
            (
                producer,
                "partitioner",
                7,
                "a function of (key, all partitions, available ones), or None, not 7",
            ),
            (
                producer,
                "key_serializer",
                "json",
                "a function, an object with serialize(topic, headers, data), or None",
            ),
            (
                producer,
                "bootstrap_servers",
                9092,
                "'host:port', several of them separated by commas, or a list",
            ),
            (
                producer,
                "bootstrap_servers",
                b"h:1",
                "'host:port', several of them separated by commas, or a list",
            ),
            (producer, "socket_options", [(1, 2)], "a list of (level, option, value) for socket.setsockopt"),
            (producer, "socket_options", 7, "a list of (level, option, value) for socket.setsockopt"),
            (producer, "send_buffer_bytes", -2, "a whole number of bytes >= -1 or None, not -2"),
            (
                producer,
                "client_dns_lookup",
                "x",
                "'use_all_dns_ips' or 'resolve_canonical_bootstrap_servers_only'",
            ),
            (producer, "metadata_recovery_strategy", "x", "'rebootstrap' or 'none', not 'x'"),
            (producer, "security_protocol", "TLS", "'PLAINTEXT', not 'TLS'"),
            (producer, "security_protocol", 0, "'PLAINTEXT', not 0"),
            (consumer, "group_id", "", "a text that is not empty or None, not ''"),
            (
                consumer,
                "group_instance_id",
                "a b",
                "1 to 249 of the characters A-Z a-z 0-9 . _ - or None, not 'a b'",
            ),
            (
                consumer,
                "group_instance_id",
                "..",
                "1 to 249 of the characters A-Z a-z 0-9 . _ - or None, not '..'",
            ),
            (consumer, "max_poll_records", 0, "a whole number >= 1 or None, not 0"),
            (
                consumer,
                "auto_offset_reset",
                "begin",
                "'earliest', 'latest', 'none', or 'by_duration:' and an ISO 8601",
            ),
            (
                consumer,
                "auto_offset_reset",
                "by_duration:1h",
                "'earliest', 'latest', 'none', or 'by_duration:' and",
            ),
            (
                consumer,
                "auto_offset_reset",
                "by_duration:P",
                "'earliest', 'latest', 'none', or 'by_duration:' and",
            ),
            (
                consumer,
                "auto_offset_reset",
                None,
                "'earliest', 'latest', 'none', or 'by_duration:' and an ISO 8601",
            ),
            (
                consumer,
                "isolation_level",
                "committed",
                "'read_uncommitted' or 'read_committed', not 'committed'",
            ),
            (consumer, "isolation_level", True, "'read_uncommitted' or 'read_committed', not True"),
            (consumer, "default_offset_commit_callback", 7, "a function or None, not 7"),
            (consumer, "partition_assignment_strategy", [], "a list of assignors: 'range', or objects with"),
            (consumer, "partition_assignment_strategy", 7, "a list of assignors: 'range', or objects with"),
            (
                consumer,
                "partition_assignment_strategy",
                ["Range"],
                "a list of assignors: 'range', or objects with",
            ),
            (
                consumer,
                "partition_assignment_strategy",
                [object()],
                "a list of assignors: 'range', or objects with",
            ),
        ],
    )
    def test_bad_ones(self, make: Any, option: str, value: object, must: str) -> None:
        assert complaint(make, {option: value}).startswith(f"{option} must be {must}")

    def test_a_wrong_value_is_a_value_error_too(self) -> None:
        with pytest.raises(ValueError):
            producer({"linger_ms": -1})

    def test_a_long_value_is_not_repeated_whole(self) -> None:
        assert len(complaint(producer, {"linger_ms": "x" * 10_000})) < 300

    def test_an_assignor_of_ones_own(self) -> None:
        class Mine:
            name = "mine"

            def assign(self) -> None: ...

        mine = Mine()
        made = consumer({"partition_assignment_strategy": [mine, Mine, "range"]})
        assert made.partition_assignment_strategy == (mine, Mine, "range")

    def test_assignors_of_other_clients_are_recognised(self) -> None:
        foreign = type(
            "Range", (), {"name": "range", "assign": print, "__module__": "kafka.coordinator.assignors"}
        )
        assert "belongs to another client" in complaint(
            consumer, {"partition_assignment_strategy": [foreign]}
        )
        assert "give the name of an assignor ('range')" in complaint(
            consumer, {"partition_assignment_strategy": [foreign()]}
        )

    @pytest.mark.parametrize("name", ["roundrobin", "sticky", "cooperative-sticky"])
    def test_assignors_to_come(self, name: str) -> None:
        assert "comes in a later release" in complaint(
            consumer, {"partition_assignment_strategy": ["range", name]}
        )

    def test_buffer_sizes_left_to_the_system(self) -> None:
        c = ConnectionConfig.from_options({"send_buffer_bytes": -1, "receive_buffer_bytes": 65536})
        assert (c.send_buffer_bytes, c.receive_buffer_bytes) == (None, 65536)

    def test_socket_options(self) -> None:
        c = ConnectionConfig.from_options({"socket_options": [[1, 2, 3], (1, 2, b"x")]})
        assert c.socket_options == ((1, 2, 3), (1, 2, b"x"))
        assert ConnectionConfig.from_options({"socket_options": None}).socket_options == ()

    def test_a_first_wait_above_the_last_lifts_the_last(self) -> None:
        c = ConnectionConfig.from_options({"retry_backoff_ms": 5000})
        assert (c.retry_backoff, c.retry_backoff_max) == (5.0, 5.0)

    def test_serializers_are_ready_to_be_called(self) -> None:
        p = producer({"key_serializer": str.encode, "value_serializer": JsonSerializer})
        assert p.key_serializer is not None
        assert p.value_serializer is not None
        assert p.key_serializer("t", "k") == b"k"
        assert p.value_serializer("t", [1]) == b"[1]"
        c = consumer({"key_deserializer": bytes.decode, "value_deserializer": JsonSerializer()})
        assert c.key_deserializer is not None
        assert c.value_deserializer is not None
        assert c.key_deserializer("t", b"k") == "k"
        assert c.value_deserializer("t", b"[1]") == [1]

    @pytest.mark.parametrize(
        "partitioner", [lambda key, partitions, available: 0, type("P", (), {"partition": print})()]
    )
    def test_a_partitioner_is_a_function_or_has_one(self, partitioner: object) -> None:
        assert producer({"partitioner": partitioner}).partitioner is partitioner


class TestAddresses:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("h", [("h", 9092)]),
            ("h1:9093,h2", [("h1", 9093), ("h2", 9092)]),
            (" h1:9093 , h2 ,", [("h1", 9093), ("h2", 9092)]),
            (["h1:9093", "h2:1,h3:2"], [("h1", 9093), ("h2", 1), ("h3", 2)]),
            (("h",), [("h", 9092)]),
            ("h,h:9092,h", [("h", 9092)]),
            ("[::1]:9095", [("::1", 9095)]),
            ("[fe80::1%eth0]", [("fe80::1%eth0", 9092)]),
            ("::1", [("::1", 9092)]),
            ("PLAINTEXT://h:1,plaintext://[::1]:2", [("h", 1), ("::1", 2)]),
            ("10.0.0.1:65535", [("10.0.0.1", 65535)]),
            ("my_host-1.example.com.:1", [("my_host-1.example.com.", 1)]),
        ],
    )
    def test_good_ones(self, value: object, expected: list[tuple[str, int]]) -> None:
        assert ConnectionConfig.from_options({"bootstrap_servers": value}).bootstrap_servers == tuple(
            expected
        )

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            ("", "is empty"),
            (",", "is empty"),
            ([], "is empty"),
            ("a,h:0", "'h:0' has a port outside 1 to 65535"),
            ("h:65536", "'h:65536' has a port outside 1 to 65535"),
            ("h:x", "'h:x' is not an address"),
            ("h:", "'h:' is not an address"),
            (":9092", "':9092' is not an address"),
            ("a b:1", "'a b:1' is not an address"),
            ("h/path", "'h/path' is not an address"),
            ("h:1:2", "'h:1:2' has more than one colon"),
            ("http://h:1", "'http://h:1' is not an address of a broker: 'http://' means nothing here"),
            ("SSL://h:1", "'SSL://h:1' asks for SSL; TLS and SASL come in a later release"),
            ("sasl_ssl://h:1", "asks for SASL_SSL"),
            (["h", 9092], "9092 is not a text like 'host:9092'"),
            ("me:secret@h:1", "'***@h:1'"),
            ("kafka://me:secret@h:1", "'kafka://***@h:1'"),
        ],
    )
    def test_bad_ones_are_named(self, value: object, says: str) -> None:
        text = complaint(producer, {"bootstrap_servers": value})
        assert text.startswith("bootstrap_servers")
        assert says in text
        assert "secret" not in text


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner, inner) | st.dictionaries(st.text(), inner)
    ),
    max_leaves=5,
)


class TestWhateverIsPassed:
    @given(st.text())
    def test_an_address_is_one_or_is_refused(self, text: str) -> None:
        try:
            found = ConnectionConfig.from_options({"bootstrap_servers": text}).bootstrap_servers
        except KafkaConfigurationError as error:
            assert str(error).startswith("bootstrap_servers")  # noqa: PT017
        else:
            assert found
            assert all(host and 0 < port < 65536 for host, port in found)

    @given(st.sampled_from(sorted(ALL)), ANYTHING)
    def test_a_value_is_good_or_the_complaint_names_the_option(self, name: str, value: object) -> None:
        make = next(
            m for m, o in ((producer, ProducerOptions), (consumer, ConsumerOptions)) if name in options_of(o)
        )
        try:
            make({name: value})
        except KafkaConfigurationError as error:
            assert name in str(error)  # noqa: PT017


class TestUnknown:
    @pytest.mark.parametrize(
        ("make", "name", "suggestion"),
        [
            (producer, "compresion_type", "did you mean 'compression_type'?"),
            (producer, "linger", "did you mean 'linger_ms'?"),
            (producer, "request_timeout", "did you mean 'request_timeout_ms'?"),
            (producer, "bootstrap.servers", "did you mean 'bootstrap_servers'?"),
            (producer, "bootstrap-servers", "did you mean 'bootstrap_servers'?"),
            (producer, "BATCH_SIZE", "did you mean 'batch_size'?"),
            (producer, "queue.buffering.max.ms", "did you mean 'linger_ms'?"),
            (producer, "queue.bufering.max.ms", "did you mean 'linger_ms'?"),
            (producer, "message.max.bytes", "did you mean 'max_request_size'?"),
            (producer, "max_batch_size", "did you mean 'batch_size'?"),
            (producer, "metadata.broker.list", "did you mean 'bootstrap_servers'?"),
            (producer, "partitioner.class", "did you mean 'partitioner'?"),
            (producer, "group_id", "'group_id' is one of the consumer's"),
            (producer, "group.id", "'group_id' is one of the consumer's"),
            (
                producer,
                "sasl.username",
                "it would be 'sasl_plain_username', but SASL comes in a later release",
            ),
            (
                producer,
                "transactional.id",
                "it would be 'transactional_id', but transactions come in a later release",
            ),
            (consumer, "linger_ms", "'linger_ms' is one of the producer's"),
            (consumer, "fetch.wait.max.ms", "did you mean 'fetch_max_wait_ms'?"),
            (consumer, "rebalance_timeout_ms", "did you mean 'max_poll_interval_ms'?"),
            (consumer, "retries", "'retries' is one of the admin client's and the producer's"),
            (consumer, "group", "did you mean 'group_id'?"),
            (admin, "api_version_auto_timeout_ms", "did you mean 'bootstrap_timeout_ms'?"),
            (admin, "acks", "'acks' is one of the producer's"),
        ],
    )
    def test_a_suggestion(self, make: Any, name: str, suggestion: str) -> None:
        kind = {producer: "producer", consumer: "consumer", admin: "admin client"}[make]
        text = complaint(make, {name: 1})
        assert text.startswith(f"a {kind} has no option '{name}'; {suggestion}")

    def test_nothing_like_it(self) -> None:
        assert complaint(producer, {"zzz": 1}) == "a producer has no option 'zzz'"

    def test_all_of_them_at_once(self) -> None:
        assert complaint(producer, {"zzz": 1, "yyy": 2}) == (
            "a producer has no option 'zzz'; a producer has no option 'yyy'"
        )

    def test_it_is_what_pythons_own_calls_raise(self) -> None:
        with pytest.raises(TypeError):
            producer({"zzz": 1})
        with pytest.raises(UnrecognizedOptionError):
            ConnectionConfig.from_options({"zzz": 1})

    def test_every_hint_leads_somewhere(self) -> None:
        assert set(RENAMED.values()) <= set(ALL) | set(REFUSED)
        assert set(config.AIOKAFKA_NAMES.values()) <= set(ALL)


class TestRefused:
    @pytest.mark.parametrize(
        ("make", "name"),
        [
            (kind, name)
            for kind, declared in (
                (producer, ProducerOptions),
                (consumer, ConsumerOptions),
                (admin, AdminOptions),
            )
            for name in sorted(REFUSED.keys() - options_of(declared).keys())
        ],
    )
    def test_asking_for_it_says_why_and_shows_no_value(self, make: Any, name: str) -> None:
        text = complaint(make, {name: "hunter2"})
        assert text == f"{name} is not supported: {REFUSED[name].reason}"
        assert "hunter2" not in text

    @pytest.mark.parametrize("name", sorted(REFUSED))
    def test_values_that_ask_for_nothing_do_no_harm(self, name: str) -> None:
        for value in REFUSED[name].neutral:
            admin({name: value})

    def test_true_is_not_one(self) -> None:
        assert "not supported" in complaint(producer, {"metrics_enabled": 1})

    @pytest.mark.parametrize("protocol", ["SSL", "sasl_plaintext", "SASL_SSL"])
    def test_protocols_to_come(self, protocol: str) -> None:
        text = complaint(producer, {"security_protocol": protocol})
        assert text.startswith(
            f"security_protocol='{protocol}' is not supported: TLS and SASL come in a later"
        )

    def test_plaintext_in_any_case(self) -> None:
        assert producer({"security_protocol": "plaintext"}).connection.security_protocol == "PLAINTEXT"

    @pytest.mark.parametrize("version", [None, "auto", (0, 10, 1), (0, 10), (3,), (4, 3), "2.6.0"])
    def test_api_version_makes_no_difference(self, version: object) -> None:
        assert producer({"api_version": version}) == producer({})

    @pytest.mark.parametrize("version", [(0, 9), "0.8.2"])
    def test_brokers_that_cannot_say_what_they_support(self, version: object) -> None:
        assert "older than Kafka 0.10" in complaint(consumer, {"api_version": version})

    @pytest.mark.parametrize("version", [(), "new", 2.6, ("2", "6"), "2.x"])
    def test_api_version_must_be_one(self, version: object) -> None:
        assert complaint(consumer, {"api_version": version}).startswith(
            "api_version must be None, 'auto', or a"
        )


class TestProducerRelations:
    def test_delivery_includes_linger_and_one_request(self) -> None:
        assert (
            "delivery_timeout_ms (1000) must be at least linger_ms + request_timeout_ms (5 + 1000)"
            in complaint(producer, {"delivery_timeout_ms": 1000, "linger_ms": 5, "request_timeout_ms": 1000})
        )
        assert producer({"delivery_timeout_ms": 1005, "linger_ms": 5, "request_timeout_ms": 1000})

    def test_the_default_delivery_timeout_gives_way(self) -> None:
        assert producer({"request_timeout_ms": 200_000, "linger_ms": 100}).delivery_timeout == 200.1

    @pytest.mark.parametrize(
        "options", [{"acks": 1}, {"acks": 0}, {"retries": 0}, {"max_in_flight_requests_per_connection": 6}]
    )
    def test_idempotence_that_nobody_asked_for_gives_way(
        self, options: dict[str, object], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "kafkalite")
        assert not producer(options).enable_idempotence
        assert next(iter(options)) in caplog.text
        assert not producer({**options, "enable_idempotence": False}).enable_idempotence

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"acks": 1}, "acks=1 (it needs 'all')"),
            ({"retries": 0}, "retries=0"),
            (
                {"max_in_flight_requests_per_connection": 6, "acks": 0},
                "acks=0 (it needs 'all') and max_in_flight",
            ),
        ],
    )
    def test_idempotence_that_was_asked_for_does_not(self, options: dict[str, object], says: str) -> None:
        text = complaint(producer, {**options, "enable_idempotence": True})
        assert text.startswith(f"enable_idempotence=True does not go with {says}")

    def test_a_batch_fits_a_request(self) -> None:
        assert producer({"max_request_size": 1000}).batch_size == 1000

    @pytest.mark.parametrize("name", ["gzip", "snappy", "lz4", "zstd"])
    def test_a_codec_is_checked_for_when_it_is_chosen(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compression = pytest.importorskip("kafkalite.protocol.records.compression")
        from kafkalite.protocol.errors import CodecMissingError

        assert producer({"compression_type": name}).compression_type == CompressionType[name.upper()]

        def missing(codec: int) -> None:
            raise CodecMissingError("not installed: pip install it", package="it")

        monkeypatch.setattr(compression, "require", missing)
        with pytest.raises(
            CodecNotAvailableError, match=f"compression_type='{name}': not installed"
        ) as raised:
            producer({"compression_type": name})
        assert raised.value.package == "it"
        assert producer({}).compression_type == 0

    @pytest.mark.parametrize(
        ("codec", "level", "says"),
        [
            ("gzip", 10, "must be from -1 to 9, not 10"),
            ("lz4", 0, "must be from 1 to 17, not 0"),
            ("zstd", 23, "must be from -131072 to 22, not 23"),
            ("snappy", 1, "snappy has no levels"),
        ],
    )
    def test_levels_have_limits(self, codec: str, level: int, says: str) -> None:
        assert says in complaint(producer, {"compression_type": codec, "compression_level": level})

    def test_a_level_without_a_codec_does_nothing(self) -> None:
        assert producer({"compression_level": 5}).compression_level == 5


class TestConsumerRelations:
    def test_heartbeats_are_more_frequent_than_sessions_are_long(self) -> None:
        assert "heartbeat_interval_ms (3000) must be below session_timeout_ms (3000)" in complaint(
            consumer, {"heartbeat_interval_ms": 3000, "session_timeout_ms": 3000}
        )

    def test_the_default_heartbeat_gives_way(self) -> None:
        assert consumer({"session_timeout_ms": 3000}).heartbeat_interval == 1.0
        assert consumer({"session_timeout_ms": 3000, "heartbeat_interval_ms": 2000}).heartbeat_interval == 2.0

    def test_a_quiet_fetch_ends_before_its_request(self) -> None:
        assert "fetch_max_wait_ms (500) must be below request_timeout_ms (400)" in complaint(
            consumer, {"request_timeout_ms": 400}
        )

    def test_without_a_group_nothing_is_committed(self, caplog: pytest.LogCaptureFixture) -> None:
        assert not consumer({}).enable_auto_commit
        assert not caplog.records
        assert not consumer({"enable_auto_commit": True}).enable_auto_commit
        assert re.search("no effect without a group_id", caplog.text)
        assert consumer({"group_id": "g"}).enable_auto_commit

    def test_a_static_member_is_in_a_group(self) -> None:
        assert complaint(consumer, {"group_instance_id": "a"}) == "group_instance_id needs a group_id"
        assert consumer({"group_instance_id": "a.b_c-1", "group_id": "g"}).group_instance_id == "a.b_c-1"

    def test_answers_may_be_as_large_as_fetches(self) -> None:
        made = consumer({"fetch_max_bytes": 2**30})
        assert made.connection.receive_message_max_bytes == 2**30 + 2**20
        assert "must be at least fetch_max_bytes + max_partition_fetch_bytes" in complaint(
            consumer, {"fetch_max_bytes": 2**30, "receive_message_max_bytes": 2**20}
        )
