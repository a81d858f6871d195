"""One request and its response: heads, bodies, HTTP versions, and clients that are slow to send or to read."""

from __future__ import annotations

import asyncio
import json

import pytest
from serving_fakes import HeldClassifier
from socket_client import (
    CHUNKED,
    TABLE,
    ask,
    chunk,
    make_app,
    no_connections,
    predict,
    read_response,
    run,
    talk,
)

from emoscope.serving import Settings, create_app
from emoscope.serving.connection import Timeouts
from waiting import DEADLINE, until


def test_head_request_gets_the_headers_of_the_get_request():
    async def test(server):
        for path in ("/", "/health"):
            (get,), (head,) = [
                await talk(server.port, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                for method in ("GET", "HEAD")
            ]
            assert head.headers["content-length"] == get.headers["content-length"] != "0"
            assert (get.body != b"", head.body) == (True, b"")

    run(test)


def test_http_1_0_absolute_targets_and_escaped_paths():
    async def test(server):
        (old,) = await talk(server.port, b"GET /health HTTP/1.0\r\n\r\n")
        assert old.status == 200
        absolute = await ask(server.port, b"GET http://other/health?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert absolute.status == 200
        escaped = await ask(server.port, b"GET /%68ealth HTTP/1.1\r\nHost: x\r\n\r\n")
        assert escaped.status == 200

    run(test)


def test_chunked_body_and_body_after_100_continue():
    async def test(server):
        body = json.dumps({"texts": ["one"]}).encode()
        chunks = b"".join(chunk(bytes([byte])) for byte in body) + b"0\r\n\r\n"
        assert (await ask(server.port, CHUNKED % b"application/json" + chunks)).status == 200
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = predict("one", headers=["Expect: 100-continue"])
        writer.write(request[: request.index(b"{")])
        interim = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE)
        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(request[request.index(b"{") :])
        assert (await read_response(reader)).status == 200
        writer.close()

    run(test)


def test_client_of_http_1_0_gets_no_100_continue():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = predict("one", headers=["Expect: 100-continue"]).replace(b"HTTP/1.1", b"HTTP/1.0")
        writer.write(request[: request.index(b"{")])
        await until(lambda: server.state.tasks)
        for _ in range(20):
            await asyncio.sleep(0)
        writer.write(request[request.index(b"{") :])
        received = await asyncio.wait_for(reader.read(), DEADLINE)
        assert received.startswith(b"HTTP/1.1 200 ")
        writer.close()

    run(test)


def test_trailers_do_not_change_the_request():
    async def test(server):
        chunks = b'12\r\n{"texts": ["abc"]}\r\n0\r\nContent-Type: %b\r\n\r\n'
        response = await ask(server.port, CHUNKED % b"text/plain" + chunks % b"application/json")
        assert response.status == 415
        response = await ask(server.port, CHUNKED % b"application/json" + chunks % b"text/plain")
        assert response.status == 200

    run(test)


def test_reading_pauses_while_the_application_does_not_take_the_body():
    """The model is held, so the table is not scored, and the rest of it is not read."""
    classifier = HeldClassifier()

    async def test(server):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(TABLE + chunk(b"text\n"))
        for _ in range(300):
            writer.write(chunk(b"some text\n" * 6553))
        await until(lambda: server.state.connections)
        (connection,) = server.state.connections
        await until(lambda: not connection._is_reading)
        assert 0 < connection._responding.received < 2_000_000
        classifier.go.set()
        writer.transport.abort()
        await no_connections(server)

    app = create_app(classifier, Settings())
    app.service.batcher.tokens_per_second = 100
    run(test, app)


def test_client_may_send_everything_before_it_reads():
    """However long that takes: the write timeout does not apply while the body arrives."""
    write_timeout = 2.0

    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(TABLE + chunk(b"text\n"))
        rows = chunk(b"some text of ordinary length\n" * 10_000)
        while not any(connection.writable for connection in server.state.connections):
            writer.write(rows)
            await writer.drain()
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.5 * write_timeout)
        writer.write(b"0\r\n\r\n")
        received = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE)
        assert received.startswith(b"HTTP/1.1 200 ")
        writer.transport.abort()

    run(test, timeouts=Timeouts(write=write_timeout, body=30))


def test_client_that_sends_more_than_there_is_space_for_is_disconnected_unless_it_reads():
    """The body never ends."""
    rows = chunk(b"some text of ordinary length\n" * 10_000)

    async def send(writer):
        writer.write(TABLE + chunk(b"text\n"))
        while True:
            writer.write(rows)
            await writer.drain()

    async def test(server):
        _, stalled = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        sending, other = asyncio.create_task(send(stalled)), asyncio.create_task(send(writer))
        while not sending.done():
            assert await asyncio.wait_for(reader.read(1 << 20), DEADLINE)
        with pytest.raises(ConnectionError):
            await sending
        assert len(server.state.connections) == 1
        assert not other.done()
        other.cancel()
        stalled.transport.abort()
        writer.transport.abort()

    run(test, make_app(max_spool_bytes=100_000), timeouts=Timeouts(write=0.5))


def test_client_that_does_not_read_is_disconnected():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        rows = b"some text of ordinary length and more of it\n" * 100_000
        writer.write(TABLE + chunk(b"text\n" + rows) + b"0\r\n\r\n")
        await until(lambda: server.state.connections)
        await no_connections(server)
        writer.transport.abort()
        del reader

    run(test, timeouts=Timeouts(write=0.2))


def test_body_over_the_limit_is_413_while_it_is_still_sent():
    async def test(server):
        for header in (b"Content-Length: 300000", b"Transfer-Encoding: chunked"):
            head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + header + b"\r\n\r\n"
            piece = b"x" * 10_000
            pieces = [chunk(piece) if b"chunked" in header else piece] * 30
            (response,) = await talk(server.port, b"", pieces=[head, *pieces])
            assert (response.status, response.headers["connection"]) == (413, "close")

    run(test, make_app(max_body_bytes=1000))
