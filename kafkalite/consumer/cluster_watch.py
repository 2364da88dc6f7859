"""What a new picture of the cluster means for a consumer. A brain.

The engine calls `look` for every new snapshot: topics that match a pattern, partitions that are new, leaders that
changed, topics that were deleted and created again, topics that must not be read. Thread: loop.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from kafkalite.config import ConsumerConfig
from kafkalite.errors import error_for
from kafkalite.net.metadata import Cluster
from kafkalite.protocol.codes import ErrorCode

from .fetch_buffer import FetchBuffer
from .offset_requests import truncation
from .positions import PartitionState
from .solo import Solo
from .subscription import Subscription

if TYPE_CHECKING:
    from .group.coordinator import GroupCoordinator

__all__ = ["ClusterWatch"]

log = logging.getLogger(__name__)

_RAISED: Final = frozenset({ErrorCode.INVALID_TOPIC_EXCEPTION, ErrorCode.TOPIC_AUTHORIZATION_FAILED})


class ClusterWatch:
    """Compares what is ours with what there is."""

    def __init__(
        self,
        config: ConsumerConfig,
        subscription: Subscription,
        buffer: FetchBuffer,
        membership: GroupCoordinator | Solo,
    ) -> None:
        self._resets = config.auto_offset_reset != "none"
        self._subscription = subscription
        self._buffer = buffer
        self._membership = membership

    def look(self, cluster: Cluster) -> None:
        """Follow the new picture."""
        subscription = self._subscription
        if subscription.on_cluster(cluster):
            self._membership.on_subscription_changed()
        if isinstance(self._membership, Solo):
            self._membership.on_cluster(cluster)
        for state in subscription.check_leaders(cluster):
            self._on_recreated(state)
        for topic in subscription.topics | {tp.topic for tp in subscription.assigned()}:
            known = cluster.topics.get(topic)
            if known is not None and known.error_code in _RAISED:
                self._buffer.fail(error_for(known.error_code, f"topic {topic!r}"))

    def _on_recreated(self, state: PartitionState) -> None:
        """The topic has another id: offsets of the old one mean nothing in it."""
        log.warning("the topic of %r was deleted and created again", state)
        if self._resets:
            self._subscription.reset(state, None)
        else:
            self._buffer.fail(truncation(state, None), state)
