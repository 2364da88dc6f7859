import pytest

from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.init_producer_id import InitProducerIdRequest

from .asking import Asking

ASK = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=2147483647)


def test_every_version_gets_an_id_of_its_own() -> None:
    asking = Asking()
    answers = [asking.ask(ASK, version) for version in range(6)]
    assert len({answer.producer_id for answer in answers}) == 6
    assert {(answer.error_code, answer.producer_epoch) for answer in answers} == {(0, 0)}


def test_a_used_up_epoch_is_replaced_by_a_new_id() -> None:
    asking = Asking()
    first = asking.ask(ASK, 5)
    again = InitProducerIdRequest(
        transactional_id=None, transaction_timeout_ms=1, producer_id=first.producer_id, producer_epoch=32767
    )
    second = asking.ask(again, 5)
    assert (second.error_code, second.producer_epoch) == (0, 0)
    assert second.producer_id != first.producer_id


@pytest.mark.parametrize(
    ("transactional_id", "code"), [("t", ErrorCode.UNSUPPORTED_VERSION), ("", ErrorCode.INVALID_REQUEST)]
)
def test_transactions_are_refused(transactional_id: str, code: int, caplog: pytest.LogCaptureFixture) -> None:
    request = InitProducerIdRequest(transactional_id=transactional_id, transaction_timeout_ms=1000)
    answer = Asking().ask(request, 5)
    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (code, -1, -1)
    assert "transactions are not emulated" in caplog.text


@pytest.mark.parametrize("half", [{"producer_id": 3}, {"producer_epoch": 3}])
def test_half_of_an_identity_is_none(half: dict[str, int]) -> None:
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1, **half)
    answer = Asking().ask(request, 5)
    assert (answer.error_code, answer.producer_id) == (ErrorCode.INVALID_REQUEST, -1)
