"""What a producer counts."""

from kafkalite.producer.metrics import ProducerMetrics

from .stand_ins import batch


def test_a_request_and_its_answer():
    metrics = ProducerMetrics()
    made = [batch([b"x" * 100] * 3, created=1.0), batch([b"x"], where=("t", 1), created=2.0)]
    sizes = [len(one.encode(0, None)) for one in made]
    metrics.on_request(made, 4.0)
    assert metrics.numbers()["requests-in-flight"] == 1
    metrics.on_answer(0.25, 40)
    numbers = metrics.numbers()
    assert numbers["requests-in-flight"] == 0
    assert (numbers["request-total"], numbers["record-send-total"]) == (1, 4)
    assert numbers["outgoing-byte-total"] == sum(sizes)
    assert (numbers["batch-size-max"], numbers["batch-size-avg"]) == (max(sizes), sum(sizes) / 2)
    assert numbers["records-per-request-avg"] == 4
    assert (numbers["record-queue-time-max"], numbers["record-queue-time-avg"]) == (3000, 2500)
    assert (numbers["request-latency-max"], numbers["produce-throttle-time-max"]) == (250, 40)
    assert 0 < numbers["compression-rate-avg"] < 1


def test_a_retry_did_not_wait_in_the_queue_again():
    metrics = ProducerMetrics()
    made = batch(created=0.0)
    made.encode(0, None)
    metrics.on_request([made], 1.0)
    made.attempts = 1
    metrics.on_request([made], 100.0)
    assert metrics.numbers()["record-queue-time-max"] == 1000


def test_nothing_yet():
    assert set(ProducerMetrics().numbers().values()) == {0}
