"""One request on a connection and its answer: the two channels that an ASGI application is given."""

from __future__ import annotations

import asyncio
import logging
from email.utils import formatdate
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any

from emoscope.serving.messages import SECURITY, Response

if TYPE_CHECKING:
    from emoscope.serving.connection import Connection

logger = logging.getLogger("emoscope.serving")

MAX_BUFFERED_BYTES = 64 * 1024
"""Of a body that the application has not taken yet; from there on nothing more is read from the client."""

WITHOUT_BODY = (204, 304)
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Exchange:
    """A request that is being received and answered.

    Attributes:
        keep_alive: whether the connection stays after the answer.
        received: bytes of the body so far.
        whole: all of it has come.
        started: something of the answer is written.
        answered: all of it is.
    """

    __slots__ = (
        "_body",
        "_buffered",
        "_chunked",
        "_connection",
        "_disconnected",
        "_ended",
        "_expects_continue",
        "_is_head",
        "_start",
        "_waiter",
        "answered",
        "keep_alive",
        "received",
        "scope",
        "started",
        "whole",
    )

    def __init__(self, connection: Connection, scope: dict[str, Any], *, keep_alive: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.received = 0
        self.started = False
        self.answered = False
        self._connection = connection
        self._expects_continue = any(name == b"expect" for name, _ in scope["headers"])
        self._is_head = scope["method"] == "HEAD"
        self._body: list[bytes] = []
        self._buffered = 0
        self.whole = False
        self._ended = False
        self._disconnected = False
        self._chunked = False
        self._start: dict[str, Any] | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def run(self, app: Any) -> None:
        """Let the application answer."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            logger.exception("the application failed")
        finally:
            if not self.answered and not self._disconnected:
                self._connection.transport.abort()

    def feed(self, body: bytes) -> None:
        """A piece of the body came."""
        self._body.append(body)
        self.received += len(body)
        self._buffered += len(body)
        if self._buffered > MAX_BUFFERED_BYTES:
            self._connection.pause_reading()
        self._wake()

    def feed_end(self) -> None:
        """The body is whole."""
        self.whole = True
        self._wake()

    def disconnect(self) -> None:
        """The client is gone."""
        self._disconnected = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        """What the application awaits: the body, then that the client is gone."""
        if self._expects_continue and not self.whole and not self.started and not self._body:
            self._expects_continue = False
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self._disconnected and not self.answered:
            if self._body or (self.whole and not self._ended):
                body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
                self._body.clear()
                self._buffered = 0
                self._ended = self.whole
                self._connection.resume_reading()
                return {"type": "http.request", "body": body, "more_body": not self.whole}
            self._connection.resume_reading()
            self._waiter = self._connection.loop.create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        """What the application calls: the head of the answer, then its body in one piece or in several."""
        if self._disconnected:
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        body = message.get("body", b"")
        more = message.get("more_body", False)
        transport = self._connection.transport
        head = b"" if self.started else self._head_bytes()
        self.started = True
        if self._is_head:
            body = b""
        elif self._chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        transport.write(head + body)
        if not more:
            self.answered = True
            self._body.clear()
            self._wake()
            self._connection.answered(self)
        elif writable := self._connection.writable:
            await asyncio.shield(writable)

    def _head_bytes(self) -> bytes:
        """The status line and the headers."""
        start = self._start
        if start is None:
            raise RuntimeError("the application sent a body before the head of its answer")
        parts = [STATUS_LINES[start["status"]], date_header()]
        length = False
        for name, value in start["headers"]:
            if name == b"connection":
                self.keep_alive = self.keep_alive and value != b"close"
                continue
            length = length or name == b"content-length"
            parts += (name, b": ", value, b"\r\n")
        if not length and start["status"] not in WITHOUT_BODY:
            self._chunked = self.scope["http_version"] == "1.1"
            self.keep_alive = self.keep_alive and self._chunked
            if self._chunked:
                parts.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)


def whole_answer(response: Response, request_id: str, *, keep_alive: bool = False) -> bytes:
    """A whole answer to what does not get as far as the application."""
    assert isinstance(response.body, bytes)
    lines = [
        (b"content-type", response.media_type),
        (b"content-length", b"%d" % len(response.body)),
        *(() if keep_alive else ((b"connection", b"close"),)),
        *SECURITY,
        *response.headers,
    ]
    head = b"%bx-request-id: %b\r\n" % (date_header(), request_id.encode())
    return b"".join([STATUS_LINES[response.status], head, *map(_line, lines), b"\r\n", response.body])


def _line(header: tuple[bytes, bytes]) -> bytes:
    return b"%b: %b\r\n" % header


class _Date:
    second = 0
    header = b""


def date_header() -> bytes:
    """`Date`, made once a second."""
    now = int(time())
    if now != _Date.second:
        _Date.second = now
        _Date.header = f"date: {formatdate(now, usegmt=True)}\r\n".encode()
    return _Date.header
