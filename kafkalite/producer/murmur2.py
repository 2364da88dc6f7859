"""The hash that Kafka's own client spreads keys with, so that a key lands where a Java program puts it. Thread: any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from struct import Struct as Packer
from struct import unpack, unpack_from

__all__ = ["hash_of_key", "hashes_of_keys", "murmur2"]

_M = 0x5BD1E995
_SEED = 0x9747B28C
_32 = 0xFFFFFFFF

_WORDS = [Packer(f"<{count}I").unpack_from for count in range(33)]

FEW = 8
"""Fewer keys of one length than that are hashed one by one."""
LANES = 1024
"""As many keys are hashed at once: the numbers in work stay within a processor's cache."""


def murmur2(data: bytes) -> int:
    """The 32 bits of the hash, unsigned."""
    length = len(data)
    h = _SEED ^ length
    words = length >> 2
    for k in _WORDS[words](data) if words < len(_WORDS) else unpack_from(f"<{words}I", data):
        k = k * _M & _32
        h = (h * _M ^ (k ^ k >> 24) * _M) & _32
    if tail := data[words << 2 :]:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _32
    h = (h ^ h >> 13) * _M & _32
    return h ^ h >> 15


def hash_of_key(key: bytes) -> int:
    """What is divided by the number of partitions: the hash without its sign."""
    return murmur2(key) & 0x7FFFFFFF


def hashes_of_keys(keys: Sequence[bytes]) -> list[int]:
    """`hash_of_key` of each; many keys of one length take a tenth of the time."""
    lengths = list(map(len, keys))
    if lengths and lengths.count(lengths[0]) == len(lengths):
        return _hashes_of_length(keys, lengths[0])
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, length in enumerate(lengths):
        by_length[length].append(index)
    found = [0] * len(keys)
    for length, indexes in by_length.items():
        hashes = _hashes_of_length([keys[index] for index in indexes], length)
        for index, hashed in zip(indexes, hashes, strict=True):
            found[index] = hashed
    return found


def _hashes_of_length(keys: Sequence[bytes], length: int) -> list[int]:
    if len(keys) < FEW:
        return list(map(hash_of_key, keys))
    found: list[int] = []
    for start in range(0, len(keys), LANES):
        found += _hashes_in_lanes(keys[start : start + LANES], length)
    return found


def _hashes_in_lanes(keys: Sequence[bytes], length: int) -> Sequence[int]:
    """Hashes of keys that are all of that length.

    One large integer holds the state of all of them, 64 bits for each: a product of two 32-bit numbers stays within
    its lane, so that every step of murmur2 is one operation on the large number, and a mask.
    """
    count = len(keys)
    each = int.from_bytes(b"\x01\0\0\0\0\0\0\0" * count, "little")
    whole, low8 = each * _32, each * 0xFF
    octets = b"".join(keys)

    def lanes(start: int, stop: int) -> int:
        column = bytearray(count * 8)
        for octet in range(start, stop):
            column[octet - start :: 8] = octets[octet::length]
        return int.from_bytes(column, "little")

    h = each * (_SEED ^ length)
    tail = length & ~3
    for word in range(0, tail, 4):
        k = lanes(word, word + 4) * _M & whole
        h = (h * _M ^ (k ^ k >> 24 & low8) * _M) & whole
    if tail < length:
        h = (h ^ lanes(tail, length)) * _M & whole
    h = (h ^ h >> 13 & each * (_32 >> 13)) * _M & whole
    h = (h ^ h >> 15 & each * (_32 >> 15)) & each * (_32 >> 1)
    return unpack(f"<{count}Q", h.to_bytes(count * 8, "little"))
