"""How to reach a cluster: the options that every client has. Thread: caller.

Where kafka-python, aiokafka and Java differ, a default is kafka-python's unless a comment says otherwise.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self, TypedDict

from kafkalite.config.addresses import Addresses
from kafkalite.config.checks import (
    ANY_TIME,
    INT32_MAX,
    ApiVersion,
    Flag,
    Integer,
    Milliseconds,
    OneOf,
    SocketOptions,
    Text,
)
from kafkalite.config.option import Option
from kafkalite.config.resolve import Chosen, choose
from kafkalite.errors import KafkaConfigurationError

__all__ = ["RETRIES", "ConnectionConfig", "ConnectionOptions"]

RETRIES = Option(
    INT32_MAX,
    Integer(0, endless=INT32_MAX),
    "How often a request is sent again; a time limit normally ends the attempts first.",
    kafka="retries",
)
ALLOW_AUTO_CREATE_TOPICS = Option(
    True,
    Flag(),
    "Let brokers that are configured so create a topic when it is first asked for.",
    kafka="allow.auto.create.topics",
)


class ConnectionSecurity:
    """The check of `security_protocol`: one protocol works now, three are known."""

    expects = "'PLAINTEXT'"

    def __call__(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError
        protocol = value.upper()
        if protocol in ("SSL", "SASL_PLAINTEXT", "SASL_SSL"):
            raise KafkaConfigurationError(
                f"security_protocol={value!r} is not supported: TLS and SASL come in a later release;"
                " only 'PLAINTEXT' works now"
            )
        if protocol != "PLAINTEXT":
            raise ValueError
        return protocol


class ConnectionOptions(TypedDict, total=False):
    """What producers, consumers and admin clients have in common."""

    bootstrap_servers: Annotated[
        str | Sequence[str],
        Option(
            "localhost:9092",
            Addresses(),
            "Brokers to ask first for the cluster's metadata: 'host:port,host:port' or a list; port 9092 by default.",
            kafka="bootstrap.servers",
        ),
    ]
    client_id: Annotated[
        str | None,
        Option(
            "kafkalite",
            Text(none="kafkalite"),
            "Name of this program for the brokers' logs and quotas.",
            kafka="client.id",
        ),
    ]
    client_dns_lookup: Annotated[
        Literal["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"],
        Option(
            "use_all_dns_ips",
            OneOf(
                {
                    "use_all_dns_ips": "use_all_dns_ips",
                    "default": "use_all_dns_ips",  # Java's before 2.6
                    "resolve_canonical_bootstrap_servers_only": "resolve_canonical_bootstrap_servers_only",
                },
                "'use_all_dns_ips' or 'resolve_canonical_bootstrap_servers_only'",
            ),
            "Try every address of a host name, or replace the bootstrap servers by their canonical names first.",
            kafka="client.dns.lookup",
        ),
    ]
    bootstrap_timeout_ms: Annotated[
        float,
        Option(30_000, ANY_TIME, "How long starting may take until a bootstrap server has answered."),
    ]
    reconnect_backoff_ms: Annotated[
        float,
        Option(50, ANY_TIME, "First wait before connecting to a broker again.", kafka="reconnect.backoff.ms"),
    ]
    reconnect_backoff_max_ms: Annotated[
        float,
        Option(
            1_000,  # Java's; kafka-python waits up to 30 s, long after a restarted broker is back
            ANY_TIME,
            "Longest wait before connecting again; the wait doubles with each failure.",
            kafka="reconnect.backoff.max.ms",
        ),
    ]
    socket_connection_setup_timeout_ms: Annotated[
        float,
        Option(
            10_000,
            Milliseconds(1),
            "First limit on setting a connection up.",
            kafka="socket.connection.setup.timeout.ms",
        ),
    ]
    socket_connection_setup_timeout_max_ms: Annotated[
        float,
        Option(
            30_000,
            Milliseconds(1),
            "Last limit on setting a connection up; the limit doubles with each failure.",
            kafka="socket.connection.setup.timeout.max.ms",
        ),
    ]
    connections_max_idle_ms: Annotated[
        float,
        Option(
            540_000,
            Milliseconds(1, endless=True),
            "Close a connection that was unused this long; shorter than the brokers' own 10 minutes.",
            kafka="connections.max.idle.ms",
        ),
    ]
    request_timeout_ms: Annotated[
        float,
        Option(
            30_000,
            Milliseconds(1),
            "How long one request waits for its answer before its connection is given up.",
            kafka="request.timeout.ms",
        ),
    ]
    default_api_timeout_ms: Annotated[
        float,
        Option(
            60_000,
            ANY_TIME,
            "Limit, retries included, of a call that was given no timeout of its own.",
            kafka="default.api.timeout.ms",
        ),
    ]
    retry_backoff_ms: Annotated[
        float, Option(100, ANY_TIME, "First wait before a request is sent again.", kafka="retry.backoff.ms")
    ]
    retry_backoff_max_ms: Annotated[
        float,
        Option(
            1_000,
            ANY_TIME,
            "Longest wait before a request is sent again; the wait doubles with each failure.",
            kafka="retry.backoff.max.ms",
        ),
    ]
    send_buffer_bytes: Annotated[
        int | None,
        Option(
            None,  # the system adapts its buffers to the connection; a fixed size switches that off
            Integer(-1, unit=" of bytes", allows_none=True),
            "SO_SNDBUF; None or -1 leaves it to the system.",
            kafka="send.buffer.bytes",
        ),
    ]
    receive_buffer_bytes: Annotated[
        int | None,
        Option(
            None,
            Integer(-1, unit=" of bytes", allows_none=True),
            "SO_RCVBUF; None or -1 leaves it to the system.",
            kafka="receive.buffer.bytes",
        ),
    ]
    socket_options: Annotated[
        Sequence[tuple[int, int, int | bytes]],
        Option(
            ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            SocketOptions(),
            "Arguments for socket.setsockopt on every connection.",
        ),
    ]
    receive_message_max_bytes: Annotated[
        int,
        Option(
            100_000_000,
            Integer(1024, unit=" of bytes"),
            "Largest answer that is believed; a larger size means that something else than Kafka answers.",
        ),
    ]
    metadata_max_age_ms: Annotated[
        float,
        Option(
            300_000,
            Milliseconds(1),
            "Ask for metadata at least this often, even if nothing seems to have changed.",
            kafka="metadata.max.age.ms",
        ),
    ]
    metadata_max_idle_ms: Annotated[
        float,
        Option(
            300_000,
            Milliseconds(1),
            "Forget the metadata of topics that were not used this long.",
            kafka="metadata.max.idle.ms",
        ),
    ]
    metadata_recovery_strategy: Annotated[
        Literal["rebootstrap", "none"],
        Option(
            "rebootstrap",
            OneOf({"rebootstrap": "rebootstrap", "none": "none"}, "'rebootstrap' or 'none'"),
            "Start again from bootstrap_servers when no known broker answers (KIP-899), or go on trying.",
            kafka="metadata.recovery.strategy",
        ),
    ]
    metadata_recovery_rebootstrap_trigger_ms: Annotated[
        float,
        Option(
            300_000,
            ANY_TIME,
            "Start again from bootstrap_servers after this long without metadata (KIP-1102).",
            kafka="metadata.recovery.rebootstrap.trigger.ms",
        ),
    ]
    security_protocol: Annotated[
        Literal["PLAINTEXT"],
        Option("PLAINTEXT", ConnectionSecurity(), "How to talk to brokers.", kafka="security.protocol"),
    ]
    api_version: Annotated[
        tuple[int, ...] | str | None,
        Option(
            None,
            ApiVersion(),
            "Has no effect: versions are agreed with each broker, for each request.",
        ),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionConfig:
    """Resolved: names without `_ms` are in seconds."""

    bootstrap_servers: tuple[tuple[str, int], ...]
    client_id: str
    client_dns_lookup: str
    bootstrap_timeout: float
    reconnect_backoff: float
    reconnect_backoff_max: float
    socket_connection_setup_timeout: float
    socket_connection_setup_timeout_max: float
    connections_max_idle: float
    request_timeout: float
    default_api_timeout: float
    retries: int = INT32_MAX
    retry_backoff: float
    retry_backoff_max: float
    send_buffer_bytes: int | None
    receive_buffer_bytes: int | None
    socket_options: tuple[tuple[int, int, int | bytes], ...]
    receive_message_max_bytes: int
    metadata_max_age: float
    metadata_max_idle: float
    metadata_recovery_strategy: str
    metadata_recovery_rebootstrap_trigger: float
    allow_auto_create_topics: bool = False
    security_protocol: str

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        """From `ConnectionOptions` alone, for what is neither producer nor consumer nor admin client."""
        return cls.chosen(choose("client", ConnectionOptions, options))

    @classmethod
    def chosen(cls, chosen: Chosen) -> Self:
        """The connection's part of a client's options."""
        values = chosen.values
        for name in ("reconnect_backoff", "retry_backoff", "socket_connection_setup_timeout"):
            # Whoever raises the first wait above the last one wants at least that.
            values[f"{name}_max"] = max(values[name], values[f"{name}_max"])
        for name in ("send_buffer_bytes", "receive_buffer_bytes"):
            if values[name] == -1:
                values[name] = None
        return cls(**chosen.fields_of(cls))
