from __future__ import annotations

import gzip
import random
import struct
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import lz4.block
import lz4.frame
import pytest
import snappy
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kafkalite.protocol.codes import CompressionType
from kafkalite.protocol.errors import CodecError, CodecMissingError, EncodeError
from kafkalite.protocol.records import compression
from kafkalite.protocol.records.compression import LEVELS, compress, decompress, decompress_old_lz4, require

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CODECS = [GZIP, SNAPPY, LZ4, ZSTD]
BLOCKS = {
    "empty": b"",
    "short": b"a",
    "text": b"a sentence that says little, " * 3000,
    "noise": random.Random(1).randbytes(200_000),
}
BIG = 64 << 20


@pytest.mark.parametrize("codec", [0, *CODECS])
@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
def test_a_round_trip(codec: int, block: bytes) -> None:
    packed = compress(codec, block)
    assert decompress(codec, packed) == block
    assert decompress(codec, memoryview(bytearray(packed))) == block
    assert type(decompress(codec, memoryview(packed))) is bytes


@settings(max_examples=60)
@given(codec=st.sampled_from(CODECS), block=st.binary(max_size=2000), repeat=st.integers(1, 200))
def test_a_round_trip_of_anything(codec: int, block: bytes, repeat: int) -> None:
    assert decompress(codec, compress(codec, block * repeat)) == block * repeat


# What others write.


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
def test_blocks_of_other_writers(block: bytes) -> None:
    assert decompress(GZIP, gzip.compress(block)) == block
    assert decompress(SNAPPY, snappy.compress(block)) == block  # librdkafka's, without frames
    assert decompress(LZ4, lz4.frame.compress(block, store_size=True, content_checksum=True)) == block
    assert decompress(LZ4, lz4.frame.compress(block, block_linked=True, block_checksum=True)) == block
    for options in ({"write_content_size": False}, {"write_checksum": True}, {"level": 19}):
        assert decompress(ZSTD, zstandard.ZstdCompressor(**options).compress(block)) == block
    stream = zstandard.ZstdCompressor().compressobj()
    pieces = [
        stream.compress(block[:1000]),
        stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK),
        stream.compress(block[1000:]),
        stream.flush(),
    ]
    assert decompress(ZSTD, b"".join(pieces)) == block


def test_several_members_or_frames_are_one_block() -> None:
    assert decompress(GZIP, gzip.compress(b"one") + gzip.compress(b"") + gzip.compress(b"two")) == b"onetwo"
    assert decompress(LZ4, lz4.frame.compress(b"one") + lz4.frame.compress(b"two")) == b"onetwo"
    zstd = zstandard.ZstdCompressor()
    assert decompress(ZSTD, zstd.compress(b"one") + zstd.compress(b"two")) == b"onetwo"
    skippable = struct.pack("<II", 0x184D2A53, 5) + b"xxxxx"
    assert decompress(ZSTD, skippable + zstd.compress(b"one") + skippable) == b"one"


# What others can read.


def test_lz4_is_what_javas_reader_accepts() -> None:
    packed = compress(LZ4, BLOCKS["noise"])
    assert packed[:4] == b"\x04\x22\x4d\x18"
    assert packed[4] == 0x60  # version 01, independent blocks, no checksums, no content size
    assert packed[5] == 0x40  # 64 KiB
    assert packed[-4:] == bytes(4)


def test_snappy_is_framed_in_blocks_of_32_kib() -> None:
    packed = compress(SNAPPY, BLOCKS["noise"])
    assert packed[:16] == b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    position, sizes = 16, []
    while position < len(packed):
        (length,) = struct.unpack_from(">i", packed, position)
        sizes.append(len(snappy.uncompress(packed[position + 4 : position + 4 + length])))
        position += 4 + length
    assert sizes == [32768] * 6 + [200_000 - 6 * 32768]


def test_gzip_is_one_member() -> None:
    packed = compress(GZIP, BLOCKS["text"])
    assert gzip.decompress(packed) == BLOCKS["text"]
    whole = zlib.decompressobj(31)
    whole.decompress(packed)
    assert whole.eof
    assert not whole.unused_data


# Levels.


@pytest.mark.parametrize(("codec", "low", "high"), [(GZIP, 1, 9), (LZ4, 1, 17), (ZSTD, 1, 22)])
def test_levels_make_a_difference(codec: int, low: int, high: int) -> None:
    block = b"".join(b"%d," % (n * n % 9973) for n in range(20_000))
    small, large = compress(codec, block, high), compress(codec, block, low)
    assert len(small) < len(large)
    assert decompress(codec, small) == decompress(codec, large) == block
    assert low in LEVELS[codec]
    assert high in LEVELS[codec]


def test_the_levels_of_each_codec() -> None:
    assert LEVELS[GZIP] == range(-1, 10)
    assert LEVELS[LZ4] == range(1, 18)
    assert LEVELS[ZSTD] == range(-131072, 23)
    assert decompress(ZSTD, compress(ZSTD, BLOCKS["text"], -131072)) == BLOCKS["text"]
    assert decompress(GZIP, compress(GZIP, BLOCKS["text"], -1)) == BLOCKS["text"]


@pytest.mark.parametrize(
    ("codec", "level", "text"),
    [
        (GZIP, 10, "gzip has no level 10: it has -1 to 9"),
        (LZ4, 0, "1 to 17"),
        (ZSTD, 23, "to 22"),
        (SNAPPY, 1, "no levels"),
    ],
)
def test_a_level_that_there_is_not(codec: int, level: int, text: str) -> None:
    with pytest.raises(EncodeError, match=text):
        compress(codec, b"x", level)


@pytest.mark.parametrize("codec", [5, 6, 7, -1])
def test_a_codec_that_there_is_not(codec: int) -> None:
    with pytest.raises(EncodeError, match=f"no codec {codec}"):
        compress(codec, b"x")
    with pytest.raises(CodecError, match=f"no codec {codec}"):
        decompress(codec, b"x")


# Libraries that are missing.


@pytest.mark.parametrize(
    ("codec", "module", "package"),
    [(SNAPPY, "snappy", "python-snappy"), (LZ4, "lz4.frame", "lz4"), (ZSTD, "zstandard", "zstandard")],
)
def test_a_missing_library_is_named_with_the_pip_command(
    monkeypatch: pytest.MonkeyPatch, codec: int, module: str, package: str
) -> None:
    packed = compress(codec, b"x")
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(compression, "_per_thread", threading.local())
    uses: list[Callable[[], Any]] = [
        lambda: require(codec),
        lambda: compress(codec, b"x"),
        lambda: decompress(codec, packed),
    ]
    for use in uses:
        with pytest.raises(CodecMissingError, match=f"pip install {package}") as caught:
            use()
        assert caught.value.package == package
    assert decompress(GZIP, compress(GZIP, b"the others still work")) == b"the others still work"


def test_old_lz4_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lz4.block", None)
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    with pytest.raises(CodecMissingError, match="pip install lz4"):
        decompress_old_lz4(b"\x04\x22\x4d\x18")


def test_what_needs_no_library() -> None:
    assert require(CompressionType.NONE) is require(CompressionType.GZIP)


def test_threads_do_not_share_contexts() -> None:
    block, failures = BLOCKS["text"], []

    def work() -> None:
        try:
            for _ in range(50):
                assert decompress(ZSTD, compress(ZSTD, block)) == block
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# Bombs.


def bomb(codec: int) -> bytes:
    """Little that becomes a lot."""
    block = bytes(BIG)
    if codec == SNAPPY:
        return snappy.compress(block)
    return compress(codec, block)


def zstd_bomb(claim: int | None) -> bytes:
    """Blocks of one byte repeated; what the header claims is up to the liar."""
    block = (1 << 1 | 128 * 1024 << 3).to_bytes(3, "little") + b"x"
    last = (1 | 1 << 1 | 128 * 1024 << 3).to_bytes(3, "little") + b"x"
    # Frame header descriptor: 8-byte content size, or a window of 1 MiB and no content size.
    header = b"\xe0" + claim.to_bytes(8, "little") if claim is not None else b"\x00\x50"
    return b"\x28\xb5\x2f\xfd" + header + block * (BIG >> 17) + last


BOMBS = {
    "gzip": (GZIP, bomb(GZIP)),
    "gzip members": (GZIP, gzip.compress(bytes(1 << 20)) * 64),
    "snappy": (SNAPPY, bomb(SNAPPY)),
    "snappy frames": (SNAPPY, compress(SNAPPY, bytes(BIG))),
    "lz4": (LZ4, bomb(LZ4)),
    "lz4 that says so": (LZ4, lz4.frame.compress(bytes(BIG), store_size=True)),
    "lz4 frames": (LZ4, compress(LZ4, bytes(1 << 20)) * 64),
    "zstd": (ZSTD, bomb(ZSTD)),
    "zstd that does not say so": (ZSTD, zstd_bomb(None)),
    "zstd that lies": (ZSTD, zstd_bomb(100)),
    "zstd frames": (ZSTD, compress(ZSTD, bytes(1 << 20)) * 64),
}


@pytest.mark.parametrize(("codec", "packed"), BOMBS.values(), ids=BOMBS.keys())
def test_nothing_is_unpacked_beyond_the_limit(codec: int, packed: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CodecError):
            decompress(codec, packed, limit=1 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_a_bomb_below_the_limit_is_what_it_is() -> None:
    assert decompress(ZSTD, zstd_bomb(None)) == b"x" * (BIG + (1 << 17))
    with pytest.raises(CodecError):
        decompress(ZSTD, zstd_bomb(100))  # not what its header says
    with pytest.raises(CodecError, match="claims to hold"):
        decompress(ZSTD, b"\x28\xb5\x2f\xfd\xe0" + (1 << 27).to_bytes(8, "little") + b"\x01\x00\x00")


@pytest.mark.parametrize("codec", CODECS)
def test_exactly_the_limit_is_allowed(codec: int) -> None:
    block = random.Random(2).randbytes(100_000)
    packed = compress(codec, block)
    assert decompress(codec, packed, limit=100_000) == block
    with pytest.raises(CodecError, match="more than 99999 bytes"):
        decompress(codec, packed, limit=99_999)


@pytest.mark.parametrize(
    ("codec", "part"),
    [
        (GZIP, gzip.compress(b"")),
        (LZ4, lz4.frame.compress(b"")),
        (ZSTD, zstandard.ZstdCompressor().compress(b"")),
    ],
)
def test_millions_of_empty_parts_are_refused_at_once(codec: int, part: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(CodecError, match="more than 1024 parts"):
        decompress(codec, part * 200_000)
    assert time.monotonic() - began < 10


def test_millions_of_empty_zstd_blocks_are_refused_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(CodecError, match="parts"):
        decompress(ZSTD, b"\x28\xb5\x2f\xfd\x00\x50" + bytes(3 * 2_000_000))
    assert time.monotonic() - began < 10


def test_a_small_block_that_claims_much_allocates_little() -> None:
    tracemalloc.start()
    try:
        for raw in (
            b"\xff\xff\xff\xff\x0f",
            b"\x82SNAPPY\x00" + struct.pack(">iii", 1, 1, 5) + b"\xff\xff\xff\xff\x0f",
        ):
            with pytest.raises(CodecError):
                decompress(SNAPPY, raw, limit=1 << 40)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


# Damage.


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "block", [BLOCKS["short"], BLOCKS["text"], BLOCKS["noise"]], ids=["short", "text", "noise"]
)
def test_a_cut_off_block_is_an_error(codec: int, block: bytes) -> None:
    packed = compress(codec, block)
    step = max(1, len(packed) // 60)
    for size in [*range(1, len(packed), step), len(packed) - 1]:
        try:
            assert decompress(codec, packed[:size]) == b""  # framed snappy may end after its header
            assert (codec, size) == (SNAPPY, 16)
        except CodecError:
            pass


@pytest.mark.parametrize("codec", CODECS)
def test_a_cut_off_stream_of_unknown_size_is_an_error(codec: int) -> None:
    if codec != ZSTD:
        return
    packed = zstandard.ZstdCompressor(write_content_size=False).compress(BLOCKS["noise"])
    for size in range(1, len(packed), 997):
        with pytest.raises(CodecError):
            decompress(codec, packed[:size])


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(codec=st.sampled_from(CODECS), data=st.data())
def test_damaged_blocks_give_a_codec_error_or_bytes(codec: int, data: st.DataObject) -> None:
    packed = data.draw(
        st.sampled_from([compress(codec, BLOCKS["text"][:5000]), compress(codec, BLOCKS["noise"][:500])])
    )
    at = data.draw(st.integers(0, len(packed)))
    patch = data.draw(st.binary(min_size=1, max_size=8))
    try:
        found = decompress(
            codec, packed[:at] + patch + packed[at + data.draw(st.integers(0, 12)) :], limit=1 << 20
        )
    except CodecError:
        return
    assert len(found) <= 1 << 20


@settings(max_examples=600, deadline=None)
@given(codec=st.sampled_from(CODECS), raw=st.binary(max_size=100), begins=st.booleans())
def test_noise_gives_a_codec_error_or_bytes(codec: int, raw: bytes, begins: bool) -> None:
    magic = {
        GZIP: b"\x1f\x8b\x08",
        SNAPPY: b"\x82SNAPPY\x00",
        LZ4: b"\x04\x22\x4d\x18",
        ZSTD: b"\x28\xb5\x2f\xfd",
    }
    try:
        decompress(codec, magic[codec] + raw if begins else raw, limit=1 << 20)
    except CodecError:
        pass


# LZ4 of message format 0.


def old_lz4(block: bytes, *, flags: int = 0x60, size_code: int = 4) -> bytes:
    """A frame with a wrong header checksum, as Kafka wrote it before 0.10."""
    parts = [b"\x04\x22\x4d\x18", bytes([flags, size_code << 4])]
    if flags & 0x08:
        parts.append(len(block).to_bytes(8, "little"))
    parts.append(b"\x00")  # not the checksum that it should be
    for start in range(0, len(block), 65536):
        piece = block[start : start + 65536]
        packed = lz4.block.compress(piece, store_size=False)
        stored = len(packed) >= len(piece)
        body = piece if stored else packed
        parts += struct.pack("<I", len(body) | stored << 31), body
        if flags & 0x10:
            parts.append(b"\x00\x00\x00\x00")
    return b"".join([*parts, bytes(4)])


@pytest.mark.parametrize("flags", [0x60, 0x68, 0x70, 0x78])
@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
def test_the_old_frame_is_read_despite_its_checksum(block: bytes, flags: int) -> None:
    assert decompress_old_lz4(old_lz4(block, flags=flags)) == block


def test_the_old_frame_has_a_limit_too() -> None:
    with pytest.raises(CodecError, match="more than 100000 bytes"):
        decompress_old_lz4(old_lz4(BLOCKS["noise"]), limit=100_000)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_old_frames(data: st.DataObject) -> None:
    packed = old_lz4(BLOCKS["text"][:3000])
    at = data.draw(st.integers(0, len(packed)))
    patch = data.draw(st.binary(max_size=8))
    try:
        decompress_old_lz4(packed[:at] + patch + packed[at + data.draw(st.integers(0, 12)) :])
    except CodecError:
        pass
