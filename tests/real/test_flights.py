"""The flights of tests/test_flights.py, on a real Kafka."""

from tests.test_flights import test_every_flight_goes_out_and_comes_back

__all__ = ["test_every_flight_goes_out_and_comes_back"]
