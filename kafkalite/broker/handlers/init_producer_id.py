"""InitProducerId: ids for idempotent producers (KIP-98, KIP-360). Thread: loop."""

from __future__ import annotations

import logging

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

from ..call import Call
from . import handles

__all__ = ["init_producer_id"]

log = logging.getLogger(__name__)


@handles(InitProducerIdRequest)
def init_producer_id(call: Call) -> InitProducerIdResponse:
    """A new producer id in epoch 0. A client that has an id and wants a new epoch gets a new id as well."""
    request: InitProducerIdRequest = call.request
    if request.transactional_id is not None:
        log.warning(
            "a producer with the transactional id %r is refused: transactions are not emulated yet",
            request.transactional_id,
        )
        # An empty id is wrong anywhere; for the others, this is the code that no client retries.
        code = ErrorCode.UNSUPPORTED_VERSION if request.transactional_id else ErrorCode.INVALID_REQUEST
        return InitProducerIdResponse(error_code=code, producer_id=-1, producer_epoch=-1)
    if (request.producer_id == -1) != (request.producer_epoch == -1):
        return InitProducerIdResponse(error_code=ErrorCode.INVALID_REQUEST, producer_id=-1, producer_epoch=-1)
    return InitProducerIdResponse(producer_id=call.cluster.new_producer_id(), producer_epoch=0)
