"""What stands around a message on the wire: the length prefix, the headers, and the choice of a version.

Who calls: `net.connection` on one side, `broker.server` on the other. Functions that write return a whole frame,
size included; functions that read take a frame without its size. Thread: any.
"""

from __future__ import annotations

import struct
from struct import Struct as Packer
from typing import Any, NamedTuple, TypeVar

from .errors import DecodeError, TruncatedError
from .message import Buffer, Request, Response, request_type
from .messages.request_header import RequestHeader
from .messages.response_header import ResponseHeader

__all__ = [
    "ReceivedRequest",
    "correlation_id_of",
    "decode_request",
    "decode_request_header",
    "decode_response",
    "encode_request",
    "encode_response",
    "pick_version",
    "request_header_version",
    "response_header_version",
]

_SIZE = Packer(">i")
_START = Packer(">hhi")
_API_VERSIONS = 18
_UNSUPPORTED_VERSION = b"\x00\x23"

RS = TypeVar("RS", bound=Response)


class ReceivedRequest(NamedTuple):
    """One request as it came: what its header says, and its decoded body."""

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    body: Request[Any]


def request_header_version(message: type[Request[Any]], version: int) -> int:
    """2, with tagged fields, for flexible versions; else 1."""
    return 2 if message.is_flexible(version) else 1


def response_header_version(message: type[Response], version: int) -> int:
    """1, with tagged fields, for flexible versions; else 0. ApiVersions has 0: read before all else."""
    return 1 if message.is_flexible(version) and message.api_key != _API_VERSIONS else 0


def encode_request(request: Request[Any], version: int, correlation_id: int, client_id: str | None) -> bytes:
    """A whole request frame. Raises EncodeError for values that do not fit that version."""
    header = RequestHeader(
        request_api_key=request.api_key,
        request_api_version=version,
        correlation_id=correlation_id,
        client_id=client_id,
    )
    parts: list[Any] = [b""]
    header.encode_into(parts, request_header_version(type(request), version))
    request.encode_into(parts, version)
    return _framed(parts)


def encode_response(response: Response, version: int, correlation_id: int) -> bytes:
    """A whole response frame."""
    parts: list[Any] = [b""]
    ResponseHeader(correlation_id=correlation_id).encode_into(
        parts, response_header_version(type(response), version)
    )
    response.encode_into(parts, version)
    return _framed(parts)


def _framed(parts: list[Any]) -> bytes:
    parts[0] = _SIZE.pack(sum(map(len, parts)))
    return b"".join(parts)


def decode_request_header(frame: Buffer) -> tuple[RequestHeader, int]:
    """The header of a request and where its body begins.

    For an API key or version that is not known here the header is read without tagged fields: enough to answer
    ApiVersions with UNSUPPORTED_VERSION, or to close the connection with a word about why.
    """
    try:
        api_key, version, _ = _START.unpack_from(frame)
    except struct.error as error:
        raise TruncatedError(f"a request of {len(frame)} bytes has no room for its header") from error
    known = request_type(api_key)
    flexible = known is not None and known.is_flexible(version)
    return RequestHeader.decode_from(frame, 0, 2 if flexible else 1)


def decode_request(frame: Buffer) -> ReceivedRequest:
    """A whole request. Raises DecodeError for malformed bytes, an unknown API key or an unknown version."""
    header, position = decode_request_header(frame)
    known = request_type(header.request_api_key)
    version = header.request_api_version
    if known is None or not known.min_version <= version <= known.max_version:
        raise DecodeError(f"API key {header.request_api_key} version {version} is not known here")
    body, position = known.decode_from(frame, position, version)
    if position != len(frame):
        raise DecodeError(f"{known.__name__} version {version} has {len(frame) - position} bytes too many")
    return ReceivedRequest(header.request_api_key, version, header.correlation_id, header.client_id, body)


def correlation_id_of(frame: Buffer) -> int:
    """The first four bytes of a response: which request it answers."""
    try:
        (correlation_id,) = _SIZE.unpack_from(frame)
    except struct.error as error:
        raise TruncatedError(f"a response of {len(frame)} bytes has no room for a correlation id") from error
    return int(correlation_id)


def decode_response(response_type: type[RS], version: int, frame: Buffer) -> tuple[int, RS]:
    """The correlation id and body of a response. Raises DecodeError for malformed bytes and for bytes left over."""
    header, position = ResponseHeader.decode_from(frame, 0, response_header_version(response_type, version))
    if response_type.api_key == _API_VERSIONS and frame[position : position + 2] == _UNSUPPORTED_VERSION:
        version = 0  # a broker that does not know the version asked for answers in the oldest one
    response, position = response_type.decode_from(frame, position, version)
    if position != len(frame):
        raise DecodeError(
            f"{response_type.__name__} version {version} has {len(frame) - position} bytes too many"
        )
    return header.correlation_id, response


def pick_version(
    message: type[Request[Any]],
    lowest: int,
    highest: int,
    *,
    min_version: int | None = None,
    max_version: int | None = None,
) -> int | None:
    """The highest version that both sides speak, or None.

    `lowest` and `highest` are the broker's range; `min_version` and `max_version` narrow ours for this request.
    A version that Kafka marks unstable is never picked.
    """
    ours = message.max_version - (1 if message.latest_unstable else 0)
    top = min(ours, highest, ours if max_version is None else max_version)
    bottom = max(message.min_version, lowest, 0 if min_version is None else min_version)
    return top if top >= bottom else None
