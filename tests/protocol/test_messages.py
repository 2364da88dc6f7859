"""Every declared message: held against Kafka's definitions, and against bytes that other implementations made."""

from __future__ import annotations

import json

import pytest

from kafkalite.protocol import framing
from kafkalite.protocol.message import Request, request_type
from kafkalite.protocol.messages import MODULES

from .digest import DIGEST, of_class
from .kafka_names import all_messages, build, vectors

MESSAGES = all_messages()
KAFKA = json.loads(DIGEST.read_text())


def test_every_message_that_clients_use_is_declared() -> None:
    assert KAFKA.keys() == MESSAGES.keys()


@pytest.mark.parametrize("name", sorted(KAFKA))
def test_a_class_says_what_kafkas_definition_says(name: str) -> None:
    assert json.loads(json.dumps(of_class(MESSAGES[name]))) == KAFKA[name]


def test_each_api_key_finds_its_request_and_each_request_its_response() -> None:
    for key, module in MODULES.items():
        request = request_type(key)
        assert request is not None
        assert request.api_key == key
        assert request.__module__.endswith(f".{module}")
        assert request.response_type.__name__ == request.__name__.removesuffix("Request") + "Response"
    assert request_type(4) is None


@pytest.mark.parametrize("name", sorted({v["message"] for v in vectors("message")}))
def test_bodies_are_written_and_read_as_others_do(name: str) -> None:
    for vector in vectors("message"):
        if vector["message"] != name:
            continue
        cls, version, raw = MESSAGES[name], vector["version"], bytes.fromhex(vector["hex"])
        value = build(cls, vector["value"])
        assert cls.decode(raw, version) == value, vector["variant"]
        assert cls.decode(memoryview(bytearray(raw)), version) == value, vector["variant"]
        if vector["variant"] != "unknown-tags":
            assert value.encode(version) == raw, vector["variant"]


def test_frames_from_live_connections() -> None:
    for vector in vectors("frame"):
        cls, raw = MESSAGES[vector["message"]], bytes.fromhex(vector["frame"])
        value, version = build(cls, vector["value"]), vector["version"]
        correlation = vector["correlation_id"]
        if issubclass(cls, Request):
            received = framing.decode_request(raw[4:])
            assert received == (cls.api_key, version, correlation, vector["client_id"], value)
            again = framing.encode_request(value, version, correlation, vector["client_id"])
        else:
            assert framing.decode_response(cls, version, raw[4:]) == (correlation, value)
            assert framing.correlation_id_of(raw[4:]) == correlation
            again = framing.encode_response(value, version, correlation)
        if vector["exact"]:
            assert again == raw
        else:
            assert len(again) < len(raw)


@pytest.mark.parametrize("exchange", vectors("exchange"), ids=lambda e: e["id"])
def test_messages_of_whole_scenarios_survive_a_round_trip(exchange: dict) -> None:
    for step in exchange["steps"]:
        cls = MESSAGES[step["message"]]
        value = build(cls, step["value"])
        assert cls.decode(value.encode(step["version"]), step["version"]) == value
