"""Keys hash as they do in Kafka's own client."""

import json
from pathlib import Path

import pytest

from kafkalite.producer.murmur2 import hash_of_key, murmur2

VECTORS = json.loads((Path(__file__).parent / "partition_hash.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["key"][:24] or "empty")
def test_the_hash_and_the_partition_are_java_s(vector):
    key = bytes.fromhex(vector["key"])
    assert murmur2(key) == vector["murmur2"] & 0xFFFFFFFF
    assert hash_of_key(key) == vector["positive"]
    for partitions, partition in vector["partition_of"].items():
        assert hash_of_key(key) % int(partitions) == partition
