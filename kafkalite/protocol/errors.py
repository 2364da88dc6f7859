"""What can be wrong with bytes. The rooms above turn these into the user's exceptions, because only they know
which topic, partition, offset or node the bytes belong to.

    ProtocolError
    ├── EncodeError            a value that this message, or this version of it, cannot carry
    ├── DecodeError            bytes that are not what they claim to be
    │   ├── TruncatedError     the bytes end before the value does
    │   └── ChecksumError      the bytes were damaged on their way
    └── CodecError             a compressed block that cannot be read or written
        └── CodecMissingError  the library for that codec is not installed
"""

from __future__ import annotations

__all__ = [
    "ChecksumError",
    "CodecError",
    "CodecMissingError",
    "DecodeError",
    "EncodeError",
    "ProtocolError",
    "TruncatedError",
]


class ProtocolError(Exception):
    """The root of everything this floor raises."""


class EncodeError(ProtocolError, ValueError):
    """A value does not fit its field, or the version asked for lacks a field that was set."""


class DecodeError(ProtocolError, ValueError):
    """Bytes are malformed: a bad length, a negative count, an unknown format, something left over."""


class TruncatedError(DecodeError):
    """The bytes end in the middle of a value."""


class ChecksumError(DecodeError):
    """The CRC of a record batch does not match its bytes."""


class CodecError(ProtocolError):
    """A compressed block is damaged, or larger than the limit allows once decompressed."""


class CodecMissingError(CodecError):
    """The library that reads and writes this codec is not installed.

    `package` is the name to give to pip.
    """

    def __init__(self, message: str, *, package: str) -> None:
        super().__init__(message)
        self.package = package

    def __reduce__(self) -> tuple[object, ...]:
        return _codec_missing, (str(self), self.package)


def _codec_missing(message: str, package: str) -> CodecMissingError:
    return CodecMissingError(message, package=package)
