"""The scenarios of tests/doors/test_groups.py, on a real Kafka."""

from tests.doors.test_groups import *  # noqa: F403
