"""Record sets from a peer that lies: whatever comes, reading gives records or a typed error, and soon."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kafkalite.protocol.errors import DecodeError, ProtocolError
from kafkalite.protocol.records.aborted import AbortedFilter
from kafkalite.protocol.records.batch import HEADER, encode_batch, read_batches
from kafkalite.protocol.records.crc32c import crc32c
from kafkalite.protocol.records.decode import decode_records
from kafkalite.protocol.records.extent import measure
from kafkalite.protocol.records.varint import encode_varint

from ..kafka_names import vectors

SETS = [bytes.fromhex(v["hex"]) for v in vectors("record_batch") if len(v["hex"]) < 4000]
TEMPTING = [encode_varint(n) for n in (-1, -2, -(2**31), 2**31 - 1, 2**20, 127, 64)] + [
    b"\xff" * 12,
    b"\x80" * 12,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xff\xff\xff\xff",
]
LIMIT = 1 << 20
QUIET = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(raw: Any) -> None:
    """All that a consumer does. Anything but a typed error fails the test by getting out of here."""
    try:
        extent = measure(raw)
        batches = read_batches(raw)
    except DecodeError:
        return
    assert sum(batch.size for batch in batches) <= len(raw)
    assert extent.size <= len(raw)
    reader = AbortedFilter([(77, 0), (4000, 0)])
    for batch in batches:
        try:
            batch.check_crc()
        except DecodeError:
            pass  # what an honest peer sends is stopped here; a liar's checksum is right
        try:
            reader.keep(batch)
            columns = batch.columns(LIMIT)
        except ProtocolError:
            continue
        rows = list(columns)
        assert batch.record_count in (-1, len(rows))
        for offset, _, key, value, headers in rows:
            assert type(offset) is int
            assert key is None or type(key) is bytes
            assert value is None or type(value) is bytes
            assert all(type(name) is str for name, _ in headers)


@QUIET
@given(raw=st.binary(max_size=300))
def test_noise(raw: bytes) -> None:
    read(raw)


@QUIET
@given(raw=st.sampled_from(SETS), data=st.data())
def test_a_record_set_with_bytes_overwritten(raw: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        patch = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(TEMPTING)))
        raw = raw[:at] + patch + raw[at + len(patch) :]
    read(raw)


@QUIET
@given(raw=st.sampled_from(SETS), data=st.data())
def test_a_record_set_cut_or_continued(raw: bytes, data: st.DataObject) -> None:
    read(raw[: data.draw(st.integers(0, len(raw)))] + data.draw(st.binary(max_size=40)))


@QUIET
@given(
    attributes=st.integers(-(2**15), 2**15 - 1),
    last_delta=st.integers(-2, 40) | st.sampled_from([2**31 - 1, -(2**31)]),
    count=st.integers(-2, 40) | st.sampled_from([2**31 - 1, -(2**31)]),
    times=st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)),
    body=st.binary(max_size=200),
)
def test_any_header_over_any_body(
    attributes: int, last_delta: int, count: int, times: tuple[int, int], body: bytes
) -> None:
    rest = (attributes, last_delta, *times, 77, 0, -1, count)
    raw = HEADER.pack(5, 49 + len(body), 0, 2, 0, *rest) + body
    crc = crc32c(raw[21:])
    read(raw[:17] + crc.to_bytes(4, "big") + raw[21:])


@QUIET
@given(
    fields=st.lists(
        st.one_of(
            st.integers(-3, 80).map(encode_varint),
            st.sampled_from(TEMPTING),
            st.binary(min_size=1, max_size=6),
        ),
        max_size=40,
    ),
    count=st.integers(0, 12),
)
def test_records_of_any_fields(fields: list[bytes], count: int) -> None:
    body = b"".join(fields)
    try:
        columns = decode_records(body, count=count, base_offset=0, last_offset=100, base_timestamp=0)
    except DecodeError:
        return
    assert len(list(columns)) == count


@QUIET
@given(
    count=st.integers(4, 200),
    size=st.integers(0, 3),
    damage=st.lists(st.tuples(st.integers(0), st.integers(0, 255))),
)
def test_equal_records_with_bytes_changed(count: int, size: int, damage: list[tuple[int, int]]) -> None:
    raw = bytearray(encode_batch([(5, None, b"x" * size, ())] * count))
    for at, byte in damage:
        raw[61 + at % (len(raw) - 61)] = byte
    read(raw)


def test_a_small_set_never_makes_a_large_allocation() -> None:
    bodies = [b"\x7f\xff\xff\xff" * 8, b"\xff" * 40, encode_varint(2**31 - 1) * 8, bytes(40)]
    tracemalloc.start()
    try:
        for body in bodies:
            for count in (1, 5, 2**31 - 1):
                for codec in range(8):
                    rest = (codec, 2**31 - 1, 0, 0, -1, -1, -1, count)
                    read(HEADER.pack(0, 49 + len(body), 0, 2, 0, *rest) + body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_reading_takes_time_in_proportion() -> None:
    """No input makes the search for equal records cost more than reading them one by one."""
    nasty = [(t % 2, None, b"x" * (t % 5 == 4), ()) for t in range(100_000)]
    raw = encode_batch(nasty)
    began = time.process_time()
    read(raw)
    assert time.process_time() - began < 10
