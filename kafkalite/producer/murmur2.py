"""The hash that Kafka's own client spreads keys with, so that a key lands where a Java program puts it. Thread: any."""

from __future__ import annotations

from struct import unpack_from

__all__ = ["hash_of_key", "murmur2"]

_M = 0x5BD1E995
_SEED = 0x9747B28C
_32 = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32 bits of the hash, unsigned."""
    length = len(data)
    h = _SEED ^ length
    words = length >> 2
    for k in unpack_from(f"<{words}I", data):
        k = k * _M & _32
        h = (h * _M ^ (k ^ k >> 24) * _M) & _32
    if tail := data[words << 2 :]:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _32
    h = (h ^ h >> 13) * _M & _32
    return h ^ h >> 15


def hash_of_key(key: bytes) -> int:
    """What is divided by the number of partitions: the hash without its sign."""
    return murmur2(key) & 0x7FFFFFFF
