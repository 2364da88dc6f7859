"""Options that others know: refused with a reason, or under another name here. Thread: caller.

Nothing is ignored in silence. An option of kafka-python or aiokafka that kafkalite does not act on is accepted only
with a value that asks for nothing ("neutral"), and refused with any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["AIOKAFKA_NAMES", "REFUSED", "RENAMED", "Refused"]


class Refused(NamedTuple):
    """Why an option is not supported, and with which values it does no harm."""

    reason: str
    neutral: tuple[object, ...] = (None,)


_TLS = "TLS comes in a later release; only security_protocol='PLAINTEXT' works now"
_SASL = "SASL comes in a later release; only security_protocol='PLAINTEXT' works now"
_TRANSACTIONS = "transactions come in a later release; leave it out for an idempotent producer"
_KIP_848 = "the consumer group protocol of KIP-848 comes in a later release; only 'classic' works now"
_METRICS = "metrics are plain counters read with metrics(), without windows and reporters"
_PROXY = "kafkalite connects directly; use a proxy that is transparent to TCP, or a tunnel"

REFUSED: Mapping[str, Refused] = {
    # TLS
    "ssl_context": Refused(_TLS),
    "ssl_check_hostname": Refused(_TLS, (True, False, None)),
    "ssl_cafile": Refused(_TLS),
    "ssl_certfile": Refused(_TLS),
    "ssl_keyfile": Refused(_TLS),
    "ssl_password": Refused(_TLS),
    "ssl_crlfile": Refused(_TLS),
    "ssl_ciphers": Refused(_TLS),
    # SASL
    "sasl_mechanism": Refused(_SASL),
    "sasl_plain_username": Refused(_SASL),
    "sasl_plain_password": Refused(_SASL),
    "sasl_kerberos_name": Refused(_SASL),
    "sasl_kerberos_service_name": Refused(_SASL, (None, "kafka")),
    "sasl_kerberos_domain_name": Refused(_SASL),
    "sasl_oauth_token_provider": Refused(_SASL),
    # transactions
    "transactional_id": Refused(_TRANSACTIONS),
    "transaction_timeout_ms": Refused(_TRANSACTIONS, (None, 60000)),
    "transaction_two_phase_commit_enable": Refused(_TRANSACTIONS, (None, False)),
    # groups
    "group_protocol": Refused(_KIP_848, (None, "classic")),
    "group_remote_assignor": Refused(_KIP_848),
    "share_acknowledgement_mode": Refused("share groups come in a later release"),
    "share_acquire_mode": Refused("share groups come in a later release"),
    # the network
    "proxy_url": Refused(_PROXY),
    "socks5_proxy": Refused(_PROXY),
    "kafka_client": Refused("the network layer cannot be exchanged; leave it out"),
    "selector": Refused("asyncio chooses the selector; leave it out"),
    "bootstrap_controllers": Refused("kafkalite talks to brokers; set bootstrap_servers", (None, "", (), [])),
    "max_in_flight_requests_per_connection": Refused(
        "only a producer has it: a consumer never has more than two fetches waiting at a broker", (None, 5)
    ),
    # metrics and hooks
    "metrics_enabled": Refused(_METRICS, (True, False, None)),
    "metric_reporters": Refused(_METRICS, (None, [], ())),
    "metrics_num_samples": Refused(_METRICS, (None, 2)),
    "metrics_sample_window_ms": Refused(_METRICS, (None, 30000)),
    "metrics_recording_level": Refused(_METRICS, (None, "INFO")),
    "metric_group_prefix": Refused(_METRICS, (None, "consumer", "producer")),
    "enable_metrics_push": Refused(
        "pushing metrics to brokers (KIP-714) comes in a later release", (None, False)
    ),
    "interceptor_classes": Refused("interceptors come in a later release", (None, "", [], ())),
}

RENAMED: Mapping[str, str] = {
    # aiokafka
    "max_batch_size": "batch_size",
    "rebalance_timeout_ms": "max_poll_interval_ms",
    # kafka-python 1 and 2
    "api_version_auto_timeout_ms": "bootstrap_timeout_ms",
    "sock_chunk_bytes": "receive_buffer_bytes",
    # Java, where the name is not ours with dots for underscores
    "partitioner_class": "partitioner",
    "compression_gzip_level": "compression_level",
    "compression_lz4_level": "compression_level",
    "compression_zstd_level": "compression_level",
    # librdkafka and confluent-kafka
    "metadata_broker_list": "bootstrap_servers",
    "message_max_bytes": "max_request_size",
    "receive_message_max_bytes": "receive_message_max_bytes",
    "max_in_flight": "max_in_flight_requests_per_connection",
    "topic_metadata_refresh_interval_ms": "metadata_max_age_ms",
    "socket_timeout_ms": "request_timeout_ms",
    "socket_send_buffer_bytes": "send_buffer_bytes",
    "socket_receive_buffer_bytes": "receive_buffer_bytes",
    "api_version_request_timeout_ms": "bootstrap_timeout_ms",
    "api_version_fallback_ms": "bootstrap_timeout_ms",
    "broker_version_fallback": "api_version",
    "queue_buffering_max_ms": "linger_ms",
    "queue_buffering_max_kbytes": "buffer_memory",
    "queue_buffering_max_messages": "buffer_memory",
    "message_send_max_retries": "retries",
    "message_timeout_ms": "delivery_timeout_ms",
    "request_required_acks": "acks",
    "compression_codec": "compression_type",
    "batch_num_messages": "batch_size",
    "fetch_wait_max_ms": "fetch_max_wait_ms",
    "fetch_message_max_bytes": "max_partition_fetch_bytes",
    "ssl_ca_location": "ssl_cafile",
    "ssl_certificate_location": "ssl_certfile",
    "ssl_key_location": "ssl_keyfile",
    "ssl_key_password": "ssl_password",
    "sasl_username": "sasl_plain_username",
    "sasl_password": "sasl_plain_password",
    "sasl_mechanisms": "sasl_mechanism",
    # what people guess
    "brokers": "bootstrap_servers",
    "hosts": "bootstrap_servers",
    "group": "group_id",
    "compression": "compression_type",
    "auto_commit": "enable_auto_commit",
    "idempotence": "enable_idempotence",
}
"""Another client's name, written with underscores -> the name here. Used for suggestions only."""

AIOKAFKA_NAMES: Mapping[str, str] = {
    "max_batch_size": "batch_size",
    "rebalance_timeout_ms": "max_poll_interval_ms",
}
"""What `kafkalite.aio` accepts under aiokafka's name, and the option that it stands for."""
