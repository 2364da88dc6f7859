"""An answer that says no everywhere: any API's response with one error code wherever an error code belongs.

A client looks for errors in different places of each API's answer: at the top, per topic, per partition. The answer
follows the request: whatever it asked about is listed, each with the code. Called by the server (a handler refused, or
failed) and for `on(error=...)`. An API whose answer needs more than its request registers a function of its own with
`answers_errors`. Thread: loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from kafkalite.protocol.fields import Field
from kafkalite.protocol.message import Request, Response, Struct

if TYPE_CHECKING:
    from .call import Call

__all__ = ["answers_errors", "error_answer"]

ErrorAnswer = Callable[["Call", int, "str | None"], Response]

_SPECIAL: Final[dict[int, ErrorAnswer]] = {}
_SAME = frozenset(
    (
        "group_id",
        "group_instance_id",
        "index",
        "key",
        "member_id",
        "name",
        "partition",
        "partition_index",
        "resource_name",
        "resource_type",
        "topic",
        "topic_id",
        "transactional_id",
    )
)
"""What the answer repeats from the request, so that the client knows what the error is about."""
_RENAMED = {"partition_index": "partition", "partition": "partition_index", "topic": "name", "name": "topic"}
_ON_ERROR = {
    "base_offset": -1,
    "committed_offset": -1,
    "high_watermark": -1,
    "low_watermark": -1,
    "node_id": -1,
    "port": -1,
    "producer_epoch": -1,
}
"""Fields whose default would look like a success."""


def answers_errors(request_type: type[Request[Any]]) -> Callable[[ErrorAnswer], ErrorAnswer]:
    """Register how an API says no, where `error_answer` does not find out by itself."""

    def register(function: ErrorAnswer) -> ErrorAnswer:
        _SPECIAL[request_type.api_key] = function
        return function

    return register


def error_answer(call: Call, code: int, message: str | None = None) -> Response:
    """The answer to this request with that code. `message` goes where the answer has room for one."""
    special = _SPECIAL.get(call.request.api_key)
    if special is not None:
        return special(call, code, message)
    answer = _mirror(call.request.response_type, call.request, call.version, code, message)
    assert isinstance(answer, Response)
    return answer


def _mirror(
    answer_type: type[Struct], source: object, version: int, code: int, message: str | None
) -> Struct:
    answer = answer_type()
    item_is_plain = not isinstance(source, Struct)
    for field in answer_type.fields:
        name = field.name
        if not field.present(version):
            continue
        if name == "error_code":
            answer.error_code = code  # type: ignore[attr-defined]
        elif name == "error_message":
            if message is not None:
                setattr(answer, name, message)
        elif item_is_plain and _fits(field, source):
            setattr(answer, name, source)
            item_is_plain = False
        elif field.type == "array" and _has_error_code(field.item, version):
            items = _asked_about(source, name, version)
            setattr(answer, name, [_mirror(field.item, item, version, code, message) for item in items])
        elif name in _SAME and (value := _same(source, name)) is not None:
            setattr(answer, name, value)
        elif name in _ON_ERROR:
            setattr(answer, name, _ON_ERROR[name])
    return answer


def _fits(field: Field, value: object) -> bool:
    kinds = {"string": str, "uuid": UUID, "int32": int}
    return isinstance(value, kinds.get(field.type, ()))


def _same(source: object, name: str) -> object:
    for candidate in (name, _RENAMED.get(name, name)):
        value: object = getattr(source, candidate, None)
        if value is not None:
            return value
    return None


def _has_error_code(item: object, version: int) -> bool:
    """Whether the elements of an array, or what is inside them, carry error codes."""
    if not isinstance(item, type) or not issubclass(item, Struct):
        return False
    return any(
        field.present(version)
        and (field.name == "error_code" or (field.type == "array" and _has_error_code(field.item, version)))
        for field in item.fields
    )


def _asked_about(source: object, name: str, version: int) -> list[Any]:
    """The request's list that this list of the answer follows: the one of that name, else its first one."""
    if not isinstance(source, Struct):
        return []
    lists = [field.name for field in source.fields if field.type == "array" and field.present(version)]
    if not lists:
        return []
    return getattr(source, name if name in lists else lists[0]) or []
