"""Names, types, versions and flags of every message: from our classes, and from Kafka's own definitions.

    python -m tests.protocol.digest --check DIR    compare the committed digest with Kafka's JSON files in DIR
    python -m tests.protocol.digest --write DIR    make the committed digest anew from them

The definitions themselves are not part of this repository; the digest holds only facts that the comparison needs.
A field is [name, type, since, until, nullable since, tag, default, ignorable, compact, fields of its struct].
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from kafkalite.protocol.fields import MISSING, ZERO_UUID, Field
from kafkalite.protocol.message import Message, Request, Response, Struct

from .kafka_names import all_messages, snake_case

DIGEST = Path(__file__).with_name("digest.json")


def of_class(cls: type[Message]) -> dict[str, Any]:
    """What a declared class says of itself."""
    low, high = cls.versions
    return {
        "key": cls.api_key if issubclass(cls, Request | Response) else None,
        "versions": [low, high],
        "flexible": cls.flexible_since,
        "unstable": cls.latest_unstable,
        "fields": [_of_field(field, low, high) for field in cls.fields],
    }


def _of_field(field: Field, low: int, high: int) -> list[Any]:
    type_, inner = field.type, None
    if type_ == "array":
        item = field.item
        type_ = f"[]{item.type}" if isinstance(item, Field) else "[]struct"
        inner = None if isinstance(item, Field) else _of_struct(item, low, high)
    elif type_ == "struct":
        inner = _of_struct(field.item, low, high)
    since, until = max(field.since, low), high if field.until is None else min(field.until, high)
    nullable = None if field.nullable_since is None else max(field.nullable_since, since)
    default = None if field.default is MISSING else field.default
    if default in (ZERO_UUID, b""):
        default = ""
    null = field.default is None
    return [
        field.name,
        type_,
        since,
        until,
        nullable,
        field.tag,
        "null" if null else default,
        field.ignorable,
        field.compact,
        inner,
    ]


def _of_struct(cls: type[Struct], low: int, high: int) -> list[Any]:
    return [_of_field(field, low, high) for field in cls.fields]


def of_definition(definition: dict[str, Any]) -> dict[str, Any]:
    """What one of Kafka's JSON files says, in the same words."""
    span = _span(definition["validVersions"], 0, 32767)
    assert span is not None
    low, high = span
    flexible = definition["flexibleVersions"]
    common = {s["name"]: s["fields"] for s in definition.get("commonStructs", [])}
    return {
        "key": definition.get("apiKey"),
        "versions": [low, high],
        "flexible": None if flexible == "none" else int(flexible.rstrip("+")),
        "unstable": definition.get("latestVersionUnstable", False),
        "fields": _defined(definition["fields"], common, low, high),
    }


def _defined(fields: list[dict[str, Any]], common: dict[str, Any], low: int, high: int) -> list[Any]:
    found = []
    for field in fields:
        span = _span(field["versions"], low, high)
        if span is None:
            continue  # a field of versions that Kafka does not speak any more
        type_, inner = field["type"], None
        base = type_.removeprefix("[]")
        if base[0].isupper():
            inner = _defined(field.get("fields") or common[base], common, low, high)
            type_ = "[]struct" if type_.startswith("[]") else "struct"
        nullable = _span(field.get("nullableVersions", "none"), *span)
        tagged = _span(field.get("taggedVersions", "none"), *span)
        assert tagged in (None, span), "a field that is tagged in some of its versions only"
        assert nullable is None or nullable[1] == span[1], "a field that stops being nullable"
        found.append(
            [
                snake_case(field["name"]),
                type_,
                *span,
                nullable[0] if nullable else None,
                field["tag"] if tagged else None,
                _default(base if type_ == base else type_, field.get("default")),
                str(field.get("ignorable", False)).lower() == "true",
                field.get("flexibleVersions") != "none",
                inner,
            ]
        )
    return found


def _default(type_: str, default: Any) -> Any:
    if str(default) == "null":
        return "null"
    if type_.startswith("[]") or type_ == "struct":
        return None
    if type_ == "bool":
        return str(default).lower() == "true"
    if type_ in ("string", "bytes", "records", "uuid"):
        return default or ""
    if type_ == "float64":
        return float(default or 0)
    return int(str(default or 0), 0)


def _span(text: str, low: int, high: int) -> tuple[int, int] | None:
    if text == "none":
        return None
    first, _, last = text.partition("-")
    start = int(first.rstrip("+"))
    end = high if text.endswith("+") else int(last or first)
    start, end = max(start, low), min(end, high)
    return (start, end) if start <= end else None


def of_directory(directory: Path) -> dict[str, Any]:
    """The digest of Kafka's definitions, of the messages that we declare and of every other that clients use."""
    ours = all_messages()
    found = {}
    for path in sorted(directory.glob("*.json")):
        definition = json.loads(path.read_text())
        if definition["validVersions"] == "none":
            continue
        if definition["name"] in ours or _for_clients(definition):
            found[definition["name"]] = of_definition(definition)
    return found


SHARE_STATE = range(83, 88)
"""API keys that only brokers send, to the share coordinator."""


def _for_clients(definition: dict[str, Any]) -> bool:
    """Whether a broker offers the API to clients. A response's definition does not say; its request's does."""
    return "broker" in definition.get("listeners", []) and definition["apiKey"] not in SHARE_STATE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=Path, metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    if arguments.write:
        lines = [
            f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}"
            for k, v in of_directory(arguments.write).items()
        ]
        DIGEST.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        print(f"wrote {len(lines)} messages")
    if arguments.check:
        committed, fresh = json.loads(DIGEST.read_text()), of_directory(arguments.check)
        differing = sorted(k for k in committed.keys() | fresh.keys() if committed.get(k) != fresh.get(k))
        print(f"{len(fresh)} definitions compared with the digest, {len(differing)} differ {differing or ''}")
        return 1 if differing or not fresh else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
