import pytest

from kafkalite.broker.handlers import HANDLERS, load
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.message import request_type
from kafkalite.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse

from .asking import Asking


def ask(version: int, name: str = "a", software: str = "1.0") -> ApiVersionsResponse:
    return Asking().ask(
        ApiVersionsRequest(client_software_name=name, client_software_version=software), version
    )


def test_it_lists_what_is_handled() -> None:
    load()
    apis = {api.api_key: (api.min_version, api.max_version) for api in ask(4).api_keys}
    assert set(apis) == set(HANDLERS)
    assert list(apis) == sorted(apis)
    for key, versions in apis.items():
        message = request_type(key)
        assert message is not None
        if message.__name__ == "ProduceRequest":
            assert versions == (
                0,
                13,
            )  # librdkafka takes a broker without version 0 for one without compression
        else:
            assert versions == (message.min_version, message.max_version - message.latest_unstable)


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_every_version(version: int) -> None:
    answer = ask(version)
    assert answer.error_code == 0
    assert answer.api_keys
    if version >= 3:
        (supported,), (finalized,) = answer.supported_features, answer.finalized_features
        assert (supported.name, supported.min_version) == ("metadata.version", 7)
        assert finalized.max_version_level == finalized.min_version_level == supported.max_version
        assert answer.finalized_features_epoch >= 0


@pytest.mark.parametrize(
    ("name", "software", "fits"),
    [
        ("a", "1", True),
        ("apache-kafka-java", "4.3.0", True),
        ("", "1", False),
        ("a", "", False),
        ("-a", "1", False),
        ("a-", "1", False),
        ("a b", "1", False),
        ("a\n", "1", False),
        ("ä", "1", False),
    ],
)
def test_a_client_says_its_name_properly(name: str, software: str, fits: bool) -> None:
    answer = ask(4, name, software)
    assert answer.error_code == (ErrorCode.NONE if fits else ErrorCode.INVALID_REQUEST)
    assert bool(answer.api_keys) is fits
    assert ask(2, name, software).error_code == 0
