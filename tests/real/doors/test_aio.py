"""The scenarios of tests/doors/test_aio.py, on a real Kafka."""

from tests.doors.test_aio import *  # noqa: F403
