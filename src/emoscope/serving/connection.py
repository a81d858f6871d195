"""HTTP/1.1 on a socket, for the ASGI application: what uvicorn runs here instead of its own protocol.

It bounds what a stranger can make the server hold (headers, pipelined requests, bodies that nobody reads) and how long
he can make it wait (for a head, a body, a reader), it writes an answer with one call, and even what it refuses itself
has the shape and the headers of every other answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import unquote

import httptools

from emoscope.serving.cycle import Exchange, whole_answer
from emoscope.serving.dialects import OWN
from emoscope.serving.errors import RequestError
from emoscope.serving.logs import LOGGER
from emoscope.serving.messages import Response, next_id

logger = logging.getLogger(LOGGER)

MAX_HEADERS = 100
MAX_HEAD_BYTES = 32 * 1024
MAX_DISCARDED_BYTES = 1024 * 1024
"""Of a body whose request is answered already; a client that sends on is cut off."""
LINGER_SECONDS = 2.0
"""After an answer that closes: so long what still comes is thrown away, else the client might not get to read it."""


@dataclass(frozen=True)
class Patience:
    """How long a client may take, in seconds.

    Attributes:
        head: from the first byte of a request to the end of its headers.
        body: for so long a body may come more slowly than allowed.
        bytes_a_second: the slowest that it may come.
        reader: without taking any of its answer.
        idle: without a request; browsers and pools open connections before they need them.
    """

    head: float = 10.0
    body: float = 10.0
    bytes_a_second: int = 2_000
    reader: float = 30.0
    idle: float = 75.0


class Connection(asyncio.Protocol):
    """One client. Requests that come before the answer to the one before wait their turn."""

    def __init__(
        self,
        max_connections: int,
        *,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        patience: Patience = Patience(),
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn makes it, but for `max_connections`: open at once; further ones are refused."""
        self.loop = _loop or asyncio.get_running_loop()
        self.app = config.loaded_app
        self.server_state = server_state
        self._max_connections = max_connections
        self._patience = patience
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._head_is_too_large = False
        self._silent_bytes = 0
        """Bytes of a head, or since the last ones of a body, that the parser keeps and has told nothing of."""
        self._is_silent = False
        self._receiving: Exchange | None = None
        self._answering: Exchange | None = None
        self._behind: deque[Exchange] = deque()
        self._discarded = 0
        self._received = 0
        """Bytes of a body that had come when it was last looked at."""
        self._lingers = False
        self._reading = True
        self.writable: asyncio.Future[None] | None = None
        self._since = monotonic()
        """When began what the client is being waited for."""
        self._state = "idle"

    def connection_made(self, transport: Any) -> None:
        """Take the client, or refuse it."""
        self.transport: asyncio.Transport = transport
        self.server_state.connections.add(self)
        peer = transport.get_extra_info("peername")
        self.client = peer[:2] if isinstance(peer, tuple) else None
        name = transport.get_extra_info("sockname")
        self.server = name[:2] if isinstance(name, tuple) else None
        if len(self.server_state.connections) > self._max_connections:
            self._refuse("too_many_connections", "too many connections are open; try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the requests of this client that it is gone."""
        self.server_state.connections.discard(self)
        for exchange in (self._answering, *self._behind):
            if exchange:
                exchange.disconnect()
        self._behind.clear()
        self.resume_writing()
        del self._parser  # it holds our methods; the garbage collector, which would find both, stops everybody

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        self.writable = self.loop.create_future()
        self._since = monotonic()

    def resume_writing(self) -> None:
        """It has read."""
        if self.writable and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None

    def shutdown(self) -> None:
        """Close as soon as what was accepted is answered; uvicorn calls it when the server ends."""
        last = self._behind[-1] if self._behind else self._answering
        if last:
            last.keep_alive = False
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._lingers:
            self._discard(len(data))
            return
        before = self._state
        self._is_silent = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse_head(error)
        else:
            if self._is_silent and before == self._state != "idle":
                self._kept(len(data))

    def _kept(self, size: int) -> None:
        """Bound what the parser keeps: it tells of a header, or of a trailer, when it is whole."""
        self._silent_bytes += size
        if self._silent_bytes > MAX_HEAD_BYTES:
            self._head_is_too_large = True
            self._refuse_head(None)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self._headers = []
        self._head_bytes = self._silent_bytes = 0
        self._state = "head"
        self._since = monotonic()

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._url += url
        self._measure(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; one behind the body is dropped (RFC 9110, 6.5.1)."""
        if self._state == "body":
            return
        self._headers.append((name.lower(), value))
        self._measure(len(name) + len(value))

    def _measure(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES or len(self._headers) > MAX_HEADERS:
            self._head_is_too_large = True
            raise ValueError("the head is too large")

    def on_headers_complete(self) -> None:
        """The request is known: the application may begin."""
        if self._asks_for_upgrade():
            return
        scope = self._scope()
        self._state = "body"
        self._since = monotonic()
        self._discarded = self._received = self._silent_bytes = 0
        keep_alive = self._parser.should_keep_alive()
        is_first = self._answering is None
        if is_first and (answer := self.app.turn_away(scope)):
            self._turn_away(*answer, keep_alive=keep_alive)
            return
        self._receiving = exchange = Exchange(self, scope, keep_alive=keep_alive)
        if is_first:
            self._start(exchange)
        else:
            self._behind.append(exchange)
            self.pause_reading()

    def _asks_for_upgrade(self) -> bool:
        """Whether the parser takes what is behind this head for another protocol; there is none here."""
        return bool(self._parser.should_upgrade()) and self._parser.get_method() != b"CONNECT"

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read a request as if it asked for none (RFC 9110, 7.8): java.net.http asks for HTTP/2 in its first one."""
        if not self._asks_for_upgrade():
            self._close_after_answers()
            return
        lines = [b"%b: %b\r\n" % header for header in self._headers if header[0] != b"upgrade"]
        version = self._parser.get_http_version().encode()
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (self._parser.get_method(), self._url, version, b"".join(lines))
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def _scope(self) -> dict[str, Any]:
        target = self._url
        if not target.startswith(b"/"):
            url = httptools.parse_url(target)
            target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
        raw_path, _, query = target.partition(b"?")
        path = raw_path.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self._parser.get_http_version(),
            "method": self._parser.get_method().decode("ascii"),
            "scheme": "http",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "client": self.client,
            "server": self.server,
        }

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._is_silent = False
        self._silent_bytes = 0
        exchange = self._receiving
        if exchange is None or exchange.answered:
            self._discard(len(body))
        else:
            exchange.feed(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._state == "head":  # it asks for an upgrade, and comes again without
            return
        exchange, self._receiving = self._receiving, None
        self._state = "idle"
        self._since = monotonic()
        if exchange:
            exchange.feed_end()
            if exchange is self._answering:
                self.app.in_flight.add(exchange)

    def pause_reading(self) -> None:
        """Take no more from the client for now."""
        if self._reading and not self.transport.is_closing():
            self._reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        if not self._reading and not self._behind and not self.transport.is_closing():
            self._reading = True
            self._since = monotonic()
            self.transport.resume_reading()

    def _start(self, exchange: Exchange) -> None:
        self._answering = exchange
        task = self.loop.create_task(exchange.run(self.app))
        self.server_state.tasks.add(task)
        task.add_done_callback(partial(self._ended, exchange))
        if exchange.whole:
            self.app.in_flight.add(exchange)

    def _ended(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        self.server_state.tasks.discard(task)
        self.app.in_flight.discard(exchange)

    def answered(self, exchange: Exchange) -> None:
        """The answer is written whole."""
        self.server_state.total_requests += 1
        self._answering = None
        if self.transport.is_closing():
            return
        if self._state == "idle":
            self._since = monotonic()
        if not exchange.keep_alive:
            self._linger() if self._receiving is exchange else self.transport.close()
        elif self._behind:
            self._start(self._behind.popleft())
        self.resume_reading()

    def _turn_away(self, busy: Response, request_id: str, *, keep_alive: bool) -> None:
        """Answer at once, before the body is read."""
        self.transport.write(whole_answer(busy, request_id, keep_alive=keep_alive))
        if not keep_alive:
            self._linger()

    def _linger(self) -> None:
        """Say that nothing more is sent, and let the client finish what it is sending."""
        self._lingers = True
        self._since = monotonic()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > MAX_DISCARDED_BYTES:
            self.transport.close()

    def _close_after_answers(self) -> None:
        last = self._behind[-1] if self._behind else self._answering
        if last:
            last.keep_alive = False
            self.pause_reading()
        else:
            self.transport.close()

    def _refuse_head(self, error: Exception | None) -> None:
        ours = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if ours and not isinstance(ours, ValueError | httptools.HttpParserError):
            logger.error("a connection failed", exc_info=ours)
            self._refuse("internal", "the server failed; its log has the reason")
        elif self._head_is_too_large:
            allowed = f"{MAX_HEADERS} headers and {MAX_HEAD_BYTES:,} bytes are allowed"
            self._refuse("headers_too_large", f"the head of the request is too large; at most {allowed}")
        else:
            self._refuse("invalid_http", f"this is no HTTP/1.1 request: {error}")

    def _refuse(self, code: str, message: str) -> None:
        """Answer for the application, and close; behind answers that are still to come, just close."""
        if self._state == "body" and not self._gives_up_body():
            self.transport.abort()
        elif self._answering or self._behind:
            self._close_after_answers()
        elif not self.transport.is_closing():
            self.transport.write(whole_answer(OWN.response(RequestError(code, message)), next_id()))
            self._linger()

    def _gives_up_body(self) -> bool:
        """Forget the request whose body is broken; false if its answer has begun, and nothing can be said any more."""
        broken, self._receiving = self._receiving, None
        if broken is None:
            return False
        if broken in self._behind:
            self._behind.remove(broken)
            return True
        if broken is not self._answering or broken.started:
            return False
        broken.disconnect()
        self._answering = None
        return True

    def check(self, now: float) -> None:
        """Part with a client that takes too long; the server calls it once a second."""
        waited = now - self._since
        patience = self._patience
        if self._lingers:
            if waited > LINGER_SECONDS:
                self.transport.close()
        elif self.writable and self._state != "body":  # many send all before they read
            if waited > patience.reader:
                self.transport.abort()
        elif not self._reading:
            return
        elif self._state == "head":
            if waited > patience.head:
                self._refuse("request_timeout", f"no whole head came within {patience.head:g} s")
        elif self._state == "body":
            if waited > patience.body:
                self._check_body(now)
        elif not self._answering and waited > patience.idle:
            self.transport.close()

    def _check_body(self, now: float) -> None:
        received = self._receiving.received if self._receiving else self._discarded
        if received - self._received < self._patience.body * self._patience.bytes_a_second:
            self._refuse("request_timeout", "the body comes too slowly")
        self._received, self._since = received, now
