"""The scenarios of tests/doors/test_failures.py, on a real Kafka."""

from tests.doors.test_failures import *  # noqa: F403
