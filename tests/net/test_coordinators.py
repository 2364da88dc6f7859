from __future__ import annotations

import pytest

from kafkalite.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError
from kafkalite.net.coordinators import Coordinators
from kafkalite.net.metadata import Node
from kafkalite.protocol.codes import CoordinatorKeyType
from kafkalite.protocol.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

GROUP, TRANSACTION = CoordinatorKeyType.GROUP, CoordinatorKeyType.TRANSACTION


@pytest.mark.parametrize("version", range(FindCoordinatorRequest.max_version + 1))
def test_the_question_fits_its_version(version: int) -> None:
    request = Coordinators.request(GROUP, "g", several_keys=version >= 4)
    again = FindCoordinatorRequest.decode(request.encode(version), version)
    assert (again.key, again.coordinator_keys) == (("", ["g"]) if version >= 4 else ("g", []))


@pytest.mark.parametrize("version", range(1, 4))
def test_what_a_transaction_asks(version: int) -> None:
    request = Coordinators.request(TRANSACTION, "t", several_keys=False)
    assert FindCoordinatorRequest.decode(request.encode(version), version).key_type == 1


def test_an_answer_is_remembered_until_it_is_forgotten() -> None:
    known = Coordinators()
    assert known.get(GROUP, "g") is None
    answer = FindCoordinatorResponse(node_id=3, host="h", port=9)
    assert known.on_response(answer, GROUP, "g") == Node(3, "h", 9)
    assert known.get(GROUP, "g") == 3
    assert known.get(TRANSACTION, "g") is None
    known.forget(GROUP, "g")
    known.forget(GROUP, "g")
    assert known.get(GROUP, "g") is None


def test_a_list_of_answers_is_searched_for_the_key() -> None:
    known = Coordinators()
    answer = FindCoordinatorResponse(
        coordinators=[
            Coordinator(key="other", node_id=1, host="a", port=1),
            Coordinator(key="g", node_id=2, host="b", port=2),
        ]
    )
    assert known.on_response(answer, GROUP, "g") == Node(2, "b", 2)
    known.forget_all()
    assert known.get(GROUP, "g") is None


@pytest.mark.parametrize("listed", [True, False])
def test_an_error_names_the_key_and_is_not_remembered(listed: bool) -> None:
    fields = {"error_code": 30, "error_message": "no", "node_id": -1, "host": "", "port": -1}
    answer = (
        FindCoordinatorResponse(coordinators=[Coordinator(key="g", **fields)])
        if listed
        else FindCoordinatorResponse(**fields)
    )
    known = Coordinators()
    with pytest.raises(GroupAuthorizationFailedError, match=r"coordinator of group 'g'.*The broker says: no"):
        known.on_response(answer, GROUP, "g")
    assert known.get(GROUP, "g") is None


def test_an_answer_without_a_node_is_asked_for_again() -> None:
    answer = FindCoordinatorResponse(coordinators=[])
    with pytest.raises(CoordinatorNotAvailableError, match="names no node") as caught:
        Coordinators().on_response(answer, GROUP, "g")
    assert caught.value.retriable
