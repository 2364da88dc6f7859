"""kcat (librdkafka), held to contract.py: this program runs `kcat` and translates."""

import json
import os
import re
import subprocess
import threading

from contract import ended, headers, key, main, show, show_record, value

KCAT = os.environ["KCAT"]


def produce(bootstrap, topic, count, codecs):
    for codec in codecs:
        marks = [f"-H{name}={text.decode()}" for name, text in headers("kcat", codec)]
        command = [KCAT, "-P", "-b", bootstrap, "-t", topic, "-K", "\t", "-z", codec, *marks]
        options = ["-X", "topic.partitioner=murmur2_random", "-X", "enable.idempotence=true"]
        lines = "".join(f"{key(n)}\t{value(codec, n)}\n" for n in range(count))
        subprocess.run([*command, *options], input=lines, text=True, check=True)
        for n in range(count):
            # kcat does not tell where its records went.
            show_record(-1, -1, key(n), value(codec, n), headers("kcat", codec))


def show_line(line):
    record = json.loads(line)
    flat = record.get("headers", [])
    marks = [(name, text.encode()) for name, text in zip(flat[::2], flat[1::2], strict=True)]
    show_record(record["partition"], record["offset"], record["key"], record["payload"], marks)


def consume(bootstrap, topic, count):
    command = [KCAT, "-C", "-b", bootstrap, "-t", topic, "-o", "beginning", "-c", str(count), "-J", "-q"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        show_line(line)


def member(bootstrap, topic, group):
    stop = ended()
    options = ["-X", "auto.offset.reset=earliest", "-X", "heartbeat.interval.ms=300"]
    command = [KCAT, "-G", group, "-b", bootstrap, "-J", "-u", *options, topic]
    kcat = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def rebalances():
        for line in kcat.stderr:
            if found := re.search(r"rebalanced.*: assigned: (.*)", line):
                show(assigned=sorted(map(int, re.findall(r"\[(\d+)\]", found[1]))))

    def end():
        stop.wait()
        kcat.terminate()

    reader = threading.Thread(target=rebalances)
    reader.start()
    threading.Thread(target=end, daemon=True).start()
    for line in kcat.stdout:
        show_line(line)
    reader.join()
    if kcat.wait():
        raise SystemExit(f"kcat ended with {kcat.returncode}")


main(produce, consume, member)
