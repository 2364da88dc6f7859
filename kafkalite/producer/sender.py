"""From the accumulator to the brokers and back: drains what is ready, sends a request per leader, acts on verdicts.

A hand: the accumulator says what may go, `verdict` what an answer means, `idempotence` how batches are numbered. One
`_pass` does everything that is due; it runs when somebody woke the sender, when an answer came, and when time is up for
something. Thread: loop; `wake` may be called on any thread.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from math import inf
from random import Random
from typing import Final

from kafkalite.config import ProducerConfig
from kafkalite.errors import KafkaError, KafkaProtocolError, error_for
from kafkalite.net.backoff import Backoff
from kafkalite.net.client import Client
from kafkalite.net.metadata import Node
from kafkalite.net.tasks import Tasks
from kafkalite.protocol.codes import ErrorCode
from kafkalite.protocol.errors import ProtocolError
from kafkalite.protocol.messages.init_producer_id import InitProducerIdRequest
from kafkalite.protocol.messages.produce import PartitionProduceResponse, ProduceRequest, ProduceResponse
from kafkalite.types import TopicPartition

from .accumulator import Accumulator, Place
from .batch import Batch
from .idempotence import Idempotence
from .metrics import ProducerMetrics
from .request import Answers, answers_of, prepare
from .verdict import Action, Verdict, judge, timed_out

__all__ = ["Sender"]

log = logging.getLogger(__name__)

_INT32_MAX: Final = 2**31 - 1


class Sender:
    """Sends one producer's batches."""

    def __init__(
        self,
        config: ProducerConfig,
        client: Client,
        accumulator: Accumulator,
        metrics: ProducerMetrics,
        rng: Random,
    ) -> None:
        self._config = config
        self._client = client
        self._accumulator = accumulator
        self._metrics = metrics
        self._backoff = Backoff(config.connection.retry_backoff, config.connection.retry_backoff_max, rng)
        self._idempotence = Idempotence() if config.enable_idempotence else None
        # Without idempotence only this keeps the order of a partition whose leader moves.
        self._one_by_one = config.max_in_flight_requests_per_connection == 1
        self._on_wire: Counter[TopicPartition] = Counter()
        self._in_flight: Counter[int] = Counter()
        self._drained = 0
        self._connecting: set[int] = set()
        self._connected: set[int] = set()
        self._node_errors: dict[int, KafkaError] = {}
        self._id_error: KafkaError | None = None
        self._asking_for_id = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = Tasks()
        self._stopped = False

    def start(self) -> None:
        """Begin to send; a producer id is asked for right away, so that the first record need not wait for it."""
        self._loop = asyncio.get_running_loop()
        self._accumulator.owner.loop_thread = threading.get_ident()
        self._wake_here()

    def wake(self) -> None:
        """Something became ready, or may have. Thread: any."""
        if self._scheduled or self._loop is None:
            return
        if self._accumulator.owner.loop_thread == threading.get_ident():
            self._wake_here()
        else:
            with suppress(RuntimeError):  # the loop is closed: nothing will be sent any more
                self._scheduled = True
                self._loop.call_soon_threadsafe(self._pass)

    def _wake_here(self) -> None:
        if not self._scheduled and self._loop is not None and not self._stopped:
            self._scheduled = True
            self._loop.call_soon(self._pass)

    async def stop(self, error: KafkaError) -> None:
        """Send nothing more; what has no outcome yet fails with the class of `error`, its text, and its own cause."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for batch in self._accumulator.abandon():
            topic, partition = batch.partition
            self._fail(batch, type(error)(f"{topic}-{partition}: {error}; {self.cause_of(batch)}"))
        await self._tasks.cancel_all()

    # One pass.

    def _pass(self) -> None:
        assert self._loop is not None
        self._scheduled = False
        if self._stopped:
            return
        now = self._loop.time()
        for batch in self._accumulator.expire(now):
            self._expire(batch)
        if self._idempotence is not None and self._idempotence.needs_id:
            self._ask_for_id()
        found = self._accumulator.drain(
            now, place_of=self._place_of, has_room=self._has_room, may_leave=self._may_leave
        )
        for node, batches in found.requests:
            self._dispatch(node, batches)
        if found.requests:
            self._wake_here()  # for the next batch of each partition, once these have gone out
        if found.leaderless:
            self._client.want_topics(*found.leaderless)
            self._client.request_update()
        for node in found.held:
            self._connect(node)
        self._set_timer(min(found.next_at, self._accumulator.next_deadline()))

    def _set_timer(self, at: float) -> None:
        assert self._loop is not None
        if self._timer is not None:
            if self._timer.when() <= at:  # a pass too many is cheaper than a timer per pass
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._on_timer) if at < inf else None

    def _on_timer(self) -> None:
        self._timer = None
        self._pass()

    def _place_of(self, partition: TopicPartition) -> Place | None:
        cluster = self._client.cluster
        leader = cluster.leader_of(*partition)
        return None if leader is None else (leader, cluster.leader_epoch_of(*partition))

    def _has_room(self, node: int) -> bool:
        if self._in_flight[node] >= self._config.max_in_flight_requests_per_connection:
            return False
        # Batches stay here while a node is away: its partitions may get another leader meanwhile.
        return self._client.ready(node)

    def _may_leave(self, batch: Batch) -> bool:
        if self._one_by_one and self._on_wire[batch.partition]:
            return False
        return self._idempotence is None or self._idempotence.may_leave(batch)

    # Nodes and the producer's id.

    def _connect(self, node: int) -> None:
        if not self._client.ready(node) and node not in self._connecting:
            self._connecting.add(node)
            if node in self._connected:
                # A lost connection may mean a lost leader, and with acks=0 it is all that tells of one.
                self._client.request_update()
            self._tasks.spawn(self._until_connected(node), f"kafkalite: connect the producer to node {node}")

    async def _until_connected(self, node: int) -> None:
        try:
            await self._client.connect(node)
        except KafkaError as error:
            self._node_errors[node] = error
            if error.fatal:
                self._break(error)
            else:
                await asyncio.sleep(self._backoff.delay(0))
        else:
            self._connected.add(node)
            self._node_errors.pop(node, None)
        finally:
            self._connecting.discard(node)
            self._wake_here()

    def _ask_for_id(self) -> None:
        if not self._asking_for_id:
            self._asking_for_id = True
            self._tasks.spawn(self._until_id(), "kafkalite: ask for a producer id")

    async def _until_id(self) -> None:
        assert self._idempotence is not None
        failures = 0
        try:
            while True:
                try:
                    response = await self._client.send_to_any(
                        InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=_INT32_MAX)
                    )
                    if response.error_code == ErrorCode.NONE:
                        self._idempotence.on_id(response.producer_id, response.producer_epoch)
                        self._id_error = None
                        return
                    raise error_for(response.error_code, "asking for a producer id")
                except KafkaError as error:
                    self._id_error = error
                    if not error.retriable:
                        self._break(_without_id(error))
                        return
                await asyncio.sleep(self._backoff.delay(failures))
                failures += 1
        finally:
            self._asking_for_id = False
            self._wake_here()

    def _break(self, error: KafkaError) -> None:
        """This producer cannot go on: whatever it holds fails, and so does whatever comes."""
        log.error("the producer cannot go on: %s", error)
        self._accumulator.refuse(error)
        for batch in self._accumulator.abandon():
            self._fail(batch, error)

    # Requests.

    def _dispatch(self, node: int, batches: list[Batch]) -> None:
        for batch in batches:
            batch.sent_to = self._place_of(batch.partition)
            batch.on_wire = True
            self._on_wire[batch.partition] += 1
            if not batch.order:
                self._drained += 1
                batch.order = (self._drained,)
            if self._idempotence is not None:
                self._idempotence.on_leave(batch)
        self._in_flight[node] += 1
        self._client.want_topics(*{batch.partition.topic for batch in batches})
        self._exchange(node, batches)

    def _exchange(self, node: int, batches: list[Batch]) -> None:
        """One request, one answer, a verdict on each batch."""
        assert self._loop is not None
        config, client = self._config, self._client
        good = self._encoded(node, batches)
        request, max_version = prepare(
            good, client.cluster, acks=config.acks, timeout=config.connection.request_timeout
        )
        began = self._loop.time()
        if good:
            self._metrics.on_request(good, began)

        def on_response(response: ProduceResponse | KafkaError | None) -> None:
            """The answer is here, or why there is none; None: none is given."""
            self._in_flight[node] -= 1
            if good:
                throttled = response.throttle_time_ms if isinstance(response, ProduceResponse) else 0
                self._metrics.on_answer(self._now() - began, throttled)
            try:
                if not self._stopped:
                    outcome = self._outcome(node, request, response)
                    self._on_outcome(node, [batch for batch in batches if batch.on_wire], outcome)
            finally:
                self._wake_here()

        if not good:
            on_response(None)
        elif config.acks == 0:
            self._tasks.spawn(
                self._oneway(node, request, max_version, on_response), f"kafkalite: produce to node {node}"
            )
        else:
            client.post(node, request, on_response, max_version=max_version)

    def _outcome(
        self, node: int, request: ProduceRequest, response: ProduceResponse | KafkaError | None
    ) -> Answers | KafkaError:
        if isinstance(response, KafkaError):
            return response
        try:
            return answers_of(request, response)
        except Exception as error:  # a bug must not leave batches without an outcome
            log.exception("the answer of %s cannot be understood", self._client.name_of(node))
            failure = KafkaError(f"unexpected {type(error).__name__}: {error}")
            failure.__cause__ = error
            return failure

    async def _oneway(
        self,
        node: int,
        request: ProduceRequest,
        max_version: int | None,
        tell: Callable[[KafkaError | None], None],
    ) -> None:
        try:
            await self._client.send_oneway(node, request, max_version=max_version)
        except KafkaError as error:
            tell(error)
        else:
            tell(None)

    def _now(self) -> float:
        assert self._loop is not None
        return self._loop.time()

    def _encoded(self, node: int, batches: list[Batch]) -> list[Batch]:
        """The batches that can be encoded; others fail."""
        good = []
        for batch in batches:
            try:
                batch.encode(self._config.compression_type, self._config.compression_level)
            except Exception as error:  # a codec's own, perhaps; the other batches are not to blame
                if not isinstance(error, ProtocolError):
                    log.exception("%r cannot be encoded", batch)
                failure = KafkaError(f"the records cannot be encoded: {type(error).__name__}: {error}")
                failure.__cause__ = error
                self._on_outcome(node, [batch], failure)
            else:
                good.append(batch)
        return good

    # Answers.

    def _on_outcome(self, node: int, batches: list[Batch], outcome: Answers | KafkaError) -> None:
        nodes: list[Node] = [] if isinstance(outcome, KafkaError) else outcome.nodes
        for batch in batches:
            batch.on_wire = False
            self._on_wire[batch.partition] -= 1
            answer = outcome if isinstance(outcome, KafkaError) else outcome.by_partition.get(batch.partition)
            if answer is None:
                name = self._client.name_of(node)
                answer = KafkaProtocolError(f"{name} answered without a word on this partition")
            self._on_answer(node, batch, answer, nodes)

    def _on_answer(
        self,
        node: int,
        batch: Batch,
        answer: PartitionProduceResponse | KafkaError,
        nodes: list[Node],
    ) -> None:
        assert self._loop is not None
        idempotence = self._idempotence
        if idempotence is not None:
            idempotence.on_back(batch)
        verdict = judge(
            batch,
            answer,
            self._client.name_of(node),
            now=self._loop.time(),
            retries=self._config.retries,
            delivery_timeout=self._config.delivery_timeout,
            idempotence=idempotence if not batch.done else None,
        )
        if batch.done:  # it expired meanwhile; whether it was written still matters to those that follow
            if idempotence is not None and verdict.action is Action.SETTLE:
                idempotence.on_written(batch)
        else:
            self._act(batch, answer, verdict)
        if isinstance(answer, PartitionProduceResponse):
            self._learn(batch, answer, verdict, nodes)
        if idempotence is not None:
            idempotence.resolve(batch.partition)
        if (
            verdict.error is not None
            and verdict.action is Action.FAIL
            and self._is_fatal(answer, verdict.error)
        ):
            self._break(verdict.error)

    def _act(self, batch: Batch, answer: PartitionProduceResponse | KafkaError, verdict: Verdict) -> None:
        assert self._loop is not None
        batch.last_error = verdict.error
        match verdict.action:
            case Action.SETTLE:
                assert isinstance(answer, PartitionProduceResponse)
                if self._idempotence is not None:
                    self._idempotence.on_written(batch)
                if (
                    answer.error_code
                ):  # a repetition of something that the broker remembers only by its number
                    batch.settle(-1)
                else:
                    batch.settle(answer.base_offset, answer.log_append_time_ms, answer.log_start_offset)
                self._accumulator.release(batch)
            case Action.RETRY:
                log.debug("%r will be sent again: %s", batch, verdict.error)
                batch.retry_at = self._loop.time() + self._backoff.delay(batch.attempts)
                batch.attempts += 1
                self._metrics.records_retried += batch.count
                self._accumulator.put_back([batch])
            case Action.SPLIT:
                limit = min(self._config.batch_size, batch.size // 2)
                log.info("%r of %d bytes is too large for the broker: split", batch, batch.size)
                parts = batch.split(limit)
                self._metrics.batches_split += 1
                if self._idempotence is not None:
                    self._idempotence.on_split(batch, parts)
                self._accumulator.limit_batches(batch.partition.topic, limit)
                self._accumulator.put_back(parts)
            case Action.FAIL:
                assert verdict.error is not None
                self._fail(batch, verdict.error, verdict.record_errors, refused=verdict.refused)

    def _learn(
        self,
        batch: Batch,
        answer: PartitionProduceResponse,
        verdict: Verdict,
        nodes: list[Node],
    ) -> None:
        """What an error says about the cluster: where the leader is (KIP-951), or that it is time to ask."""
        if verdict.error is None:
            return
        hint, partition = answer.current_leader, batch.partition
        if hint.leader_id >= 0:
            self._client.metadata.update_leader(*partition, hint.leader_id, hint.leader_epoch, nodes)
            if self._place_of(partition) == (hint.leader_id, hint.leader_epoch):
                return
        if verdict.error.refresh_metadata:
            self._client.request_update()

    def _is_fatal(self, answer: PartitionProduceResponse | KafkaError, error: KafkaError) -> bool:
        if error.fatal:
            return True
        # A broker that cannot do what idempotence needs cannot do it for the next batch either.
        unsupported = isinstance(answer, PartitionProduceResponse) and (
            answer.error_code == ErrorCode.UNSUPPORTED_VERSION
        )
        return unsupported and self._idempotence is not None

    # Failing.

    def _expire(self, batch: Batch) -> None:
        attempts = batch.attempts + batch.on_wire
        timeout, cause = self._config.delivery_timeout, self.cause_of(batch)
        self._fail(batch, timed_out(batch, timeout, attempts, cause, batch.last_error))

    def _fail(
        self,
        batch: Batch,
        error: KafkaError,
        record_errors: dict[int, KafkaError] | None = None,
        *,
        refused: bool = False,
    ) -> None:
        self._metrics.records_failed += batch.count
        if self._idempotence is not None:
            self._idempotence.on_failed(batch, written=False if refused else None)
            self._idempotence.resolve(batch.partition)
        batch.fail(error, record_errors)
        self._accumulator.release(batch)

    def cause_of(self, batch: Batch) -> str:
        """Why a batch is not acknowledged yet, as far as this side can tell."""
        topic, partition = batch.partition
        if batch.on_wire and batch.sent_to is not None:
            return f"{self._client.name_of(batch.sent_to[0])} has not answered yet"
        if batch.last_error is not None:
            return str(batch.last_error)
        if self._idempotence is not None and self._idempotence.needs_id:
            return f"no producer id so far: {self._id_error or 'no broker has answered'}"
        place = self._place_of(batch.partition)
        if place is None:
            return self._why_leaderless(batch.partition)
        name = self._client.name_of(place[0])
        if (error := self._node_errors.get(place[0])) is not None:
            return f"{name} cannot be reached: {error}"
        if self._in_flight[place[0]]:
            return f"it waited for earlier requests, {self._in_flight[place[0]]} of which {name} has not answered"
        return f"it waited to be sent to {name}, which leads {topic}-{partition}"

    def _why_leaderless(self, partition: TopicPartition) -> str:
        cluster = self._client.cluster
        if (failure := self._client.last_metadata_failure) is not None:
            return f"no fresh metadata: {failure}"
        topic = cluster.topics.get(partition.topic)
        if topic is None or not topic.partitions:
            code = topic.error_code if topic is not None else 0
            reason = error_for(code, f"topic {partition.topic!r}") if code else "it is not in the metadata"
            return f"the topic is gone: {reason}"
        return "the partition has no leader; the brokers with its replicas may be down"


def _without_id(error: KafkaError) -> KafkaError:
    made = type(error)(
        f"no producer id was given, which idempotence needs: {error.args[0] if error.args else error}"
        " Mend that, or set enable_idempotence=False."
    )
    made.__cause__ = error
    return made
