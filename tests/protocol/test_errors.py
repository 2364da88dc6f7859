from __future__ import annotations

import pickle

from kafkalite.protocol.errors import (
    ChecksumError,
    CodecMissingError,
    DecodeError,
    ProtocolError,
    TruncatedError,
)


def test_the_tree() -> None:
    assert issubclass(TruncatedError, DecodeError)
    assert issubclass(ChecksumError, DecodeError)
    assert issubclass(DecodeError, ProtocolError)


def test_a_missing_codec_names_its_package_even_after_pickling() -> None:
    error = pickle.loads(pickle.dumps(CodecMissingError("pip install lz4", package="lz4")))
    assert (error.package, str(error)) == ("lz4", "pip install lz4")
