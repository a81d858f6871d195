"""HTTP/1.1 on a socket for the ASGI application; replaces uvicorn's own protocol. Knows no routes and no classifier.

It limits what a client can make the server hold (headers, pipelined requests, unread bodies) and how long a client can
make the server wait (for a head, a body, or a client that does not read). It writes a response with one call. Errors
that it reports itself have the shape and the headers of every other response.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from time import monotonic
from typing import Any

import httptools

from emoscope.serving.cycle import RequestResponseCycle, response_bytes
from emoscope.serving.errors import EMOSCOPE, RequestError
from emoscope.serving.heads import asgi_scope, check_hosts
from emoscope.serving.logs import LOGGER
from emoscope.serving.requests import next_id
from emoscope.serving.responses import common_headers
from emoscope.serving.timeouts import TIMEOUTS, Timeouts

logger = logging.getLogger(LOGGER)

MAX_HEADERS = 100
"""Maximum number of headers in a request."""
MAX_HEAD_BYTES = 32 * 1024
"""Maximum size of a request line with its headers, in bytes; trailers after a chunked body have the same limit."""
MAX_DISCARDED_BYTES = 64 * 1024 * 1024
"""Bytes of a body to read and discard once its request has a response; after that the connection is closed. Clients
such as Python's http.client send the whole body before they read, and would else see a broken pipe."""
LINGER_SECONDS = 10.0
"""Seconds to keep reading (and discarding) after the final response, so that the client can read it before the
connection closes."""

HALF_CLOSE_SECONDS = 0.1
"""A client that ends its side of the connection this soon after its last bytes still reads the responses, as `nc -N`
does; one that ends it later has given up."""

MAX_UNSENT_BYTES = 16 * 1024
"""Bytes of responses that may wait for a client to read. With more, its next request waits too."""
PIPELINED_BYTES = 4 * 1024
"""Approximate memory of a request that waits for the one before it, without its body."""


class Connection(asyncio.Protocol):
    """The connection of one client. Pipelined requests wait for the response to the request before them."""

    def __init__(
        self,
        max_connections: int,
        *,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        timeouts: Timeouts = TIMEOUTS,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Takes what uvicorn passes to a protocol, after `max_connections`: how many may be open at the same time."""
        self.loop = _loop or asyncio.get_running_loop()
        self.app = config.loaded_app
        self.server_state = server_state
        self._max_connections = max_connections
        self._timeouts = timeouts
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._head_is_too_large = False
        self._unparsed_bytes = 0
        """Bytes that the parser holds of an unfinished header or trailer."""
        self._no_body_parsed = False
        self._receiving: RequestResponseCycle | None = None
        self._responding: RequestResponseCycle | None = None
        self._pipeline: deque[RequestResponseCycle] = deque()
        self._discarded = 0
        self._received_before = 0
        """Bytes of the body that had arrived at the last check of its speed."""
        self._lingers = False
        self._is_reading = True
        self.writable: asyncio.Future[None] | None = None
        self._waiting_since = self._heard_at = monotonic()
        self._state = "idle"

    def connection_made(self, transport: Any) -> None:
        """Accept the client, or refuse it when too many are connected."""
        self.transport: asyncio.Transport = transport
        transport.set_write_buffer_limits(MAX_UNSENT_BYTES)
        self.server_state.connections.add(self)
        peer = transport.get_extra_info("peername")
        self.client = peer[:2] if isinstance(peer, tuple) else None
        name = transport.get_extra_info("sockname")
        self.server = name[:2] if isinstance(name, tuple) else None
        if len(self.server_state.connections) > self._max_connections:
            self._refuse("too_many_connections", "too many connections are open; try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the disconnect to all requests of this client."""
        self.server_state.connections.discard(self)
        for cycle in (self._responding, *self._pipeline):
            if cycle:
                cycle.disconnect()
        self._pipeline.clear()
        self.resume_writing()
        self.app.unsent.hold(self, 0)
        del self._parser  # a reference cycle with our methods; collecting it would pause the whole server

    def pause_writing(self) -> None:
        """The transport's buffer is full: the client reads more slowly than the response is written."""
        self.writable = self.loop.create_future()
        self._waiting_since = monotonic()
        self._count_memory()

    def resume_writing(self) -> None:
        """The client has read enough: its next request can start."""
        if self.writable and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None
        if self._pipeline and not self._responding:
            self._start(self._pipeline.popleft())
            self.resume_reading()
        self._count_memory()

    def _count_memory(self) -> None:
        """Count what the connection holds; if all of them hold too much, end those that have not read for longest."""
        held = self.transport.get_write_buffer_size() if self.writable else 0
        held += sum(PIPELINED_BYTES + cycle.buffered for cycle in self._pipeline)
        unsent = self.app.unsent
        is_within = unsent.hold(self, held)
        while not is_within:
            stalest = unsent.stalest
            is_within = unsent.hold(stalest, 0)
            stalest.transport.abort()

    def shutdown(self) -> None:
        """Close once every accepted request has its response; uvicorn calls this when the server stops."""
        last = self._pipeline[-1] if self._pipeline else self._responding
        if last:
            last.keep_alive = False
        else:
            self.transport.close()

    def eof_received(self) -> bool:
        """The client sends no more; returns whether the connection stays open for responses that it waits for."""
        last = self._pipeline[-1] if self._pipeline else self._responding
        if last is None or not last.is_complete or monotonic() - self._heard_at > HALF_CLOSE_SECONDS:
            return False
        last.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the client."""
        self._heard_at = monotonic()
        if self._lingers:
            self._discard(len(data))
            return
        rest: memoryview | None = memoryview(data)
        while rest is not None:
            rest = self._parse(rest)
        if self._pipeline:
            self._count_memory()

    def _parse(self, data: memoryview) -> memoryview | None:
        """Parse bytes; those after a head that asks for an upgrade are returned, to be parsed next."""
        state_before = self._state
        self._no_body_parsed = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return data[upgrade.args[0] :] if self._continue_without_upgrade() else None
        except httptools.HttpParserError as error:
            self._refuse_head(error)
        else:
            if self._no_body_parsed and state_before == self._state != "idle":
                self._limit_unparsed(len(data))
        return None

    def _limit_unparsed(self, size: int) -> None:
        """Limit what the parser holds: it reports a header or trailer only once that is complete."""
        self._unparsed_bytes += size
        if self._unparsed_bytes > MAX_HEAD_BYTES:
            self._head_is_too_large = True
            self._refuse_head(None)

    def on_message_begin(self) -> None:
        """Parser callback: a request begins."""
        self._url = b""
        self._headers = []
        self._head_bytes = self._unparsed_bytes = 0
        self._state = "head"
        self._waiting_since = monotonic()

    def on_url(self, url: bytes) -> None:
        """Parser callback: a piece of the request target."""
        self._url += url
        self._limit_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser callback: a header. Trailers, which follow the body, are dropped (RFC 9110, 6.5.1)."""
        if self._state == "body":
            return
        self._headers.append((name.lower(), value))
        self._limit_head(len(name) + len(value))

    def _limit_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES or len(self._headers) > MAX_HEADERS:
            self._head_is_too_large = True
            raise ValueError("the head is too large")

    def on_headers_complete(self) -> None:
        """Parser callback: the head is complete, so the application can start."""
        if self._asks_for_upgrade():
            return
        version = self._parser.get_http_version()
        check_hosts(self._headers, version)
        scope = asgi_scope(self._parser.get_method(), self._url, version, self._headers)
        scope |= {"client": self.client, "server": self.server}
        self._state = "body"
        self._waiting_since = monotonic()
        self._discarded = self._received_before = self._unparsed_bytes = 0
        keep_alive = self._parser.should_keep_alive()
        is_first = not (self._responding or self._pipeline or self.writable)
        if is_first and (shed := self.app.shed_load(scope)):
            self.transport.write(response_bytes(*shed, keep_alive=keep_alive))
            if not keep_alive:
                self._linger()
            return
        self._receiving = cycle = RequestResponseCycle(self, scope, keep_alive=keep_alive)
        if is_first:
            self._start(cycle)
        else:
            self._pipeline.append(cycle)
            self.pause_reading()

    def _asks_for_upgrade(self) -> bool:
        """Whether the parser takes the bytes after this head for another protocol; the server speaks no other."""
        return bool(self._parser.should_upgrade()) and self._parser.get_method() != b"CONNECT"

    def _continue_without_upgrade(self) -> bool:
        """Parse the head again without Upgrade (RFC 9110, 7.8): java.net.http asks for HTTP/2 in its first one.

        Returns:
            Whether the bytes after it belong to HTTP.
        """
        if not self._asks_for_upgrade():
            self._close_after_responses()
            return False
        lines = [b"%b: %b\r\n" % header for header in self._headers if header[0] != b"upgrade"]
        version = self._parser.get_http_version().encode()
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (self._parser.get_method(), self._url, version, b"".join(lines))
        self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserError as error:
            self._refuse_head(error)
            return False
        return True

    def on_body(self, body: bytes) -> None:
        """Parser callback: a piece of the body."""
        self._no_body_parsed = False
        self._unparsed_bytes = 0
        cycle = self._receiving
        if cycle is None or cycle.response_complete:
            self._discard(len(body))
        else:
            cycle.feed(body)

    def on_message_complete(self) -> None:
        """Parser callback: the request is complete."""
        if self._state == "head":  # the request asks for an upgrade; it is parsed again without
            return
        cycle, self._receiving = self._receiving, None
        self._state = "idle"
        self._waiting_since = monotonic()
        if cycle:
            cycle.feed_end()
            if cycle is self._responding:
                self.app.in_flight.add(cycle)

    def pause_reading(self) -> None:
        """Stop reading from the client."""
        if self._is_reading and not self.transport.is_closing():
            self._is_reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Continue reading, unless pipelined requests wait."""
        if not self._is_reading and not self._pipeline and not self.transport.is_closing():
            self._is_reading = True
            self._waiting_since = self._heard_at = monotonic()
            self.transport.resume_reading()

    def _start(self, cycle: RequestResponseCycle) -> None:
        self._responding = cycle
        task = self.loop.create_task(cycle.run(self.app))
        self.server_state.tasks.add(task)
        task.add_done_callback(partial(self._on_task_done, cycle))
        if cycle.is_complete:
            self.app.in_flight.add(cycle)

    def _on_task_done(self, cycle: RequestResponseCycle, task: asyncio.Task[None]) -> None:
        self.server_state.tasks.discard(task)
        self.app.in_flight.discard(cycle)

    def on_response_complete(self, cycle: RequestResponseCycle) -> None:
        """Start the next pipelined request, or close the connection if it is not kept alive."""
        self.server_state.total_requests += 1
        self._responding = None
        if self.transport.is_closing():
            return
        if self._state == "idle":
            self._waiting_since = monotonic()
        if not cycle.keep_alive:
            self._linger() if self._receiving is cycle else self.transport.close()
        elif self._pipeline and not self.writable:
            self._start(self._pipeline.popleft())
        self.resume_reading()

    def _linger(self) -> None:
        """End our side of the connection, and let the client finish sending."""
        self._lingers = True
        self._waiting_since = monotonic()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > MAX_DISCARDED_BYTES:
            self.transport.close()

    def _close_after_responses(self) -> None:
        self.shutdown()
        if self._responding or self._pipeline:
            self.pause_reading()

    def _refuse_head(self, error: Exception | None) -> None:
        ours = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if ours and not isinstance(ours, ValueError | httptools.HttpParserError):
            logger.error("a connection failed", exc_info=ours)
            self._refuse("internal", "the server failed; see its log for the reason")
        elif self._head_is_too_large:
            allowed = f"at most {MAX_HEADERS} headers and {MAX_HEAD_BYTES:,} bytes are allowed"
            self._refuse("headers_too_large", f"the head of the request is too large; {allowed}")
        else:
            self._refuse("invalid_http", f"this is not an HTTP/1.1 request: {ours or error}")

    def _refuse(self, code: str, message: str) -> None:
        """Respond in place of the application and close; if other responses are due first, only close after them."""
        if self._state == "body" and not self._abandon_request():
            self.transport.abort()
        elif self._responding or self._pipeline:
            self._close_after_responses()
        elif not self.transport.is_closing():
            response = EMOSCOPE.response(RequestError(code, message))
            self.transport.write(response_bytes(response, (*response.raw_headers, *common_headers(next_id()))))
            self._linger()

    def _abandon_request(self) -> bool:
        """Drop the request whose body is broken; False if its response has begun, so that no error can be sent."""
        broken, self._receiving = self._receiving, None
        if broken is None:
            return False
        if broken in self._pipeline:
            self._pipeline.remove(broken)
            return True
        if broken is not self._responding or broken.response_started:
            return False
        broken.disconnect()
        self._responding = None
        return True

    def check_timeouts(self, now: float) -> None:
        """Close the connection of a client that takes too long; the server calls this once a second."""
        waited = now - self._waiting_since
        timeouts = self._timeouts
        if self._lingers:
            if waited > LINGER_SECONDS:
                self.transport.abort() if waited > timeouts.write else self.transport.close()
        elif self.transport.is_closing() or (self.writable and not self._is_sending_first):
            if waited > timeouts.write:
                self.transport.abort()
        elif not self._is_reading:
            return
        elif self._state == "head":
            if waited > timeouts.head:
                self._refuse("request_timeout", f"the head of the request took longer than {timeouts.head:g} s")
        elif self._state == "body":
            if waited > timeouts.body:
                self._check_body_rate(now)
        elif not self._responding and waited > timeouts.keep_alive:
            self.transport.close()

    @property
    def _is_sending_first(self) -> bool:
        """Whether the client sends the body of the request that is being answered: many read only after that.

        Not if the rest of the body waits until the client reads.
        """
        return self._responding is not None and self._state == "body" and self._is_reading

    def _check_body_rate(self, now: float) -> None:
        received = self._receiving.received if self._receiving else self._discarded
        timeouts = self._timeouts
        rate = timeouts.scarce_body_rate if self.app.bodies.is_scarce else timeouts.min_body_rate
        if received - self._received_before < timeouts.body * rate:
            allowed = f"at least {rate:,} bytes per second are required"
            self._refuse("request_timeout", f"the body arrives too slowly; {allowed}")
        self._received_before, self._waiting_since = received, now
