"""What everybody may do to everything: there is no authorizer. Called by the describing handlers. Thread: any.

A bit field for each kind of resource; the bit's number is the operation's code (KIP-430).
"""

from __future__ import annotations

from typing import Final

from kafkalite.protocol.codes import AclOperation as Op

__all__ = ["CLUSTER_OPERATIONS", "GROUP_OPERATIONS", "TOPIC_OPERATIONS"]


def _bits(*operations: Op) -> int:
    return sum(1 << operation for operation in operations)


GROUP_OPERATIONS: Final = _bits(Op.READ, Op.DELETE, Op.DESCRIBE, Op.DESCRIBE_CONFIGS, Op.ALTER_CONFIGS)
TOPIC_OPERATIONS: Final = GROUP_OPERATIONS | _bits(Op.WRITE, Op.CREATE, Op.ALTER)
CLUSTER_OPERATIONS: Final = _bits(
    Op.CREATE,
    Op.ALTER,
    Op.DESCRIBE,
    Op.CLUSTER_ACTION,
    Op.DESCRIBE_CONFIGS,
    Op.ALTER_CONFIGS,
    Op.IDEMPOTENT_WRITE,
)
