"""The scenarios of tests/doors/test_send_many.py, on a real Kafka."""

from tests.doors.test_send_many import *  # noqa: F403
