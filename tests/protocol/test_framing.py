from __future__ import annotations

import pytest

from kafkalite.protocol import framing
from kafkalite.protocol.errors import DecodeError, TruncatedError
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite.protocol.messages.init_producer_id import InitProducerIdRequest
from kafkalite.protocol.messages.metadata import MetadataRequest, MetadataResponse


@pytest.mark.parametrize("version", [0, 3, 4])
def test_a_request_frame_round_trips(version: int) -> None:
    request = HeartbeatRequest(group_id="g", generation_id=4, member_id="m")
    frame = framing.encode_request(request, version, 77, "me")
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert framing.decode_request(frame[4:]) == (12, version, 77, "me", request)


@pytest.mark.parametrize("version", [0, 3, 4])
def test_a_response_frame_round_trips(version: int) -> None:
    response = HeartbeatResponse(error_code=27)
    frame = framing.encode_response(response, version, 78)
    assert framing.decode_response(HeartbeatResponse, version, frame[4:]) == (78, response)
    assert framing.correlation_id_of(frame[4:]) == 78


def test_headers_grow_a_tagged_section_with_flexible_versions_except_for_api_versions() -> None:
    assert framing.request_header_version(MetadataRequest, 8) == 1
    assert framing.request_header_version(MetadataRequest, 9) == 2
    assert framing.response_header_version(MetadataResponse, 8) == 0
    assert framing.response_header_version(MetadataResponse, 9) == 1
    assert framing.request_header_version(ApiVersionsRequest, 3) == 2
    assert framing.response_header_version(ApiVersionsResponse, 3) == 0


def test_a_null_client_id() -> None:
    frame = framing.encode_request(MetadataRequest(topics=None), 12, 1, None)
    assert framing.decode_request(frame[4:]).client_id is None


def test_the_header_of_an_unknown_request_is_still_readable() -> None:
    header, _ = framing.decode_request_header(b"\x7f\xff\x00\x63\x00\x00\x00\x05\x00\x01x")
    assert (header.request_api_key, header.request_api_version, header.correlation_id) == (32767, 99, 5)
    with pytest.raises(DecodeError, match="API key 32767 version 99 is not known here"):
        framing.decode_request(b"\x7f\xff\x00\x63\x00\x00\x00\x05\x00\x01x")


@pytest.mark.parametrize("frame", [b"", b"\0", b"\0\x12\0\3\0\0"])
def test_frames_without_room_for_a_header(frame: bytes) -> None:
    with pytest.raises(TruncatedError):
        framing.decode_request(frame)
    if len(frame) < 4:
        with pytest.raises(TruncatedError):
            framing.correlation_id_of(frame)


def test_bytes_after_the_body_are_refused() -> None:
    request = framing.encode_request(HeartbeatRequest(), 4, 1, "c")[4:] + b"!"
    with pytest.raises(DecodeError, match="1 bytes too many"):
        framing.decode_request(request)
    response = framing.encode_response(HeartbeatResponse(), 4, 1)[4:] + b"!!"
    with pytest.raises(DecodeError, match="2 bytes too many"):
        framing.decode_response(HeartbeatResponse, 4, response)


@pytest.mark.parametrize(
    ("low", "high", "options", "picked"),
    [
        (0, 99, {}, 13),
        (0, 9, {}, 9),
        (14, 20, {}, None),
        (0, 99, {"max_version": 7}, 7),
        (8, 99, {"max_version": 7}, None),
        (0, 9, {"min_version": 10}, None),
    ],
)
def test_the_highest_common_version_is_picked(
    low: int, high: int, options: dict[str, int], picked: int | None
) -> None:
    assert framing.pick_version(MetadataRequest, low, high, **options) == picked


def test_an_unstable_version_is_never_picked() -> None:
    assert framing.pick_version(InitProducerIdRequest, 0, 6) == 5


def test_api_versions_in_an_unknown_version_are_answered_in_version_0() -> None:
    refusal = ApiVersionsResponse(error_code=35)
    frame = framing.encode_response(refusal, 0, 9)
    assert framing.decode_response(ApiVersionsResponse, 4, frame[4:]) == (9, refusal)
