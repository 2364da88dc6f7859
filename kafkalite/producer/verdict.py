"""What an answer means for a batch: settled, again, in smaller pieces, or failed. A brain. Thread: loop."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from kafkalite.errors import DeliveryTimeoutError, KafkaError, error_for
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.produce import PartitionProduceResponse

from .batch import Batch
from .idempotence import Idempotence

__all__ = ["Action", "Verdict", "judge", "timed_out"]

_MAY_BE_WRITTEN: Final = frozenset(
    {
        ErrorCode.UNKNOWN_SERVER_ERROR,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.NETWORK_EXCEPTION,
        ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    }
)


class Action(Enum):
    """What to do with a batch whose answer came."""

    SETTLE = "it was written"
    RETRY = "send it again"
    SPLIT = "send it again in smaller pieces"
    FAIL = "tell whoever waits that it failed"


class Verdict(NamedTuple):
    """The action, and what goes with it."""

    action: Action
    error: KafkaError | None = None
    record_errors: dict[int, KafkaError] | None = None
    refused: bool = False
    """Whether the broker certainly did not write it."""


def judge(
    batch: Batch,
    answer: PartitionProduceResponse | KafkaError,
    node: str,
    *,
    now: float,
    retries: int,
    delivery_timeout: float,
    idempotence: Idempotence | None,
) -> Verdict:
    """Weigh the answer of `node` (its name), or the error instead of one."""
    topic, partition = batch.partition
    attempt = f", attempt {batch.attempts + 1}" if batch.attempts else ""
    if isinstance(answer, KafkaError):
        code, error = None, _placed(answer, f"{topic}-{partition}{attempt}")
    else:
        code = answer.error_code
        if code == ErrorCode.NONE or code == ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
            return Verdict(Action.SETTLE)
        where = f"{topic}-{partition} at {node}{attempt}"
        error = error_for(code, where, answer.error_message)
        if code == ErrorCode.MESSAGE_TOO_LARGE and batch.count > 1:
            return Verdict(Action.SPLIT, error)
    if now >= batch.deadline:
        return Verdict(Action.FAIL, timed_out(batch, delivery_timeout, batch.attempts + 1, str(error), error))
    may_retry = batch.attempts < retries
    if may_retry and (
        error.retriable or (code is not None and _asks_for_it(idempotence, batch, code, answer))
    ):
        return Verdict(Action.RETRY, error)
    refused = code is not None and code not in _MAY_BE_WRITTEN and may_retry
    return Verdict(Action.FAIL, error, _record_errors(batch, answer, node), refused)


def _asks_for_it(
    idempotence: Idempotence | None, batch: Batch, code: int, answer: PartitionProduceResponse | KafkaError
) -> bool:
    if idempotence is None or isinstance(answer, KafkaError):
        return False
    return idempotence.wants_retry(batch, code, answer.log_start_offset)


def _placed(error: KafkaError, where: str) -> KafkaError:
    """An error of the connection, as the error of one record's batch."""
    text = str(error.args[0]) if error.args else str(error)
    try:
        placed = type(error)(f"{where}: {text}")
    except (TypeError, ValueError):  # made of something else than a text
        placed = KafkaError(f"{where}: {error}")
    placed.__cause__ = error
    return placed


def _record_errors(
    batch: Batch, answer: PartitionProduceResponse | KafkaError, node: str
) -> dict[int, KafkaError] | None:
    """Records that the broker names get its word on them, the others are told whose company they were in (KIP-467)."""
    if isinstance(answer, KafkaError) or not answer.record_errors:
        return None
    topic, partition = batch.partition
    listed = answer.record_errors
    # The partition's error is the record's if it is the only one; with several, only the texts tell them apart.
    code = answer.error_code if len(listed) == 1 else ErrorCode.INVALID_RECORD
    found: dict[int, KafkaError] = {
        entry.batch_index: error_for(
            code,
            f"{topic}-{partition} at {node}, record {entry.batch_index} of the batch",
            entry.batch_index_error_message or answer.error_message,
        )
        for entry in listed
    }
    others = KafkaError(
        f"{topic}-{partition} at {node}: not written, because the broker refused {len(found)} of the {batch.count}"
        f" records of the same batch: {', '.join(str(error) for error in list(found.values())[:3])}."
        " This record may be sent again."
    )
    return {index: found.get(index, others) for index in range(batch.count)}


def timed_out(
    batch: Batch, delivery_timeout: float, attempts: int, cause: str, error: KafkaError | None = None
) -> DeliveryTimeoutError:
    """The error of a batch that was not acknowledged in time, with the last cause in words."""
    topic, partition = batch.partition
    tried = f"after {attempts} attempt{'s' if attempts != 1 else ''}" if attempts else "without an attempt"
    made = DeliveryTimeoutError(
        f"{topic}-{partition}: not acknowledged within delivery_timeout_ms ({delivery_timeout * 1000:g} ms),"
        f" {tried}; last cause: {cause}"
    )
    made.__cause__ = error
    return made
