"""Keys hash as they do in Kafka's own client."""

import json
from pathlib import Path
from random import Random

import pytest

from kafkalite.producer.murmur2 import FEW, LANES, hash_of_key, hashes_of_keys, murmur2

VECTORS = json.loads((Path(__file__).parent / "partition_hash.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["key"][:24] or "empty")
def test_the_hash_and_the_partition_are_java_s(vector):
    key = bytes.fromhex(vector["key"])
    assert murmur2(key) == vector["murmur2"] & 0xFFFFFFFF
    assert hash_of_key(key) == vector["positive"]
    for partitions, partition in vector["partition_of"].items():
        assert hash_of_key(key) % int(partitions) == partition


@pytest.mark.parametrize("times", [1, FEW])
def test_many_at_once_hash_as_one_by_one(times):
    keys = [bytes.fromhex(vector["key"]) for vector in VECTORS] * times
    assert hashes_of_keys(keys) == [vector["positive"] for vector in VECTORS] * times
    assert hashes_of_keys([]) == []


@pytest.mark.parametrize("length", range(18))
def test_keys_of_one_length_are_hashed_in_lanes(length):
    dice = Random(length)
    keys = [b"\xff" * length, *(dice.randbytes(length) for _ in range(LANES + 20))]
    assert hashes_of_keys(keys) == list(map(hash_of_key, keys))
