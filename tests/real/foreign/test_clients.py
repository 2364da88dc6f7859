"""The tests of tests/clients/test_clients.py, on a real Kafka: are the foreign programs right themselves?"""

from tests.clients.test_clients import *  # noqa: F403
