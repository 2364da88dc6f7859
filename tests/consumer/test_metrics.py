from kafkalite.consumer.metrics import FetchMetrics
from kafkalite.types import TopicPartition


def test_nothing_counted_yet():
    values = FetchMetrics().snapshot()
    assert set(values.values()) == {0}
    assert "records-lag-max" not in values


def test_what_was_consumed_is_counted_by_topic_too():
    metrics = FetchMetrics()
    metrics.on_consumed(TopicPartition("a", 0), 10, 1000)
    metrics.on_consumed(TopicPartition("a", 1), 5, 500)
    metrics.on_consumed(TopicPartition("b", 0), 1, 100)
    values = metrics.snapshot(lag=7)
    assert values["records-consumed-total"] == 16
    assert values["bytes-consumed-total"] == 1600
    assert values["topic.a.records-consumed-total"] == 15
    assert values["topic.b.bytes-consumed-total"] == 100
    assert values["records-lag-max"] == 7


def test_answers_have_averages_and_extremes():
    metrics = FetchMetrics()
    metrics.on_answer(1000, 0.5, 0)
    metrics.on_answer(3000, 0.1, 40)
    metrics.on_consumed(TopicPartition("a", 0), 10, 4000)
    values = metrics.snapshot()
    assert values["fetch-total"] == 2
    assert values["fetch-size-avg"] == 2000
    assert values["fetch-size-max"] == 3000
    assert values["fetch-latency-avg"] == 300
    assert values["fetch-latency-max"] == 500
    assert values["fetch-throttle-time-avg"] == 20
    assert values["fetch-throttle-time-max"] == 40
    assert values["records-per-request-avg"] == 5
