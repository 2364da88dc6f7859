"""Every option once: name, type, default, check, one sentence. Called by the doors; read by every room. Thread: any.

The doors take `**configs: Unpack[ProducerOptions]` (or the consumer's, the admin client's) and hand them to
`ProducerConfig.from_options`, which answers with a frozen, typed configuration or raises `KafkaConfigurationError`.

A resolved attribute has the option's name. Options that end in `_ms` lose that ending and are in seconds.

`connection`, `producer`, `consumer` and `admin` declare the options; `checks` and `addresses` say which values are
good; `unsupported` knows other clients' options; `resolve` brings them together.
"""

from __future__ import annotations

from kafkalite.config.admin import AdminConfig, AdminOptions
from kafkalite.config.connection import ConnectionConfig, ConnectionOptions
from kafkalite.config.consumer import ConsumerConfig, ConsumerOptions
from kafkalite.config.option import CLIENTS, Check, Option, options_of
from kafkalite.config.producer import ProducerConfig, ProducerOptions
from kafkalite.config.unsupported import AIOKAFKA_NAMES, REFUSED, RENAMED, Refused

__all__ = [
    "AIOKAFKA_NAMES",
    "CLIENTS",
    "REFUSED",
    "RENAMED",
    "AdminConfig",
    "AdminOptions",
    "Check",
    "ConnectionConfig",
    "ConnectionOptions",
    "ConsumerConfig",
    "ConsumerOptions",
    "Option",
    "ProducerConfig",
    "ProducerOptions",
    "Refused",
    "options_of",
]
