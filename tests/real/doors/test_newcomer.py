"""The scenarios of tests/doors/test_newcomer.py, on a real Kafka."""

from tests.doors.test_newcomer import *  # noqa: F403
