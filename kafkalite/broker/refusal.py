"""What the broker says no with: an error code and a sentence. Raised by the cluster, caught by handlers. Thread: loop."""

from __future__ import annotations

from kafkalite.protocol.codes import ErrorCode

__all__ = ["HangUp", "Refusal"]


class Refusal(Exception):
    """The request, or the part of it at hand, is refused with `code`. `message` goes where the answer has room for it."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        return Refusal, (self.code, self.message)


class HangUp(Exception):
    """The only answer is the end of the connection, as for a Produce with acks=0 that failed."""
