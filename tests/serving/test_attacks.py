"""Hostile clients against a real server on loopback: no 5xx, no crash, nothing without a key.

The same at full size: `benchmarks/serving/attacks.py`.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")

from draining import drain
from hostile_clients import (
    BODIES,
    POSTS,
    all_once,
    cancel,
    heads,
    mutations,
    request,
    schemathesis,
    send,
    wrong_credentials,
)

import live_server

KEY = "a-right-key-of-some-length"
PROTECTED = [*POSTS, "/info", "/metrics"]
TEXT = BODIES["/v1/predict"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with live_server.emoscope(tmp_path_factory.mktemp("server") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def server_with_keys(tmp_path_factory):
    log = tmp_path_factory.mktemp("server") / "log"
    with live_server.emoscope(log, environment={"EMOSCOPE_API_KEYS": KEY}) as running:
        yield running


@pytest.fixture(autouse=True)
def _still_well(request):
    """After each test the server answers as it did before, and has not logged a traceback."""
    name = next((name for name in ("server", "server_with_keys") if name in request.fixturenames), None)
    if name is None:
        yield
        return
    running = request.getfixturevalue(name)
    yield
    assert running.process.poll() is None
    headers = {"Authorization": f"Bearer {KEY}"} if name == "server_with_keys" else None
    status, body = live_server.request(running.port, "POST", "/v1/predict", TEXT, headers)
    assert status == 200
    assert json.loads(body)["label"] == ["joy", "anger"]
    assert "Traceback" not in running.log.read_text()


def _answers(running, hostile):
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda each: send(running.port, each.data), hostile))


def test_broken_requests_fail_no_server(server):
    chance = random.Random(0)
    small = [each for each in all_once() if len(each.data) < 300_000]
    hostile = [*heads(), *chance.sample(small, 200)]
    failures = {
        each.name: answer for each, answer in zip(hostile, _answers(server, hostile), strict=True) if answer.is_failure
    }
    assert failures == {}


def test_changed_requests_fail_no_server(server):
    hostile = list(islice(mutations(seed=0), 200))
    answers = _answers(server, hostile)
    assert [answer for answer in answers if answer.is_failure] == []
    assert len({answer.status for answer in answers}) > 2  # some are right all the same, some wrong in different ways


@pytest.mark.parametrize("path", PROTECTED)
def test_nothing_is_answered_without_the_key(server_with_keys, path):
    body = BODIES.get(path)
    for name, headers in wrong_credentials(KEY).items():
        answer = send(server_with_keys.port, request(path, body, headers))
        assert answer.status in (400, 401, 431), (name, answer)
        assert not answer.has_scores, (name, answer)
    for right in (f"Authorization: Bearer {KEY}", f"X-API-Key: {KEY}"):
        answer = send(server_with_keys.port, request(path, body, [right]))
        assert answer.status == 200, (right, answer)


def test_broken_requests_need_a_key_too(server_with_keys):
    hostile = [each for each in all_once() if len(each.data) < 50_000 and each.name.startswith("/")][::7]
    answers = _answers(server_with_keys, hostile)
    assert {answer.status for answer in answers} <= {400, 401, 413, 415, 431}
    assert not any(answer.has_scores for answer in answers)


def test_requests_whose_clients_went_away_leave_nothing_behind(server):
    data = request("/v1/predict", json.dumps({"texts": ["i feel happy"] * 200}).encode())
    for i in range(300):
        cancel(server.port, data if i % 3 else data[: len(data) // 2], reset=i % 2 == 0)
    deadline = time.monotonic() + 10
    while (waiting := _gauge(server, "emoscope_waiting_tokens")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert waiting == 0


def _gauge(running, name):
    _, body = live_server.request(running.port, "GET", "/metrics")
    values = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", body.decode(), re.MULTILINE)
    assert values
    return sum(map(float, values))


def test_slow_clients_hold_up_nobody(server):
    """Clients that send a byte now and then: others are answered as ever."""
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    try:
        for place in range(20):
            for i, connection in enumerate(slow):
                data = request("/v1/predict", TEXT) if i % 2 else request("/v1/predict", b"x" * 10_000)[:-9_990]
                connection.sendall(data[place : place + 1])
            assert send(server.port, request("/v1/predict", TEXT)).status == 200
    finally:
        for connection in slow:
            connection.close()


def test_a_crowd_is_turned_away_and_not_broken(server):
    """Far more requests at once than can be answered in time: 200 or 429, each on its own connection."""
    body = json.dumps({"texts": [f"i feel {i} times happy" for i in range(64)]}).encode()

    async def ask():
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        found = []
        for _ in range(3):
            writer.write(request("/v1/predict", body))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head.lower()).group(1))
            answer = json.loads(await reader.readexactly(length))
            found.append((int(head[9:12]), b"retry-after" in head.lower(), answer.get("error", {}).get("code")))
        writer.close()
        return found

    async def crowd():
        return await asyncio.gather(*(ask() for _ in range(500)))

    found = {each for answers in asyncio.run(crowd()) for each in answers}
    assert found == {(200, False, None), (429, True, "overloaded")}


def test_sigterm_under_load_loses_no_request(tmp_path):
    requests = [request("/v1/predict", json.dumps({"texts": [f"i feel {i} times happy"]}).encode()) for i in range(500)]
    with live_server.emoscope(tmp_path / "log") as running:
        done = drain(running.process, running.port, requests, connections=16, delay=0.5)
    assert done.before[200] > 16
    assert done.lost == 0
    assert done.exit_status in (0, -signal.SIGTERM)  # it ends, or lets the signal end it, when all is answered


def test_schemathesis_finds_nothing(server, tmp_path):
    pytest.importorskip("schemathesis", reason="needs schemathesis")
    done = subprocess.run(
        schemathesis(server.url("/openapi.json"), examples=5),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,  # it leaves files behind
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
