"""A client that speaks HTTP over sockets byte by byte, and an application served on a socket for it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from types import SimpleNamespace

import httptools
from serving_fakes import HashClassifier

from emoscope.serving import Settings, create_app
from emoscope.serving.connection import Connection, Timeouts
from waiting import DEADLINE, until

TIMEOUTS = Timeouts()
CHUNKED = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
TABLE = CHUNKED.replace(b"/v1/predict", b"/v1/score?text_column=text") % b"text/csv"


class Response:
    """A response as the client reads it."""

    def __init__(self):
        self.headers = {}
        self.body = b""
        self.is_complete = False
        self.status = 0

    def on_header(self, name, value):
        self.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self):
        self.status = self.parser.get_status_code()

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.is_complete = True

    @property
    def code(self):
        return json.loads(self.body)["error"]["code"]


@asynccontextmanager
async def serving(app, *, max_connections=100, timeouts=TIMEOUTS):
    """The port, the state, and the state's connections checked as the server does."""
    state = SimpleNamespace(connections=set(), tasks=set(), total_requests=0)
    config = SimpleNamespace(loaded_app=app)
    make = partial(Connection, max_connections, config=config, server_state=state, app_state={}, timeouts=timeouts)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)

    def check_timeouts():  # a function of its own, so that nothing keeps the last connection
        for connection in list(state.connections):
            connection.check_timeouts(monotonic())

    async def keep_checking():
        while True:
            await asyncio.sleep(0.02)
            check_timeouts()

    checking = asyncio.create_task(keep_checking())
    try:
        yield SimpleNamespace(port=server.sockets[0].getsockname()[1], state=state)
    finally:
        checking.cancel()
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


def chunk(body):
    return b"%x\r\n%b\r\n" % (len(body), body)


async def talk(port, data, *, pieces=None):
    """Send, and read to the end; the responses, in order."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces or [data]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        received = await asyncio.wait_for(reader.read(), DEADLINE)
    except ConnectionResetError:
        received = b""
    finally:
        writer.close()
    return responses_in(received)


async def ask(port, data):
    """Send, and read one response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    response = await read_response(reader)
    writer.close()
    return response


async def read_response(reader):
    response = Response()
    response.parser = httptools.HttpResponseParser(response)
    while not response.is_complete:
        data = await asyncio.wait_for(reader.read(65536), DEADLINE)
        assert data, "the connection closed before the response was complete"
        response.parser.feed_data(data)
    return response


def responses_in(received):
    found = []
    while received:
        response = Response()
        response.parser = httptools.HttpResponseParser(response)
        head, _, rest = received.partition(b"\r\n\r\n")
        response.parser.feed_data(head + b"\r\n\r\n")
        size = int(response.headers.get("content-length", 0))
        response.body = rest[:size]
        response.is_complete = len(response.body) == size
        received = rest[size:]
        found.append(response)
    return found


async def no_connections(server):
    await until(lambda: not server.state.connections)


def run(test, app=None, **options):
    async def go():
        async with serving(app or make_app(), **options) as server:
            return await test(server)

    return asyncio.run(go())
