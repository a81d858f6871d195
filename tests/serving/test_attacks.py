"""Hostile clients against a real server on loopback: no 5xx, no crash, no scores without a key.

`benchmarks/serving/attacks.py` does the same at full size.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")

from draining import drain
from hostile_clients import (
    BODIES,
    POSTS,
    cancel,
    every_kind,
    heads,
    mutations,
    request,
    schemathesis,
    send,
    wrong_credentials,
)

import live_server
from waiting import DEADLINE, wait_until

KEY = "a-right-key-of-some-length"
PROTECTED = [*POSTS, "/info", "/metrics"]
TEXT = BODIES["/v1/predict"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with live_server.emoscope(tmp_path_factory.mktemp("server") / "log", "--grace", "0") as running:
        yield running


@pytest.fixture(scope="module")
def server_with_keys(tmp_path_factory):
    log = tmp_path_factory.mktemp("server") / "log"
    with live_server.emoscope(log, "--grace", "0", environment={"EMOSCOPE_API_KEYS": KEY}) as running:
        yield running


@pytest.fixture(autouse=True)
def _server_still_works(request):
    """After each test the server responds as before, and has logged no traceback."""
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


def _send_all(running, hostile):
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda each: send(running.port, each.data), hostile))


def test_broken_requests_cause_no_server_error(server):
    chance = random.Random(0)
    small = [each for each in every_kind() if len(each.data) < 300_000]
    hostile = [*heads(), *chance.sample(small, 200)]
    failures = {
        each.name: answer for each, answer in zip(hostile, _send_all(server, hostile), strict=True) if answer.is_failure
    }
    assert failures == {}


def test_mutated_requests_cause_no_server_error(server):
    hostile = list(islice(mutations(seed=0), 200))
    answers = _send_all(server, hostile)
    assert [answer for answer in answers if answer.is_failure] == []
    assert len({answer.status for answer in answers}) > 2  # some are still valid, others invalid in different ways


@pytest.mark.parametrize("path", PROTECTED)
def test_protected_paths_need_the_key(server_with_keys, path):
    body = BODIES.get(path)
    for name, headers in wrong_credentials(KEY).items():
        answer = send(server_with_keys.port, request(path, body, headers))
        assert answer.status in (400, 401, 431), (name, answer)
        assert not answer.has_scores, (name, answer)
    for right in (f"Authorization: Bearer {KEY}", f"X-API-Key: {KEY}"):
        answer = send(server_with_keys.port, request(path, body, [right]))
        assert answer.status == 200, (right, answer)


def test_broken_requests_get_no_scores_without_a_key(server_with_keys):
    hostile = [each for each in every_kind() if len(each.data) < 50_000 and each.name.startswith("/")][::7]
    answers = _send_all(server_with_keys, hostile)
    assert {answer.status for answer in answers} <= {400, 401, 413, 415, 431}
    assert not any(answer.has_scores for answer in answers)


def test_requests_of_disconnected_clients_leave_the_queue(server):
    data = request("/v1/predict", json.dumps({"texts": ["i feel happy"] * 200}).encode())
    for i in range(300):
        cancel(server.port, data if i % 3 else data[: len(data) // 2], reset=i % 2 == 0)
    wait_until(lambda: _gauge(server, "emoscope_waiting_tokens") == 0)


def _gauge(running, name):
    _, body = live_server.request(running.port, "GET", "/metrics")
    values = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", body.decode(), re.MULTILINE)
    assert values
    return sum(map(float, values))


def test_slow_clients_do_not_delay_others(server):
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


def test_overload_is_answered_with_429(server):
    """500 connections send more requests than can be answered in time: each gets 200 or 429."""

    async def client(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        found = []
        for part in range(3):
            texts = [f"i feel {number} {part} {i} times happy, and then {'again and ' * 40}" for i in range(64)]
            body = json.dumps({"texts": texts}).encode()  # no two texts are equal, so that none is in the cache
            writer.write(request("/v1/predict", body))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head.lower()).group(1))
            answer = json.loads(await reader.readexactly(length))
            found.append((int(head[9:12]), b"retry-after" in head.lower(), answer.get("error", {}).get("code")))
        writer.close()
        return found

    async def all_clients():
        return await asyncio.gather(*(client(number) for number in range(500)))

    found = {each for answers in asyncio.run(all_clients()) for each in answers}
    assert found == {(200, False, None), (429, True, "overloaded")}


def test_sigterm_under_load_loses_no_request(tmp_path):
    requests = [request("/v1/predict", json.dumps({"texts": [f"i feel {i} times happy"]}).encode()) for i in range(500)]
    with live_server.emoscope(tmp_path / "log") as running:
        done = drain(running.process, running.port, requests, connections=16, delay=0.5)
    assert done.before[200] > 16
    assert done.lost == 0
    assert done.exit_status in (0, -signal.SIGTERM)  # it exits, or lets the signal end it, once everything is answered


def test_schemathesis_finds_nothing(server, tmp_path):
    pytest.importorskip("schemathesis", reason="needs schemathesis")
    done = subprocess.run(
        schemathesis(server.url("/openapi.json"), examples=5),
        capture_output=True,
        text=True,
        timeout=10 * DEADLINE,
        check=False,
        cwd=tmp_path,  # it leaves files in its folder
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
