"""The scenarios of tests/doors/test_produce_consume.py, on a real Kafka."""

from tests.doors.test_produce_consume import *  # noqa: F403
