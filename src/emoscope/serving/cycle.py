"""One request and its response on a connection: the `receive` and `send` that an ASGI application gets.

Writes HTTP/1.1 responses as bytes. Parses nothing: the connection feeds it the scope and the body.
"""

from __future__ import annotations

import asyncio
import logging
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Any, Protocol

from starlette.responses import Response

from emoscope.serving.logs import LOGGER
from emoscope.serving.responses import RawHeaders

logger = logging.getLogger(LOGGER)

WITHOUT_BODY = (204, 304)

MAX_BUFFERED_BYTES = 64 * 1024
"""Bytes of a body that may wait for the application; beyond that, reading from the client pauses."""

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class _Channel(Protocol):
    """What a cycle needs of its connection; `writable` is done once the client has read enough to be sent more."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    writable: asyncio.Future[None] | None

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def on_response_complete(self, cycle: RequestResponseCycle) -> None: ...


class RequestResponseCycle:
    """A request that is being received and answered.

    Attributes:
        scope: the ASGI scope.
        keep_alive: whether the connection stays open after the response.
        received: bytes of the body so far.
        buffered: bytes of the body that wait for the application.
        is_complete: whether the whole body has arrived.
        response_started: whether part of the response is written.
        response_complete: whether all of the response is written.
    """

    def __init__(self, channel: _Channel, scope: dict[str, Any], *, keep_alive: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.received = 0
        self.is_complete = False
        self.response_started = False
        self.response_complete = False
        self._channel = channel
        expects = any(name == b"expect" for name, _ in scope["headers"])
        self._expects_continue = expects and scope["http_version"] != "1.0"
        self._is_head = scope["method"] == "HEAD"
        self._body: list[bytes] = []
        self.buffered = 0
        self._is_taken = False
        self._disconnected = False
        self._chunked = False
        self._head: dict[str, Any] | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def run(self, app: Any) -> None:
        """Run the application on this request."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            logger.exception("the application failed")
        finally:
            if not self.response_complete and not self._disconnected:
                self._channel.transport.abort()

    def feed(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(body)
        self.received += len(body)
        self.buffered += len(body)
        if self.buffered > MAX_BUFFERED_BYTES:
            self._channel.pause_reading()
        self._wake()

    def feed_end(self) -> None:
        """The body is complete."""
        self.is_complete = True
        self._wake()

    def disconnect(self) -> None:
        """The client has disconnected."""
        self._disconnected = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        """ASGI's `receive`: the body in pieces, then the disconnect."""
        channel = self._channel
        if self._expects_continue and not self.is_complete and not self.response_started and not self._body:
            self._expects_continue = False
            channel.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self._disconnected and not self.response_complete:
            if self._body or (self.is_complete and not self._is_taken):
                body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
                self._body.clear()
                self.buffered = 0
                self._is_taken = self.is_complete
                channel.resume_reading()
                return {"type": "http.request", "body": body, "more_body": not self.is_complete}
            channel.resume_reading()
            self._waiter = channel.loop.create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        """ASGI's `send`: the head of the response, then its body in one piece or several."""
        if self._disconnected:
            return
        if message["type"] == "http.response.start":
            self._head = message
            return
        body = message.get("body", b"")
        more = message.get("more_body", False)
        head = b"" if self.response_started else self._head_bytes()
        self.response_started = True
        if self._is_head:
            body = b""
        elif self._chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        channel = self._channel
        channel.transport.write(head + body)
        if not more:
            self.response_complete = True
            self._body.clear()
            self._wake()
            channel.on_response_complete(self)
        elif writable := channel.writable:
            await asyncio.shield(writable)

    def _head_bytes(self) -> bytes:
        """The status line and the headers."""
        head = self._head
        if head is None:
            raise RuntimeError("the application sent a body before the head of its response")
        parts = [STATUS_LINES[head["status"]], _date_header(int(time()))]
        has_length = False
        for name, value in head["headers"]:
            if name == b"connection":
                self.keep_alive = self.keep_alive and value != b"close"
                continue
            has_length = has_length or name == b"content-length"
            parts += (name, b": ", value, b"\r\n")
        if not has_length and head["status"] not in WITHOUT_BODY:
            self._chunked = self.scope["http_version"] == "1.1"
            self.keep_alive = self.keep_alive and self._chunked
            if self._chunked:
                parts.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)


def response_bytes(response: Response, headers: RawHeaders, *, keep_alive: bool = False) -> bytes:
    """A complete response to a request that does not reach the application, with these headers."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    return b"".join([STATUS_LINES[response.status_code], _date_header(int(time())), *lines, end, response.body])


@lru_cache(1)
def _date_header(second: int) -> bytes:
    return f"date: {formatdate(second, usegmt=True)}\r\n".encode()
