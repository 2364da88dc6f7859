"""What an error can be: the roots of the tree, and the three verdicts that the rooms act on. Thread: any.

Every class says by itself what to do about it, so that no room keeps a list of classes:

* `retriable`: the same call may succeed later without anything being changed;
* `refresh_metadata`: what the client believed about leaders or topics is out of date, so ask again;
* `fatal`: the producer, consumer or connection that met it cannot go on; close it, and mend the cause first.
"""

from __future__ import annotations

from typing import ClassVar

from kafkalite.protocol.codes import ErrorCode

__all__ = [
    "AuthenticationFailedError",
    "AuthenticationMethodNotSupported",
    "AuthorizationError",
    "BrokerResponseError",
    "InvalidMetadataError",
    "KafkaError",
    "RetriableError",
]


class KafkaError(Exception):
    """The root: `except KafkaError` catches everything that kafkalite raises on purpose."""

    retriable: ClassVar[bool] = False
    refresh_metadata: ClassVar[bool] = False
    fatal: ClassVar[bool] = False
    #: kafka-python's and aiokafka's name of `refresh_metadata`
    invalid_metadata: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Tracebacks and pickles name the address that users import from, not the file inside this package.
        if cls.__module__.startswith(f"{_PACKAGE}."):
            cls.__module__ = _PACKAGE

    def __str__(self) -> str:
        return super().__str__() if self.args else type(self).__name__


_PACKAGE = __name__.rpartition(".")[0]
KafkaError.__module__ = _PACKAGE


class RetriableError(KafkaError):
    """The same call may succeed later; kafkalite itself has usually retried it until a deadline."""

    retriable = True


class InvalidMetadataError(RetriableError):
    """The client's picture of the cluster was out of date; it is refreshed before the next attempt."""

    refresh_metadata = True
    invalid_metadata = True


class AuthenticationFailedError(KafkaError):
    """The broker does not accept who we say we are. Trying again with the same credentials cannot help."""

    fatal = True


class AuthenticationMethodNotSupported(AuthenticationFailedError):
    """Client and broker share no way to authenticate."""


CLASS_BY_CODE: dict[int, type[BrokerResponseError]] = {}
"""Error code -> class, filled as the classes below `BrokerResponseError` are defined."""


class BrokerResponseError(KafkaError):
    """A broker answered with an error code; there is one class per code.

    `errno` is the code, `message` Kafka's name of it, `description` what it means and `advice` what to do about
    it (empty where nothing general can be said).
    """

    errno: int = int(ErrorCode.UNKNOWN_SERVER_ERROR)
    message: str = ""
    description: str = ""
    advice: str = ""

    def __init_subclass__(cls, *, code: ErrorCode | None = None) -> None:
        super().__init_subclass__()
        if code is None:  # a narrower case of its parent's code
            return
        cls.errno = int(code)
        cls.message = code.name
        cls.description = (cls.__doc__ or "").partition("\n")[0]
        CLASS_BY_CODE[cls.errno] = cls

    def __str__(self) -> str:
        text = super().__str__() if self.args else " ".join(filter(None, (self.description, self.advice)))
        name = self.message or type(self).__name__
        return f"[Error {self.errno}] {name}: {text}" if text else f"[Error {self.errno}] {name}"


class AuthorizationError(BrokerResponseError):
    """The principal that this client is authenticated as may not do that."""
