import pickle

from kafkalite.broker.refusal import HangUp, Refusal
from kafkalite.protocol.codes import ErrorCode


def test_a_refusal_has_a_code_and_words() -> None:
    refusal = Refusal(ErrorCode.POLICY_VIOLATION, "no")
    again = pickle.loads(pickle.dumps(refusal))
    assert (again.code, again.message, str(again)) == (ErrorCode.POLICY_VIOLATION, "no", "no")
    assert not isinstance(HangUp("gone"), Refusal)
