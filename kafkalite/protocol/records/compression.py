"""The five codecs of record batches. Each library is imported at first use; a missing one costs only its codec.

What a peer sends is not trusted: nothing is decompressed beyond the caller's limit, and nothing is allocated because
a header claims to be large. Thread: any; contexts that are reused belong to one thread.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from ..codes import CompressionType
from ..errors import CodecError, CodecMissingError, EncodeError
from .varint import decode_uvarint

__all__ = ["DEFAULT_LIMIT", "LEVELS", "compress", "decompress", "decompress_old_lz4", "require"]

DEFAULT_LIMIT: Final = 256 * 1024 * 1024
"""Bytes that one compressed block may have once decompressed, unless the caller says otherwise."""

LEVELS: Final[dict[int, range]] = {
    CompressionType.GZIP: range(-1, 10),
    CompressionType.LZ4: range(1, 18),
    CompressionType.ZSTD: range(-131072, 23),
}
"""Levels that Kafka allows (compression.gzip.level, compression.lz4.level, compression.zstd.level)."""

_PACKAGES = {
    CompressionType.SNAPPY: ("snappy", "python-snappy"),
    CompressionType.LZ4: ("lz4.frame", "lz4"),
    CompressionType.ZSTD: ("zstandard", "zstandard"),
}
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = _XERIAL + struct.pack(">ii", 1, 1)
_XERIAL_BLOCK = 32 * 1024
_SNAPPY_RATIO = 24  # a copy of 64 bytes takes three: no valid block grows by more
_LZ4_RATIO = 255  # a length is stretched by one byte per 255
_ZSTD_BLOCK = 128 * 1024  # no block holds more, whatever its header says
_ZSTD_AT_ONCE = 8 << 20
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_WINDOW = 1 << 18
_CHUNK = 1 << 20
_MOST_PARTS = 1024
"""Members or frames that one block may consist of. Writers make one; millions of empty ones would be an attack."""
_per_thread = threading.local()


def require(codec: int) -> Any:
    """Import a codec's library. Raises CodecMissingError, naming the pip command, where it is not installed."""
    if codec in (CompressionType.NONE, CompressionType.GZIP):
        return zlib
    module, package = _PACKAGES[CompressionType(codec)]
    try:
        return import_module(module)
    except ImportError as error:
        name = CompressionType(codec).name.lower()
        raise CodecMissingError(
            f"the codec {name} needs the package {package}: pip install {package}", package=package
        ) from error


def compress(codec: int, data: bytes, level: int | None = None) -> bytes:
    """Compress a block. `level` as in LEVELS; None takes the codec's default (lz4: its fastest)."""
    if codec == CompressionType.NONE:
        return data
    if codec not in _COMPRESSORS:
        raise EncodeError(f"there is no codec {codec}")
    if level is not None and level not in LEVELS.get(codec, range(0)):
        allowed = LEVELS.get(codec)
        hint = f"{allowed[0]} to {allowed[-1]}" if allowed else "no levels"
        raise EncodeError(f"{CompressionType(codec).name.lower()} has no level {level}: it has {hint}")
    return _COMPRESSORS[codec](data, level)


def decompress(codec: int, data: Any, limit: int = DEFAULT_LIMIT) -> bytes:
    """Decompress a block. Raises CodecError when it is damaged or would have more than `limit` bytes."""
    if codec not in _DECOMPRESSORS:
        raise CodecError(f"there is no codec {codec}")
    library = require(codec)
    try:
        return _DECOMPRESSORS[codec](library, data, limit)
    except CodecError:
        raise
    except Exception as error:  # each library has exceptions of its own, some without a common root
        name = CompressionType(codec).name.lower()
        raise CodecError(f"a {name} block of {len(data)} bytes cannot be read: {error}") from error


def _too_large(limit: int) -> CodecError:
    return CodecError(f"a compressed block has more than {limit} bytes once decompressed")


def _too_many_parts() -> CodecError:
    return CodecError(f"a compressed block has more than {_MOST_PARTS} parts")


def _gzip(data: bytes, level: int | None) -> bytes:
    deflate = zlib.compressobj(-1 if level is None else level, zlib.DEFLATED, 31)
    return deflate.compress(data) + deflate.flush()


def _gunzip(_: Any, data: Any, limit: int) -> bytes:
    out: list[bytes] = []
    size = position = members = 0
    view = memoryview(data)
    while position < len(view):  # several members may follow one another
        members += 1
        if members > _MOST_PARTS:
            raise _too_many_parts()
        inflate, rest = zlib.decompressobj(31), b""
        while not inflate.eof:
            window = rest or view[position : position + _WINDOW]
            position += 0 if rest else len(window)
            chunk = inflate.decompress(window, _CHUNK)
            rest = inflate.unconsumed_tail
            if not chunk and not window and not inflate.eof:
                raise CodecError("a gzip block is cut off")
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            out.append(chunk)
        position -= len(inflate.unused_data)
    return b"".join(out)


def _snap(data: bytes, _: int | None) -> bytes:
    """The framed form of Java's writers, which every reader knows."""
    library = require(CompressionType.SNAPPY)
    parts = [_XERIAL_HEADER]
    for start in range(0, len(data), _XERIAL_BLOCK):
        block = library.compress(data[start : start + _XERIAL_BLOCK])
        parts += struct.pack(">i", len(block)), block
    return b"".join(parts)


def _unsnap(library: Any, data: Any, limit: int) -> bytes:
    data = bytes(data)
    if not data.startswith(_XERIAL):
        return _unsnap_block(library, data, limit, 0)
    if len(data) < len(_XERIAL_HEADER):
        raise CodecError("a snappy stream is cut off in its header")
    out, size, position = [], 0, len(_XERIAL_HEADER)
    while position < len(data):
        (length,) = struct.unpack_from(">i", data, position)
        position += 4
        if not 0 < length <= len(data) - position:
            raise CodecError(f"a snappy block announces {length} bytes, {len(data) - position} are left")
        out.append(_unsnap_block(library, data[position : position + length], limit, size))
        size += len(out[-1])
        position += length
    return b"".join(out)


def _unsnap_block(library: Any, block: bytes, limit: int, before: int) -> bytes:
    size, _ = decode_uvarint(block, 0)
    if before + size > limit:
        raise _too_large(limit)
    if size > len(block) * _SNAPPY_RATIO:
        raise CodecError(f"a snappy block of {len(block)} bytes claims to hold {size}")
    return bytes(library.uncompress(block))


def _lz4(data: bytes, level: int | None) -> bytes:
    """Independent blocks of 64 KiB and no checksums: what Java's reader accepts."""
    library = require(CompressionType.LZ4)
    return bytes(
        library.compress(
            data,
            compression_level=0 if level is None else level,
            block_size=library.BLOCKSIZE_MAX64KB,
            block_linked=False,
            content_checksum=False,
            block_checksum=False,
            store_size=False,
        )
    )


def _unlz4(library: Any, data: Any, limit: int) -> bytes:
    out: list[bytes] = []
    size = frames = 0
    rest = bytes(data)
    while rest:
        frames += 1
        if frames > _MOST_PARTS:
            raise _too_many_parts()
        frame = library.LZ4FrameDecompressor()
        while not frame.eof:
            chunk = frame.decompress(rest, max_length=_CHUNK)
            rest = b""
            if not chunk and not frame.eof:
                raise CodecError("an lz4 frame is cut off")
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            out.append(chunk)
        rest = frame.unused_data or b""
    return b"".join(out)


def decompress_old_lz4(data: Any, limit: int = DEFAULT_LIMIT) -> bytes:
    """LZ4 of message format 0, whose frame header has a wrong checksum: blocks are read without looking at it."""
    try:
        block_library = import_module("lz4.block")
    except ImportError:
        require(CompressionType.LZ4)
        raise
    data = bytes(data)
    try:
        if data[:4] != b"\x04\x22\x4d\x18":
            raise CodecError("an lz4 frame begins with the wrong magic number")
        flags, size_code = data[4], data[5] >> 4 & 7
        block_size = 1 << (8 + 2 * size_code)
        position = 7 + (8 if flags & 0x08 else 0)
        out: list[bytes] = []
        total = 0
        while True:
            (length,) = struct.unpack_from("<I", data, position)
            position += 4
            if not length:
                return b"".join(out)
            stored, length = length >> 31, length & 0x7FFFFFFF
            block = data[position : position + length]
            if len(block) < length:
                raise CodecError("an lz4 block is cut off")
            position += length + (4 if flags & 0x10 else 0)
            most = min(block_size, length * _LZ4_RATIO + 64)
            out.append(block if stored else block_library.decompress(block, uncompressed_size=most))
            total += len(out[-1])
            if total > limit:
                raise _too_large(limit)
    except CodecError:
        raise
    except (struct.error, IndexError) as error:
        raise CodecError("an lz4 frame is cut off") from error
    except Exception as error:
        raise CodecError(f"an lz4 block cannot be read: {error}") from error


def _zstd(data: bytes, level: int | None) -> bytes:
    level = 3 if level is None else level
    contexts: dict[int, Any] = _per_thread.__dict__.setdefault("zstd_compressors", {})
    context = contexts.get(level)
    if context is None:
        context = contexts[level] = require(CompressionType.ZSTD).ZstdCompressor(level=level)
    return bytes(context.compress(data))


def _unzstd(library: Any, data: Any, limit: int) -> bytes:
    context = getattr(_per_thread, "zstd_decompressor", None)
    if context is None:
        context = _per_thread.zstd_decompressor = library.ZstdDecompressor()
    data = bytes(data)
    bound, frames = _zstd_extent(library, data, limit)
    if not data or not bound:
        return b""
    if frames == 1 and bound <= min(limit, _ZSTD_AT_ONCE):
        return bytes(context.decompress(data, max_output_size=bound))
    out, size = [], 0
    with context.stream_reader(data, read_across_frames=True) as reader:
        while chunk := reader.read(min(_CHUNK, limit - size + 1)):
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            out.append(chunk)
    return b"".join(out)


def _zstd_extent(library: Any, data: bytes, limit: int) -> tuple[int, int]:
    """The most bytes that the frames can hold, and how many frames there are. Raises CodecError if one is cut off.

    The library's streams end quietly where their input does, and believe the content size in a frame's header; this
    walk over the block headers (RFC 8878, 3.1.1) does neither.
    """
    bound = frames = blocks = position = 0
    while position < len(data):
        frames += 1
        if frames > _MOST_PARTS:
            raise _too_many_parts()
        if int.from_bytes(data[position : position + 4], "little") in _SKIPPABLE:
            position += 8 + int.from_bytes(data[position + 4 : position + 8], "little")
            if position > len(data):
                raise CodecError("a zstd frame is cut off")
            continue
        start = data[position : position + 32]
        claimed = library.get_frame_parameters(start)
        position += library.frame_header_size(start)
        held, last = 0, False
        while not last:
            header = int.from_bytes(data[position : position + 3], "little")
            last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
            held += _ZSTD_BLOCK if kind == 2 else size
            position += 3 + (1 if kind == 1 else size)
            blocks += 1
            if blocks > _MOST_PARTS + limit // 1024:
                raise _too_many_parts()
            if position > len(data):
                raise CodecError("a zstd frame is cut off")
        position += 4 if claimed.has_checksum else 0
        if position > len(data):
            raise CodecError("a zstd frame is cut off")
        if claimed.content_size <= limit:  # unknown is the highest number that there is
            if claimed.content_size > held:
                raise CodecError(f"a zstd frame claims to hold {claimed.content_size} bytes")
            held = claimed.content_size
        elif claimed.content_size != library.CONTENTSIZE_UNKNOWN:
            raise _too_large(limit)
        bound += held
    return bound, frames


_COMPRESSORS: Final[dict[int, Callable[[bytes, int | None], bytes]]] = {
    CompressionType.GZIP: _gzip,
    CompressionType.SNAPPY: _snap,
    CompressionType.LZ4: _lz4,
    CompressionType.ZSTD: _zstd,
}
_DECOMPRESSORS: Final[dict[int, Callable[[Any, Any, int], bytes]]] = {
    CompressionType.NONE: lambda _, data, limit: bytes(data),
    CompressionType.GZIP: _gunzip,
    CompressionType.SNAPPY: _unsnap,
    CompressionType.LZ4: _unlz4,
    CompressionType.ZSTD: _unzstd,
}
