"""What examples/flights.py writes, others read; and they put its keys where it put them."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import uuid
import zipfile
from pathlib import Path

import pytest

from tests.flights import archive, flights

from .conftest import get

LIMIT = 3000


@pytest.mark.parametrize("name", ["kafka-python", "confluent-kafka"])
def test_others_read_the_flights(name: str, bootstrap: str) -> None:
    data = archive()
    topic = f"flights-{uuid.uuid4().hex[:12]}"
    flights("--bootstrap", bootstrap, "--topic", topic, "--limit", str(LIMIT), "--data", str(data))
    client = get(name)
    read = client.run("consume", bootstrap, topic, str(LIMIT))
    values = {}
    partitions: dict[str, set[int]] = {}
    for record in read:
        value = json.loads(record["value"])
        values[value.pop("id")] = value
        assert record["key"] == value["carrier"]
        partitions.setdefault(record["key"], set()).add(record["partition"])
    assert [values[number] for number in range(LIMIT)] == rows(data)
    assert all(len(places) == 1 for places in partitions.values())

    sent = client.run("send", bootstrap, topic, *partitions)
    assert {record["key"]: {record["partition"]} for record in sent} == partitions


def rows(data: Path) -> list[dict[str, str]]:
    """The first flights, read here in our own way."""
    with tarfile.open(data) as tar:
        inside = next(name for name in tar.getnames() if name.endswith("flights.csv.zip"))
        zipped = tar.extractfile(inside)
        assert zipped
        text = zipfile.ZipFile(io.BytesIO(zipped.read())).read("flights.csv").decode()
    reader = csv.DictReader(io.StringIO(text))
    return [row for _, row in zip(range(LIMIT), reader, strict=False)]
