"""The programs of the clients that look like kafka-python: kafka-python, and ours."""

import threading
import time
from itertools import cycle

import load


class SyncShape:
    def __init__(self, spec):
        self.spec = spec

    def run(self):
        getattr(self, self.spec["what"])()

    def produce(self):
        spec = self.spec
        values, keys, headers = load.all_values(spec), load.all_keys(spec), load.headers(spec)
        client, topic = self.producer(), spec["topic"]
        client.send(topic, b"warm-up").get(20)
        send, deliveries = client.send, []
        with load.Measured() as measured:
            if spec["api"] == "outcomes":
                deliveries = [send(topic, value) for value in values]
                client.flush()
                assert all(delivery.succeeded() for delivery in deliveries)
            elif spec["api"] == "send_many":
                for part in load.chunks(values, 10_000):
                    deliveries.append(client.send_many(topic, part))
                client.flush()
                for delivery in deliveries:
                    delivery.get(20)
            elif spec["api"] == "threads":
                self._four_threads(send, topic, values)
                client.flush()
            elif spec["api"] == "topics":
                self._round_robin(send, values)
                client.flush()
            else:
                if keys is not None and headers:
                    for value, key in zip(values, keys, strict=True):
                        send(topic, value, key=key, headers=headers)
                elif keys is not None:
                    for value, key in zip(values, keys, strict=True):
                        send(topic, value, key=key)
                elif headers:
                    for value in values:
                        send(topic, value, headers=headers)
                else:
                    for value in values:
                        send(topic, value)
                client.flush()
        load.tell(measured, len(values), sum(map(len, values)))
        client.close()

    def _round_robin(self, send, values):
        topics = [f"bench{n}-{self.spec['partitions']}" for n in range(self.spec["topics"])]
        for topic, value in zip(cycle(topics), values, strict=False):
            send(topic, value)

    def _four_threads(self, send, topic, values):
        def work(part):
            for value in part:
                send(topic, value)

        threads = [threading.Thread(target=work, args=(values[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def consume(self):
        spec, client = self.spec, self.consumer()
        next(client)
        seen = octets = 0
        count = spec["count"]
        with load.Measured() as measured:
            if spec["api"] == "iterate":
                for message in client:
                    octets += len(message.value)
                    seen += 1
                    if seen >= count:
                        break
            elif spec["api"] == "columns":
                while seen < count:
                    for batch in client.poll_batches(timeout_ms=1000):
                        values = batch.values
                        octets += sum(map(len, values))
                        seen += len(values)
            else:
                limit = spec.get("max_poll", 500)
                while seen < count:
                    for messages in client.poll(timeout_ms=1000, max_records=limit).values():
                        for message in messages:
                            octets += len(message.value)
                        seen += len(messages)
        load.tell(measured, seen, octets)
        client.close()

    def latency(self):
        client, topic, taken = self.producer(linger_ms=0), self.spec["topic"], []
        value = b"x" * self.spec["size"]
        client.send(topic, value).get(20)
        with load.Measured() as measured:
            for _ in range(self.spec["count"]):
                began = time.perf_counter()
                client.send(topic, value).get(20)
                taken.append(time.perf_counter() - began)
        load.tell(measured, len(taken), 0, **load.percentiles(taken[len(taken) // 10 :]))
        client.close()

    def idle(self):
        """A producer that has sent something and a consumer that has read it; then nothing for a while."""
        client, reader = self.producer(), self.consumer()
        client.send(self.spec["topic"], b"x").get(20)
        next(reader)
        with load.Measured() as measured:
            reader.poll(timeout_ms=self.spec["count"] * 1000)
        load.tell(measured, self.spec["count"], 0)
        client.close()
        reader.close()

    def end_to_end(self):
        client, topic, taken = self.producer(linger_ms=0), self.spec["topic"], []
        value = b"x" * self.spec["size"]
        client.send(topic, value, partition=0).get(20)
        reader = self.consumer()
        next(reader)
        with load.Measured() as measured:
            for _ in range(self.spec["count"]):
                began = time.perf_counter()
                client.send(topic, value, partition=0)
                while not reader.poll(timeout_ms=1000):
                    pass
                taken.append(time.perf_counter() - began)
        load.tell(measured, len(taken), 0, **load.percentiles(taken[len(taken) // 10 :]))
        client.close()
        reader.close()
