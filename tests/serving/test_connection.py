"""Connections: malformed HTTP, limits, timeouts, pipelining, load shedding and disconnects."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import socket
from time import monotonic

import pytest
from serving_fakes import HashClassifier, HeldClassifier, emotion
from socket_client import (
    CHUNKED,
    ask,
    make_app,
    no_connections,
    post,
    predict,
    read_response,
    responses_in,
    run,
    talk,
)

from emoscope.serving import Settings, create_app
from emoscope.serving import connection as connection_module
from emoscope.serving.connection import MAX_DISCARDED_BYTES, MAX_UNSENT_BYTES, Connection, Timeouts
from emoscope.serving.responses import SECURITY_HEADERS
from waiting import DEADLINE, until


def test_keep_alive_connection_takes_one_request_after_another():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for i in range(5):
            writer.write(predict(f"text {i}"))
            response = await read_response(reader)
            assert json.loads(response.body)["label"] == [emotion(f"text {i}")]
            assert "connection" not in response.headers
        writer.close()
        assert server.state.total_requests == 5

    run(test)


def test_pipelined_requests_are_answered_in_order():
    async def test(server):
        close = predict("last", headers=["Connection: close"])
        data = b"".join(predict(f"text {i}") for i in range(20)) + close
        at_once = await talk(server.port, data)
        by_byte = await talk(server.port, data, pieces=[data[i : i + 1] for i in range(len(data))])
        for responses in (at_once, by_byte):
            labels = [json.loads(response.body)["label"] for response in responses]
            assert labels == [[emotion(f"text {i}")] for i in range(20)] + [[emotion("last")]]

    run(test)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    ],
)
def test_malformed_http_is_400_and_closes(data):
    async def test(server):
        (response,) = await talk(server.port, data)
        assert (response.status, response.code, response.headers["connection"]) == (400, "invalid_http", "close")
        for name, value in SECURITY_HEADERS:
            assert response.headers[name.decode()] == value.decode()
        assert response.headers["x-request-id"]

    run(test)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: x\r\n" * 1000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 10_000_000,
    ],
)
def test_head_over_the_limit_is_431_before_it_is_complete(data):
    async def test(server):
        pieces = [data[i : i + 65536] for i in range(0, len(data), 65536)]
        found = await talk(server.port, b"", pieces=pieces)
        assert [(response.status, response.code) for response in found] in ([(431, "headers_too_large")], [])
        assert (await ask(server.port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200

    run(test)


def test_short_head_with_too_many_headers_is_431():
    async def test(server):
        response = await ask(server.port, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: x\r\n" * 101 + b"\r\n")
        assert (response.status, response.code) == (431, "headers_too_large")

    run(test)


def test_upgrade_request_is_answered_in_http_1_1():
    """Java's client asks for HTTP/2 in its first request, and curl with --http2."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")

    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for size in (1, 7, 1000):
            data = predict("one", headers=upgrade) + predict("two")
            for start in range(0, len(data), size):
                writer.write(data[start : start + size])
                await asyncio.sleep(0)
            received = b""
            while len(responses_in(received)) < 2:
                received += await asyncio.wait_for(reader.read(65536), DEADLINE)
            found = [(response.status, json.loads(response.body)["label"]) for response in responses_in(received)]
            assert found == [(200, [emotion("one")]), (200, [emotion("two")])]
        writer.close()
        assert (await ask(server.port, b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n")).status >= 400

    run(test)


def test_many_pipelined_upgrade_requests_are_answered():
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")

    async def test(server):
        data = predict("one", headers=upgrade) * 600 + predict("last", headers=["Connection: close"])
        found = await talk(server.port, data)
        assert [response.status for response in found] == [200] * 601

    run(test)


LARGE = post(json.dumps({"texts": ["one"] * 1000}).encode())


def test_next_request_waits_until_the_client_reads_its_responses():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: server.state.connections)
        (connection,) = server.state.connections
        count = 200
        sending = asyncio.create_task(send(writer, LARGE * count))
        await until(lambda: connection.writable and not connection._responding and connection._pipeline)
        for _ in range(20):
            await asyncio.sleep(0)
        assert server.state.total_requests < count
        assert 0 < app.unsent.held < 1_000_000
        received = 0
        while server.state.total_requests < count or app.unsent.held:
            received += len(await asyncio.wait_for(reader.read(1_000_000), DEADLINE))
        await sending
        writer.close()
        await no_connections(server)

    async def send(writer, data):
        writer.write(data)
        await writer.drain()

    app = make_app()
    run(test, app)


def test_unread_responses_of_all_connections_together_are_limited():
    async def test(server):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(LARGE * 200)
        await until(lambda: server.state.connections)
        await no_connections(server)
        assert app.unsent.held == 0
        assert (await ask(server.port, predict("one"))).status == 200
        writer.close()

    app = make_app()
    app.unsent.limit = 30_000
    run(test, app)


async def stall(server):
    """A client that reads nothing of the responses to 20 large requests, and its connection in the server."""
    before = set(server.state.connections)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    await until(lambda: server.state.connections - before)
    (connection,) = server.state.connections - before
    connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
    writer.write(LARGE * 20)
    await until(lambda: connection.writable and connection._pipeline)
    return connection, reader, writer


async def settled(value):
    """Wait until a value stays the same for a while: the kernel takes more of the first responses meanwhile."""
    before, now = None, value()
    while now != before:
        await asyncio.sleep(0.2)
        before, now = now, value()


def test_clients_that_have_not_read_for_longest_are_closed_first():
    async def test(server):
        stalled = [await stall(server)]
        while stalled[0][0] in server.state.connections:
            stalled.append(await stall(server))
            await settled(lambda: app.unsent._owners.get(stalled[-1][0]))
        alive = [each for each in stalled if each[0] in server.state.connections]
        assert alive == stalled[-len(alive) :] != []
        for _, reader, writer in alive:
            writer.write(predict("last", headers=["Connection: close"]))
            received = await asyncio.wait_for(reader.read(), DEADLINE)
            assert [response.status for response in responses_in(received)] == [200] * 21
        for _, _, writer in stalled:
            writer.close()

    app = make_app()
    app.unsent.limit = 2_000_000
    run(test, app)


def test_connection_whose_client_does_not_read_the_last_response_is_closed():
    async def test(server):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", server.port))
        await until(lambda: server.state.connections)
        (connection,) = server.state.connections
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        await asyncio.get_running_loop().sock_sendall(client, predict(*["one"] * 100, headers=["Connection: close"]))
        await until(connection.transport.is_closing)
        assert 0 < connection.transport.get_write_buffer_size() <= MAX_UNSENT_BYTES
        assert not connection.writable
        await no_connections(server)
        client.close()

    run(test, timeouts=Timeouts(write=0.2))


def test_bodies_under_way_are_limited_in_sum():
    async def test(server):
        slow = []
        body = json.dumps({"texts": ["x" * 50_000] * 20}).encode()
        for _ in range(3):
            slow.append(await asyncio.open_connection("127.0.0.1", server.port))
            slow[-1][1].write(post(body)[:-10])
        refused = await asyncio.wait_for(first_response([reader for reader, _ in slow]), DEADLINE)
        assert (refused.status, refused.code) == (429, "overloaded")
        assert app.bodies.held <= app.bodies.limit
        assert (await ask(server.port, predict("one"))).status == 200
        for _, writer in slow:
            writer.close()
        await until(lambda: app.bodies.held == 0)

    async def first_response(readers):
        tasks = [asyncio.create_task(read_response(reader)) for reader in readers]
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        return done.pop().result()

    app = make_app()
    app.bodies.limit = 2_500_000
    run(test, app)


@pytest.mark.parametrize("is_scarce", [False, True])
def test_slow_bodies_end_when_memory_is_scarce(is_scarce):
    """They would keep others from sending theirs."""

    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        data = predict(*["x" * 1000] * 200)
        writer.write(data[:100_000])
        await until(lambda: app.bodies.held > 0)
        for i in range(100_000, 120_000, 1000):
            writer.write(data[i : i + 1000])
            await asyncio.sleep(0.05)
        if not is_scarce:
            writer.write(data[120_000:])
        response = await read_response(reader)
        assert (response.status, app.bodies.held) == (408 if is_scarce else 200, 0)
        writer.close()

    app = make_app()
    app.bodies.limit = 180_000 if is_scarce else 10_000_000
    run(test, app, timeouts=Timeouts(body=0.3, min_body_rate=1, scarce_body_rate=1_000_000))


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.1\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nHost: x\r\n", 400),
        (b"GET /health HTTP/1.0\r\nHost: x\r\nHost: x\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: \r\n", 200),
        (b"GET /health HTTP/1.0\r\n", 200),
    ],
)
def test_request_needs_exactly_one_host(head, status):
    async def test(server):
        response = await ask(server.port, head + b"Connection: close\r\n\r\n")
        assert response.status == status
        if status == 400:
            assert response.code == "invalid_http"
            assert "exactly one is allowed" in json.loads(response.body)["error"]["message"]

    run(test)


def test_client_that_sends_everything_before_it_reads_gets_413(run_server):
    server = run_server(create_app(HashClassifier(), Settings()))
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
    client.request("POST", "/v1/predict", b"x" * 20_000_000, {"Content-Type": "application/json"})
    response = client.getresponse()
    assert (response.status, json.loads(response.read())["error"]["code"]) == (413, "body_too_large")
    client.close()


@pytest.mark.parametrize("trailer", [b"X: " + b"x" * 100_000, b"X: x\r\n" * 20_000], ids=["one", "many"])
def test_endless_trailer_is_431(trailer):
    async def test(server):
        data = CHUNKED % b"application/json" + b'12\r\n{"texts": ["abc"]}\r\n0\r\n' + trailer
        (response,) = await talk(server.port, b"", pieces=[data[i : i + 4000] for i in range(0, len(data), 4000)])
        assert (response.status, response.code) == (431, "headers_too_large")
        await no_connections(server)
        assert not server.state.tasks

    run(test)


def test_long_body_in_small_chunks_is_not_taken_for_a_head():
    async def test(server):
        texts = json.dumps({"texts": ["text " * 2000] * 10}).encode()
        pieces = [CHUNKED % b"application/json"]
        for start in range(0, len(texts), 10):
            piece = texts[start : start + 10]
            pieces += [b"%x\r\n" % len(piece), piece + b"\r\n"]
        (response,) = await talk(server.port, b"", pieces=[*pieces, b"0\r\nConnection: close\r\n\r\n"])
        assert response.status == 200

    run(test, timeouts=Timeouts(keep_alive=0.5))


def test_broken_body_is_400_and_ends_its_request():
    async def test(server):
        response = await ask(server.port, CHUNKED % b"application/json" + b"no size\r\n")
        assert (response.status, response.code) == (400, "invalid_http")
        found = await talk(server.port, predict("one") + CHUNKED % b"application/json" + b"no size\r\n")
        assert [response.status for response in found] in ([200], [200, 400])
        await no_connections(server)
        assert not server.state.tasks

    run(test)


def test_client_that_keeps_sending_after_its_response_is_cut_off():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert (await read_response(reader)).status == 415
        sent = 0
        with pytest.raises(ConnectionError):
            while sent < 100 * MAX_DISCARDED_BYTES:
                writer.write(b"x" * 65536)
                sent += 65536
                await writer.drain()

    run(test)


def test_slow_clients_are_disconnected():
    timeouts = Timeouts(head=0.15, body=0.15, min_body_rate=1_000_000, keep_alive=0.3)

    async def test(server):
        nothing, head, body = await asyncio.gather(
            talk(server.port, b""), talk(server.port, b"GET / HT"), talk(server.port, predict("one")[:-3])
        )
        assert nothing == []
        assert [(response.status, response.code) for response in head] == [(408, "request_timeout")]
        assert [(response.status, response.code) for response in body] == [(408, "request_timeout")]
        began = monotonic()
        (idle,) = await talk(server.port, predict("one"))
        assert idle.status == 200
        assert monotonic() - began > 0.25
        assert not server.state.tasks

    run(test, timeouts=timeouts)


def test_connections_over_the_limit_are_503():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: server.state.connections)
        (response,) = await talk(server.port, b"")
        assert (response.status, response.code) == (503, "too_many_connections")
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_response(reader)).status == 200
        writer.close()

    run(test, max_connections=1)


def test_texts_of_clients_that_disconnect_are_not_scored(monkeypatch):
    """The model is busy; the waiting requests whose clients are gone never reach it."""
    monkeypatch.setattr(connection_module, "HALF_CLOSE_SECONDS", 0)
    classifier = HeldClassifier()

    async def test(server):
        first = asyncio.create_task(ask(server.port, predict("first")))
        await asyncio.to_thread(classifier.begun.wait, DEADLINE)
        leaving = []
        for i in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(predict(f"leaving {i}"))
            leaving.append(writer)
        staying = asyncio.create_task(ask(server.port, predict("staying")))
        await until(lambda: len(app.in_flight) == 22)
        for writer in leaving:
            writer.close()
        await until(lambda: len(server.state.tasks) == 2)
        classifier.go.set()
        assert (await first).status == (await staying).status == 200
        assert classifier.calls == [["first"], ["staying"]]
        await until(lambda: not server.state.tasks)

    app = create_app(classifier, Settings(target_latency=100))
    app.service.batcher.tokens_per_second = 100
    run(test, app)


@pytest.mark.parametrize("count", [1, 3])
def test_client_that_ends_its_side_gets_its_responses(count):
    """As `nc -N` does; the model is still busy with them."""
    classifier = HeldClassifier()

    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"".join(predict(f"text {i}") for i in range(count)))
        writer.write_eof()
        await asyncio.to_thread(classifier.begun.wait, DEADLINE)
        classifier.go.set()
        received = await asyncio.wait_for(reader.read(), DEADLINE)
        assert [response.status for response in responses_in(received)] == [200] * count
        await no_connections(server)
        writer.close()

    app = create_app(classifier, Settings(target_latency=100))
    app.service.batcher.tokens_per_second = 100
    run(test, app)


def test_client_that_ends_its_side_within_a_body_is_disconnected():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(predict("one")[:-3])
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), DEADLINE) == b""
        await no_connections(server)
        writer.close()

    run(test)


def test_requests_over_the_limit_in_flight_are_429_before_their_body_is_read():
    classifier = HeldClassifier()

    async def test(server):
        waiting = [asyncio.create_task(ask(server.port, predict(f"text {i}"))) for i in range(16)]
        await asyncio.to_thread(classifier.begun.wait, DEADLINE)
        await until(lambda: len(app.in_flight) == 16)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for path, body in (
            ("/v1/predict", b'{"texts": ["x"]}'),
            ("/predict", b'{"inputs": "x"}'),
            ("/classify", b"{}"),
        ):
            writer.write(post(body, path))
            response = await read_response(reader)
            assert response.status == 429
            assert int(response.headers["retry-after"]) >= 1
            assert "busy" in json.dumps(json.loads(response.body)["error"])
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_response(reader)).status == 200
        classifier.go.set()
        assert {(await task).status for task in waiting} == {200}
        writer.write(predict("again"))
        assert (await read_response(reader)).status == 200
        writer.close()
        await until(lambda: not app.in_flight)

    app = create_app(classifier, Settings(target_latency=100))
    app.service.batcher.tokens_per_second = 100
    app.service.concurrency_limit.seconds_per_request = 25
    assert app.service.concurrency_limit.max_in_flight == 4
    run(test, app)


def test_shed_requests_are_logged_and_have_cors_headers(caplog):
    classifier = HeldClassifier()

    async def test(server):
        waiting = asyncio.create_task(ask(server.port, predict("one")))
        await asyncio.to_thread(classifier.begun.wait, DEADLINE)
        app.service.concurrency_limit.has_room = lambda in_flight: False
        headers = ("Origin: https://a.example", "X-Request-Id: mine")
        response = await ask(server.port, predict("two", headers=headers))
        assert (response.status, response.headers["x-request-id"]) == (429, "mine")
        assert response.headers["access-control-allow-origin"] == "https://a.example"
        logged = [(r.fields["status"], r.fields["request_id"]) for r in caplog.records if hasattr(r, "fields")]
        assert logged == [(429, "mine")]
        classifier.go.set()
        assert (await waiting).status == 200

    app = create_app(classifier, Settings(access_log=True, cors_origins=("https://a.example",)))
    with caplog.at_level("INFO", "emoscope.serving"):
        run(test, app)


def test_slow_bodies_do_not_count_as_in_flight():
    async def test(server):
        slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(50)]
        for _, writer in slow:
            writer.write(predict("slow")[:-3])
        await until(lambda: len(server.state.tasks) == 50)
        assert (await ask(server.port, predict("one"))).status == 200
        for reader, writer in slow:
            writer.write(predict("slow")[-3:])
            assert (await read_response(reader)).status == 200
            writer.close()
        await until(lambda: not app.in_flight)

    app = create_app(HashClassifier(), Settings())
    app.service.concurrency_limit.seconds_per_request = 25
    assert app.service.concurrency_limit.max_in_flight == 4
    run(test, app)


def test_closed_connections_are_freed_without_the_garbage_collector():
    async def test(server):
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                assert (await ask(server.port, predict("one"))).status == 200
            await no_connections(server)
            await until(lambda: not any(type(each) is Connection for each in gc.get_objects()))
        finally:
            gc.enable()

    run(test)
