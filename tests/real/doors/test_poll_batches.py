"""The scenarios of tests/doors/test_poll_batches.py, on a real Kafka."""

from tests.doors.test_poll_batches import *  # noqa: F403
