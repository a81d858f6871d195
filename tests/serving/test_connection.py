"""HTTP on sockets: what a client may send and how slowly, and that whatever he does he gets a whole answer or none."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from types import SimpleNamespace

import httptools
import pytest
from serving_fakes import HashClassifier, HeldClassifier, emotion

from emoscope.serving import Settings, create_app
from emoscope.serving.connection import MAX_DISCARDED_BYTES, Connection, Patience
from emoscope.serving.messages import SECURITY

PATIENCE = Patience()


class Answer:
    """The answers in some bytes; `rest` is what is left."""

    def __init__(self):
        self.headers = {}
        self.body = b""
        self.whole = False
        self.status = 0

    def on_header(self, name, value):
        self.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self):
        self.status = self.parser.get_status_code()

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.whole = True

    @property
    def code(self):
        return json.loads(self.body)["error"]["code"]


@asynccontextmanager
async def serving(app, *, most=100, patience=PATIENCE):
    """The port, the state, and the state's connections checked as the server does."""
    state = SimpleNamespace(connections=set(), tasks=set(), total_requests=0)
    make = partial(Connection, most, config=SimpleNamespace(loaded_app=app), server_state=state, app_state={})
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: make(patience=patience), "127.0.0.1", 0)

    def check():
        for connection in list(state.connections):
            connection.check(monotonic())

    async def look_after():
        while True:
            await asyncio.sleep(0.02)
            check()

    looking = asyncio.create_task(look_after())
    try:
        yield SimpleNamespace(port=server.sockets[0].getsockname()[1], state=state)
    finally:
        looking.cancel()
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def make_app(classifier=None, **settings):
    app = create_app(classifier or HashClassifier(), Settings(**settings))
    if classifier is None:
        app.service.warm_up()
    return app


def post(body, path="/v1/predict", *headers):
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def predict(*texts, headers=()):
    return post(json.dumps({"texts": texts}).encode(), "/v1/predict", *headers)


async def talk(port, data, *, pieces=None):
    """Send and read to the end; the answers, in order."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces or [data]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        received = await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        received = b""
    finally:
        writer.close()
    return answers(received)


async def ask(port, data):
    """Send, and read one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await one_answer(reader)
    writer.close()
    return answer


async def one_answer(reader):
    answer = Answer()
    answer.parser = httptools.HttpResponseParser(answer)
    while not answer.whole:
        data = await asyncio.wait_for(reader.read(65536), 10)
        assert data, "the connection closed before the answer was whole"
        answer.parser.feed_data(data)
    return answer


def answers(received):
    found = []
    while received:
        answer = Answer()
        answer.parser = httptools.HttpResponseParser(answer)
        head, _, rest = received.partition(b"\r\n\r\n")
        answer.parser.feed_data(head + b"\r\n\r\n")
        size = int(answer.headers.get("content-length", 0))
        answer.body = rest[:size]
        answer.whole = len(answer.body) == size
        received = rest[size:]
        found.append(answer)
    return found


def run(test, app=None, **options):
    async def go():
        async with serving(app or make_app(), **options) as server:
            return await test(server)

    return asyncio.run(go())


def test_requests_one_after_another_on_one_connection():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for i in range(5):
            writer.write(predict(f"text {i}"))
            answer = await one_answer(reader)
            assert json.loads(answer.body)["label"] == [emotion(f"text {i}")]
            assert "connection" not in answer.headers
        writer.close()
        assert server.state.total_requests == 5

    run(test)


def test_pipelined_requests_are_answered_in_order():
    async def test(server):
        close = predict("last", headers=["Connection: close"])
        data = b"".join(predict(f"text {i}") for i in range(20)) + close
        whole = await talk(server.port, data)
        drops = await talk(server.port, data, pieces=[data[i : i + 1] for i in range(len(data))])
        for got in (whole, drops):
            labels = [json.loads(answer.body)["label"] for answer in got]
            assert labels == [[emotion(f"text {i}")] for i in range(20)] + [[emotion("last")]]

    run(test)


def test_a_head_gets_the_head_of_the_get():
    async def test(server):
        for path in ("/", "/health"):
            got = [
                await talk(server.port, f"{method} {path} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
                for method in ("GET", "HEAD")
            ]
            ((full,), (head,)) = got
            assert head.headers["content-length"] == full.headers["content-length"] != "0"
            assert (full.body != b"", head.body) == (True, b"")

    run(test)


def test_http_1_0_and_absolute_targets_and_escapes():
    async def test(server):
        (old,) = await talk(server.port, b"GET /health HTTP/1.0\r\n\r\n")
        assert old.status == 200
        absolute = await ask(server.port, b"GET http://other/health?x=1 HTTP/1.1\r\n\r\n")
        assert absolute.status == 200
        escaped = await ask(server.port, b"GET /%68ealth HTTP/1.1\r\n\r\n")
        assert escaped.status == 200

    run(test)


def test_a_body_in_chunks_and_one_that_waits_for_leave():
    async def test(server):
        body = json.dumps({"texts": ["one"]}).encode()
        head = b"POST /v1/predict HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        assert (await ask(server.port, head + chunks)).status == 200
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = predict("one", headers=["Expect: 100-continue"])
        writer.write(request[: request.index(b"{")])
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(request[request.index(b"{") :])
        assert (await one_answer(reader)).status == 200
        writer.close()

    run(test)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    ],
)
def test_what_is_no_http_is_400_and_closes(data):
    async def test(server):
        (answer,) = await talk(server.port, data)
        assert (answer.status, answer.code, answer.headers["connection"]) == (400, "invalid_http", "close")
        for name, value in SECURITY:
            assert answer.headers[name.decode()] == value.decode()
        assert answer.headers["x-request-id"]

    run(test)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 1000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000_000,
    ],
)
def test_a_head_that_is_too_large_is_431_before_it_is_whole(data):
    async def test(server):
        pieces = [data[i : i + 65536] for i in range(0, len(data), 65536)]
        found = await talk(server.port, b"", pieces=pieces)
        assert [(answer.status, answer.code) for answer in found] in ([(431, "headers_too_large")], [])
        assert (await ask(server.port, b"GET /health HTTP/1.1\r\n\r\n")).status == 200

    run(test)


def test_a_small_head_that_is_too_large_gets_its_answer():
    async def test(server):
        answer = await ask(server.port, b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 101 + b"\r\n")
        assert (answer.status, answer.code) == (431, "headers_too_large")

    run(test)


def test_a_body_over_the_limit_gets_its_answer_while_it_is_still_sent():
    async def test(server):
        for head in (b"Content-Length: 300000", b"Transfer-Encoding: chunked"):
            data = b"POST /v1/predict HTTP/1.1\r\nContent-Type: application/json\r\n" + head + b"\r\n\r\n"
            chunk = b"x" * 10_000
            if b"chunked" in head:
                chunk = b"2710\r\n" + chunk + b"\r\n"
            (answer,) = await talk(server.port, b"", pieces=[data, *[chunk] * 30])
            assert (answer.status, answer.headers["connection"]) == (413, "close")

    run(test, make_app(max_body_bytes=1000))


def test_who_asks_for_another_protocol_is_answered_in_this_one():
    """Java's client asks so in its first request, curl with --http2."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")

    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for size in (1, 7, 1000):
            data = predict("one", headers=upgrade) + predict("two")
            for start in range(0, len(data), size):
                writer.write(data[start : start + size])
                await asyncio.sleep(0)
            received = b""
            while len(answers(received)) < 2:
                received += await asyncio.wait_for(reader.read(65536), 10)
            found = [(answer.status, json.loads(answer.body)["label"]) for answer in answers(received)]
            assert found == [(200, [emotion("one")]), (200, [emotion("two")])]
        writer.close()
        assert (await ask(server.port, b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n")).status >= 400

    run(test)


CHUNKED = b"POST /v1/predict HTTP/1.1\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_what_comes_behind_a_body_changes_nothing_of_the_request():
    async def test(server):
        chunks = b'12\r\n{"texts": ["abc"]}\r\n0\r\nContent-Type: %b\r\n\r\n'
        answer = await ask(server.port, CHUNKED % b"text/plain" + chunks % b"application/json")
        assert answer.status == 415
        answer = await ask(server.port, CHUNKED % b"application/json" + chunks % b"text/plain")
        assert answer.status == 200

    run(test)


@pytest.mark.parametrize("trailer", [b"X: " + b"x" * 100_000, b"X: x\r\n" * 20_000], ids=["one", "many"])
def test_what_comes_behind_a_body_without_end_is_431(trailer):
    async def test(server):
        data = CHUNKED % b"application/json" + b'12\r\n{"texts": ["abc"]}\r\n0\r\n' + trailer
        (answer,) = await talk(server.port, b"", pieces=[data[i : i + 4000] for i in range(0, len(data), 4000)])
        assert (answer.status, answer.code) == (431, "headers_too_large")
        await asyncio.wait_for(no_connections(server), 10)
        assert not server.state.tasks

    run(test)


def test_a_long_body_in_small_chunks_is_no_head():
    async def test(server):
        texts = json.dumps({"texts": ["text " * 2000] * 10}).encode()
        pieces = [CHUNKED % b"application/json"]
        for start in range(0, len(texts), 10):
            piece = texts[start : start + 10]
            pieces += [b"%x\r\n" % len(piece), piece + b"\r\n"]
        (answer,) = await talk(server.port, b"", pieces=[*pieces, b"0\r\nConnection: close\r\n\r\n"])
        assert answer.status == 200

    run(test, patience=Patience(idle=0.5))


def test_a_broken_body_is_refused_and_its_request_ends():
    async def test(server):
        answer = await ask(server.port, CHUNKED % b"application/json" + b"no size\r\n")
        assert (answer.status, answer.code) == (400, "invalid_http")
        found = await talk(server.port, predict("one") + CHUNKED % b"application/json" + b"no size\r\n")
        assert [answer.status for answer in found] in ([200], [200, 400])
        await asyncio.wait_for(no_connections(server), 10)
        assert not server.state.tasks

    run(test)


def test_a_client_that_sends_on_after_his_answer_is_cut_off():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST /v1/predict HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n")
        assert (await one_answer(reader)).status == 415
        sent = 0
        with pytest.raises(ConnectionError):
            while sent < 100 * MAX_DISCARDED_BYTES:
                writer.write(b"x" * 65536)
                sent += 65536
                await writer.drain()

    run(test)


async def no_connections(server):
    while server.state.connections:
        await asyncio.sleep(0.01)


def test_a_body_that_nobody_reads_is_not_taken_in():
    """The scoring of a table stands still, and so does what is read of it."""
    classifier = HeldClassifier()

    async def test(server):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = b"POST /v1/score?text_column=t HTTP/1.1\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"2\r\nt\n\r\n")
        chunk = b"10000\r\n" + b"some text\n" * 6553 + b"some t\r\n"
        for _ in range(300):
            writer.write(chunk)
        await asyncio.sleep(0.3)
        (connection,) = server.state.connections
        assert 0 < connection._answering.received < 2_000_000
        classifier.go.set()
        writer.transport.abort()
        await asyncio.wait_for(no_connections(server), 5)

    app = create_app(classifier, Settings())
    app.service.batcher.tokens_a_second = 100
    run(test, app)


def test_slow_clients_are_parted_with():
    patience = Patience(head=0.15, body=0.15, bytes_a_second=1_000_000, idle=0.3)

    async def test(server):
        nothing, head, body = await asyncio.gather(
            talk(server.port, b""), talk(server.port, b"GET / HT"), talk(server.port, predict("one")[:-3])
        )
        assert nothing == []
        assert [(answer.status, answer.code) for answer in head] == [(408, "request_timeout")]
        assert [(answer.status, answer.code) for answer in body] == [(408, "request_timeout")]
        began = monotonic()
        (idle,) = await talk(server.port, predict("one"))
        assert idle.status == 200
        assert monotonic() - began > 0.25
        assert not server.state.tasks

    run(test, patience=patience)


def test_a_client_may_send_all_before_it_reads_however_long_that_takes():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        head = (
            b"POST /v1/score?text_column=text HTTP/1.1\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(head + b"5\r\ntext\n\r\n")
        rows = b"some text of ordinary length\n" * 10_000
        chunk = b"%x\r\n%b\r\n" % (len(rows), rows)
        for _ in range(30):
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0.05)
        (connection,) = server.state.connections
        while not connection.writable:
            writer.write(chunk)
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        writer.write(b"0\r\n\r\n")
        received = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert received.startswith(b"HTTP/1.1 200 ")
        writer.transport.abort()

    run(test, patience=Patience(reader=0.3, body=30))


def test_a_client_that_does_not_read_is_parted_with():
    async def test(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        rows = b"text\n" + b"some text of ordinary length, again and again\n" * 100_000
        head = b"POST /v1/score?text_column=text HTTP/1.1\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(rows) + rows)
        deadline = monotonic() + 20
        while not server.state.connections and monotonic() < deadline:
            await asyncio.sleep(0.01)
        while server.state.connections and monotonic() < deadline:
            await asyncio.sleep(0.05)
        assert not server.state.connections
        writer.transport.abort()
        del reader

    run(test, patience=Patience(reader=0.2))


def test_more_connections_than_allowed_are_refused():
    async def test(server):
        first = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.sleep(0.05)
        (answer,) = await talk(server.port, b"")
        assert (answer.status, answer.code) == (503, "too_many_connections")
        first[1].write(b"GET /health HTTP/1.1\r\n\r\n")
        assert (await one_answer(first[0])).status == 200
        first[1].close()

    run(test, most=1)


def test_who_leaves_is_not_scored():
    """The model is busy; of those that wait, the ones whose clients are gone never get to it."""
    classifier = HeldClassifier()

    async def test(server):
        first = asyncio.create_task(ask(server.port, predict("first")))
        await asyncio.to_thread(classifier.begun.wait, 5)
        leaving = []
        for i in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(predict(f"leaving {i}"))
            leaving.append(writer)
        staying = asyncio.create_task(ask(server.port, predict("staying")))
        await asyncio.sleep(0.2)
        for writer in leaving:
            writer.close()
        await asyncio.sleep(0.3)
        classifier.go.set()
        assert (await first).status == (await staying).status == 200
        assert classifier.asked == [["first"], ["staying"]]
        assert not server.state.tasks

    app = create_app(classifier, Settings(target_latency=100))
    app.service.batcher.tokens_a_second = 100
    run(test, app)


def test_beyond_what_is_answered_in_time_requests_are_turned_away_at_the_door():
    classifier = HeldClassifier()

    async def test(server):
        waiting = [asyncio.create_task(ask(server.port, predict(f"text {i}"))) for i in range(16)]
        await asyncio.to_thread(classifier.begun.wait, 5)
        await asyncio.sleep(0.1)
        assert len(app.in_flight) == 16
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for path, body in (
            ("/v1/predict", b'{"texts": ["x"]}'),
            ("/predict", b'{"inputs": "x"}'),
            ("/classify", b"{}"),
        ):
            writer.write(post(body, path))
            answer = await one_answer(reader)
            assert answer.status == 429
            assert int(answer.headers["retry-after"]) >= 1
            assert "busy" in json.dumps(json.loads(answer.body)["error"])
        writer.write(b"GET /health HTTP/1.1\r\n\r\n")
        assert (await one_answer(reader)).status == 200
        classifier.go.set()
        assert {(await task).status for task in waiting} == {200}
        writer.write(predict("again"))
        assert (await one_answer(reader)).status == 200
        writer.close()
        assert not app.in_flight

    app = create_app(classifier, Settings(target_latency=100))
    app.service.batcher.tokens_a_second = 100
    app.service.seconds_a_request = 25
    assert app.service.max_in_flight == 4
    run(test, app)


def test_who_is_turned_away_at_the_door_is_in_the_log_and_told_as_his_page_may_read(caplog):
    classifier = HeldClassifier()

    async def test(server):
        waiting = asyncio.create_task(ask(server.port, predict("one")))
        await asyncio.to_thread(classifier.begun.wait, 5)
        app.service.has_time = lambda in_flight: False
        headers = ("Origin: https://a.example", "X-Request-Id: mine")
        answer = await ask(server.port, predict("two", headers=headers))
        assert (answer.status, answer.headers["x-request-id"]) == (429, "mine")
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert [(r.fields["status"], r.fields["request_id"]) for r in caplog.records if hasattr(r, "fields")] == [
            (429, "mine")
        ]
        classifier.go.set()
        assert (await waiting).status == 200

    app = create_app(classifier, Settings(access_log=True, cors_origins=("https://a.example",)))
    with caplog.at_level("INFO", "emoscope.serving"):
        run(test, app)


def test_clients_that_take_their_time_with_a_body_keep_nobody_out():
    async def test(server):
        slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(50)]
        for _, writer in slow:
            writer.write(predict("slow")[:-3])
        await asyncio.sleep(0.1)
        assert len(server.state.tasks) == 50
        assert (await ask(server.port, predict("one"))).status == 200
        for reader, writer in slow:
            writer.write(predict("slow")[-3:])
            assert (await one_answer(reader)).status == 200
            writer.close()
        assert not app.in_flight

    app = create_app(HashClassifier(), Settings())
    app.service.seconds_a_request = 25
    assert app.service.max_in_flight == 4
    run(test, app)


def test_a_connection_that_has_ended_is_freed_without_the_garbage_collector():
    async def test(server):
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                assert (await ask(server.port, predict("one"))).status == 200
            await no_connections(server)
            await asyncio.sleep(0.2)
            assert not [each for each in gc.get_objects() if type(each) is Connection]
        finally:
            gc.enable()

    run(test)
