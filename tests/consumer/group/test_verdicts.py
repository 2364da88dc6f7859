import pytest

from kafkalite.consumer.group.verdicts import VERDICTS, Verdict, verdict_on
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.messages.heartbeat import HeartbeatRequest
from kafkalite.protocol.messages.join_group import JoinGroupRequest
from kafkalite.protocol.messages.offset_commit import OffsetCommitRequest
from kafkalite.protocol.messages.sync_group import SyncGroupRequest

ALL = (JoinGroupRequest, SyncGroupRequest, HeartbeatRequest, OffsetCommitRequest)


@pytest.mark.parametrize("request_type", ALL)
@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (ErrorCode.NONE, Verdict.OK),
        (ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, Verdict.LATER),
        (ErrorCode.COORDINATOR_NOT_AVAILABLE, Verdict.FIND),
        (ErrorCode.NOT_COORDINATOR, Verdict.FIND),
        (ErrorCode.UNKNOWN_MEMBER_ID, Verdict.RESET_MEMBER),
        (ErrorCode.ILLEGAL_GENERATION, Verdict.RESET_GENERATION),
        (ErrorCode.FENCED_INSTANCE_ID, Verdict.RAISE),
        (ErrorCode.GROUP_AUTHORIZATION_FAILED, Verdict.RAISE),
        (ErrorCode.INCONSISTENT_GROUP_PROTOCOL, Verdict.RAISE),
        (ErrorCode.UNKNOWN_SERVER_ERROR, Verdict.RAISE),
    ],
)
def test_everywhere(request_type, code, verdict):
    assert verdict_on(request_type, code) is verdict


@pytest.mark.parametrize(
    ("request_type", "code", "verdict"),
    [
        (JoinGroupRequest, ErrorCode.MEMBER_ID_REQUIRED, Verdict.AGAIN),
        (JoinGroupRequest, ErrorCode.REBALANCE_IN_PROGRESS, Verdict.LATER),
        (JoinGroupRequest, ErrorCode.GROUP_MAX_SIZE_REACHED, Verdict.RAISE),
        (JoinGroupRequest, ErrorCode.INVALID_SESSION_TIMEOUT, Verdict.RAISE),
        (JoinGroupRequest, ErrorCode.INVALID_GROUP_ID, Verdict.RAISE),
        (JoinGroupRequest, ErrorCode.UNSUPPORTED_VERSION, Verdict.RAISE),
        (SyncGroupRequest, ErrorCode.REBALANCE_IN_PROGRESS, Verdict.REJOIN),
        (HeartbeatRequest, ErrorCode.REBALANCE_IN_PROGRESS, Verdict.REJOIN),
        (OffsetCommitRequest, ErrorCode.REBALANCE_IN_PROGRESS, Verdict.REJOIN),
        (OffsetCommitRequest, ErrorCode.REQUEST_TIMED_OUT, Verdict.FIND),
        (OffsetCommitRequest, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, Verdict.LATER),
        (OffsetCommitRequest, ErrorCode.UNKNOWN_TOPIC_ID, Verdict.LATER),
        (OffsetCommitRequest, ErrorCode.OFFSET_METADATA_TOO_LARGE, Verdict.RAISE),
        (OffsetCommitRequest, ErrorCode.TOPIC_AUTHORIZATION_FAILED, Verdict.RAISE),
    ],
)
def test_here_and_there(request_type, code, verdict):
    assert verdict_on(request_type, code) is verdict


def test_a_row_for_each_question():
    assert set(VERDICTS) == set(ALL)
