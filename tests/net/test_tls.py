from __future__ import annotations

from kafkalite.net.tls import ssl_context

from .peer import config


def test_plain_text_needs_no_context() -> None:
    assert ssl_context(config()) is None
