import re
import signal
import subprocess
import sys

import pytest

from kafkalite.broker.__main__ import main


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send to another process")
def test_it_serves_until_it_is_told_to_end(number):
    arguments = [
        "--port",
        "0",
        "--nodes",
        "2",
        "--topic",
        "t:3",
        "--topic",
        "u",
        "--config",
        "num.partitions=2",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "kafkalite.broker", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert re.fullmatch(r"kafkalite broker ready at 127\.0\.0\.1:\d+,127\.0\.0\.1:\d+\n", line)
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_port_in_use(kafka_broker, capsys):
    port = kafka_broker.nodes[0].port
    assert main(["--port", str(port)]) == 1
    assert f"port {port}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--config", "num.partitons=2"], "Did you mean num.partitions"),
        (["--config", "num.partitions"], "NAME=VALUE"),
        (["--topic", "a b"], "cannot be created"),
        (["--topic", "a:b"], "invalid literal"),
        (["--nodes", "0"], "at least one"),
    ],
)
def test_arguments_that_make_no_sense(arguments, says, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--port", "0", *arguments])
    assert caught.value.code == 2
    assert says in capsys.readouterr().err
