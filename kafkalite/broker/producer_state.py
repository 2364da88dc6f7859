"""What a partition remembers of the producers that wrote to it: the check behind idempotence (KIP-98, KIP-360).

A brain: told of batches, it says which are new, which were written before, and which must not be written. Called by
`partition`. Thread: loop.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from kafkalite.protocol.codes import ErrorCode

from .refusal import Refusal

__all__ = ["ProducerBatch", "ProducerStates"]

REMEMBERED: Final = 5
"""As many batches as an idempotent client may have in flight are recognised when they come again."""

_SEQUENCES: Final = 1 << 31


class ProducerBatch(NamedTuple):
    """A batch that was written."""

    first_sequence: int
    last_sequence: int
    base_offset: int
    timestamp: int


class _Producer:
    __slots__ = ("batches", "epoch", "last_timestamp")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.batches: deque[ProducerBatch] = deque(maxlen=REMEMBERED)
        self.last_timestamp = -1


class ProducerStates:
    """The producers of one partition, by producer id."""

    def __init__(self) -> None:
        self._producers: dict[int, _Producer] = {}
        self._looked_at: int | None = None

    def __len__(self) -> int:
        return len(self._producers)

    def check(
        self, producer_id: int, epoch: int, first_sequence: int, last_sequence: int
    ) -> ProducerBatch | None:
        """None if the batch is to be written, or the batch that was written when it came before.

        Raises Refusal with INVALID_PRODUCER_EPOCH or OUT_OF_ORDER_SEQUENCE_NUMBER.
        """
        known = self._producers.get(producer_id)
        if known is None:
            return None
        if epoch < known.epoch:
            raise Refusal(
                ErrorCode.INVALID_PRODUCER_EPOCH,
                f"producer {producer_id} has epoch {known.epoch} here, the batch comes from epoch {epoch}",
            )
        if epoch > known.epoch:
            if first_sequence != 0:
                raise Refusal(
                    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
                    f"producer {producer_id} begins epoch {epoch} with sequence {first_sequence}, not with 0",
                )
            return None
        for batch in known.batches:
            if batch.first_sequence == first_sequence and batch.last_sequence == last_sequence:
                return batch
        expected = (known.batches[-1].last_sequence + 1) % _SEQUENCES
        if first_sequence != expected:
            raise Refusal(
                ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"producer {producer_id} (epoch {epoch}) sent sequence {first_sequence}, expected is {expected}",
            )
        return None

    def wrote(
        self,
        producer_id: int,
        epoch: int,
        first_sequence: int,
        last_sequence: int,
        base_offset: int,
        timestamp: int,
    ) -> None:
        """A batch that `check` let pass was written."""
        known = self._producers.get(producer_id)
        if known is None or known.epoch != epoch:
            known = self._producers[producer_id] = _Producer(epoch)
        known.batches.append(ProducerBatch(first_sequence, last_sequence, base_offset, timestamp))
        known.last_timestamp = max(known.last_timestamp, timestamp)

    def forget_idle(self, now_ms: int, idle_ms: int, every_ms: int) -> None:
        """Drop the producers whose last record is older than `idle_ms`; looks once in `every_ms`."""
        if self._looked_at is None:
            self._looked_at = now_ms
        if now_ms - self._looked_at < every_ms:
            return
        self._looked_at = now_ms
        self._producers = {
            producer_id: known
            for producer_id, known in self._producers.items()
            if now_ms - known.last_timestamp < idle_ms
        }
