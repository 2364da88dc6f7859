"""Batches go out and answers come back: order, retries, hints, expiry, numbers; against a client that the test plays."""

import asyncio
import logging
from random import Random

import pytest

from kafkalite.errors import (
    ClusterAuthorizationFailedError,
    DeliveryTimeoutError,
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    KafkaProtocolError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderOrFollowerError,
    ProducerClosed,
    UnsupportedVersionError,
)
from kafkalite.producer.accumulator import Accumulator
from kafkalite.producer.metrics import ProducerMetrics
from kafkalite.producer.partitioner import StickyPartitioner
from kafkalite.producer.sender import Sender
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.records.batch import record_size

from .stand_ins import PATIENCE, FakeClient, config

NOT_LEADER = ErrorCode.NOT_LEADER_OR_FOLLOWER


class Bench:
    """A sender at work."""

    def __init__(self, client=None, **options):
        options.setdefault("retry_backoff_ms", 0)
        self.config = config(**options)
        self.client = client or FakeClient({"t": 3})
        self.metrics = ProducerMetrics()
        self.accumulator = Accumulator(
            batch_size=self.config.batch_size,
            linger=self.config.linger,
            buffer_memory=self.config.buffer_memory,
            max_request_size=self.config.max_request_size,
            delivery_timeout=self.config.delivery_timeout,
            sticky=StickyPartitioner(batch_size=self.config.batch_size, rng=Random(1)),
        )
        self.sender = Sender(self.config, self.client, self.accumulator, self.metrics, Random(1))
        self.accumulator.wake = self.sender.wake

    async def __aenter__(self):
        self.sender.start()
        return self

    async def __aexit__(self, *exc):
        await self.sender.stop(ProducerClosed("closed"))

    def put(self, value=b"v", partition=0, topic="t", headers=()):
        """Append a record; returns its batch and index."""
        return self.accumulator.append(
            self.client.cluster.topics[topic],
            partition,
            record_size(None, value, headers),
            value,
            None,
            headers,
            None,
            now=asyncio.get_running_loop().time(),
            wall=1000.0,
        )

    async def sent(self, value=b"v", partition=0):
        """Append a record that goes out by itself; returns its batch and the request."""
        batch, _ = self.put(value, partition)
        return batch, await self.client.next()

    async def outcome(self, batch, index=0):
        done = asyncio.Event()
        batch.on_settled(done.set)
        await asyncio.wait_for(done.wait(), PATIENCE)
        return batch.outcome(index)


async def test_a_record_goes_out_and_is_settled():
    async with Bench(compression_type="gzip") as bench:
        batch, request = await bench.sent(b"value")
        assert (request.node, request.max_version) == (1, None)
        assert (request.request.acks, request.request.timeout_ms) == (-1, 30_000)
        assert request.values == [b"value"]
        assert request.only.codec == 1
        assert (request.only.producer_id, request.sequence) == (7, (0, 0, 1))
        assert bench.client.wanted == {"t"}
        request.answer(offset=41, log_start_offset=3)
        found = await bench.outcome(batch)
        assert (found.offset, found.log_start_offset, found.timestamp) == (41, 3, 1_000_000)
        assert bench.accumulator.memory.free == bench.accumulator.memory.total
        assert bench.metrics.numbers()["record-send-total"] == 1
        assert bench.metrics.numbers()["requests-in-flight"] == 0


async def test_answers_may_name_topics_by_id():
    async with Bench() as bench:
        batch, request = await bench.sent()
        request.answer(offset=5, by_id=True, log_append_time_ms=9)
        assert (await bench.outcome(batch)).offset == 5
        assert batch.outcome(0).timestamp_type == 1


async def test_a_topic_without_id_is_sent_in_a_version_that_names_it():
    async with Bench(FakeClient({"t": 1}, ids=False)) as bench:
        _, request = await bench.sent()
        assert request.max_version == 12


async def test_records_gather_while_as_many_requests_as_allowed_are_on_their_way():
    async with Bench() as bench:
        requests = [(await bench.sent(b"%d" % n))[1] for n in range(5)]
        for n in range(5, 9):
            bench.put(b"%d" % n)
        await bench.client.quiet()
        requests[0].answer()
        last = await bench.client.next()
        assert last.values == [b"5", b"6", b"7", b"8"]
        assert last.sequence == (0, 5, 4)


async def test_acks_0_needs_no_answer():
    async with Bench(acks=0) as bench:
        batch, request = await bench.sent()
        assert request.request.acks == 0
        assert request.only.producer_id == -1
        assert (await bench.outcome(batch)).offset == -1


async def test_leaders_get_a_request_each():
    async with Bench(FakeClient({"t": 3}, leaders={("t", 1): 2}), linger_ms=60_000) as bench:
        for partition in range(3):
            bench.put(partition=partition)
        bench.accumulator.begin_flush()
        bench.sender.wake()
        found = {(await bench.client.next()).node for _ in range(2)}
        assert found == {1, 2}


async def test_a_lingering_batch_goes_when_its_time_has_come():
    async with Bench(linger_ms=20) as bench:
        began = asyncio.get_running_loop().time()
        bench.put(b"1")
        await bench.client.quiet()
        bench.put(b"2")
        assert (await bench.client.next()).values == [b"1", b"2"]
        assert asyncio.get_running_loop().time() - began >= 0.02


async def test_a_batch_lingers_no_longer_because_another_is_on_its_way():
    async with Bench(linger_ms=20) as bench:
        bench.put(b"1")
        await bench.client.next()  # its deadline is what the timer is set to now
        bench.put(b"2")
        assert (await bench.client.next()).values == [b"2"]


class TestRetrying:
    async def test_the_same_batch_with_the_same_numbers(self):
        async with Bench() as bench:
            batch, request = await bench.sent()
            request.answer(ErrorCode.NOT_ENOUGH_REPLICAS)
            again = await bench.client.next()
            assert (again.values, again.sequence) == (request.values, request.sequence)
            assert bench.client.updates == 0
            again.answer(offset=9)
            assert (await bench.outcome(batch)).offset == 9
            assert bench.metrics.numbers()["record-retry-total"] == 1

    async def test_a_lost_answer(self):
        async with Bench() as bench:
            batch, request = await bench.sent()
            request.lose()
            again = await bench.client.next()
            assert again.sequence == request.sequence
            again.answer(ErrorCode.DUPLICATE_SEQUENCE_NUMBER)
            assert (await bench.outcome(batch)).offset == -1

    async def test_in_order_one_by_one(self):
        async with Bench() as bench:
            sent = [(await bench.sent(b"%d" % n)) for n in range(3)]
            for _, request in reversed(sent):
                request.lose()
            for number in range(3):
                again = await bench.client.next()
                assert again.values == [b"%d" % number]
                await bench.client.quiet()
                again.answer(offset=number)
            assert [(await bench.outcome(batch)).offset for batch, _ in sent] == [0, 1, 2]

    async def test_retries_are_counted(self):
        async with Bench(retries=2, enable_idempotence=False) as bench:
            batch, request = await bench.sent()
            for _ in range(2):
                request.answer(NOT_LEADER)
                request = await bench.client.next()
            request.answer(NOT_LEADER)
            error = await bench.outcome(batch)
            assert isinstance(error, NotLeaderOrFollowerError)
            assert "t-0 at node 1 at host1:9092, attempt 3" in str(error)
            assert bench.client.updates == 3
            assert bench.metrics.numbers()["record-error-total"] == 1
            assert bench.accumulator.memory.free == bench.accumulator.memory.total

    async def test_back_off(self):
        async with Bench(retry_backoff_ms=50, retry_backoff_max_ms=50) as bench:
            _, request = await bench.sent()
            began = asyncio.get_running_loop().time()
            request.answer(ErrorCode.NOT_ENOUGH_REPLICAS)
            await bench.client.next()
            assert asyncio.get_running_loop().time() - began >= 0.04

    async def test_with_one_request_at_a_time_order_needs_no_idempotence(self):
        client = FakeClient({"t": 1})
        options = {"max_in_flight_requests_per_connection": 1, "enable_idempotence": False}
        async with Bench(client, **options) as bench:
            _, request = await bench.sent(b"1")
            client.learn({"t": 1}, leaders={("t", 0): 2}, epoch=1)
            bench.put(b"2")
            bench.sender.wake()
            await client.quiet()  # although node 2 has nothing to do
            request.lose()
            again = await client.next()
            assert (again.node, again.values) == (2, [b"1"])
            await client.quiet()
            again.answer()
            assert (await client.next()).values == [b"2"]


class TestLeaders:
    async def test_a_hint_is_followed_without_asking_or_waiting(self):
        async with Bench(FakeClient({"t": 1}), retry_backoff_ms=60_000, retry_backoff_max_ms=60_000) as bench:
            batch, request = await bench.sent()
            request.answer(NOT_LEADER, leader=(3, 5))
            again = await bench.client.next()
            assert again.node == 3
            assert bench.client.updates == 0
            again.answer()
            await bench.outcome(batch)

    async def test_a_hint_that_is_known_already_is_no_reason_to_ask(self):
        async with Bench(FakeClient({"t": 1})) as bench:
            sent = [(await bench.sent())[1] for _ in range(2)]
            for request in sent:
                request.answer(NOT_LEADER, leader=(2, 5))
            assert (await bench.client.next()).node == 2
            assert bench.client.updates == 0

    async def test_an_old_hint_is(self):
        async with Bench(FakeClient({"t": 1}, epoch=7)) as bench:
            _, request = await bench.sent()
            request.answer(NOT_LEADER, leader=(2, 6))
            assert (await bench.client.next()).node == 1
            assert bench.client.updates == 1

    async def test_no_leader_means_waiting_and_asking(self):
        client = FakeClient({"t": 1}, leaders={("t", 0): -1})
        async with Bench(client) as bench:
            bench.put()
            await client.quiet()
            assert client.updates > 0
            client.learn({"t": 1})
            bench.sender.wake()
            assert (await client.next()).node == 1

    async def test_batches_wait_here_while_a_node_is_away_and_follow_a_new_leader(self):
        client = FakeClient({"t": 1})
        client.down = client.dead = {1}
        async with Bench(client) as bench:
            bench.put(b"1")
            await client.quiet()
            assert client.connects[0] == 1
            bench.put(b"2")
            client.learn({"t": 1}, leaders={("t", 0): 2}, epoch=1)
            bench.sender.wake()
            request = await client.next()
            assert (request.node, request.values) == (2, [b"1", b"2"])

    async def test_a_node_that_comes_back(self):
        client = FakeClient({"t": 1})
        client.down = {1}
        async with Bench(client) as bench:
            batch, request = await bench.sent()
            assert client.connects == [1]
            assert client.updates == 0
            request.answer()
            await bench.outcome(batch)
            client.down = {1}
            await bench.sent()
            assert client.connects == [1, 1]
            assert client.updates == 1  # a lost connection may mean a lost leader

    async def test_a_connection_that_never_can_be_breaks_the_producer(self):
        client = FakeClient({"t": 1})
        client.down = {1}

        class Refused(KafkaError):
            fatal = True

        async def connect(node):
            raise Refused("wrong password")

        client.connect = connect
        async with Bench(client) as bench:
            batch, _ = bench.put()
            assert "wrong password" in str(await bench.outcome(batch))
            with pytest.raises(Refused):
                bench.put()


class TestFailing:
    async def test_a_final_error_names_place_and_cause_and_the_next_batch_goes_on(self):
        async with Bench() as bench:
            batch, request = await bench.sent()
            request.answer(ErrorCode.INVALID_TIMESTAMP, message="too old")
            error = await bench.outcome(batch)
            assert isinstance(error, InvalidTimestampError)
            assert "t-0 at node 1 at host1:9092" in str(error)
            assert "too old" in str(error)
            _, request = await bench.sent()
            assert request.sequence == (1, 0, 1)

    async def test_errors_of_single_records(self):
        async with Bench(linger_ms=10_000) as bench:
            batch, _ = bench.put(b"1")
            bench.put(b"2")
            bench.accumulator.begin_flush()
            bench.sender.wake()
            request = await bench.client.next()
            request.answer(ErrorCode.INVALID_TIMESTAMP, record_errors=[(1, "bad")])
            assert type(await bench.outcome(batch, 0)) is KafkaError
            assert isinstance(batch.outcome(1), InvalidTimestampError)

    async def test_an_answer_that_says_nothing_of_a_partition(self):
        async with Bench() as bench:
            batch, request = await bench.sent()
            request.request.topic_data[0].partition_data[0].index = 2
            request.answer()
            error = await bench.outcome(batch)
            assert isinstance(error, KafkaProtocolError)
            assert "t-0: node 1 at host1:9092 answered without a word" in str(error)

    async def test_records_that_cannot_be_encoded_fail_alone(self, caplog):
        async with Bench(linger_ms=10_000) as bench:
            bad, _ = bench.put(partition=0)
            bad.values[0] = 5
            good, _ = bench.put(partition=1)
            bench.accumulator.begin_flush()
            with caplog.at_level(logging.CRITICAL):
                bench.sender.wake()
                request = await bench.client.next()
            assert set(request.batches) == {("t", 1)}
            assert "t-0: the records cannot be encoded" in str(await bench.outcome(bad))
            request.answer()
            assert (await bench.outcome(good)).offset == 0

    async def test_a_surprise_fails_the_batch_and_not_the_sender(self, caplog):
        async with Bench() as bench:
            batch, request = await bench.sent()
            with caplog.at_level(logging.CRITICAL):
                request.future.set_result(object())
                error = await bench.outcome(batch)
            assert "t-0: unexpected AttributeError" in str(error)
            _, request = await bench.sent()
            assert request.values == [b"v"]

    async def test_a_version_that_a_broker_does_not_speak(self):
        async with Bench() as bench:
            batch, request = await bench.sent()
            request.future.set_exception(UnsupportedVersionError("node 1 speaks no version of Produce"))
            assert isinstance(await bench.outcome(batch), UnsupportedVersionError)
            assert bench.accumulator.refusal is None

    @pytest.mark.parametrize("code", [ErrorCode.CLUSTER_AUTHORIZATION_FAILED, ErrorCode.UNSUPPORTED_VERSION])
    async def test_what_is_fatal_fails_everything_and_whatever_comes(self, code, caplog):
        async with Bench() as bench:
            first, request = await bench.sent()
            second, _ = await bench.sent()
            third, _ = bench.put(partition=1)
            with caplog.at_level(logging.CRITICAL):
                request.answer(code)
                outcomes = [await bench.outcome(batch) for batch in (first, second, third)]
            assert {error.errno for error in outcomes} == {code}
            with pytest.raises(KafkaError) as caught:
                bench.put()
            assert caught.value.errno == code


class TestExpiry:
    async def expired(self, bench, batch):
        """Let time be up for everything there is, and return what the records of a batch are told."""
        await bench.client.quiet()
        for unsettled in bench.accumulator._unsettled:
            unsettled.deadline = 0.0
        bench.sender.wake()
        error = await bench.outcome(batch)
        assert isinstance(error, DeliveryTimeoutError)
        assert str(error).startswith("t-0: not acknowledged within delivery_timeout_ms (120000 ms), ")
        return str(error)

    async def test_it_happens_by_itself(self):
        async with Bench(delivery_timeout_ms=30, request_timeout_ms=20) as bench:
            batch, _ = bench.put()
            assert isinstance(await bench.outcome(batch), DeliveryTimeoutError)

    async def test_on_the_wire(self):
        async with Bench() as bench:
            batch, request = await bench.sent()
            text = await self.expired(bench, batch)
            assert "after 1 attempt; last cause: node 1 at host1:9092 has not answered yet" in text
            fresh, _ = bench.put(b"next")
            await bench.client.quiet()  # whether the first was written is not known yet
            request.answer()
            again = await bench.client.next()
            assert again.sequence == (0, 1, 1)
            again.answer(offset=1)
            assert (await bench.outcome(fresh)).offset == 1

    async def test_on_the_wire_and_not_written(self):
        async with Bench() as bench:
            batch, request = await bench.sent()
            await self.expired(bench, batch)
            request.answer(NOT_LEADER)
            _, again = await bench.sent()
            assert again.sequence == (1, 0, 1)

    async def test_after_errors(self):
        async with Bench(retry_backoff_ms=60_000, retry_backoff_max_ms=60_000) as bench:
            batch, request = await bench.sent()
            request.answer(NOT_LEADER)
            text = await self.expired(bench, batch)
            assert "after 1 attempt; last cause: [Error 6] NOT_LEADER_OR_FOLLOWER: t-0 at node 1" in text
            assert isinstance(batch.error.__cause__, NotLeaderOrFollowerError)

    async def test_an_answer_after_the_deadline(self):
        async with Bench() as bench:
            batch, request = await bench.sent()
            batch.deadline = 0.0
            request.answer(NOT_LEADER)
            assert "after 1 attempt; last cause: " in str(await bench.outcome(batch))

    async def test_without_a_leader(self):
        async with Bench(FakeClient({"t": 1}, leaders={("t", 0): -1})) as bench:
            text = await self.expired(bench, bench.put()[0])
            assert "without an attempt; last cause: the partition has no leader" in text

    async def test_without_metadata(self):
        client = FakeClient({"t": 1}, leaders={("t", 0): -1})
        client.last_metadata_failure = KafkaConnectionError("node 1 refused")
        async with Bench(client) as bench:
            assert "no fresh metadata: node 1 refused" in await self.expired(bench, bench.put()[0])

    async def test_without_a_topic(self):
        client = FakeClient({"t": 1})
        async with Bench(client) as bench:
            batch, _ = bench.put()
            client.learn({}, errors={"t": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION})
            text = await self.expired(bench, batch)
            assert "the topic is gone: [Error 3] UNKNOWN_TOPIC_OR_PARTITION: topic 't'" in text

    async def test_without_a_connection(self):
        client = FakeClient({"t": 1})
        client.down = client.dead = {1}
        async with Bench(client) as bench:
            text = await self.expired(bench, bench.put()[0])
            assert "node 1 at host1:9092 cannot be reached: node 1 at host1:9092 refused" in text

    async def test_without_an_id(self):
        client = FakeClient({"t": 1})
        client.ids = [KafkaTimeoutError("nobody answered")]
        async with Bench(client, retry_backoff_ms=60_000, retry_backoff_max_ms=60_000) as bench:
            text = await self.expired(bench, bench.put()[0])
            assert "no producer id so far: nobody answered" in text

    async def test_behind_others(self):
        options = {"max_in_flight_requests_per_connection": 1, "enable_idempotence": False}
        async with Bench(**options) as bench:
            await bench.sent(partition=1)
            text = await self.expired(bench, bench.put()[0])
            assert "it waited for earlier requests, 1 of which node 1 at host1:9092 has not answered" in text

    async def test_behind_nothing_in_particular(self):
        async with Bench(linger_ms=10_000) as bench:
            batch, _ = bench.put()
            await bench.client.quiet()
            assert (
                bench.sender.cause_of(batch)
                == "it waited to be sent to node 1 at host1:9092, which leads t-0"
            )


class TestSplitting:
    async def test_pieces_go_in_order_and_later_batches_are_smaller(self):
        async with Bench(linger_ms=10_000) as bench:
            # Half the bytes, less the header of the second batch, is room for one record only.
            (whole,) = {bench.put(b"%d" % n * 100)[0] for n in range(4)}
            bench.accumulator.begin_flush()
            bench.sender.wake()
            request = await bench.client.next()
            request.answer(ErrorCode.MESSAGE_TOO_LARGE)
            for expected, sequence in ((0, (0, 0, 1)), (1, (0, 1, 1)), (2, (0, 2, 1)), (3, (0, 3, 1))):
                piece = await bench.client.next()
                assert piece.values == [b"%d" % expected * 100]
                assert piece.sequence == sequence
                piece.answer(offset=expected * 10)
            assert [(await bench.outcome(whole, n)).offset for n in range(4)] == [0, 10, 20, 30]
            assert bench.metrics.numbers()["batch-split-total"] == 1
            assert bench.accumulator.memory.free == bench.accumulator.memory.total
            bench.put(b"x" * 100)
            bench.put(b"y" * 100)
            assert len((await bench.client.next()).values) == 1

    async def test_a_single_record_fails(self):
        async with Bench() as bench:
            batch, request = await bench.sent()
            request.answer(ErrorCode.MESSAGE_TOO_LARGE)
            assert isinstance(await bench.outcome(batch), MessageSizeTooLargeError)


class TestProducerId:
    async def test_is_asked_for_at_once_and_again_until_it_comes(self):
        client = FakeClient({"t": 1})
        client.ids = [KafkaConnectionError("lost"), ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, (12, 3)]
        async with Bench(client) as bench:
            _, request = await bench.sent()
            assert client.ids_asked == 3
            assert (request.only.producer_id, request.sequence) == (12, (3, 0, 1))

    async def test_without_idempotence_nobody_asks(self):
        async with Bench(enable_idempotence=False) as bench:
            _, request = await bench.sent()
            assert bench.client.ids_asked == 0
            assert (request.only.producer_id, request.sequence) == (-1, (-1, -1, 1))

    async def test_a_refusal_is_final_and_says_what_to_do(self, caplog):
        client = FakeClient({"t": 1})
        client.ids = [ErrorCode.CLUSTER_AUTHORIZATION_FAILED]
        async with Bench(client) as bench:
            batch, _ = bench.put()
            with caplog.at_level(logging.CRITICAL):
                error = await bench.outcome(batch)
            assert isinstance(error, ClusterAuthorizationFailedError)
            assert "no producer id was given, which idempotence needs" in str(error)
            assert "enable_idempotence=False" in str(error)
            with pytest.raises(ClusterAuthorizationFailedError):
                bench.put()

    async def test_after_the_last_epoch_a_new_one(self):
        client = FakeClient({"t": 1})
        client.ids = [(7, 32767), (8, 0)]
        async with Bench(client) as bench:
            batch, request = await bench.sent()
            request.answer(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
            again = await client.next()
            assert (again.only.producer_id, again.sequence) == (8, (0, 0, 1))
            again.answer()
            await bench.outcome(batch)


class TestWakingAndStopping:
    async def test_any_thread_may_wake_it(self):
        async with Bench() as bench:
            now = asyncio.get_running_loop().time()
            topic = bench.client.cluster.topics["t"]
            await asyncio.to_thread(
                lambda: bench.accumulator.append(topic, 0, 30, b"v", None, (), None, now=now, wall=1.0)
            )
            assert (await bench.client.next()).values == [b"v"]

    async def test_before_it_was_started_waking_does_nothing(self):
        bench = Bench()
        bench.put()
        await bench.client.quiet()
        async with bench:
            assert (await bench.client.next()).values == [b"v"]

    async def test_what_is_left_fails_with_place_and_cause(self):
        bench = Bench()
        async with bench:
            on_wire, _ = await bench.sent()
            bench.client.down = {1}
            bench.client.dead = {1}
            queued, _ = bench.put(partition=1)
            await bench.client.quiet()
        assert str(on_wire.error) == "t-0: closed; node 1 at host1:9092 has not answered yet"
        assert isinstance(queued.error, ProducerClosed)
        assert "t-1: closed; node 1 at host1:9092 cannot be reached" in str(queued.error)
        assert bench.accumulator.unsettled == 0
        bench.sender.wake()
        await bench.client.quiet()

    async def test_a_loop_that_is_gone_is_not_woken(self):
        bench = Bench()
        bench.sender._loop = asyncio.new_event_loop()
        bench.sender._loop.close()
        bench.put()
