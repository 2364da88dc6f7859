"""Every exception of kafkalite. Users import from here; the rooms raise from here. Thread: any.

    KafkaError
    ├── RetriableError                        the same call may succeed later
    │   ├── KafkaTimeoutError                 a deadline passed; says what was awaited, and the last cause
    │   │   ├── MetadataTimeoutError          ... for a topic's partitions
    │   │   ├── BufferExhaustedError          ... for room in the producer's memory
    │   │   └── DeliveryTimeoutError          ... for a record's acknowledgement
    │   ├── InvalidMetadataError              the client's picture of the cluster is out of date
    │   │   ├── KafkaConnectionError          a connection failed or was lost
    │   │   │   └── NoBrokersAvailable        ... to all of bootstrap_servers (also a KafkaTimeoutError)
    │   │   └── StaleMetadata
    │   ├── NodeNotReadyError  TooManyInFlightRequests  MetadataEmptyBrokerList  Cancelled
    │   └── CorrelationIdError                (also a KafkaProtocolError)
    ├── KafkaConfigurationError               an option's value; also a ValueError
    │   └── UnrecognizedOptionError           an option's name; also a TypeError
    ├── IllegalArgumentError                  an argument; also a ValueError
    ├── IllegalStateError                     a call at the wrong time
    │   └── IllegalOperation  ProducerClosed  ConsumerStoppedError  ForkedError
    ├── SerializationError                    also a TypeError and a ValueError
    │   ├── KeySerializationError  ValueSerializationError
    │   └── DeserializationError              KeyDeserializationError  ValueDeserializationError
    ├── KafkaProtocolError                    bytes that are not what the protocol says
    │   └── InvalidReceiveError
    ├── AuthenticationFailedError
    │   └── AuthenticationMethodNotSupported
    ├── UnsupportedCodecError
    │   └── CodecNotAvailableError            the library for it is not installed
    ├── BulkSendError                         some records of a `send_many`: which ones, and why
    ├── CommitFailedError  NoOffsetForPartitionError  LogTruncationError  TransactionAbortedError
    ├── UnknownBrokerIdError  UnrecognizedBrokerVersion  KafkaUnavailableError  QuotaViolationError
    └── BrokerResponseError                   a broker's error code: errno, message, description, advice
        ├── AuthorizationError                Topic-, Group-, ClusterAuthorizationFailedError ...
        └── one class per code                those worth retrying are also RetriableErrors, those that say the
                                              metadata is old also InvalidMetadataErrors

Each class carries the verdicts `retriable`, `refresh_metadata` and `fatal`, and each message says what happened,
where, and what to do. The names are those of kafka-python, with aiokafka's besides, so that `except` clauses keep
working.

`kinds` holds the roots, `client` what the client itself finds wrong, `data`, `groups` and `operations` the brokers'
codes, `codes` the way from a code to its exception.
"""

from __future__ import annotations

from kafkalite.errors import client, codes, data, groups, kinds, operations
from kafkalite.errors.client import *  # noqa: F403
from kafkalite.errors.codes import *  # noqa: F403
from kafkalite.errors.data import *  # noqa: F403
from kafkalite.errors.groups import *  # noqa: F403
from kafkalite.errors.kinds import *  # noqa: F403
from kafkalite.errors.operations import *  # noqa: F403

# Every module lists its names, so the list of all of them need not be written (and kept right) a second time here.
__all__ = []
__all__ += client.__all__
__all__ += codes.__all__
__all__ += data.__all__
__all__ += groups.__all__
__all__ += kinds.__all__
__all__ += operations.__all__
