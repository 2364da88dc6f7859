"""The scenarios of tests/doors/test_positions.py, on a real Kafka."""

from tests.doors.test_positions import *  # noqa: F403
