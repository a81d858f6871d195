"""One HTTP request as handlers see it: a thin layer over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import count
from re import compile as regex
from secrets import token_hex
from typing import TypeVar

from msgspec import Struct
from starlette.datastructures import QueryParams
from starlette.types import Message, Receive, Scope

from emoscope.serving.content_encoding import decoded
from emoscope.serving.decoding import decode
from emoscope.serving.errors import RequestError
from emoscope.serving.memory_budget import MemoryBudget

T = TypeVar("T", bound=Struct)

_REQUEST_ID = regex(rb"[\w.:/+=-]{1,128}")
_PROCESS_ID = token_hex(6)
_NUMBERS = count(1)


def next_id() -> str:
    """A request id that no other request has, of this process or another."""
    return f"{_PROCESS_ID}-{next(_NUMBERS):x}"


class DisconnectedError(Exception):
    """The client closed the connection."""


class Request:
    """One request.

    Attributes:
        scope: the ASGI scope.
        method: HTTP method, in upper case.
        path: decoded path.
        headers: values by lower-case name; the last value of a repeated header.
        id: the client's X-Request-Id if it is well-formed, else a new id.
        texts: texts to score, for the log; None until the body is parsed.
        is_complete: whether the body was read to its end.
    """

    __slots__ = ("_bodies", "_receive", "headers", "id", "is_complete", "method", "path", "scope", "texts")

    def __init__(self, scope: Scope, receive: Receive, bodies: MemoryBudget | None = None) -> None:
        """Reads nothing yet; `bodies` is the memory of all bodies, None for no limit."""
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        client_id = self.headers.get(b"x-request-id")
        self.id = client_id.decode() if client_id and _REQUEST_ID.fullmatch(client_id) else next_id()
        self.texts: Sequence[str] | None = None
        self.is_complete = False
        self._receive = receive
        self._bodies = bodies

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the query string; the last value of a repeated parameter."""
        return dict(QueryParams(self.scope.get("query_string", b"").decode("ascii", "replace")))

    @property
    def media_type(self) -> str:
        """Media type of the body, in lower case and without parameters; empty without a Content-Type."""
        return self.headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")

    async def body(self, limit: int) -> bytes:
        """The whole body, decoded if it is gzip.

        Raises:
            RequestError: the body is longer than `limit` bytes, or has another encoding than gzip.
            DisconnectedError: the client closed the connection.
        """
        length = self.headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > limit:
            raise _too_large(limit)
        receive = self._body_receiver()
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self.is_complete = True
            body: bytes = message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            return body
        return b"".join([chunk async for chunk in self._chunks(receive, message, limit)])

    def _body_receiver(self) -> Receive:
        return decoded(self._receive, self.headers.get(b"content-encoding", b""))

    async def stream(self) -> AsyncIterator[bytes]:
        """Pieces of the body as they arrive, decoded if they are gzip.

        Raises:
            RequestError: the body has another encoding than gzip.
            DisconnectedError: the client closed the connection.
        """
        receive = self._body_receiver()
        async for chunk in self._chunks(receive, await receive(), None):
            yield chunk

    async def _chunks(self, receive: Receive, message: Message, limit: int | None) -> AsyncIterator[bytes]:
        size = 0
        while message["type"] == "http.request":
            chunk = message.get("body", b"")
            size += len(chunk)
            if limit is not None:
                self._check_size(size, limit)
            self.is_complete = not message.get("more_body")
            yield chunk
            if self.is_complete:
                return
            message = await receive()
        raise DisconnectedError

    def _check_size(self, size: int, limit: int) -> None:
        if size > limit:
            raise _too_large(limit)
        if self._bodies and not self._bodies.hold(self, size):
            headers = {"retry-after": "1", "connection": "close"}
            raise RequestError(
                "overloaded", "the bodies of all requests take too much memory; try again in 1 s", headers
            )

    async def wait_for_disconnect(self) -> None:
        """Return once the client has disconnected or has its response; call it only when the body is complete."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def json(self, kind: type[T], limit: int) -> T:
        """The body as a struct.

        Raises:
            RequestError: the Content-Type is not JSON, or the body is too long or does not fit.
            DisconnectedError: the client closed the connection.
        """
        if self.media_type != "application/json":
            raise RequestError(
                "unsupported_media_type",
                f"the Content-Type is {self.media_type or 'none'!r}; send JSON with 'Content-Type: application/json'",
            )
        return decode(await self.body(limit), kind)


def _too_large(limit: int) -> RequestError:
    message = f"the body is larger than {limit:,} bytes; send fewer texts per request, or stream them to /v1/score"
    return RequestError("body_too_large", message, {"connection": "close"})
