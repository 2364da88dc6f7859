"""The tests of tests/clients/test_flights.py, on a real Kafka: are the foreign programs right themselves?"""

from tests.clients.test_flights import *  # noqa: F403
