"""The server's log: lines of JSON or plain text, and a reader that stalls."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from threading import Timer

from emoscope.serving.logs import FIELDS, LOGGER, JsonFormatter, PlainFormatter
from waiting import DEADLINE

PROGRAM = """
import logging, sys
from emoscope.serving.logs import MAX_WAITING_LINES, configure_logging
configure_logging()
logger = logging.getLogger("emoscope.serving")
for i in range(2 * MAX_WAITING_LINES):
    logger.info("line %d", i)
print("logged", flush=True)
sys.stdin.readline()
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("a request failed")
logger.info("the last line")
"""


def test_reader_that_stalls_does_not_stop_the_server():
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = Timer(DEADLINE, process.kill)
        watchdog.start()
        assert process.stdout.readline() == "logged\n"
        read = [json.loads(process.stderr.readline()) for _ in range(5_000)]
        process.stdin.write("\n")
        process.stdin.flush()
        read += map(json.loads, process.stderr)
        watchdog.cancel()
    *lines, failed, last = read
    messages = [line["message"] for line in lines]
    dropped = [message for message in messages if message.endswith("were dropped, because its reader is too slow")]
    numbers = [int(message.removeprefix("line ")) for message in messages if message not in dropped]
    assert dropped and numbers == sorted(numbers)
    assert len(numbers) + sum(int(message.split()[0]) for message in dropped) == 20_000
    assert "ZeroDivisionError" in failed["exception"]
    assert last["message"] == "the last line"


def record_of(message, level=logging.INFO, **fields):
    record = logging.LogRecord(LOGGER, level, __file__, 1, message, None, None)
    setattr(record, FIELDS, fields)
    return record


def test_lines_of_json_and_for_a_person():
    line = json.loads(JsonFormatter().format(record_of("request", status=200)))
    assert (line["message"], line["level"], line["status"]) == ("request", "info", 200)
    plain = PlainFormatter().format
    assert plain(record_of("serving", url="http://127.0.0.1:1")) == "open http://127.0.0.1:1 (Ctrl-C ends the server)"
    assert plain(record_of("a worker ended", logging.ERROR, worker=7)) == "error: a worker ended worker=7"
