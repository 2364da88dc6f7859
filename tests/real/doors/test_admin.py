"""The scenarios of tests/doors/test_admin.py, on a real Kafka."""

from tests.doors.test_admin import *  # noqa: F403
